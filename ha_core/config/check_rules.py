"""What conditions of rules must satisfy: names, values, moments, times of the calendar.

Owns: these rules, whoever wrote the condition.
"""

from collections.abc import Iterable

from ha_core.config import calendar_ranges, keys_constraints, limits
from ha_core.config.faults import Fault, bad_name, bad_text, out_of_range, shown, too_many
from ha_core.config.model import Comparison, Condition, ValueFrom
from ha_core.config.said_rules import MOMENTS


def compared_faults(
    path: str, attribute: str, operation: Comparison, value: str
) -> Iterable[Fault]:
    """Yield the faults of one comparison."""
    is_good = bool(limits.ATTRIBUTE.fullmatch(attribute))
    yield from bad_name(f"{path}.attribute", attribute, is_good, limits.ATTRIBUTE_ALLOWED)
    yield from bad_text(f"{path}.value", value)
    if value and operation in (Comparison.DEFINED, Comparison.NOT_DEFINED):
        text = f"is {shown(value)} for the operation {operation}"
        yield Fault(f"{path}.value", f"{text}; allowed: without a value")


def condition_faults(path: str, condition: Condition) -> Iterable[Fault]:
    """Yield the faults of a condition and of all that is in it."""
    found = [(path, condition)]
    for place, item in found:
        found += [
            (f"{place}.{item.join}[{number}]", part) for number, part in enumerate(item.parts)
        ]
        if len(found) > limits.CONDITIONS_MAX:
            yield from too_many(path, len(found), limits.CONDITIONS_MAX, "conditions")
            return
    for place, item in found:
        yield from _condition(place, item)


def _condition(path: str, item: Condition) -> Iterable[Fault]:
    if item.join is not None:
        if not item.parts:
            yield Fault(f"{path}.{item.join}", "is empty; allowed: at least one condition")
        return
    if item.operation is not None:
        yield from compared_faults(path, item.attribute, item.operation, item.value)
        is_list = item.operation in (Comparison.ONE_OF, Comparison.NONE_OF)
        if is_list and item.value_from is not ValueFrom.LITERAL:
            text = f"is {item.value_from} for the operation {item.operation}"
            yield Fault(f"{path}.value_from", f"{text}; allowed: with a single value")
    for key, field in MOMENTS.items():
        moment_ms = getattr(item, field)
        if moment_ms is not None:
            yield from out_of_range(f"{path}.{key}", moment_ms, 0, limits.MOMENT_MS_MAX, " ms")
    ends = (item.from_wall_ms, item.to_wall_ms)
    if ends[0] is not None and ends[1] is not None and ends[1] < ends[0]:
        yield Fault(f"{path}.to", "is before 'from'; allowed: a moment from then on")
    for key, text in item.calendar:
        if key not in keys_constraints.CALENDAR:
            allowed = ", ".join(keys_constraints.CALENDAR)
            yield Fault(f"{path}.{key}", f"is no part of the calendar; allowed: {allowed}")
        elif not limits.CALENDAR_RANGE.fullmatch(text) or not calendar_ranges.is_possible(
            key, text
        ):
            cure = calendar_ranges.allowed(key)
            yield Fault(f"{path}.{key}", f"is {shown(text)}; allowed: {cure}")
