"""Rules: whether they hold for a node, a resource, an operation, at a moment.

Owns: the judging of expressions. One that cannot be understood does not hold, with a remark.
Source: Pacemaker Explained, "Rules".
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

if TYPE_CHECKING:
    from ha_core.policy.cib.dates import Moment

_PRESENCE: Final = frozenset({"defined", "not_defined"})
_EQUALITY: Final = frozenset({"eq", "ne"})
_ORDER: Final = frozenset({"lt", "lte", "gt", "gte"})
_TYPES: Final = frozenset({"string", "number", "integer", "version"})
_FRACTION: Final = re.compile(r"\s*([+-]?[0-9]{1,300}(?:\.[0-9]{0,300})?)")
_EXPRESSIONS: Final = (
    "rule",
    "expression",
    "date_expression",
    "rsc_expression",
    "op_expression",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may ask about; None: such a question has no place here."""

    attributes: Mapping[str, str] | None = None
    """Of the node."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    agent: tuple[str, str, str] | None = None
    groups: tuple[str, ...] = ()
    """What a pattern of names found: `%0`, `%1` and so on."""
    operation: tuple[str, int] | None = None
    """Name and interval in milliseconds."""


class Rules:
    """Judges rules of one CIB."""

    def __init__(self, source: Source) -> None:
        """Begin with a source."""
        self._source = source
        self._told: set[int] = set()
        self._moment: Moment | None = None
        self._dates: dict[int, bool] = {}

    def judge(self, facts: Facts) -> Callable[[Element], bool]:
        """Return a judge of rules for these facts."""
        return lambda rule: self.holds(rule, facts)

    def holds(self, rule: Element, facts: Facts) -> bool:
        """Return whether the rule holds."""
        found = self._source.referred(rule)
        if found is None:
            return False
        operator = found.get("boolean-op", "and").strip().lower()
        if operator not in ("and", "or"):
            self._odd(found, f"boolean-op is {operator!r}, allowed: and, or")
            return False
        parts = [child for child in found.children if child.tag in _EXPRESSIONS]
        if not parts:
            self._odd(found, "the rule has no expression: it does not hold")
            return False
        results = (self._expression(part, facts) for part in parts)
        return any(results) if operator == "or" else all(results)

    def _expression(self, element: Element, facts: Facts) -> bool:
        if element.tag == "rule":
            return self.holds(element, facts)
        if element.tag == "expression":
            return self._attribute(element, facts)
        if element.tag == "date_expression":
            return self._date(element)
        if element.tag == "rsc_expression":
            return _is_agent(element, facts.agent)
        return self._is_operation(element, facts.operation)

    def _odd(self, element: Element, text: str) -> None:
        if id(element) not in self._told:
            self._told.add(id(element))
            self._source.leave_out(element, text)

    # --- dates: the same for every node, so judged once

    def _date(self, element: Element) -> bool:
        known = self._dates.get(id(element))
        if known is not None:
            return known
        from ha_core.policy.cib.dates import (
            DateError,
            Moment,
            holds_date,
            odd_fields,
        )  # few have any

        if self._moment is None:
            self._moment = Moment.of(self._source.now_s, self._source.zone)
        try:
            result = holds_date(element, self._moment)
        except DateError as fault:
            self._odd(element, f"{fault}: it does not hold")
            result = False
        for text in odd_fields(element):
            self._odd(element, text)
        self._dates[id(element)] = result
        return result

    # --- attributes

    def _attribute(self, element: Element, facts: Facts) -> bool:
        if facts.attributes is None:
            self._odd(element, "node attributes cannot be asked for here: it does not hold")
            return False
        operation = element.get("operation").strip().lower()
        name = element.get("attribute")
        for number, group in enumerate(facts.groups):
            name = name.replace(f"%{number}", group)
        if not name or operation not in _PRESENCE | _EQUALITY | _ORDER:
            allowed = ", ".join(sorted(_PRESENCE | _EQUALITY | _ORDER))
            what = f"operation is {operation!r}, allowed: {allowed}" if name else "no attribute"
            self._odd(element, f"{what}; it does not hold")
            return False
        found = facts.attributes.get(name)
        if operation in _PRESENCE:
            return (found is not None) == (operation == "defined")
        wanted = self._wanted(element, facts)
        if found is None or wanted is None:
            return operation == "ne" and (found is None) != (wanted is None)
        kind = element.get("type").strip().lower()
        if not kind:
            kind = usual_kind(operation, found, wanted)
        if kind not in _TYPES:
            self._odd(element, f"type is {kind!r}, allowed: {', '.join(sorted(_TYPES))}")
            kind = usual_kind(operation, found, wanted)
        return is_so(operation, kind, found, wanted)

    def _wanted(self, element: Element, facts: Facts) -> str | None:
        value = element.attributes.get("value")
        source = element.get("value-source", "literal").strip().lower()
        if value is None or source == "literal":
            return value
        if source == "param":
            return facts.parameters.get(value)
        if source == "meta":
            return facts.meta.get(value)
        self._odd(element, f"value-source is {source!r}, allowed: literal, param, meta")
        return value

    def _is_operation(self, element: Element, operation: tuple[str, int] | None) -> bool:
        if operation is None:
            return False
        name, interval_ms = operation
        if element.get("name") != name:
            return False
        text = element.attributes.get("interval")
        if text is None:
            return True
        wanted = values.milliseconds(text)
        if wanted is None:
            self._odd(element, f"interval is {text!r}, which is no interval: it does not hold")
        return wanted == interval_ms


def usual_kind(operation: str, found: str, wanted: str) -> str:
    """Return as what two values are compared where nothing is said."""
    if operation in _EQUALITY:
        return "string"
    return "number" if "." in found or "." in wanted else "integer"


def is_so(operation: str, kind: str, found: str, wanted: str) -> bool:
    """Return whether the comparison of two values of that kind holds."""
    return _is_so(operation, _compared(kind, found, wanted))


def _is_agent(element: Element, agent: tuple[str, str, str] | None) -> bool:
    if agent is None:
        return False
    wanted = (element.attributes.get(name) for name in ("class", "provider", "type"))
    return all(text is None or text == own for text, own in zip(wanted, agent, strict=True))


def _compared(kind: str, one: str, two: str) -> int:
    """Return below, at or above 0 as the first is less, equal or more."""
    if kind == "integer":
        return _signed(values.number(one) or 0, values.number(two) or 0)
    if kind == "number":
        return _signed(_fraction(one), _fraction(two))
    if kind == "version":
        return _signed(_version(one), _version(two))
    left, right = one.lower(), two.lower()
    return (left > right) - (left < right)


def _signed(one: object, two: object) -> int:
    assert isinstance(one, int | float | tuple)
    return (one > two) - (one < two)  # type: ignore[operator]  # both are of one kind


def _fraction(text: str) -> float:
    found = _FRACTION.match(text)
    return float(found[1]) if found else 0.0


def _version(text: str) -> tuple[int, ...]:
    parts = [int(part) for part in re.findall(r"[0-9]{1,18}", text)]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _is_so(operation: str, compared: int) -> bool:
    match operation:
        case "eq":
            return compared == 0
        case "ne":
            return compared != 0
        case "lt":
            return compared < 0
        case "lte":
            return compared <= 0
        case "gt":
            return compared > 0
    return compared >= 0
