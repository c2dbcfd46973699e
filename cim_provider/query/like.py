"""Patterns of LIKE, matched in time proportional to pattern and text.

Owns: the two notations and the matcher, which keeps the set of places in the
pattern that fit so far instead of going back: no pattern is slow.
Source: SQL-92, LIKE (WQL); DSP0202 1.0, "Basic Like" (CQL and FQL).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.query.faults import invalid

PATTERN_CHARS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class _Item:
    """One place: the characters that fit (empty: every one), and whether it may repeat."""

    chars: frozenset[str]
    is_negated: bool = False
    repeats: bool = False

    def fits(self, char: str) -> bool:
        return not self.chars or (char in self.chars) is not self.is_negated


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that is ready to match; made by `sql_pattern` or `basic_pattern`."""

    text: str
    items: tuple[_Item, ...]

    def matches(self, text: str) -> bool:
        """Return whether the whole text fits."""
        places = self._open({0})
        for char in text:
            places = self._open(set(self._next(places, char)))
            if not places:
                return False
        return len(self.items) in places

    def _next(self, places: set[int], char: str) -> Iterator[int]:
        for place in places:
            if place < len(self.items) and self.items[place].fits(char):
                yield place if self.items[place].repeats else place + 1

    def _open(self, places: set[int]) -> set[int]:
        """Add the places behind those that may be left out."""
        for place in sorted(places):
            while place < len(self.items) and self.items[place].repeats:
                place += 1
                places.add(place)
        return places


_EVERY: Final = _Item(frozenset())
_RUN: Final = _Item(frozenset(), repeats=True)


def sql_pattern(text: str) -> Pattern:
    """Return a pattern of WQL: % any text, _ one character, [a-c] and [^a-c] one of a set."""
    return Pattern(text, tuple(_items(text, {"%": _RUN, "_": _EVERY})))


def basic_pattern(text: str) -> Pattern:
    r"""Return a pattern of CQL and FQL: . one character, x* any number of x, \x x itself.

    % is any text as well, as people used to SQL write it.
    """
    items: list[_Item] = []
    for item in _items(text, {"%": _RUN, ".": _EVERY, "*": _STAR}):
        if item is not _STAR:
            items.append(item)
        elif items:
            last = items[-1]
            items[-1] = _Item(last.chars, last.is_negated, repeats=True)
        else:
            invalid(
                f"LIKE pattern {text[:64]!r} begins with *, which repeats what stands before it"
            )
    return Pattern(text, tuple(items))


_STAR: Final = _Item(frozenset("*"), repeats=True)


def _items(text: str, special: dict[str, _Item]) -> Iterator[_Item]:
    if len(text) > PATTERN_CHARS_MAX:
        invalid(f"LIKE pattern has {len(text)} characters, expected at most {PATTERN_CHARS_MAX}")
    place = 0
    while place < len(text):
        char = text[place]
        place += 1
        if char == "\\" and place < len(text):
            yield _Item(frozenset(text[place]))
            place += 1
        elif char == "[":
            end = text.find("]", place + 1)
            if end < 0:
                invalid(f"LIKE pattern {text[:64]!r} has [ without ]")
            yield _set(text[place:end])
            place = end + 1
        else:
            yield special.get(char) or _Item(frozenset(char))


def _set(inside: str) -> _Item:
    is_negated = inside.startswith("^")
    inside = inside.removeprefix("^")
    chars: set[str] = set()
    place = 0
    while place < len(inside):
        first = inside[place]
        if inside[place + 1 : place + 2] == "-" and place + 2 < len(inside):
            last = inside[place + 2]
            if not 0 <= ord(last) - ord(first) <= 0xFF:
                invalid(f"LIKE pattern has the set {first}-{last}, expected at most 256 characters")
            chars.update(map(chr, range(ord(first), ord(last) + 1)))
            place += 3
        else:
            chars.add(first)
            place += 1
    return _Item(frozenset(chars), is_negated)
