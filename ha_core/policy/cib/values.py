"""Values as a CIB writes them: scores, booleans, intervals, roles.

Owns: their syntax. What cannot be read is None; the caller says where that was.
Source: Pacemaker Explained, "Scores", "Property types".
"""

import re
from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import Role

_TRUE: Final = frozenset({"true", "on", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "off", "no", "n", "0"})
_INFINITE: Final = {"INFINITY": INFINITY, "+INFINITY": INFINITY, "-INFINITY": -INFINITY}
_NUMBER: Final = re.compile(r"\s*([+-]?[0-9]{1,19})", re.ASCII)
_INTERVAL: Final = re.compile(r"\s*\+?([0-9]{1,15})(?:\.[0-9]*)?\s*([a-zA-Z]*)\s*", re.ASCII)
_DURATION: Final = re.compile(
    r"P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})W)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?",
    re.ASCII,
)
_UNITS_MS: Final = {
    "": 1000,
    "s": 1000,
    "sec": 1000,
    "ms": 1,
    "msec": 1,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "hr": 3_600_000,
}
_DURATION_S: Final = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)
"""Years and months as 365 and 30 days: intervals of that length want no calendar."""
_ROLES: Final = {
    "stopped": Role.STOPPED,
    "started": Role.STARTED,
    "unpromoted": Role.UNPROMOTED,
    "slave": Role.UNPROMOTED,
    "promoted": Role.PROMOTED,
    "master": Role.PROMOTED,
}
MILLISECONDS_MAX: Final = 2**63 - 1


def clamped(score: int) -> int:
    """Return the score within its range."""
    return max(-INFINITY, min(INFINITY, score))


def number(text: str) -> int | None:
    """Return the whole number that the text begins with, as C reads it; None if it does not."""
    found = _NUMBER.match(text)
    return int(found[1]) if found else None


def score(text: str) -> int | None:
    """Return a score without the health words."""
    known = _INFINITE.get(text)
    if known is not None:
        return known
    found = number(text)
    return None if found is None else clamped(found)


def boolean(text: str) -> bool | None:
    """Return a boolean."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def milliseconds(text: str) -> int | None:
    """Return an interval or timeout: `10`, `10s`, `500ms`, `2min`, `1h`, `PT10S`."""
    found = _INTERVAL.fullmatch(text)
    if found:
        unit = found[2].lower()
        if unit in ("us", "usec"):
            return int(found[1]) // 1000
        factor = _UNITS_MS.get(unit)
        return None if factor is None else min(MILLISECONDS_MAX, int(found[1]) * factor)
    duration = _DURATION.fullmatch(text.strip())
    if duration is None or not any(duration.groups()):
        return None
    parts = zip(duration.groups(), _DURATION_S, strict=True)
    return 1000 * sum(int(part or 0) * factor for part, factor in parts)


def seconds(text: str) -> int | None:
    """Return an interval in whole seconds."""
    found = milliseconds(text)
    return None if found is None else found // 1000


def role(text: str) -> Role | None:
    """Return the role of that name, old or new."""
    return _ROLES.get(text.strip().lower())
