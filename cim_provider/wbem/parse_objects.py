"""Elements of a request to instances, the embedded ones included.

Owns: how INSTANCE and its properties become pywbem's values, and how the text
of an embedded object is read. Knows nothing of the class's declaration: a
property has the type that it was sent with. Qualifiers of instances are
deprecated and left out.
Source: DSP0201 2.4, section 7.4; DSP0200 1.4, section 5.3.2.6.
"""

# pywbem has no annotations: every constructor would be an untyped call.
# mypy: allow-untyped-calls

from typing import Final

import pywbem

from cim_provider.wbem import parse_values
from cim_provider.wbem.errors import ProtocolError, not_valid
from cim_provider.wbem.parse_tree import Element, check_shape, parse_fragment
from cim_provider.wbem.parse_values import BadValueError

PROPERTIES_MAX: Final = 1000
EMBEDDED_DEPTH_MAX: Final = 8
"""An indication holds an instance, which seldom holds another."""
_EMBEDDED_MARKS: Final = ("EmbeddedObject", "EMBEDDEDOBJECT")


def named_instance(element: Element) -> pywbem.CIMInstance:
    """Return the instance in a VALUE.NAMEDINSTANCE, with its path.

    Raises:
        BadValueError: a key or a property is given twice or does not fit its type.
    """
    if [child.name for child in element.children] != ["INSTANCENAME", "INSTANCE"]:
        raise not_valid("VALUE.NAMEDINSTANCE does not hold INSTANCENAME and INSTANCE")
    found = instance(element.children[1])
    found.path = parse_values.instance_name(element.children[0])
    return found


def instance(element: Element, depth: int = 0) -> pywbem.CIMInstance:
    """Return the instance in an INSTANCE; `depth` counts the objects that it is embedded in.

    Raises:
        BadValueError: a property is given twice or does not fit its type.
    """
    class_name = parse_values.name_of(element, "CLASSNAME")
    found: dict[str, pywbem.CIMProperty] = {}
    if len(element.children) > PROPERTIES_MAX:
        count = len(element.children)
        raise BadValueError(f"{class_name}: {count} properties, expected at most {PROPERTIES_MAX}")
    for child in element.children:
        if child.name == "QUALIFIER":
            continue
        name = parse_values.name_of(child)
        if name.lower() in found:
            raise BadValueError(f"{class_name}: property {name} is given twice")
        try:
            found[name.lower()] = _property(name, child, depth)
        except BadValueError as error:
            raise BadValueError(f"{class_name}.{name}: {error}") from error
    return pywbem.CIMInstance(class_name, found.values())


def _property(name: str, element: Element, depth: int) -> pywbem.CIMProperty:
    is_reference = element.name == "PROPERTY.REFERENCE"
    is_array = element.name == "PROPERTY.ARRAY"
    cim_type = "reference" if is_reference else element.attributes["TYPE"]
    if cim_type not in parse_values.TYPES:
        known = ", ".join(sorted(parse_values.TYPES))
        raise BadValueError(f"type {cim_type[:32]!r}, expected one of {known}")
    _check_origin(element)
    mark = embedded_mark(element)
    values = [child for child in element.children if child.name != "QUALIFIER"]
    if len(values) > 1:
        raise not_valid(f"{element.name} {name[:64]} holds {len(values)} values, expected one")
    value = parse_values.typed_value(values[0], cim_type) if values else None
    if value is not None and is_array != isinstance(value, list):
        raise BadValueError(f"{values[0].name} in {element.name}")
    if mark is not None:
        value = embedded(value, mark, depth)
    return pywbem.CIMProperty(name, value, type=cim_type, is_array=is_array, embedded_object=mark)


def _check_origin(element: Element) -> None:
    """Refuse what cannot be the origin of a property, though nothing here depends on it."""
    if "CLASSORIGIN" in element.attributes:
        parse_values.name_of(element, "CLASSORIGIN")
    propagated = element.attributes.get("PROPAGATED", "false")
    if propagated.lower() not in ("true", "false"):
        raise BadValueError(f"PROPAGATED is {propagated[:32]!r}, expected true or false")


def embedded_mark(element: Element) -> str | None:
    """Return what a property or parameter says to embed: `instance`, `object` or nothing.

    Raises:
        BadValueError: it says something else.
    """
    given = next((name for name in _EMBEDDED_MARKS if name in element.attributes), None)
    if given is None or not element.attributes[given]:
        return None
    mark = element.attributes[given].lower()
    if mark not in ("instance", "object"):
        raise BadValueError(f"{given} is {mark[:32]!r}, expected instance or object")
    return mark


def embedded(value: object, mark: str, depth: int = 0) -> object:
    """Return the object, or the list of objects, that a text or a list of texts describes.

    Raises:
        BadValueError: a text is no object, or objects are embedded too deeply.
    """
    if isinstance(value, list):
        return [embedded(item, mark, depth) for item in value]
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadValueError("an embedded object whose type is not string")
    if depth >= EMBEDDED_DEPTH_MAX:
        raise BadValueError(f"objects embedded deeper than {EMBEDDED_DEPTH_MAX}")
    try:
        element = parse_fragment(value.strip())
        check_shape(element)
        if element.name == "INSTANCE":
            return instance(element, depth + 1)
        if element.name == "CLASS" and mark == "object":
            return _class(element)
    except ProtocolError as error:
        raise BadValueError(f"embedded object: {error.text}") from error
    expected = "an INSTANCE" if mark == "instance" else "an INSTANCE or a CLASS"
    raise BadValueError(f"embedded {element.name} where {expected} is expected")


def _class(element: Element) -> pywbem.CIMClass:
    """Return a class by its names; what it declares is not read, since nothing here needs that.

    Source: DSP0201, "EmbeddedObject": with `object` it is an INSTANCE or a CLASS.
    """
    above = element.attributes.get("SUPERCLASS")
    superclass = parse_values.name_of(element, "SUPERCLASS") if above else None
    return pywbem.CIMClass(parse_values.name_of(element), superclass=superclass)
