"""CIM values, names and paths to XML text.

Owns: the text forms of the CIM types, escaping, and the forms in which a class
or an instance is named. Knows nothing of answers.

Clients' parsers differ, so the dialect is what all of them read: long end tags
for empty elements, raw UTF-8, no VALUE.NULL, no TYPE on KEYVALUE, reals always
with point and exponent.
Source: DSP0201 2.4, sections 7.2 and 7.3.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import math
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import pywbem

Path: TypeAlias = pywbem.CIMInstanceName | pywbem.CIMClassName

_REPLACEMENT: Final = "\ufffd"
_UNSAFE: Final = re.compile("[&<>\"'\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_UNSAFE_IN_ATTRIBUTE: Final = re.compile("[\t\n]")
_ESCAPES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
    "\r": "&#13;",
    "\n": "&#10;",
    "\t": "&#9;",
}


def escape(text: str) -> str:
    """Return text as element content; what XML 1.0 cannot carry becomes U+FFFD."""
    return _UNSAFE.sub(_replace, text) if _UNSAFE.search(text) else text


def attribute(text: str) -> str:
    """Return text as the content of an attribute, whose white space would not survive raw."""
    escaped = escape(text)
    if _UNSAFE_IN_ATTRIBUTE.search(escaped):
        return _UNSAFE_IN_ATTRIBUTE.sub(_replace, escaped)
    return escaped


def _replace(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], _REPLACEMENT)


def scalar_text(value: object) -> str:
    """Return the text of one CIM value that is neither NULL, array, reference nor embedded."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        # pywbem's integers have a `__repr__` of their own, which `str` would use.
        return int.__repr__(value)
    if isinstance(value, float):
        return _real_text(value)
    assert isinstance(value, pywbem.CIMDateTime), f"{type(value).__name__} is no CIM value"
    return str(value)


def _real_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    # Enough digits to read back the same number, and no more.
    return f"{float(value):.{8 if isinstance(value, pywbem.Real32) else 16}E}"


def null_item(cim_type: str) -> str:
    """Return what stands for a NULL in an array: clients do not read VALUE.NULL.

    A string becomes empty; an item of another type is left out.
    """
    return "<VALUE></VALUE>" if cim_type == "string" else ""


def instance_name(path: pywbem.CIMInstanceName) -> str:
    """Return an INSTANCENAME; namespace and host of the path are left out."""
    keys = "".join(_key(name, value) for name, value in path.keybindings.items())
    return f'<INSTANCENAME CLASSNAME="{attribute(path.classname)}">{keys}</INSTANCENAME>'


def _key(name: str | None, value: object) -> str:
    if isinstance(value, str):
        text = f'<KEYVALUE VALUETYPE="string">{escape(value)}</KEYVALUE>'
    elif isinstance(value, pywbem.CIMInstanceName | pywbem.CIMClassName):
        text = reference(value)
    elif isinstance(value, bool):
        text = f'<KEYVALUE VALUETYPE="boolean">{scalar_text(value)}</KEYVALUE>'
    elif isinstance(value, int | float):
        text = f'<KEYVALUE VALUETYPE="numeric">{scalar_text(value)}</KEYVALUE>'
    else:
        text = f'<KEYVALUE VALUETYPE="string">{scalar_text(value)}</KEYVALUE>'
    if name is None:
        return text
    return f'<KEYBINDING NAME="{attribute(name)}">{text}</KEYBINDING>'


def class_name(name: str) -> str:
    """Return a CLASSNAME."""
    return f'<CLASSNAME NAME="{attribute(name)}"></CLASSNAME>'


def local_namespace(namespace: str) -> str:
    """Return a LOCALNAMESPACEPATH."""
    parts = "".join(
        f'<NAMESPACE NAME="{attribute(part)}"></NAMESPACE>' for part in namespace.split("/")
    )
    return f"<LOCALNAMESPACEPATH>{parts}</LOCALNAMESPACEPATH>"


def namespace_path(host: str, namespace: str) -> str:
    """Return a NAMESPACEPATH."""
    return f"<NAMESPACEPATH><HOST>{escape(host)}</HOST>{local_namespace(namespace)}</NAMESPACEPATH>"


def instance_path(path: pywbem.CIMInstanceName, host: str, namespace: str) -> str:
    """Return an INSTANCEPATH; host and namespace stand in where the path has none."""
    where = namespace_path(path.host or host, path.namespace or namespace)
    return f"<INSTANCEPATH>{where}{instance_name(path)}</INSTANCEPATH>"


def class_path(name: str, host: str, namespace: str) -> str:
    """Return a CLASSPATH."""
    return f"<CLASSPATH>{namespace_path(host, namespace)}{class_name(name)}</CLASSPATH>"


def reference(path: Path) -> str:
    """Return a VALUE.REFERENCE with as much of the path as there is."""
    if isinstance(path, pywbem.CIMClassName):
        kind, name = "CLASS", class_name(path.classname)
    else:
        kind, name = "INSTANCE", instance_name(path)
    if path.namespace is None:
        located = name
    elif path.host is None:
        located = f"<LOCAL{kind}PATH>{local_namespace(path.namespace)}{name}</LOCAL{kind}PATH>"
    else:
        where = namespace_path(path.host, path.namespace)
        located = f"<{kind}PATH>{where}{name}</{kind}PATH>"
    return f"<VALUE.REFERENCE>{located}</VALUE.REFERENCE>"


def array(items: Iterable[str], name: str = "VALUE.ARRAY") -> str:
    """Return an array element around items that are already XML."""
    return f"<{name}>{''.join(items)}</{name}>"
