"""Date expressions: whether a moment is before, after, within, or of a pattern.

Owns: ISO 8601 dates and durations as far as a CIB uses them, and the calendar's fields.
Source: Pacemaker Explained, "Date and Time Expressions"; ISO 8601.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from ha_core.config import calendar_ranges
from ha_core.policy.cib.tree import Element

_DATE: Final = re.compile(
    r"(?P<year>\d{4})(?:"
    r"-W(?P<week>\d{2})-(?P<weekday>\d)|-(?P<yearday>\d{3})"
    r"|-(?P<month>\d{2})-(?P<day>\d{2})|(?P<month2>\d{2})(?P<day2>\d{2})"
    r")(?!\d)",
    re.ASCII,
)
_TIME: Final = re.compile(
    r"(?P<hour>\d{2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,]\d*)?)?)?"
    r"\s*(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?\s*",
    re.ASCII,
)
_COUNT: Final = re.compile(r"\s*[+-]?\d{1,10}\s*", re.ASCII)
_DURATION_FIELDS: Final = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
_DURATION_MAX: Final = 1_000_000_000
_MONTHS: Final = 12


class DateError(ValueError):
    """A date, range or duration that cannot be read; the text says which."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, and what the local calendar says of it."""

    at: datetime
    """In the local zone."""
    zone: tzinfo | None
    fields: dict[str, int]

    @classmethod
    def of(cls, now_s: int, zone: tzinfo | None) -> "Moment":
        """Return the moment of so many seconds since the Unix epoch."""
        local = datetime.fromtimestamp(now_s, UTC).astimezone(zone)
        year, week, weekday = local.isocalendar()
        fields = {
            "years": local.year,
            "months": local.month,
            "monthdays": local.day,
            "yeardays": local.timetuple().tm_yday,
            "weekyears": year,
            "weeks": week,
            "weekdays": weekday,
            "hours": local.hour,
            "minutes": local.minute,
            "seconds": local.second,
        }
        return cls(local, zone, fields)


def holds_date(element: Element, moment: Moment) -> bool:
    """Return whether a `date_expression` holds at that moment.

    Raises:
        DateError: something of it cannot be read.
    """
    operation = element.get("operation", "in_range").strip().lower()
    start = _bound(element, "start", moment)
    end = _bound(element, "end", moment)
    now = moment.at
    if operation == "gt":
        return start is not None and now > start
    if operation == "lt":
        return end is not None and now < end
    if operation == "date_spec":
        spec = element.child("date_spec")
        if spec is None:
            raise DateError("operation is date_spec, but there is no <date_spec>")
        return _matches(spec, moment)
    if operation != "in_range":
        raise DateError(f"operation is {operation!r}, allowed: gt, lt, in_range, date_spec")
    duration = element.child("duration")
    if end is None and start is not None and duration is not None:
        end = end_of(start, duration)
    if start is None and end is None:
        raise DateError("in_range has neither start nor end")
    return (start is None or now >= start) and (end is None or now <= end)


def _bound(element: Element, name: str, moment: Moment) -> datetime | None:
    text = element.attributes.get(name)
    return None if text is None else read_date(text, moment.zone)


def read_date(text: str, zone: tzinfo | None) -> datetime:
    """Return the moment that a text names; without a zone it is local time.

    Raises:
        DateError: it cannot be read.
    """
    text = text.strip()
    found = _DATE.match(text)
    rest = text[found.end() :].lstrip(" T") if found else text
    clock = _TIME.fullmatch(rest) if rest else None
    if found is None or (rest and clock is None):
        raise DateError(f"{text!r} is no date such as 2026-01-31 12:00:00")
    parts = clock.groupdict() if clock is not None else {}
    try:
        day = _day(found.groupdict())
        hour, minute, second = (int(parts.get(n) or 0) for n in ("hour", "minute", "second"))
        midnight = datetime(day.year, day.month, day.day)
        local = midnight + timedelta(hours=hour, minutes=minute, seconds=second)
        if hour > 24 or minute > 59 or second > 60:
            raise ValueError
        return _in_zone(local, parts.get("zone"), zone)
    except (ValueError, OverflowError):
        raise DateError(f"{text!r} is no date of the calendar") from None


def _in_zone(local: datetime, text: str | None, zone: tzinfo | None) -> datetime:
    if text == "Z":
        return local.replace(tzinfo=UTC)
    if text:
        digits = text[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return local.replace(tzinfo=timezone(-offset if text[0] == "-" else offset))
    return local.astimezone() if zone is None else local.replace(tzinfo=zone)


def _day(parts: dict[str, str | None]) -> date:
    year = int(parts["year"] or 0)
    if parts["week"]:
        return date.fromisocalendar(year, int(parts["week"]), int(parts["weekday"] or 1))
    if parts["yearday"]:
        return date(year, 1, 1) + timedelta(days=int(parts["yearday"]) - 1)
    month = parts["month"] or parts["month2"] or "0"
    day = parts["day"] or parts["day2"] or "0"
    return date(year, int(month), int(day))


def has_zone(text: str) -> bool:
    """Return whether a date that can be read says of which zone it is."""
    found = _DATE.match(text.strip())
    clock = _TIME.fullmatch(text.strip()[found.end() :].lstrip(" T")) if found else None
    return clock is not None and clock["zone"] is not None


def end_of(start: datetime, duration: Element) -> datetime:
    """Return the end of a duration: years and months by the calendar, the rest by the clock.

    Raises:
        DateError: it cannot be read, or ends beyond the calendar.
    """
    counts: dict[str, int] = {}
    for name in _DURATION_FIELDS:
        text = duration.attributes.get(name, "0")
        count = int(text) if _COUNT.fullmatch(text) else None
        if count is None or abs(count) > _DURATION_MAX:
            what = f"allowed: a whole number, {_DURATION_MAX} at most"
            raise DateError(f"{name} of the duration is {text!r}, {what}")
        counts[name] = count
    try:
        months = start.month - 1 + counts["months"] + _MONTHS * counts["years"]
        year, month = start.year + months // _MONTHS, months % _MONTHS + 1
        day = min(start.day, monthrange(year, month)[1])
        return start.replace(year=year, month=month, day=day) + timedelta(
            weeks=counts["weeks"],
            days=counts["days"],
            hours=counts["hours"],
            minutes=counts["minutes"],
            seconds=counts["seconds"],
        )
    except (ValueError, OverflowError):
        raise DateError("the duration ends beyond the calendar") from None


def _matches(spec: Element, moment: Moment) -> bool:
    for name, value in moment.fields.items():
        text = spec.attributes.get(name)
        if text is not None and not is_in_range(text, value, name):
            return False
    return True


def is_in_range(text: str, value: int, name: str) -> bool:
    """Return whether the field of a moment is within a range such as `9-16`.

    Raises:
        DateError: it is no range.
    """
    ends = calendar_ranges.ends_of(text)
    if ends is None:
        raise DateError(f"{name} is {text!r}, allowed: {calendar_ranges.allowed(name)}")
    low, high = ends
    return (low is None or value >= low) and (high is None or value <= high)


def odd_fields(element: Element) -> list[str]:
    """Return a sentence for each field of a `date_spec` that no moment has, or not in that way."""
    spec = element.child("date_spec")
    found = []
    for name, text in spec.attributes.items() if spec is not None else ():
        if name == "id":
            continue
        if name not in calendar_ranges.BOUNDS:
            names = ", ".join(calendar_ranges.BOUNDS)
            found.append(f"{name} is no part of the calendar, allowed: {names}; it is not heeded")
        elif not calendar_ranges.is_possible(name, text):
            found.append(f"{name} is {text!r}, allowed: {calendar_ranges.allowed(name)}")
    return found
