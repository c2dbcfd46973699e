"""Conditions of rules as a list of expressions, each with its place in the tree.

Owns: that translation, pure: the places and joins of all expressions give the tree back.
"""

from collections.abc import Iterator
from dataclasses import replace

from cim_provider.views.settings import ExpressionView
from ha_core.config.kinds import show_moment
from ha_core.config.model import Condition, Join, Rule
from ha_core.ids import Millis


def expressions_of(rule: Rule) -> tuple[ExpressionView, ...]:
    """Return the parts of a rule, in its order; those of a rule within it follow that."""
    condition = rule.condition
    if condition is None:
        condition = Condition(attribute=rule.attribute, operation=rule.operation, value=rule.value)
    if condition.join is None and len(_said(condition)) == 1:
        condition = Condition(join=Join.ALL, parts=(condition,))
    return tuple(_parts(condition, ExpressionView(rule.id, "", kind="rule")))


def _parts(condition: Condition, rule: ExpressionView) -> Iterator[ExpressionView]:
    """Yield the parts of a rule; of what says several things at once, these."""
    stem = f"{rule.number}-" if rule.number else ""
    join = str(condition.join or Join.ALL)
    if condition.join is None:
        for place, part in enumerate(_said(condition), 1):
            yield replace(part, constraint=rule.constraint, number=f"{stem}{place}", join=join)
        return
    for place, inner in enumerate(condition.parts, 1):
        said = _said(inner) if inner.join is None else []
        part = said[0] if len(said) == 1 else rule
        yield (
            here := replace(part, constraint=rule.constraint, number=f"{stem}{place}", join=join)
        )
        if len(said) != 1:
            yield from _parts(inner, here)


def _said(leaf: Condition) -> list[ExpressionView]:
    """Return what a condition without parts says: one thing, in all but strange cases."""
    found = []
    if leaf.operation is not None:
        found.append(
            ExpressionView(
                "",
                "",
                attribute=leaf.attribute,
                operation=str(leaf.operation),
                value=leaf.value,
                value_type=str(leaf.value_type or ""),
                value_from=str(leaf.value_from),
            )
        )
    if leaf.after_wall_ms is not None:
        found.append(_date("gt", leaf.after_wall_ms, None))
    if leaf.before_wall_ms is not None:
        found.append(_date("lt", None, leaf.before_wall_ms))
    if leaf.from_wall_ms is not None or leaf.to_wall_ms is not None:
        found.append(_date("in_range", leaf.from_wall_ms, leaf.to_wall_ms))
    if leaf.calendar:
        text = " ".join(f"{name}={value}" for name, value in leaf.calendar)
        found.append(ExpressionView("", "", kind="calendar", operation="date_spec", value=text))
    return found


def _date(operation: str, begins_ms: Millis | None, ends_ms: Millis | None) -> ExpressionView:
    """Return an expression of time; an end that is open is said as two dots. Source: ISO 8601-2."""
    ends = [None if each is None else show_moment(each) for each in (begins_ms, ends_ms)]
    if operation == "in_range":
        value = "/".join(each or ".." for each in ends)
    else:
        value = ends[0] or ends[1] or ""
    return ExpressionView(
        "",
        "",
        kind="date",
        operation=operation,
        value=value,
        begins_wall_ms=begins_ms,
        ends_wall_ms=ends_ms,
    )
