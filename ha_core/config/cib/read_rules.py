"""Rules of locations as ours: one comparison, a list of values, or a node until a date.

Owns: which rules have one of these meanings. Source: Pacemaker Explained, "Rules".
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from ha_core.config.cib import reasons
from ha_core.config.cib.form import Plain, is_number
from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.names import Names
from ha_core.config.kinds import show_moment, show_score
from ha_core.config.model import NODE_NAME, Comparison
from ha_core.ids import INFINITY
from ha_core.policy.cib import values
from ha_core.policy.cib.tree import Element

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERED: Final = ("lt", "lte", "gte", "gt")
_LISTS: Final = {("or", "eq"): Comparison.ONE_OF, ("and", "ne"): Comparison.NONE_OF}
_ALLOWED: Final = (
    "allowed: one comparison, 'or' of eq, or 'and' of ne, of one attribute, 'or' of any with an"
    " infinite score, or a node with an end"
)
_ZONE: Final = re.compile(r"\s+(?=Z$|[+-]\d\d:?\d\d$)")


@dataclass(slots=True)
class Rules:
    """Reads the rules of locations."""

    ledger: Ledger
    names: Names
    attributes: dict[str, str] = field(default_factory=dict)
    """Attributes that have another name here: the one of a ping resource."""

    def read(self, rule: Element) -> tuple[list[tuple[str, Plain]], str]:
        """Return the constraints that say the same, each with its kind, or why none does."""
        if "score-attribute" in rule.attributes:
            return [], "its score is an attribute's value; write a location for each node"
        score = values.score(rule.get("score", "0"))
        role = rule.get("role", "started").lower()
        if score is None or role not in ("started", "unpromoted", "slave"):
            return [], "its score is no number" if score is None else reasons.OPERATIONS["role"]
        op = rule.get("boolean-op", "and").lower()
        items, dates = rule.all("expression"), rule.all("date_expression")
        if len(items) + len(dates) != len(rule.children) or not items:
            return [], _ALLOWED
        bad = [item for item in items if item.get("value-source", "literal") != "literal"]
        if bad:
            return [], reasons.of_attribute("expression", "value-source")
        if any(item.get("type") == "version" for item in items):
            return [], "versions are not compared"
        made = [self._ending(items, dates, op) if dates else self._compared(items, op)]
        if made == [None] and op == "or" and not dates and abs(score) == INFINITY:
            # Scores that are infinite already do not add up: one of several is as good as all.
            made = [self._compared([item], op) for item in items]
        found = [pair for pair in made if pair is not None]
        if not found:
            return [], _ALLOWED
        self.ledger.know(rule, "score", "boolean-op", "role")
        for date in dates:
            self.ledger.know(date, "operation", "end")
        for item in items:
            self.ledger.know(item, "attribute", "operation", "value", "type", "value-source")
            self._tell_type(item)
        given = {} if score == INFINITY else {"score": show_score(score)}
        return [(kind, part | given) for kind, part in found], ""

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

    def _tell_type(self, item: Element) -> None:
        is_text = item.get("type") == "string" and item.get("operation") in _ORDERED
        if is_text and is_number(item.get("value")):
            text = f"{item.id}: type=string: numbers are compared as numbers here"
            self.ledger.note(item, text)


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(_ZONE.sub("", text.strip()))
    except ValueError:
        return None
    if moment.tzinfo is None or moment < _EPOCH:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
