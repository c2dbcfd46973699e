"""Elements of a request to CIM values, names and paths (pywbem's types).

Owns: the text forms of the CIM types as clients write them, and the forms in
which a class or an instance is named. Knows nothing of operations: a value that
does not fit its type raises `BadValueError`, and who reads the operation decides
what that means.
Source: DSP0201 2.4, sections 7.2 and 7.3; DSP0004, value ranges.
"""

# pywbem has no annotations: every constructor would be an untyped call.
# mypy: allow-untyped-calls

import math
import re
from collections.abc import Callable
from typing import Final

import pywbem

from cim_provider.wbem.errors import not_valid
from cim_provider.wbem.operations import WrittenNumber
from cim_provider.wbem.parse_tree import Element

NUMBER_CHARS_MAX: Final = 64
"""Longer digits cost time to convert and fit no type."""
KEYS_MAX: Final = 64
ITEMS_MAX: Final = 10_000
NAME_CHARS_MAX: Final = 1024
REAL32_MAX: Final = 3.4028234663852886e38

_NAME = re.compile(r"[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*")
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+)")
_REAL = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?")
_DATETIME = re.compile(r"(?:[0-9*]{14}\.[0-9*]{6}[+-][0-9]{3}|[0-9*]{14}\.[0-9*]{6}:000)")
_INTERVAL = re.compile(r"[0-9*]{8}(?:[01*][0-9*]|2[0-3*])(?:[0-5*][0-9*]){2}\.[0-9*]{6}:000")
"""Hours, minutes and seconds of an interval end where a day, an hour and a minute do."""
_KEY_TYPES: Final = {"string": "string", "char16": "string", "datetime": "string"}

_INTEGERS: Final[dict[str, Callable[[int], pywbem.CIMInt]]] = {
    "uint8": pywbem.Uint8,
    "uint16": pywbem.Uint16,
    "uint32": pywbem.Uint32,
    "uint64": pywbem.Uint64,
    "sint8": pywbem.Sint8,
    "sint16": pywbem.Sint16,
    "sint32": pywbem.Sint32,
    "sint64": pywbem.Sint64,
}
_REALS: Final[dict[str, Callable[[float], pywbem.CIMFloat]]] = {
    "real32": pywbem.Real32,
    "real64": pywbem.Real64,
}
TYPES: Final = frozenset(
    {*_INTEGERS, *_REALS, "boolean", "char16", "datetime", "reference", "string"}
)
"""The names of the CIM types."""


class BadValueError(ValueError):
    """A value of the request does not fit its type or form; the text says which and why."""


def scalar(text: str, cim_type: str) -> object:
    """Return the value that a text stands for.

    Raises:
        BadValueError: the text is no value of that type, or there is no such type.
    """
    if cim_type == "string":
        return text
    if cim_type == "char16":
        if len(text) != 1 or ord(text) > 0xFFFF:
            raise BadValueError(f"char16 value {text[:16]!r}, expected one UCS-2 character")
        return text
    text = text.strip()
    if cim_type == "boolean":
        return boolean(text)
    if cim_type in _INTEGERS:
        return _integer(text, cim_type)
    if cim_type in _REALS:
        number = _real(text)
        if abs(number) > REAL32_MAX and cim_type == "real32" and not math.isinf(number):
            raise BadValueError(f"real32 value {text} is out of range")
        return _REALS[cim_type](number)
    if cim_type == "datetime":
        return _datetime(text)
    raise BadValueError(f"type {cim_type[:32]!r}, expected one of {', '.join(sorted(TYPES))}")


def boolean(text: str) -> bool:
    """Return a truth value written in any case.

    Raises:
        BadValueError: it is neither TRUE nor FALSE.
    """
    folded = text.strip().lower()
    if folded not in ("true", "false"):
        raise BadValueError(f"boolean value {text[:16]!r}, expected TRUE or FALSE")
    return folded == "true"


def _integer(text: str, cim_type: str) -> pywbem.CIMInt:
    number = _plain_integer(text)
    try:
        return _INTEGERS[cim_type](number)
    except ValueError as error:
        raise BadValueError(f"{cim_type} value {text} is out of range") from error


def _plain_integer(text: str) -> int:
    if len(text) > NUMBER_CHARS_MAX or not _INTEGER.fullmatch(text):
        raise BadValueError(f"integer value {text[:32]!r}, expected decimal or 0x digits")
    return int(text, 16 if "x" in text.lower() else 10)


def _real(text: str) -> float:
    if text in ("INF", "-INF", "NaN"):
        return float(text)
    if len(text) > NUMBER_CHARS_MAX or not _REAL.fullmatch(text):
        raise BadValueError(f"real value {text[:32]!r}, expected a decimal, INF, -INF or NaN")
    number = float(text)
    if math.isinf(number):
        raise BadValueError(f"real value {text} is out of range")
    return number


def _datetime(text: str) -> pywbem.CIMDateTime:
    if not _DATETIME.fullmatch(text):
        raise BadValueError(
            f"datetime value {text[:32]!r}, expected yyyymmddhhmmss.mmmmmm+ooo"
            " or ddddddddhhmmss.mmmmmm:000"
        )
    if text.endswith(":000") and not _INTERVAL.fullmatch(text):
        raise BadValueError(f"datetime value {text}: hours beyond 23, minutes or seconds beyond 59")
    try:
        return pywbem.CIMDateTime(text)
    except (ValueError, OverflowError) as error:
        raise BadValueError(f"datetime value {text}: no such point in time") from error


def typed_value(element: Element, cim_type: str) -> object:
    """Return the value of a VALUE, VALUE.ARRAY, VALUE.REFERENCE or VALUE.REFARRAY element.

    Raises:
        BadValueError: an item does not fit the type, or there are more than `ITEMS_MAX`.
    """
    if element.name in ("VALUE.ARRAY", "VALUE.REFARRAY"):
        if len(element.children) > ITEMS_MAX:
            raise BadValueError(f"array of {len(element.children)}, expected at most {ITEMS_MAX}")
        return [_item(item, cim_type) for item in element.children]
    return _item(element, cim_type)


def _item(element: Element, cim_type: str) -> object:
    if element.name == "VALUE.NULL":
        return None
    if element.name == "VALUE.REFERENCE":
        if cim_type != "reference":
            raise BadValueError(f"a reference where the type is {cim_type[:32]}")
        return reference(element)
    if element.name != "VALUE" or cim_type == "reference":
        raise BadValueError(f"{element.name} where the type is {cim_type[:32]}")
    return scalar(element.text, cim_type)


def name_of(element: Element, attribute: str = "NAME") -> str:
    """Return the CIM name in an attribute.

    Raises:
        BadValueError: it is empty or holds a character that no CIM name has.
    """
    name = element.attributes[attribute]
    if len(name) > NAME_CHARS_MAX or not _NAME.fullmatch(name):
        raise BadValueError(f"{element.name} {attribute} {name[:64]!r} is not a CIM name")
    return name


def namespace(element: Element) -> str:
    """Return the namespace that a LOCALNAMESPACEPATH names, its parts joined by slashes.

    Raises:
        BadValueError: it names none.
    """
    parts = (child.attributes["NAME"].strip("/") for child in element.children)
    joined = "/".join(part for part in parts if part)
    if not joined or len(joined) > NAME_CHARS_MAX:
        raise BadValueError("LOCALNAMESPACEPATH names no namespace, or one far too long")
    return joined


def reference(element: Element) -> pywbem.CIMInstanceName | pywbem.CIMClassName:
    """Return the path in a VALUE.REFERENCE."""
    return path(element.only_child())


def path(element: Element) -> pywbem.CIMInstanceName | pywbem.CIMClassName:
    """Return the path that one of the six path elements holds."""
    match element.name:
        case "INSTANCENAME":
            return instance_name(element)
        case "CLASSNAME":
            return pywbem.CIMClassName(name_of(element))
        case "LOCALINSTANCEPATH" | "LOCALCLASSPATH":
            local, name = _pair(element, "LOCALNAMESPACEPATH")
            located = path(name)
            located.namespace = namespace(local)
            return located
        case "INSTANCEPATH" | "CLASSPATH":
            whole, name = _pair(element, "NAMESPACEPATH")
            host, local = _pair(whole, "HOST")
            located = path(name)
            located.namespace = namespace(local)
            located.host = host.text.strip()[:NAME_CHARS_MAX]
            return located
    raise BadValueError(f"{element.name} where a path is expected")


def _pair(element: Element, first: str) -> tuple[Element, Element]:
    children = element.children
    if len(children) != 2 or children[0].name != first or children[1].name == first:
        raise not_valid(f"{element.name} does not hold {first} and what it locates")
    return children[0], children[1]


def instance_name(element: Element) -> pywbem.CIMInstanceName:
    """Return the path in an INSTANCENAME; the key of a lone value without a name is None.

    Raises:
        BadValueError: a key is given twice, or its value does not fit its type.
    """
    class_name = name_of(element, "CLASSNAME")
    children = element.children
    if len(children) > KEYS_MAX:
        raise BadValueError(f"{class_name}: {len(children)} keys, expected at most {KEYS_MAX}")
    if len(children) == 1 and children[0].name != "KEYBINDING":
        return pywbem.CIMInstanceName(class_name, {None: _key_value(children[0])})
    keys: dict[str, object] = {}
    seen: set[str] = set()
    for child in children:
        if child.name != "KEYBINDING":
            raise not_valid(f"INSTANCENAME {class_name} holds {child.name} beside other keys")
        key = name_of(child)
        if key.lower() in seen:
            raise BadValueError(f"{class_name}: key {key} is given twice")
        seen.add(key.lower())
        keys[key] = _key_value(child.only_child())
    return pywbem.CIMInstanceName(class_name, keys)


def _key_value(element: Element) -> object:
    if element.name == "VALUE.REFERENCE":
        return reference(element)
    value_type = element.attributes.get("VALUETYPE")
    if value_type not in (None, "string", "boolean", "numeric"):
        raise not_valid(f"VALUETYPE {value_type[:32]!r}, expected string, boolean or numeric")
    cim_type = element.attributes.get("TYPE")
    if cim_type is not None:
        expected = "boolean" if cim_type == "boolean" else _KEY_TYPES.get(cim_type, "numeric")
        if value_type not in (None, expected):
            raise BadValueError(f"key of type {cim_type[:32]} written as {value_type}")
        return scalar(element.text, cim_type)
    if value_type == "boolean":
        return boolean(element.text)
    if value_type == "numeric":
        text = element.text.strip()
        if _INTEGER.fullmatch(text):
            _plain_integer(text)
        else:
            _real(text)
        return WrittenNumber(text)
    return element.text
