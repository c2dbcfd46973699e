"""CIM datetimes as something that can be ordered.

Owns: reading the text form. One in which digits are unknown (asterisks) has no
order and is equal to nothing but its own text.
Source: DSP0004 3.0, "Datetime type".
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_TIMESTAMP = re.compile(r"([0-9]{14})\.([0-9]{6})([+-][0-9]{3})")
_INTERVAL = re.compile(r"([0-9]{8})([0-9]{2})([0-9]{2})([0-9]{2})\.([0-9]{6}):000")


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A point in time, microseconds of UTC, or the length of an interval."""

    is_interval: bool
    microseconds: int


def moment(text: str) -> Moment | None:
    """Return what a datetime says, None if it is none or leaves digits open."""
    interval = _INTERVAL.fullmatch(text)
    if interval is not None:
        days, hours, minutes, seconds, rest = map(int, interval.groups())
        length = timedelta(days, seconds, rest, 0, minutes, hours)
        return Moment(True, length // timedelta(microseconds=1))
    stamp = _TIMESTAMP.fullmatch(text)
    if stamp is None:
        return None
    try:
        local = datetime.strptime(stamp[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    since = local - datetime(1, 1, 1, tzinfo=UTC) - timedelta(minutes=int(stamp[3]))
    return Moment(False, since // timedelta(microseconds=1) + int(stamp[2]))
