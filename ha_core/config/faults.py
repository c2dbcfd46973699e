"""A fault of a configuration, and the sentences that several rules share.

Owns: the value and its wording. A fault names its place by path, such as
`resources.web.agent`, so that a reader of files can add the line.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.config import limits
from ha_core.config.secrets import HIDDEN, is_secret, is_secret_file
from ha_core.ids import Millis

_NAMES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, and a sentence with the value and what is allowed."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def repeated(path: str, names: Iterable[str]) -> Iterable[Fault]:
    """Yield a fault for each name that is there more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield Fault(path, f"{shown(name)} stands there {count} times; allowed: once")


def too_many(path: str, found: int, most: int, what: str) -> Iterable[Fault]:
    """Yield a fault if there are more than the most."""
    if found > most:
        yield Fault(path, f"{found} {what}; allowed: {most} at most")


def out_of_range(path: str, value: int, least: int, most: int, unit: str = "") -> Iterable[Fault]:
    """Yield a fault if the number is not within least..most."""
    if not least <= value <= most:
        yield Fault(path, f"is {value}{unit}; allowed: {least} to {most}{unit}")


def bad_time(path: str, value_ms: Millis, least_ms: Millis) -> Iterable[Fault]:
    """Yield a fault if the time is shorter than the least or absurdly long."""
    yield from out_of_range(path, value_ms, least_ms, limits.TIME_MS_MAX, " ms")


def bad_text(path: str, value: str) -> Iterable[Fault]:
    """Yield a fault if no program could be given the text."""
    if not limits.is_text(value):
        allowed = f"a text of at most {limits.TEXT_MAX} characters, without null"
        yield Fault(path, f"is {shown_at(path, value)}; allowed: {allowed}")


def bad_name(path: str, name: str, is_good: bool, allowed: str) -> Iterable[Fault]:
    """Yield a fault if the name is not good."""
    if not is_good:
        yield Fault(path, f"is the name {shown(name)}; allowed: {allowed}")


def listed(names: Iterable[str]) -> str:
    """Return the first names, for what is allowed."""
    found = list(names)
    more = ", …" if len(found) > _NAMES_SHOWN_MAX else ""
    return ", ".join(found[:_NAMES_SHOWN_MAX]) + more if found else "none, as there is none yet"


def shown(value: str) -> str:
    """Return the value in quotes, its beginning if it is long."""
    return repr(value if len(value) <= 60 else value[:57] + "...")


def shown_at(path: str, value: str) -> str:
    """Return the value as `shown`, unless it is a secret, or the place of one."""
    return HIDDEN if is_secret(path) or is_secret_file(path) else shown(value)


def printable(text: str) -> str:
    """Return the text with a mark in place of each character that steers a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
