"""Whether the condition of a rule holds for a node at a moment.

Owns: the walk over the tree. Values and the calendar are compared by what judges the rules of
CIBs, so that both mean the same. Source: Pacemaker Explained, "Rules".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from ha_core.config.model import Comparison, Condition, Join, ValueFrom
from ha_core.ids import Millis
from ha_core.policy.cib.dates import Moment, is_in_range
from ha_core.policy.cib.rules import Facts, is_so, usual_kind

_PRESENCE: Final = (Comparison.DEFINED, Comparison.NOT_DEFINED)


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule is judged for: a node's attributes, the resource's own words, the moment."""

    facts: Facts
    at_wall_ms: Millis
    moment: Moment
    """The same moment, as the calendar has it in UTC."""

    @classmethod
    def of(cls, facts: Facts, at_wall_ms: Millis) -> "Question":
        """Return the question at that moment."""
        return cls(facts, at_wall_ms, Moment.of(at_wall_ms // 1000, UTC))


def holds(condition: Condition, question: Question) -> bool:
    """Return whether the condition holds; one that says nothing does not."""
    if condition.join is not None:
        results = (holds(part, question) for part in condition.parts)
        return any(results) if condition.join is Join.ANY else all(results)
    if condition.operation is not None:
        return _is_true(condition, condition.operation, question.facts)
    if condition.calendar:
        fields = question.moment.fields
        return all(
            key in fields and is_in_range(text, fields[key], key)
            for key, text in condition.calendar
        )
    return _is_time(condition, question.at_wall_ms // 1000)


def _is_time(condition: Condition, now_s: int) -> bool:
    """Return whether it is before, after or within what is given, in whole seconds."""
    tests: list[tuple[Millis | None, Callable[[int, int], bool]]] = [
        (condition.after_wall_ms, lambda now, at: now > at),
        (condition.before_wall_ms, lambda now, at: now < at),
        (condition.from_wall_ms, lambda now, at: now >= at),
        (condition.to_wall_ms, lambda now, at: now <= at),
    ]
    results = [is_it(now_s, at_ms // 1000) for at_ms, is_it in tests if at_ms is not None]
    return bool(results) and all(results)


def _is_true(condition: Condition, operation: Comparison, facts: Facts) -> bool:
    found = (facts.attributes or {}).get(condition.attribute)
    if operation in _PRESENCE:
        return (found is not None) == (operation is Comparison.DEFINED)
    wanted: str | None = condition.value
    if condition.value_from is ValueFrom.PARAMETER:
        wanted = facts.parameters.get(condition.value)
    elif condition.value_from is ValueFrom.OPTION:
        wanted = facts.meta.get(condition.value)
    if operation in (Comparison.ONE_OF, Comparison.NONE_OF):
        words = condition.value.split()
        is_one = any(_compared(condition, Comparison.EQUAL, found, word) for word in words)
        return is_one == (operation is Comparison.ONE_OF)
    return _compared(condition, operation, found, wanted)


def _compared(
    condition: Condition, operation: Comparison, found: str | None, wanted: str | None
) -> bool:
    if found is None or wanted is None:
        return operation is Comparison.NOT_EQUAL and (found is None) != (wanted is None)
    kind = condition.value_type or usual_kind(operation, found, wanted)
    return is_so(operation, kind, found, wanted)


def has_times(condition: Condition) -> bool:
    """Return whether it may begin or cease to hold by time alone."""
    ends = (condition.after_wall_ms, condition.before_wall_ms)
    span = (condition.from_wall_ms, condition.to_wall_ms)
    is_timed = bool(condition.calendar) or any(at_ms is not None for at_ms in (*ends, *span))
    return is_timed or any(has_times(part) for part in condition.parts)
