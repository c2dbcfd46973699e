"""What clients write, as the words of an edit: texts of Linux-HA 2.1 and their typed twins.

Owns: how each is read, and the rule of twins: of two properties that say the same, the one that
was changed counts, and both may be given if they agree. Times are kept as milliseconds with their
unit, a time without one is in seconds, as Linux-HA 2.1 had it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cim_provider.edits import Words
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status

INFINITY: Final = 1_000_000
SHOWN_MAX: Final = 60
_TIME: Final = re.compile(r"(\d{1,12})\s*([a-z]*)", re.IGNORECASE)
_UNITS: Final = {
    **dict.fromkeys(("", "s", "sec"), 1000),
    **dict.fromkeys(("ms", "msec"), 1),
    **dict.fromkeys(("m", "min"), 60_000),
    **dict.fromkeys(("h", "hr"), 3_600_000),
    "d": 86_400_000,
}
_TRUE: Final = ("true", "yes", "on", "y", "1")
_FALSE: Final = ("false", "no", "off", "n", "0")

Read = Callable[[object], str]
"""Returns the word's text; raises ValueError with what is allowed."""


def score(value: object) -> str:
    """Read a score: a number, or INFINITY with or without a sign."""
    text = str(value).strip().upper().removeprefix("+")
    if text in ("INFINITY", "-INFINITY"):
        return text
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise ValueError("a whole number, INFINITY or -INFINITY")
    number = int(text)
    if abs(number) >= INFINITY:
        return "INFINITY" if number > 0 else "-INFINITY"
    return str(number)


def flag(value: object) -> str:
    """Read true or false."""
    text = str(value).strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise ValueError("true or false")
    return "true" if text in _TRUE else "false"


def time(value: object) -> str:
    """Read a time with its unit, or in seconds."""
    found = _TIME.fullmatch(str(value).strip())
    unit = found[2].lower() if found else ""
    if found is None or unit not in _UNITS:
        raise ValueError("a time such as 10s, 500ms or 2min; without a unit in seconds")
    return f"{int(found[1]) * _UNITS[unit]}ms"


def shown_time(milliseconds: int) -> str:
    """Return a time as the configuration file has it, in the largest unit that divides it."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0"


def milliseconds(value: object) -> str:
    """Read a time in milliseconds."""
    return f"{int(str(value))}ms"


def number(value: object) -> str:
    """Read a whole number."""
    text = str(value).strip()
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise ValueError("a whole number")
    return text


def text(value: object) -> str:
    """Read a text."""
    return str(value).strip()


def word_of(*words: str) -> Read:
    """Return what reads one of these words, whichever case it has."""

    def read(value: object) -> str:
        found = str(value).strip().lower()
        if found not in words:
            raise ValueError(", ".join(words))
        return found

    return read


def numbered(table: Mapping[str, int]) -> Read:
    """Return what reads the number of a word."""
    words = {number: word for word, number in table.items()}

    def read(value: object) -> str:
        if not isinstance(value, int) or int(value) not in words:
            raise ValueError(", ".join(f"{number} {word}" for number, word in words.items()))
        return words[int(value)]

    return read


@dataclass(frozen=True, slots=True)
class Twin:
    """One option: the properties that say it."""

    word: str
    properties: Mapping[str, Read]
    """By name; several say the same."""
    unset: Mapping[str, object] = field(default_factory=dict)
    """Values, beside NULL, that mean that nothing is said."""
    usual: Mapping[str, object] = field(default_factory=dict)
    """Defaults of the class, which do not count in a new instance."""


def words_of(twins: Iterable[Twin], given: Given, *, is_new: bool = False) -> Words:
    """Return the options that are given. Raises CIMError INVALID_PARAMETER."""
    found: list[tuple[str, str | None]] = []
    for twin in twins:
        said: dict[str, str | None] = {}
        for name, read in twin.properties.items():
            if name not in given:
                continue
            value = given[name]
            if is_new and (value is None or twin.usual.get(name) == value):
                continue
            said[name] = _read(twin, name, read, value)
        if len(set(said.values())) > 1:
            pair = " and ".join(f"{name} {value}" for name, value in said.items())
            refuse(Status.INVALID_PARAMETER, f"{pair} contradict each other: give one of them")
        if said:
            found.append((twin.word, next(iter(said.values()))))
    return tuple(found)


def same(twins: Iterable[Twin], name: str, value: object, old: object) -> bool:
    """Return whether two values of a property mean the same."""
    for twin in twins:
        read = twin.properties.get(name)
        if read is None or value is None or old is None:
            continue
        try:
            return read(value) == read(old)
        except ValueError:
            return False
    return False


def _read(twin: Twin, name: str, read: Read, value: object) -> str | None:
    if value is None or (name in twin.unset and twin.unset[name] == value):
        return None
    try:
        return read(value)
    except ValueError as fault:
        shown = repr(str(value))[:SHOWN_MAX]
        refuse(Status.INVALID_PARAMETER, f"{name} is {shown}; allowed: {fault}")
