"""Constraints as elements of a CIB.

Owns: how each kind of constraint is said. Words (`prefers`, `with`) are written as the
constraints that they stand for; that they are words is a pair of our own.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ha_core.config.cib.form import Ids, is_number, make
from ha_core.config.model import (
    NODE_NAME,
    Colocation,
    Comparison,
    Configuration,
    Constraint,
    Location,
    Ordering,
    OrderKind,
    Rule,
    TicketConstraint,
)
from ha_core.ids import INFINITY
from ha_core.policy.cib.tree import Element

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LISTS: Final = {Comparison.ONE_OF: ("or", "eq"), Comparison.NONE_OF: ("and", "ne")}


def score(value: int) -> str:
    """Return the score as a CIB says it."""
    if abs(value) < INFINITY:
        return str(value)
    return "INFINITY" if value > 0 else "-INFINITY"


class Constraints:
    """Writes the constraints of one configuration."""

    def __init__(
        self, configuration: Configuration, ids: Ids, names: dict[tuple[str, str], str]
    ) -> None:
        self._configuration = configuration
        self._ids = ids
        self._names = names
        self._orderings = Counter((item.first, item.then) for item in configuration.orderings)

    def ids_by_name(self) -> dict[str, str]:
        """Return the ids of all constraints."""
        names = (item.id for item in self._configuration.constraints())
        return {name: self._names["constraint", name] for name in names}

    def elements(self) -> Iterator[Element]:
        """Yield all constraints, then where fence devices may not be used from."""
        whole = self._configuration
        loose: tuple[Constraint, ...] = (*whole.locations, *whole.rules, *whole.colocations)
        for item in loose:
            yield self._constraint(item)
        # Of several orderings of one pair Pacemaker takes the first and forgets the others.
        for ordering in sorted(whole.orderings, key=self._rank):
            yield self._constraint(ordering)
        for device in self._configuration.fence_devices:
            for node in self._configuration.nodes:
                is_out = device.reached_from and node.name not in device.reached_from
                if is_out or not self._configuration.options.symmetric:
                    name = self._names["device", device.id]
                    words = {"id": self._ids.take(f"{name}-on-{node.name}", "constraint")}
                    words |= {"rsc": name, "score": score(-INFINITY if is_out else 0)}
                    yield make("rsc_location", {**words, "node": node.name})

    def _constraint(self, item: Constraint) -> Element:
        key = self._names["constraint", item.id]
        match item:
            case Location(expires_wall_ms=None):
                words = {"rsc": self._resource(item.resource), "score": score(item.score)}
                return make("rsc_location", {"id": key, **words, "node": item.node})
            case Location():
                return self._ending(key, item)
            case Rule():
                return self._rule(key, item)
            case Colocation():
                words = {"rsc": self._resource(item.resource), "score": score(item.score)}
                words["with-rsc"] = self._resource(item.with_resource)
                return make("rsc_colocation", {"id": key, **words})
            case Ordering():
                words = {"first": self._resource(item.first), "then": self._resource(item.then)}
                words["kind"] = str(item.kind).capitalize()
                words["symmetrical"] = "true" if item.symmetrical else "false"
                return make("rsc_order", {"id": key, **words})
            case TicketConstraint():
                words = {"rsc": self._resource(item.resource), "ticket": item.ticket}
                if item.role is not None:
                    words["rsc-role"] = str(item.role).capitalize()
                words["loss-policy"] = str(item.loss_policy)
                return make("rsc_ticket", {"id": key, **words})

    def _rank(self, item: Ordering) -> int:
        """Return which of the orderings of one pair this is, the most binding being the first."""
        is_alone = self._orderings[item.first, item.then] == 1
        return 0 if is_alone else 2 * (item.kind is OrderKind.OPTIONAL) + (not item.symmetrical)

    def _resource(self, name: str) -> str:
        return self._names["resource", name]

    def _ruled(self, key: str, resource: str, value: int, op: str) -> tuple[Element, Element]:
        element = make("rsc_location", {"id": key, "rsc": self._resource(resource)})
        name = self._ids.take(f"{key}-rule", "rule")
        rule = make("rule", {"id": name, "score": score(value), "boolean-op": op})
        element.children.append(rule)
        return element, rule

    def _ending(self, key: str, item: Location) -> Element:
        """Return a location that ends, which Pacemaker says by the date."""
        element, rule = self._ruled(key, item.resource, item.score, "and")
        self._compare(rule, NODE_NAME, "eq", item.node)
        assert item.expires_wall_ms is not None
        moment = _EPOCH + timedelta(seconds=item.expires_wall_ms // 1000)
        words = {"id": self._ids.take(f"{rule.id}-end", "expression"), "operation": "lt"}
        end = moment.isoformat().replace("+00:00", "Z")
        rule.children.append(make("date_expression", {**words, "end": end}))
        return element

    def _rule(self, key: str, item: Rule) -> Element:
        op, each = _LISTS.get(item.operation, ("and", ""))
        element, rule = self._ruled(key, item.resource, item.score, op)
        if not each:
            has_value = "defined" not in item.operation
            value = item.value if has_value else None
            self._compare(rule, item.attribute, str(item.operation), value)
            return element
        for word in item.value.split():
            self._compare(rule, item.attribute, each, word, is_text=True)
        if not rule.children:  # of no words none is the node's
            self._compare(rule, NODE_NAME, "not_defined" if each == "eq" else "defined", None)
        return element

    def _compare(
        self,
        rule: Element,
        attribute: str,
        operation: str,
        value: str | None,
        is_text: bool = False,
    ) -> None:
        words = {"id": self._ids.take(f"{rule.id}-expression", "expression")}
        words |= {"attribute": attribute, "operation": operation}
        if value is not None:
            kind = "number" if not is_text and is_number(value) else "string"
            words |= {"value": value, "type": kind}
        rule.children.append(make("expression", words))
