"""Rules of locations as ours: one comparison, a list of values, a node until a date, or a tree.

Owns: which rules have one of the first three meanings. Source: Pacemaker Explained, "Rules".
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from ha_core.config import limits
from ha_core.config.cib.form import Plain, is_number
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.cib.read_conditions import ATTRIBUTES, Conditions
from ha_core.config.cib.scores import no_score, read_score
from ha_core.config.faults import shown
from ha_core.config.kinds import show_moment, show_score
from ha_core.config.model import NODE_NAME, Comparison
from ha_core.ids import INFINITY
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Role

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERED: Final = ("lt", "lte", "gte", "gt")
_LISTS: Final = {("or", "eq"): Comparison.ONE_OF, ("and", "ne"): Comparison.NONE_OF}
_KNOWN: Final = (*_ORDERED, "eq", "ne")
_ZONE: Final = re.compile(r"\s+(?=Z$|[+-]\d\d:?\d\d$)")


@dataclass(slots=True)
class Rules:
    """Reads the rules of locations."""

    source: Source
    ledger: Ledger
    names: Names
    is_ours: bool = False
    """The CIB was written by us: what its times mean is known."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Attributes that have another name here: the one of a ping resource."""

    @property
    def conditions(self) -> Conditions:
        """What reads all that is more than one comparison."""
        return Conditions(
            self.source, self.ledger, self.names, self.attributes, is_ours=self.is_ours
        )

    def read(self, rule: Element) -> tuple[list[tuple[str, Plain]], str]:
        """Return the constraints that say the same, each with its kind, or why none does."""
        given, why = self._given(rule)
        if why:
            return [], why
        found = self._short(rule, given)
        if not found:
            when, why = self.conditions.read(rule)
            if why:
                return [], why
            found = [("rule", {"when": when})]
        self.ledger.know(rule, "score", "score-attribute", "boolean-op", "role")
        for item in rule.all("expression", "date_expression"):
            self.ledger.know(item, *ATTRIBUTES[item.tag])
        return [(kind, part | given) for kind, part in found], ""

    def _given(self, rule: Element) -> tuple[Plain, str]:
        """Return the score and the role, or why there are none."""
        role = values.role(rule.get("role", "started"))
        if role in (None, Role.STOPPED):
            return {}, f"its role is {shown(rule.get('role'))}; allowed: started, promoted"
        found: Plain = {"role": "promoted"} if role is Role.PROMOTED else {}
        if "score-attribute" in rule.attributes and "score" not in rule.attributes:
            name = rule.get("score-attribute")
            if not limits.ATTRIBUTE.fullmatch(name):
                return {}, f"its score is attribute {shown(name)}; {limits.ATTRIBUTE_ALLOWED}"
            return found | {"score_attribute": self.attributes.get(name, name)}, ""
        score = read_score(self.source, self.ledger, rule, "0")
        if score is None:
            return {}, no_score(rule)
        return found | ({} if score == INFINITY else {"score": show_score(score)}), ""

    def _short(self, rule: Element, given: Plain) -> list[tuple[str, Plain]]:
        """Return the constraints of one comparison each that say the same; none if none do."""
        op = rule.get("boolean-op", "and").lower()
        items, dates = rule.all("expression"), rule.all("date_expression")
        if len(items) + len(dates) != len(rule.children) or not items:
            return []
        is_one = len({item.get("attribute") for item in items}) == 1
        listed = {item.get("operation") for item in items if (op, item.get("operation")) in _LISTS}
        is_listed = len(items) > 1 and is_one and len(listed) == 1
        if not all(_is_usual(item, is_listed=is_listed) for item in items):
            return []
        if dates:
            made = [None if "score_attribute" in given else self._ending(items, dates, op)]
        else:
            made = [self._compared(items, op)]
        is_infinite = given.get("score", "INFINITY") in ("INFINITY", "-INFINITY")
        if made == [None] and op == "or" and not dates and is_infinite:
            # Scores that are infinite already do not add up: one of several is as good as all.
            made = [self._compared([item], op) for item in items]
        found = [pair for pair in made if pair is not None]
        return found if len(found) == len(made) else []

    def _compared(self, items: list[Element], op: str) -> tuple[str, Plain] | None:
        attributes = {item.get("attribute") for item in items}
        operations = {item.get("operation") for item in items}
        found = [self._value(item) for item in items]
        if len(attributes) > 1 or len(operations) > 1:
            return None
        name, (operation,) = items[0].get("attribute"), operations
        part: Plain = {"attribute": self.attributes.get(name, name), "operation": operation}
        if len(items) > 1:
            listed = _LISTS.get((op, operation))
            if listed is None or any(not value or len(value.split()) != 1 for value in found):
                return None
            part["operation"] = str(listed)
        if "defined" in operation:
            return "rule", part
        return "rule", part | {"value": " ".join(found)}

    def _ending(
        self, items: list[Element], dates: list[Element], op: str
    ) -> tuple[str, Plain] | None:
        """Return the location that a node's name and an end make."""
        is_place = items[0].get("attribute") == NODE_NAME and items[0].get("operation") == "eq"
        is_end = dates[0].get("operation") == "lt" and not dates[0].children
        moment_ms = _moment(dates[0].get("end"))
        if not (is_place and is_end and op == "and" and len(items) == len(dates) == 1):
            return None
        if moment_ms is None:
            return None
        part = {"node": self._value(items[0]), "expires": show_moment(moment_ms)}
        return "location", part

    def _value(self, item: Element) -> str:
        value = item.get("value")
        return self.names.nodes.get(value, value) if item.get("attribute") == NODE_NAME else value


def _is_usual(item: Element, *, is_listed: bool) -> bool:
    """Return whether we compare both values so: as numbers if the one given is one, and alone."""
    operation = item.get("operation")
    if "defined" in operation:
        return True
    kind = item.get("type").strip().lower()
    usual = "number" if is_number(item.get("value")) and not is_listed else "string"
    if not kind:
        kind = usual if operation in _ORDERED and usual == "number" else "string"
    is_literal = item.get("value-source", "literal") == "literal" and item.get("value") != ""
    return kind == usual and is_literal and operation in _KNOWN


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(_ZONE.sub("", text.strip()))
    except ValueError:
        return None
    if moment.tzinfo is None or moment < _EPOCH:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
