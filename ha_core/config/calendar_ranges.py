"""Ranges of the calendar's fields, such as hours 9-16: how they are read, and which there can be.

Owns: the bounds of each field. Source: Pacemaker Explained, "Date Specifications"; ISO 8601.
"""

import re
from typing import Final

BOUNDS: Final = {
    "hours": (0, 23),
    "minutes": (0, 59),
    "seconds": (0, 59),
    "weekdays": (1, 7),
    "monthdays": (1, 31),
    "yeardays": (1, 366),
    "months": (1, 12),
    "weeks": (1, 53),
    "years": (1, 9999),
    "weekyears": (1, 9999),
}
"""The least and the greatest value of each field."""
_RANGE: Final = re.compile(r"\s*(\d{1,9})?\s*(-)?\s*(\d{1,9})?\s*", re.ASCII)


def ends_of(text: str) -> tuple[int | None, int | None] | None:
    """Return both ends, which count; None for an open one, and None if it is no range at all."""
    found = _RANGE.fullmatch(text)
    if found is None or not (found[1] or found[3]):
        return None
    low = int(found[1]) if found[1] else None
    if not found[2]:
        return low, low
    return low, int(found[3]) if found[3] else None


def allowed(name: str) -> str:
    """Return what a field may be, for messages."""
    least, most = BOUNDS[name]
    return f"a number from {least} to {most}, or a range as {least}-{most}, the lower one first"


def is_possible(name: str, text: str) -> bool:
    """Return whether it is a range of which every value is one that the field can have."""
    ends = ends_of(text)
    if ends is None:
        return False
    least, most = BOUNDS[name]
    low = least if ends[0] is None else ends[0]
    high = most if ends[1] is None else ends[1]
    return least <= low <= high <= most
