"""Moments and spans of time, as CIM says them.

Owns: that form. Source: DSP0004 3.0, "Datetime".
"""

from datetime import UTC, datetime
from typing import Final

MAX_WALL_MS: Final = 253_402_300_799_999
"""Last millisecond of the year 9999, the last that a CIM datetime can say."""
SPAN_MAX_US: Final = (99_999_999 * 86_400 + 86_399) * 1_000_000 + 999_999
"""The longest span that a CIM datetime can say."""


def cim_datetime(wall_ms: int) -> str | None:
    """Return a moment in UTC; None if it is unknown or out of range."""
    if not 0 < wall_ms <= MAX_WALL_MS:
        return None
    moment = datetime.fromtimestamp(wall_ms // 1000, tz=UTC)
    return f"{moment:%Y%m%d%H%M%S}.{wall_ms % 1000:03d}000+000"


def cim_interval(span_us: int) -> str:
    """Return a span of so many microseconds; none below 0, and the longest for what is longer."""
    seconds, fraction = divmod(min(max(span_us, 0), SPAN_MAX_US), 1_000_000)
    days, rest = divmod(seconds, 86_400)
    text = f"{days:08d}{rest // 3_600:02d}{rest // 60 % 60:02d}{rest % 60:02d}"
    return f"{text}.{fraction:06d}:000"
