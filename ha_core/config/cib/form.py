"""What the writer and the reader of CIBs share: ids, text that XML can hold, and our own pairs.

Owns: the form of a *pair of our own*, a name-value pair whose name begins with `beatkeeper-` and
whose value no other program reads: what only we can say is kept there, as JSON or, where that is
not needed, as plain text. Source: XML 1.0, "Characters"; Namespaces in XML, "NCName".
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ha_core.config import limits
from ha_core.ids import Millis
from ha_core.policy.cib.tree import Element

Plain = dict[str, Any]
"""A part of a configuration, shaped like the file."""
OWN: Final = "beatkeeper-"
OWN_VALUE_MAX: Final = 30_000
"""Characters of one value: the reader of XML refuses values of twice that length."""
OWN_DEPTH_MAX: Final = 8
"""No part of a configuration nests deeper."""
FLAT: Final = ("parameters", "attributes", "addresses", "links", "targets")
"""Keys whose parts are kept one by one, so that an edit of one leaves the others alone."""
_INVALID: Final = re.compile("[^\t\n\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MISREAD: Final = str.maketrans({'"': "'", "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"})
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
    | {"\r": "&#13;"}
)
_UNITS: Final = (("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1))
_CONTINUED: Final = re.compile(r"(.*)\+([0-9]{1,6})")


class Ids:
    """Ids of a document: each is there once, and beginning anew gives the same ones."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, stem: str, kind: str) -> str:
        """Return the stem if it is an id and free, else one that is made from it."""
        if not _ID.fullmatch(stem):
            stem = f"{kind}-{re.sub('[^A-Za-z0-9_.-]', '-', stem)}"
        number, name = 1, stem
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return name


def make(tag: str, attributes: dict[str, str]) -> Element:
    """Return an element with these attributes, as far as they can be held."""
    return Element(tag, {name: fit(value) for name, value in attributes.items()}, 0)


def fit(text: str) -> str:
    """Return the text as XML can hold it, and as Pacemaker 2.1 reads it.

    That one, when it copies a text with letters beyond ASCII, takes a double quote in it for the
    text's end and what follows a < for an element: others stand for these two there.
    """
    found = _INVALID.sub("\N{REPLACEMENT CHARACTER}", text)
    return found if found.isascii() else found.translate(_MISREAD)


def text_of(root: Element) -> str:
    """Return the document."""
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', *_lines(root, ""), ""))


def _lines(element: Element, margin: str) -> Iterator[str]:
    words = "".join(
        f' {name}="{value.translate(_ESCAPES)}"' for name, value in element.attributes.items()
    )
    if not element.children:
        yield f"{margin}<{element.tag}{words}/>"
        return
    yield f"{margin}<{element.tag}{words}>"
    for child in element.children:
        yield from _lines(child, f"{margin}  ")
    yield f"{margin}</{element.tag}>"


def show_time(value_ms: Millis) -> str:
    """Return the time in the largest unit that Pacemaker knows and that divides it."""
    unit, unit_ms = next(pair for pair in _UNITS if value_ms % pair[1] == 0)
    return f"{value_ms // unit_ms}{unit}" if value_ms else "0s"


def is_number(text: str) -> bool:
    """Return whether a rule compares the text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- pairs of our own ------------------------------------------------------------------------


def constraint_name(key: str) -> str:
    """Return the name of a constraint with that id."""
    if limits.CONSTRAINT_ID.fullmatch(key):
        return key
    return "".join(c if limits.CONSTRAINT_ID.fullmatch(f"a{c}") else "-" for c in key)[:190] or "c"


def own_pairs(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the pairs that hold the value: one, or several if it is long."""
    text = _encode(value)
    for number, start in enumerate(range(0, max(len(text), 1), OWN_VALUE_MAX)):
        behind = f"+{number}" if number else ""
        yield f"{OWN}{name}{behind}", text[start : start + OWN_VALUE_MAX]


def joined(pairs: Iterable[tuple[str, str]]) -> Plain:
    """Return the values of pairs of our own, by their names without what they begin with."""
    parts: dict[str, dict[int, str]] = {}
    for name, text in pairs:
        name = name.removeprefix(OWN)
        found = _CONTINUED.fullmatch(name)
        parts.setdefault(found[1] if found else name, {})[int(found[2]) if found else 0] = text
    return {
        name: _decode("".join(texts[number] for number in sorted(texts)))
        for name, texts in parts.items()
    }


def _encode(value: object) -> str:
    if isinstance(value, str) and value == fit(value) and _decode(value) == value:
        return value
    return json.dumps(value)


def _decode(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value if _is_flat(value, OWN_DEPTH_MAX) else text


def _is_flat(value: object, depth: int) -> bool:
    """Return whether nothing in the value lies deeper than that."""
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list):
        return True
    return depth > 0 and all(_is_flat(item, depth - 1) for item in inner)


def _refuse(_: str) -> None:
    raise ValueError


def difference(have: Plain, want: Plain) -> Plain:
    """Return what `applied` needs to make the wanted part of the one that is there."""
    found: Plain = {}
    for key in {**want, **have}:
        one, other = have.get(key), want.get(key)
        if key in FLAT and isinstance(other, dict) and isinstance(one or {}, dict):
            parts = {f"{key}.{name}": value for name, value in _parts(one or {}, other)}
            if _same(applied({key: one} if one else {}, parts)[0].get(key), other):
                found |= parts
                continue
        if not _same(one, other):
            found[key] = other
    return found


def _parts(one: Plain, other: Plain) -> Iterator[tuple[str, object]]:
    for name in {**other, **one}:
        if name not in other:
            yield name, None
        elif name not in one or not _same(one[name], other[name]):
            yield name, other[name]


def _same(one: object, other: object) -> bool:
    """Return whether both are equal, the order of their names included."""
    return json.dumps(one) == json.dumps(other)


def applied(part: Plain, changes: Plain) -> tuple[Plain, list[str]]:
    """Return the part with the changes, None being nothing, and the names that fit nowhere."""
    found, strange = dict(part), []
    for name, value in changes.items():
        key, dot, inner = name.partition(".")
        if not dot:
            _put(found, key, value)
            continue
        whole = found.get(key, {})
        if key not in FLAT or not isinstance(whole, dict):
            strange.append(name)
            continue
        whole = dict(whole)
        _put(whole, inner, value)
        _put(found, key, whole or None)
    return found, strange


def _put(part: Plain, name: str, value: object) -> None:
    if value is None:
        part.pop(name, None)
    else:
        part[name] = value
