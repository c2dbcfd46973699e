"""Rules as a file says them: what `build_rules` reads back unchanged.

Owns: the written form of a rule and of its conditions.
"""

from ha_core.config.kinds import show_moment, show_score
from ha_core.config.model import Condition, Discovery, Rule, ValueFrom
from ha_core.config.said_rules import COMPARED, MOMENTS
from ha_core.ids import INFINITY

Plain = dict[str, object]


def rule_as_plain(item: Rule) -> Plain:
    """Return the rule as plain mappings, lists and scalars."""
    found: Plain = {"rule": str(item.resource)}
    if item.condition is None:
        found |= {"attribute": item.attribute, "operation": str(item.operation)}
        found |= {"value": item.value} if item.value else {}
    else:
        found["when"] = _condition(item.condition)
    if item.score_attribute:
        found["score_attribute"] = item.score_attribute
    elif item.score != INFINITY:
        found["score"] = show_score(item.score)
    if item.role is not None:
        found["role"] = str(item.role)
    if item.discovery is not Discovery.ALWAYS:
        found["discovery"] = str(item.discovery)
    return found


def _condition(item: Condition) -> Plain:
    if item.join is not None:
        return {str(item.join): [_condition(part) for part in item.parts]}
    found: Plain = {}
    for key, field in COMPARED.items():
        value = getattr(item, field)
        if value is not None and value != "" and value is not ValueFrom.LITERAL:
            found[key] = str(value)
    for key, field in MOMENTS.items():
        value = getattr(item, field)
        if value is not None:
            found[key] = show_moment(value)
    return found | dict(item.calendar)
