"""Patterns of names (`rsc-pattern`): extended regular expressions in time that is bounded.

Owns: their syntax and a matcher that never goes back, so that no pattern is slow on any name. Of
several ways to match, the one is taken that Python and Perl take.
Source: POSIX.1-2017, "Regular Expressions", ERE; R. Cox, "Regular Expression Matching: the
Virtual Machine Approach".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SIZE_MAX: Final = 2_000
"""Steps of a pattern; each name costs at most this times its length."""
DEPTH_MAX: Final = 50
REPEAT_MAX: Final = 255
_GROUPS_MAX: Final = 10
"""Groups that a rule can ask for: %0 to %9."""
_CLASSES: Final[dict[str, Callable[[str], bool]]] = {
    "alnum": str.isalnum,
    "alpha": str.isalpha,
    "digit": str.isdigit,
    "lower": str.islower,
    "upper": str.isupper,
    "space": str.isspace,
    "punct": lambda c: c.isprintable() and not c.isalnum() and not c.isspace(),
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
    "blank": lambda c: c in " \t",
    "print": str.isprintable,
    "graph": lambda c: c.isprintable() and not c.isspace(),
    "cntrl": lambda c: not c.isprintable() and c != " ",
}
_SPECIAL: Final = "*+?{"


class PatternError(ValueError):
    """A pattern that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Letters:
    """Which letters fit: single ones, ranges and classes, or all but these."""

    ranges: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    is_inverted: bool = False

    def fits(self, letter: str) -> bool:
        """Return whether the letter fits."""
        found = any(low <= letter <= high for low, high in self.ranges)
        found = found or any(_CLASSES[name](letter) for name in self.classes)
        return found is not self.is_inverted


_ANY: Final = _Letters(is_inverted=True)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a pattern: letters, an anchor, a sequence, a choice, a group, a repetition."""

    kind: str
    parts: tuple["_Part", ...] = ()
    letters: _Letters = _ANY
    number: int = 0
    """Of a group."""
    low: int = 0
    high: int | None = None


@dataclass(slots=True)
class _Step:
    """One instruction: take a letter, go two ways, note a position, or be at an end."""

    kind: str
    letters: _Letters = _ANY
    one: int = 0
    two: int = 0


class Pattern:
    """A pattern that was read."""

    def __init__(self, text: str) -> None:
        """Read it. Raises PatternError."""
        self._text = text
        self._steps: list[_Step] = []
        whole = _Reader(text).read()
        self._emit(_Part("group", (whole,)))
        self._add(_Step("end"))

    @property
    def size(self) -> int:
        """How many steps it has: what a name's letter costs at most."""
        return len(self._steps)

    def search(self, name: str) -> tuple[str, ...] | None:
        """Return the match and its groups, empty where one took no part; None: no match."""
        best: tuple[int, ...] | None = None
        current: dict[int, tuple[int, ...]] = {}
        blank = (-1,) * (2 * _GROUPS_MAX)
        for position in range(len(name) + 1):
            if best is None:
                self._follow(current, 0, blank, position, name)
            following: dict[int, tuple[int, ...]] = {}
            for number, notes in current.items():
                step = self._steps[number]
                if step.kind == "end":
                    best = notes
                    break  # what comes later in the list is a worse way
                if position < len(name) and step.letters.fits(name[position]):
                    self._follow(following, number + 1, notes, position + 1, name)
            current = following
        if best is None:
            return None
        pairs = zip(best[::2], best[1::2], strict=True)
        return tuple(name[low:high] if low >= 0 and high >= 0 else "" for low, high in pairs)

    def _follow(
        self,
        reached: dict[int, tuple[int, ...]],
        start: int,
        notes: tuple[int, ...],
        position: int,
        name: str,
    ) -> None:
        """Add the steps that can be reached without taking a letter, the best way first."""
        seen: set[int] = set()
        todo = [(start, notes)]
        while todo:
            number, notes = todo.pop()
            if number in seen or number in reached:
                continue
            seen.add(number)
            step = self._steps[number]
            if step.kind == "split":
                todo += [(step.two, notes), (step.one, notes)]
            elif step.kind == "jump":
                todo.append((step.one, notes))
            elif step.kind == "note":
                if step.one < len(notes):
                    notes = (*notes[: step.one], position, *notes[step.one + 1 :])
                todo.append((number + 1, notes))
            elif step.kind == "begin":
                if position == 0:
                    todo.append((number + 1, notes))
            elif step.kind == "finish":
                if position == len(name):
                    todo.append((number + 1, notes))
            else:
                reached[number] = notes

    def _add(self, step: _Step) -> int:
        if len(self._steps) >= SIZE_MAX:
            raise PatternError(f"{self._text!r} needs more than {SIZE_MAX} steps")
        self._steps.append(step)
        return len(self._steps) - 1

    def _emit(self, part: _Part) -> None:
        """Add the steps of a part."""
        if part.kind == "either":
            self._emit_either(part.parts)
        elif part.kind == "repeat":
            self._emit_repeat(part)
        elif part.kind == "group":
            self._add(_Step("note", one=2 * part.number))
            self._emit(part.parts[0])
            self._add(_Step("note", one=2 * part.number + 1))
        elif part.kind == "sequence":
            for item in part.parts:
                self._emit(item)
        else:
            self._add(_Step(part.kind, part.letters))

    def _emit_either(self, parts: tuple[_Part, ...]) -> None:
        ends = []
        for item in parts[:-1]:
            split = self._add(_Step("split"))
            self._steps[split].one = split + 1
            self._emit(item)
            ends.append(self._add(_Step("jump")))
            self._steps[split].two = len(self._steps)
        self._emit(parts[-1])
        for end in ends:
            self._steps[end].one = len(self._steps)

    def _emit_repeat(self, part: _Part) -> None:
        item = part.parts[0]
        for _ in range(part.low):
            self._emit(item)
        splits = []
        for _ in range(1 if part.high is None else part.high - part.low):
            split = self._add(_Step("split"))
            splits.append(split)
            self._steps[split].one = split + 1
            self._emit(item)
            if part.high is None:
                self._add(_Step("jump", one=split))
        for split in splits:
            self._steps[split].two = len(self._steps)


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(REPEAT_MAX)) and int(text) <= REPEAT_MAX


class _Reader:
    """Reads a pattern's text into parts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._groups = 0

    def read(self) -> _Part:
        """Return the whole pattern."""
        found = self._either(0)
        if self._at < len(self._text):
            raise PatternError(f"{self._text!r} has a ')' without '('")
        return found

    def _next(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _either(self, depth: int) -> _Part:
        if depth > DEPTH_MAX:
            raise PatternError(f"{self._text!r} nests deeper than {DEPTH_MAX}")
        parts = [self._sequence(depth)]
        while self._next() == "|":
            self._at += 1
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else _Part("either", tuple(parts))

    def _sequence(self, depth: int) -> _Part:
        parts = []
        while self._next() not in ("", "|", ")"):
            part = self._atom(depth)
            begin = self._at
            while self._next() and self._next() in _SPECIAL:
                if self._at - begin > DEPTH_MAX:
                    raise PatternError(f"{self._text!r} repeats repetitions")
                low, high = self._count()
                part = _Part("repeat", (part,), low=low, high=high)
            parts.append(part)
        return _Part("sequence", tuple(parts))

    def _count(self) -> tuple[int, int | None]:
        sign = self._next()
        self._at += 1
        if sign != "{":
            return (1 if sign == "+" else 0), (1 if sign == "?" else None)
        end = self._text.find("}", self._at)
        inside = self._text[self._at : end] if end >= 0 else ""
        low, comma, high = inside.partition(",")
        limits = [part for part in (low, high) if part]
        if not low or not all(map(_is_count, limits)):
            raise PatternError(f"{self._text!r} has a repetition that cannot be read")
        self._at = end + 1
        if high and int(high) < int(low):
            raise PatternError(f"{self._text!r} has a repetition of {inside}")
        if not comma:
            return int(low), int(low)
        return int(low), int(high) if high else None

    def _atom(self, depth: int) -> _Part:
        sign = self._next()
        self._at += 1
        if sign == "(":
            self._groups += 1
            number = self._groups
            inside = self._either(depth + 1)
            if self._next() != ")":
                raise PatternError(f"{self._text!r} has a '(' without ')'")
            self._at += 1
            return _Part("group", (inside,), number=number)
        if sign == "[":
            return _Part("letter", letters=self._bracket())
        if sign in "^$":
            return _Part("begin" if sign == "^" else "finish")
        if sign == ".":
            return _Part("letter")
        if sign in _SPECIAL:
            raise PatternError(f"{self._text!r} repeats nothing")
        if sign == "\\":
            sign = self._next()
            self._at += 1
            if not sign:
                raise PatternError(f"{self._text!r} ends in a backslash")
        return _Part("letter", letters=_Letters(((sign, sign),)))

    def _bracket(self) -> _Letters:
        text = self._text
        is_inverted = self._next() == "^"
        self._at += is_inverted
        ranges: list[tuple[str, str]] = []
        classes: list[str] = []
        is_first = True
        while self._next() != "]" or is_first:
            is_first = False
            if self._at >= len(text):
                raise PatternError(f"{text!r} has a '[' without ']'")
            if text.startswith("[:", self._at):
                end = text.find(":]", self._at)
                name = text[self._at + 2 : end]
                if end < 0 or name not in _CLASSES:
                    raise PatternError(f"{text!r} names no class of letters that there is")
                classes.append(name)
                self._at = end + 2
                continue
            low = high = text[self._at]
            self._at += 1
            if self._next() == "-" and text[self._at + 1 : self._at + 2] not in ("", "]"):
                high = text[self._at + 1]
                self._at += 2
            ranges.append((low, high))
        self._at += 1
        return _Letters(tuple(ranges), tuple(classes), is_inverted)
