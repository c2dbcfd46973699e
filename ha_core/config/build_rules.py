"""Rules of a file turned into the model's: one comparison, or a tree of conditions.

Owns: the names that their keys have in the model. A condition that says nothing, or several
things at once, is a fault (`incomplete`): it is told where it stands.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.config import keys_constraints
from ha_core.config.faults import Fault
from ha_core.config.limits import CONDITIONS_MAX
from ha_core.config.model import Comparison, Condition, Join, Rule
from ha_core.config.read import Plain
from ha_core.config.said_rules import COMPARED, MOMENTS
from ha_core.ids import INFINITY, ConstraintId, ResourceId

_KINDS: Final = (
    ("all",),
    ("any",),
    tuple(keys_constraints.COMPARISON),
    ("after",),
    ("before",),
    ("from", "to"),
    tuple(keys_constraints.CALENDAR),
)
"""Keys of which one condition has those of one line."""


def rule_of(name: str, raw: Plain) -> Rule:
    """Return the rule."""
    own = {key: raw[key] for key in ("role", "discovery", "score_attribute") if key in raw}
    usual = 0 if "score_attribute" in raw else INFINITY
    return Rule(
        ConstraintId(name),
        ResourceId(raw["rule"]),
        raw.get("attribute", ""),
        raw.get("operation", Comparison.DEFINED),
        raw.get("value", ""),
        raw.get("score", usual),
        condition=condition_of(raw["when"]) if "when" in raw else None,
        **own,
    )


def condition_of(raw: Plain) -> Condition:
    """Return the condition, with all that is in it."""
    for join in Join:
        if join in raw:
            return Condition(join, tuple(condition_of(part) for part in raw[join]))
    names = COMPARED | MOMENTS
    found = {field: raw[key] for key, field in names.items() if key in raw}
    calendar = tuple((key, raw[key]) for key in keys_constraints.CALENDAR if key in raw)
    return Condition(**found, calendar=calendar)


def incomplete_rules(raw: Plain) -> Iterator[Fault]:
    """Yield a fault for each rule of a whole file that says nothing, or several things at once."""
    for name, part in raw.get("constraints", {}).items():
        if "rule" not in part:
            continue
        path = f"constraints.{name}"
        if "score" in part and "score_attribute" in part:
            yield Fault(f"{path}.score_attribute", "stands beside 'score'; allowed: one of both")
        beside = [key for key in ("attribute", "operation", "value") if key in part]
        if "when" not in part:
            for key in ("attribute", "operation"):
                if key not in part:
                    yield Fault(path, f"has no '{key}', which it needs, and no 'when' instead")
        elif beside:
            text = f"stands beside {', '.join(beside)}; allowed: one of both"
            yield Fault(f"{path}.when", text)
        else:
            yield from _conditions(f"{path}.when", part["when"], [])


def _conditions(path: str, raw: Plain, seen: list[str]) -> Iterator[Fault]:
    seen.append(path)
    if len(seen) == CONDITIONS_MAX + 1:
        yield Fault(path, f"is one part too many; allowed: {CONDITIONS_MAX} in one rule")
    if len(seen) > CONDITIONS_MAX:
        return
    said = [[key for key in kind if key in raw] for kind in _KINDS]
    firsts = [found[0] for found in said if found]
    allowed = "all, any, attribute, after, before, from or to, or a time of the calendar"
    if not firsts:
        yield Fault(path, f"says nothing; allowed: {allowed}")
    elif len(firsts) > 1:
        yield Fault(path, f"has {' and '.join(firsts)}; allowed: one of them, or both under 'all'")
    elif said[2] and not {"attribute", "operation"} <= set(said[2]):
        yield Fault(path, "has no 'attribute' or no 'operation'; allowed: both")
    for join in Join:
        if join in raw and not raw[join]:
            yield Fault(f"{path}.{join}", "is empty; allowed: at least one condition")
        for number, part in enumerate(raw.get(join, ())):
            yield from _conditions(f"{path}.{join}[{number}]", part, seen)
