"""What the elements of an answer may hold, from the DTD, and the dialect that all clients read.

Owns: a table of the answer's elements, their children and attributes, and the text forms of the
CIM types. Written from the documents alone, so that it can contradict the renderer.
Source: DSP0203 2.4; DSP0201 2.4, section 5; the parsers of wbemcli, cimcli and pywbem.
"""

import re
from xml.etree import ElementTree

DECLARATION = b'<?xml version="1.0" encoding="utf-8" ?>'
_FLAVORS = "OVERRIDABLE TOSUBCLASS TOINSTANCE TRANSLATABLE"
_PATHS = "CLASSPATH LOCALCLASSPATH CLASSNAME INSTANCEPATH LOCALINSTANCEPATH INSTANCENAME"
_VALUES = "VALUE VALUE.ARRAY VALUE.REFERENCE VALUE.REFARRAY"
_PROPERTIES = "QUALIFIER PROPERTY PROPERTY.ARRAY PROPERTY.REFERENCE"
_PROPERTY = "NAME TYPE CLASSORIGIN PROPAGATED EmbeddedObject"

TABLE: dict[str, tuple[str, str]] = {
    "CIM": ("CIMVERSION DTDVERSION", "MESSAGE"),
    "MESSAGE": ("ID PROTOCOLVERSION", "SIMPLERSP MULTIRSP"),
    "MULTIRSP": ("", "SIMPLERSP"),
    "SIMPLERSP": ("", "METHODRESPONSE IMETHODRESPONSE"),
    "METHODRESPONSE": ("NAME", "ERROR RETURNVALUE PARAMVALUE"),
    "IMETHODRESPONSE": ("NAME", "ERROR IRETURNVALUE PARAMVALUE"),
    "ERROR": ("CODE DESCRIPTION", ""),
    "RETURNVALUE": ("PARAMTYPE EmbeddedObject", _VALUES),
    "PARAMVALUE": ("NAME PARAMTYPE EmbeddedObject", _VALUES),
    "IRETURNVALUE": (
        "",
        f"CLASSNAME INSTANCENAME {_VALUES} VALUE.OBJECTWITHPATH VALUE.OBJECT OBJECTPATH CLASS"
        " QUALIFIER.DECLARATION INSTANCE INSTANCEPATH VALUE.NAMEDINSTANCE VALUE.INSTANCEWITHPATH",
    ),
    "VALUE.OBJECT": ("", "CLASS INSTANCE"),
    "VALUE.NAMEDINSTANCE": ("", "INSTANCENAME INSTANCE"),
    "VALUE.INSTANCEWITHPATH": ("", "INSTANCEPATH INSTANCE"),
    "VALUE.OBJECTWITHPATH": ("", "CLASSPATH CLASS INSTANCEPATH INSTANCE"),
    "OBJECTPATH": ("", "INSTANCEPATH CLASSPATH"),
    "INSTANCEPATH": ("", "NAMESPACEPATH INSTANCENAME"),
    "CLASSPATH": ("", "NAMESPACEPATH CLASSNAME"),
    "LOCALINSTANCEPATH": ("", "LOCALNAMESPACEPATH INSTANCENAME"),
    "LOCALCLASSPATH": ("", "LOCALNAMESPACEPATH CLASSNAME"),
    "NAMESPACEPATH": ("", "HOST LOCALNAMESPACEPATH"),
    "LOCALNAMESPACEPATH": ("", "NAMESPACE"),
    "INSTANCENAME": ("CLASSNAME", "KEYBINDING KEYVALUE VALUE.REFERENCE"),
    "KEYBINDING": ("NAME", "KEYVALUE VALUE.REFERENCE"),
    "VALUE.REFERENCE": ("", _PATHS),
    "VALUE.ARRAY": ("", "VALUE"),
    "VALUE.REFARRAY": ("", "VALUE.REFERENCE"),
    "INSTANCE": ("CLASSNAME", _PROPERTIES),
    "CLASS": ("NAME SUPERCLASS", f"{_PROPERTIES} METHOD"),
    "PROPERTY": (_PROPERTY, "QUALIFIER VALUE"),
    "PROPERTY.ARRAY": (f"{_PROPERTY} ARRAYSIZE", "QUALIFIER VALUE.ARRAY"),
    "PROPERTY.REFERENCE": (
        "NAME REFERENCECLASS CLASSORIGIN PROPAGATED",
        "QUALIFIER VALUE.REFERENCE",
    ),
    "METHOD": (
        "NAME TYPE CLASSORIGIN PROPAGATED",
        "QUALIFIER PARAMETER PARAMETER.REFERENCE PARAMETER.ARRAY PARAMETER.REFARRAY",
    ),
    "PARAMETER": ("NAME TYPE", "QUALIFIER"),
    "PARAMETER.ARRAY": ("NAME TYPE ARRAYSIZE", "QUALIFIER"),
    "PARAMETER.REFERENCE": ("NAME REFERENCECLASS", "QUALIFIER"),
    "PARAMETER.REFARRAY": ("NAME REFERENCECLASS ARRAYSIZE", "QUALIFIER"),
    "QUALIFIER": (f"NAME TYPE PROPAGATED {_FLAVORS}", "VALUE VALUE.ARRAY"),
    "QUALIFIER.DECLARATION": (
        f"NAME TYPE ISARRAY ARRAYSIZE {_FLAVORS}",
        "SCOPE VALUE VALUE.ARRAY",
    ),
    "SCOPE": ("CLASS ASSOCIATION REFERENCE PROPERTY METHOD PARAMETER INDICATION", ""),
    "HOST": ("", ""),
    "NAMESPACE": ("NAME", ""),
    "CLASSNAME": ("NAME", ""),
    "KEYVALUE": ("VALUETYPE TYPE", ""),
    "VALUE": ("", ""),
}
"""Attributes and children; NULL elements of arrays are left out, since clients cannot read them."""

_INTEGERS = {
    f"{sign}int{bits}": (0, 2**bits - 1)
    if sign == "u"
    else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in "us"
    for bits in (8, 16, 32, 64)
}
_FORMS = {
    "boolean": r"TRUE|FALSE",
    "datetime": r"[\d*]{14}\.[\d*]{6}(?:[+-]\d{3}|:000)",
    "char16": r"(?s:.)",
    "real32": r"-?\d+\.\d+(?:[eE][+-]?\d+)?|-?INF|NaN",
    "real64": r"-?\d+\.\d+(?:[eE][+-]?\d+)?|-?INF|NaN",
}
_SHORT = re.compile(rb"<(?:VALUE|PROPERTY|IRETURNVALUE|ERROR)[^<>]*/>")
"""Empty elements that wbemcli cannot read in the short form."""


def faults(answer: bytes) -> list[str]:
    """Return what is wrong with the XML of an answer."""
    found = [] if answer.startswith(DECLARATION) else ["no XML declaration at the first byte"]
    found += [f"short form {short.decode()}" for short in _SHORT.findall(answer)]
    found += ["document type or comment"] if re.search(rb"<!(?!\[CDATA)", answer) else []
    for element in ElementTree.fromstring(answer).iter():
        if element.tag not in TABLE:
            found.append(f"element {element.tag}")
            continue
        attributes, children = (set(words.split()) for words in TABLE[element.tag])
        found += [f"{child.tag} in {element.tag}" for child in element if child.tag not in children]
        found += [f"{name} of {element.tag}" for name in element.attrib.keys() - attributes]
        if element.get("PROPAGATED", "true") not in ("true", "false"):
            found.append(f"PROPAGATED {element.get('PROPAGATED')}")
        found += _values(element)
    return found


def _values(element: ElementTree.Element) -> list[str]:
    cim_type = element.get("TYPE") or element.get("PARAMTYPE") or "string"
    if element.tag not in ("PROPERTY", "PROPERTY.ARRAY", "PARAMVALUE", "RETURNVALUE"):
        return []
    texts = [
        value.text or ""
        for child in element
        if child.tag != "QUALIFIER"
        for value in child.iter("VALUE")
    ]
    return [f"{cim_type} {text!r}" for text in texts if not _fits(text, cim_type)]


def _fits(text: str, cim_type: str) -> bool:
    if cim_type in _INTEGERS:
        low, high = _INTEGERS[cim_type]
        return re.fullmatch(r"-?\d+", text) is not None and low <= int(text) <= high
    return re.fullmatch(_FORMS.get(cim_type, r"(?s:.*)"), text) is not None
