"""What a request for services demands of their attributes: a search filter.

Owns: reading a filter and asking it about attributes, without recursion that a
sender could make deep. Pure.
Source: RFC 2608, section 8.1 (predicates); RFC 4515 (filters), without
extensible matches.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

CHARS_MAX: Final = 1_024
DEPTH_MAX: Final = 16

Attributes: TypeAlias = Mapping[str, tuple[str, ...]]
"""Values by the attribute's name in lower case."""
Predicate: TypeAlias = Callable[[Attributes], bool]

_ITEM = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9._-]*)\s*(=|<=|>=|~=)([^()]*)\)")
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2})")


class PredicateError(Exception):
    """The text is no filter."""


def parse(text: str) -> Predicate:
    """Return the filter that the text is; nothing demands nothing.

    Raises: PredicateError: it is none, or is longer or deeper than is read.
    """
    if len(text) > CHARS_MAX:
        raise PredicateError(f"{len(text)} characters, at most {CHARS_MAX}")
    if not text.strip():
        return lambda _: True
    found, end = _filter(text, _blank(text, 0), 0)
    if text[end:].strip():
        raise PredicateError(f"something stands behind it: {text[end:][:40]!r}")
    return found


def _filter(text: str, at: int, depth: int) -> tuple[Predicate, int]:
    if depth > DEPTH_MAX:
        raise PredicateError(f"more than {DEPTH_MAX} levels")
    if text[at : at + 1] != "(":
        raise PredicateError(f"a filter begins with '(', not {text[at : at + 10]!r}")
    sign = _blank(text, at + 1)
    if text[sign : sign + 1] in ("&", "|", "!"):
        return _combined(text, sign, depth)
    item = _ITEM.match(text, at)
    if item is None:
        raise PredicateError(f"no attribute with a value: {text[at : at + 40]!r}")
    return _item(item[1].lower(), item[2], item[3].strip()), item.end()


def _combined(text: str, sign: int, depth: int) -> tuple[Predicate, int]:
    parts: list[Predicate] = []
    at = _blank(text, sign + 1)
    while text[at : at + 1] == "(":
        part, at = _filter(text, at, depth + 1)
        parts.append(part)
        at = _blank(text, at)
    if text[at : at + 1] != ")":
        raise PredicateError("a ')' is missing")
    operator = text[sign]
    if operator == "!":
        if len(parts) != 1:
            raise PredicateError("'!' takes one filter")
        (only,) = parts
        return lambda attributes: not only(attributes), at + 1
    every = all if operator == "&" else any
    return lambda attributes: every(part(attributes) for part in parts), at + 1


def _item(name: str, operator: str, value: str) -> Predicate:
    if operator == "=" and value == "*":
        return lambda attributes: name in attributes
    if operator in ("=", "~="):
        pieces = [_plain(piece) for piece in value.split("*")]
        return lambda attributes: any(_fits(each, pieces) for each in attributes.get(name, ()))
    wanted = _plain(value)

    def compares(each: str) -> bool:
        both = (_folded(each), wanted)
        left, right = map(int, both) if all(map(_is_number, both)) else both
        return left <= right if operator == "<=" else left >= right  # type: ignore[operator]  # alike

    return lambda attributes: any(map(compares, attributes.get(name, ())))


def _fits(value: str, pieces: list[str]) -> bool:
    """Return whether the pieces stand in the value in order; each is sought once, forwards."""
    text = _folded(value)
    first, *rest = pieces
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def _plain(text: str) -> str:
    return _folded(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text))


def _folded(text: str) -> str:
    """Return what is compared: case does not count, and blanks count as one."""
    return " ".join(text.lower().split())


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,18}", text) is not None


def _blank(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at
