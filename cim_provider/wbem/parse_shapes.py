"""Which element of a request may hold which others, and its attributes: a table.

Owns: the part of the DTD that requests of our operations use. Elements that
come only with operations we do not carry out are accepted whole, so that such
an operation is answered as not supported and not as malformed.
Source: DSP0201 2.4, DSP0203.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shape:
    """What an element has: required and optional attributes, and possible children."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()


def _shape(required: str = "", optional: str = "", children: str = "") -> Shape:
    return Shape(
        frozenset(required.split()), frozenset(optional.split()), frozenset(children.split())
    )


_CLASS_PATHS: Final = "CLASSPATH LOCALCLASSPATH CLASSNAME"
_INSTANCE_PATHS: Final = "INSTANCEPATH LOCALINSTANCEPATH INSTANCENAME"
_VALUES: Final = "VALUE VALUE.ARRAY VALUE.REFERENCE VALUE.REFARRAY"
_ORIGIN: Final = "CLASSORIGIN PROPAGATED"
_EMBEDDED: Final = "EmbeddedObject EMBEDDEDOBJECT"
_OBJECTS: Final = "CLASS INSTANCE VALUE.NAMEDINSTANCE QUALIFIER.DECLARATION"

IGNORED_CONTENT: Final = frozenset(
    {"CLASS", "QUALIFIER.DECLARATION", "QUALIFIER", "SIMPLEEXPREQ", "MULTIEXPREQ"}
)
"""Elements whose content is not looked at: what they are for is refused as a whole."""

TEXT_ELEMENTS: Final = frozenset({"VALUE", "KEYVALUE", "HOST"})
"""Elements that hold text."""

SHAPES: Final[dict[str, Shape]] = {
    "CIM": _shape("CIMVERSION DTDVERSION", "", "MESSAGE"),
    "MESSAGE": _shape("ID PROTOCOLVERSION", "", "SIMPLEREQ MULTIREQ SIMPLEEXPREQ MULTIEXPREQ"),
    "MULTIREQ": _shape("", "", "SIMPLEREQ"),
    "SIMPLEREQ": _shape("", "", "CORRELATOR IMETHODCALL METHODCALL"),
    "CORRELATOR": _shape("NAME", "TYPE", "VALUE"),
    "IMETHODCALL": _shape("NAME", "", "LOCALNAMESPACEPATH IPARAMVALUE"),
    "METHODCALL": _shape("NAME", "", "LOCALCLASSPATH LOCALINSTANCEPATH PARAMVALUE"),
    "IPARAMVALUE": _shape("NAME", "", f"{_VALUES} INSTANCENAME CLASSNAME {_OBJECTS}"),
    "PARAMVALUE": _shape(
        "NAME",
        f"PARAMTYPE {_EMBEDDED}",
        f"{_VALUES} INSTANCENAME CLASSNAME {_OBJECTS}",
    ),
    "CLASS": _shape("NAME", "SUPERCLASS"),
    "QUALIFIER.DECLARATION": _shape(
        "NAME TYPE", "ISARRAY ARRAYSIZE OVERRIDABLE TOSUBCLASS TOINSTANCE TRANSLATABLE"
    ),
    "INSTANCE": _shape("CLASSNAME", "", "QUALIFIER PROPERTY PROPERTY.ARRAY PROPERTY.REFERENCE"),
    "VALUE.NAMEDINSTANCE": _shape("", "", "INSTANCENAME INSTANCE"),
    "PROPERTY": _shape("NAME TYPE", f"{_ORIGIN} {_EMBEDDED}", "QUALIFIER VALUE"),
    "PROPERTY.ARRAY": _shape(
        "NAME TYPE", f"ARRAYSIZE {_ORIGIN} {_EMBEDDED}", "QUALIFIER VALUE.ARRAY"
    ),
    "PROPERTY.REFERENCE": _shape("NAME", f"REFERENCECLASS {_ORIGIN}", "QUALIFIER VALUE.REFERENCE"),
    "VALUE": _shape(),
    "VALUE.NULL": _shape(),
    "VALUE.ARRAY": _shape("", "", "VALUE VALUE.NULL"),
    "VALUE.REFERENCE": _shape("", "", f"{_CLASS_PATHS} {_INSTANCE_PATHS}"),
    "VALUE.REFARRAY": _shape("", "", "VALUE.REFERENCE VALUE.NULL"),
    "NAMESPACEPATH": _shape("", "", "HOST LOCALNAMESPACEPATH"),
    "LOCALNAMESPACEPATH": _shape("", "", "NAMESPACE"),
    "NAMESPACE": _shape("NAME"),
    "HOST": _shape(),
    "CLASSPATH": _shape("", "", "NAMESPACEPATH CLASSNAME"),
    "LOCALCLASSPATH": _shape("", "", "LOCALNAMESPACEPATH CLASSNAME"),
    "CLASSNAME": _shape("NAME"),
    "INSTANCEPATH": _shape("", "", "NAMESPACEPATH INSTANCENAME"),
    "LOCALINSTANCEPATH": _shape("", "", "LOCALNAMESPACEPATH INSTANCENAME"),
    "INSTANCENAME": _shape("CLASSNAME", "", "KEYBINDING KEYVALUE VALUE.REFERENCE"),
    "KEYBINDING": _shape("NAME", "", "KEYVALUE VALUE.REFERENCE"),
    "KEYVALUE": _shape("", "VALUETYPE TYPE"),
}
