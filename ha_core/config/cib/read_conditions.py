"""Rules of a CIB as trees of conditions.

Owns: which expressions have a counterpart. Moments without a zone, and the calendar, are taken to
be of UTC, which is told. Source: Pacemaker Explained, "Rules".
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ha_core.config import calendar_ranges, limits
from ha_core.config.cib.form import Plain
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.write_rules import CALENDAR, SOURCES
from ha_core.config.faults import shown
from ha_core.config.keys_constraints import CALENDAR as FIELDS
from ha_core.config.kinds import show_moment
from ha_core.config.model import NODE_NAME, Comparison, ValueType
from ha_core.policy.cib.dates import DateError, end_of, has_zone, read_date
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JOINS: Final = {"and": "all", "or": "any"}
_DEPTH_MAX: Final = 12
"""Of rules in rules, so that what comes of it is a file that can be read."""


ATTRIBUTES: Final = {
    "rule": ("boolean-op", "score", "role"),
    "expression": ("attribute", "operation", "value", "type", "value-source"),
    "date_expression": ("operation", "start", "end"),
    "duration": ("years", "months", "weeks", "days", "hours", "minutes", "seconds"),
    CALENDAR: tuple(FIELDS),
}
"""What is read of each element; a rule in a rule has neither a score nor a role that counts."""


class _OddError(Exception):
    """A part that has no counterpart; the text says why."""


@dataclass(slots=True)
class Conditions:
    """Reads what must hold for a rule."""

    source: Source
    ledger: Ledger
    names: Names
    attributes: dict[str, str]
    """Attributes that have another name here."""
    is_ours: bool = False
    """The CIB was written by us: what its times mean is known."""

    def read(self, rule: Element) -> tuple[Plain, str]:
        """Return the condition as a file says it, or why there is none."""
        known: list[Element] = []
        try:
            found = self._rule(rule, known, 0)
        except (_OddError, DateError) as fault:
            return {}, str(fault)
        if len(known) > limits.CONDITIONS_MAX:
            return {}, f"it has {len(known)} parts; allowed: {limits.CONDITIONS_MAX} at most"
        for element in known:
            self.ledger.know(element, *ATTRIBUTES[element.tag])
        for element in known if not self.is_ours else ():
            self._tell_zone(element)
        return found, ""

    def _rule(self, rule: Element, known: list[Element], depth: int) -> Plain:
        operator = rule.get("boolean-op", "and").strip().lower()
        if operator not in _JOINS or not rule.children:
            text = f"boolean-op is {shown(operator)}; allowed: and, or"
            raise _OddError(text if rule.children else "it has no expression, and never holds")
        if depth > _DEPTH_MAX:
            raise _OddError(f"it nests deeper than {_DEPTH_MAX} rules")
        parts = [self._part(child, known, depth) for child in rule.children]
        if len(parts) == 1:
            return parts[0]
        return {_JOINS[operator]: parts}

    def _part(self, element: Element, known: list[Element], depth: int) -> Plain:
        if element.tag == "rule":
            found = self.source.referred(element)
            if found is None:
                raise _OddError("one of its rules is not there")
            known += [element, found]
            return self._rule(found, known, depth + 1)
        known.append(element)
        if element.tag == "expression":
            return self._expression(element)
        if element.tag == "date_expression":
            known += element.all("duration", CALENDAR)
            return self._date(element)
        raise _OddError(f"it asks for <{element.tag}>, which no place of a resource depends on")

    def _expression(self, element: Element) -> Plain:
        name, operation = element.get("attribute"), element.get("operation").strip().lower()
        if operation not in tuple(Comparison) or not limits.ATTRIBUTE.fullmatch(name):
            raise _OddError(f"{shown(operation)} of attribute {shown(name)} is not compared here")
        found: Plain = {"attribute": self.attributes.get(name, name), "operation": operation}
        if "defined" in operation:
            return found
        value = element.get("value")
        if name == NODE_NAME:
            value = self.names.nodes.get(value, value)
        found["value"] = value
        kind = element.get("type").strip().lower()
        if kind and kind not in tuple(ValueType):
            raise _OddError(f"type is {shown(kind)}; allowed: {', '.join(ValueType)}")
        if kind:
            found["type"] = kind
        source = element.get("value-source", "literal").strip().lower()
        if source != "literal":
            ours = next((str(key) for key, theirs in SOURCES.items() if theirs == source), "")
            if not ours:
                raise _OddError(f"value-source is {shown(source)}; allowed: literal, param, meta")
            found["value_from"] = ours
        return found

    # --- dates

    def _date(self, element: Element) -> Plain:
        operation = element.get("operation", "in_range").strip().lower()
        if operation == CALENDAR:
            return self._calendar(element)
        start, end = _moment(element, "start"), _moment(element, "end")
        span = element.child("duration")
        if start is not None and end is None and span is not None:
            end = end_of(start, span)
        wanted = {"gt": ("after", start), "lt": ("before", end)}
        if operation in wanted:
            key, moment = wanted[operation]
            if moment is None:
                raise _OddError(f"a date_expression of {operation} has no date")
            return {key: _shown(moment)}
        if operation != "in_range" or (start is None and end is None):
            text = "in_range has neither start nor end"
            is_range = operation == "in_range"
            raise _OddError(text if is_range else f"operation of a date is {shown(operation)}")
        ends = {"from": start, "to": end}
        return {key: _shown(moment) for key, moment in ends.items() if moment is not None}

    def _calendar(self, element: Element) -> Plain:
        spec = element.child(CALENDAR)
        given = {k: v for k, v in spec.attributes.items() if k != "id"} if spec else {}
        found: Plain = {}
        for key, text in given.items():
            text = "".join(text.split())
            if key not in FIELDS:
                allowed = f"allowed: {', '.join(FIELDS)}"
                raise _OddError(f"{shown(key)} is no part of the calendar; {allowed}")
            if not calendar_ranges.is_possible(key, text):
                allowed = f"allowed: {calendar_ranges.allowed(key)}"
                raise _OddError(f"{key} is {shown(text)}; {allowed}")
            found[key] = text
        if not found:
            raise _OddError("a date_spec says nothing")
        return {key: found[key] for key in FIELDS if key in found}

    def _tell_zone(self, element: Element) -> None:
        dates = [element.get(key) for key in ("start", "end") if key in element.attributes]
        is_local = element.tag == "date_expression" and any(not has_zone(text) for text in dates)
        if is_local or element.tag == CALENDAR:
            what = "its dates" if is_local else "its times"
            text = f"{element.id}: {what} are those of UTC here, of the node's zone in Pacemaker"
            self.ledger.note(element, text)


def _moment(element: Element, name: str) -> datetime | None:
    text = element.attributes.get(name)
    found = None if text is None else read_date(text, UTC)
    if found is not None and found < _EPOCH:
        raise _OddError(f"{name} is {shown(text or '')}; allowed: dates since 1970")
    return found


def _shown(moment: datetime) -> str:
    return show_moment((moment - _EPOCH) // timedelta(milliseconds=1))
