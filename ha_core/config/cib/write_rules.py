"""Conditions of rules as elements of a CIB.

Owns: how each kind of condition is said, and the names that the reader needs, too.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from ha_core.config.cib.form import Ids, make
from ha_core.config.model import NODE_NAME, Comparison, Condition, Join, Node, ValueFrom
from ha_core.ids import Millis
from ha_core.policy.cib.tree import Element

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LISTS: Final = {Comparison.ONE_OF: ("or", "eq"), Comparison.NONE_OF: ("and", "ne")}
OPERATORS: Final = {Join.ALL: "and", Join.ANY: "or"}
SOURCES: Final = {ValueFrom.PARAMETER: "param", ValueFrom.OPTION: "meta"}
CALENDAR: Final = "date_spec"


def moment(wall_ms: Millis) -> str:
    """Return the moment as a CIB says it: in whole seconds."""
    found = _EPOCH + timedelta(seconds=wall_ms // 1000)
    return found.isoformat().replace("+00:00", "Z")


def fill(rule: Element, condition: Condition, ids: Ids) -> None:
    """Put into the rule what must hold; a list of conditions is the rule itself."""
    parts: tuple[Condition, ...] = (condition,)
    if condition.join is not None:
        rule.attributes["boolean-op"] = OPERATORS[condition.join]
        parts = condition.parts
    for part in parts:
        if part.join is not None or part.operation in LISTS:
            inner = make("rule", {"id": ids.take(f"{rule.id}-rule", "rule"), "boolean-op": "and"})
            rule.children.append(inner)
            if part.join is not None:
                fill(inner, part, ids)
            else:
                _words(inner, part, ids)
        elif part.operation is not None:
            rule.children.append(_expression(rule, part, str(part.operation), part.value, ids))
        else:
            rule.children.append(_date(rule, part, ids))


def timed_standby(node: Node, ids: Ids) -> Element:
    """Return the attributes of a node whose standby has an end."""
    stem = ids.take(f"nodes-{node.name}-standby", "block")
    block = make("instance_attributes", {"id": stem})
    rule = make("rule", {"id": ids.take(f"{stem}-rule", "rule"), "score": "INFINITY"})
    fill(rule, Condition(before_wall_ms=node.standby_until_wall_ms), ids)
    pair = {"id": ids.take(f"{stem}-on", "pair"), "name": "standby", "value": "on"}
    block.children += [rule, make("nvpair", pair)]
    return block


def _words(rule: Element, part: Condition, ids: Ids) -> None:
    """Compare with each of several words; of no words none is the node's."""
    assert part.operation is not None
    operator, each = LISTS[part.operation]
    rule.attributes["boolean-op"] = operator
    words = part.value.split()
    rule.children += [_expression(rule, part, each, word, ids) for word in words]
    if not words:
        known = Condition(attribute=NODE_NAME)
        unary = "not_defined" if each == "eq" else "defined"
        rule.children.append(_expression(rule, known, unary, "", ids))


def _expression(rule: Element, part: Condition, operation: str, value: str, ids: Ids) -> Element:
    words = {"id": ids.take(f"{rule.id}-expression", "expression")}
    words |= {"attribute": part.attribute, "operation": operation}
    if "defined" not in operation:
        words["value"] = value
    if part.value_type is not None:
        words["type"] = str(part.value_type)
    if part.value_from in SOURCES:
        words["value-source"] = SOURCES[part.value_from]
    return make("expression", words)


def _date(rule: Element, part: Condition, ids: Ids) -> Element:
    words = {"id": ids.take(f"{rule.id}-date", "expression")}
    if part.calendar:
        found = make("date_expression", {**words, "operation": CALENDAR})
        spec = {"id": ids.take(f"{found.id}-spec", "spec"), **dict(part.calendar)}
        found.children.append(make(CALENDAR, spec))
        return found
    if part.after_wall_ms is not None:
        return make(
            "date_expression", {**words, "operation": "gt", "start": moment(part.after_wall_ms)}
        )
    if part.before_wall_ms is not None:
        return make(
            "date_expression", {**words, "operation": "lt", "end": moment(part.before_wall_ms)}
        )
    words["operation"] = "in_range"
    if part.from_wall_ms is not None:
        words["start"] = moment(part.from_wall_ms)
    if part.to_wall_ms is not None:
        words["end"] = moment(part.to_wall_ms)
    return make("date_expression", words)
