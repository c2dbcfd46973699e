"""What a check has found, and how a plug-in says it: states, thresholds, performance data.

Owns: the exit codes, ranges, and the text of a status. Knows nothing of WBEM.
Source: Monitoring Plugins Development Guidelines (output, ranges, exit codes).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

DETAILS_MAX: Final = 50
"""So many elements that are not well are told one by one."""
FIGURES_MAX: Final = 500
"""So many figures at most: more would be cut off by the reader."""
TEXT_CHARS_MAX: Final = 1000


class State(IntEnum):
    """How it is; the number is the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_BY_GRAVITY: Final = (State.OK, State.UNKNOWN, State.WARNING, State.CRITICAL)


class CheckError(Exception):
    """The check comes to no answer; `state` is what that means, the text is the status line."""

    def __init__(self, text: str, state: State = State.UNKNOWN) -> None:
        super().__init__(text)
        self.state = state


@dataclass(frozen=True, slots=True)
class Range:
    """A threshold as plug-ins write it: `10`, `10:`, `~:10`, `10:20`, `@10:20`."""

    text: str
    low: float
    high: float
    is_inside: bool
    """Whether it alerts inside of the range, not outside."""

    def alerts(self, value: float) -> bool:
        """Return whether the value calls for an alert."""
        return (self.low <= value <= self.high) is self.is_inside


_RANGE: Final = re.compile(r"(@)?(?:(~|-?\d+(?:\.\d+)?):)?(-?\d+(?:\.\d+)?)?")


def parse_range(text: str) -> Range:
    """Return the threshold. Raises `CheckError`."""
    found = _RANGE.fullmatch(text)
    if found is None or not text.strip("@"):
        wanted = "such as 10, 10:, ~:10, 10:20 or @10:20"
        raise CheckError(f"threshold {text[:40]!r} is no range: give one {wanted}")
    start, end = found[2], found[3]
    low = 0.0 if start is None else float("-inf") if start == "~" else float(start)
    high = float("inf") if end is None else float(end)
    if low > high:
        raise CheckError(f"threshold {text[:40]!r} ends before it begins")
    return Range(text, low, high, found[1] is not None)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number for the performance data; None if the server does not tell it."""

    label: str
    value: int | None
    unit: str = ""
    highest: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How one element is, in a sentence."""

    name: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a mode has found; thresholds are compared with the first figure."""

    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]
    summary: str


def worst(states: Iterable[State]) -> State:
    """Return the gravest; what is not known is less grave than what is known to be ill."""
    return max(states, key=_BY_GRAVITY.index, default=State.OK)


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds that are given."""

    warning: Range | None = None
    critical: Range | None = None


def judged(found: Found, limits: Limits, title: str) -> tuple[State, str]:
    """Return exit code and output: a line, figures, and more lines for what is not well."""
    main = found.figures[0]
    reached, crossed = State.OK, None
    for state, limit in ((State.WARNING, limits.warning), (State.CRITICAL, limits.critical)):
        if limit is None:
            continue
        if main.value is None:
            reached, crossed = State.UNKNOWN, f"{main.label} is not known"
        elif limit.alerts(main.value):
            reached, crossed = state, f"{main.label} is {main.value}, threshold {limit.text}"
    state = worst([reached, *(each.state for each in found.findings)])
    summary = found.summary if crossed is None else f"{found.summary}; {crossed}"
    first = f"{title} {state.name} - {plain(summary)}"
    figures = [
        _performance(each, limits if each is main else None)
        for each in found.figures[:FIGURES_MAX]
        if each.value is not None
    ]
    ill = [each for each in found.findings if each.state is not State.OK]
    told = ill or ([] if len(found.findings) > DETAILS_MAX else list(found.findings))
    lines = [f"{each.state.name}: {each.name}: {each.text}" for each in told[:DETAILS_MAX]]
    head = f"{first} | {' '.join(figures)}" if figures else first
    return state, "\n".join((head, *map(plain, lines)))


def _performance(figure: Figure, limits: Limits | None) -> str:
    warning = limits.warning.text if limits and limits.warning else ""
    critical = limits.critical.text if limits and limits.critical else ""
    label = re.sub(r"[='|\s]", "_", figure.label)
    highest = "" if figure.highest is None else str(figure.highest)
    fields = (f"'{label}'={figure.value}{figure.unit}", warning, critical, "0", highest)
    return ";".join(fields) if highest else ";".join(fields[:4])


def plain(text: str) -> str:
    """Return a text in one line, cut short, without the sign that begins performance data."""
    return " ".join(text.split()).replace("|", "/")[:TEXT_CHARS_MAX]
