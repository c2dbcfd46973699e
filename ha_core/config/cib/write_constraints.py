"""Constraints as elements of a CIB.

Owns: how each kind of constraint is said. Words (`prefers`, `with`) are written as the
constraints that they stand for; that they are words is a pair of our own.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ha_core.config.check_clones import Roles
from ha_core.config.cib.form import Ids, is_number, make
from ha_core.config.cib.write_rules import LISTS, fill, moment
from ha_core.config.model import (
    NODE_NAME,
    Colocation,
    Configuration,
    Constraint,
    Discovery,
    Location,
    OrderedAction,
    Ordering,
    OrderKind,
    Role,
    Rule,
    TicketConstraint,
)
from ha_core.ids import INFINITY, ResourceId
from ha_core.policy.cib.tree import Element


def score(value: int) -> str:
    """Return the score as a CIB says it."""
    if abs(value) < INFINITY:
        return str(value)
    return "INFINITY" if value > 0 else "-INFINITY"


def _roles(role: Role | None, key: str) -> dict[str, str]:
    return {} if role is None else {key: str(role).capitalize()}


def _discovery(item: Location | Rule) -> dict[str, str]:
    is_usual = item.discovery is Discovery.ALWAYS
    return {} if is_usual else {"resource-discovery": str(item.discovery)}


def _is_alike(one: Ordering, other: Ordering) -> bool:
    """Return whether both say the same of different resources that come first."""
    return replace(one, id=other.id, first=other.first, source="") == replace(other, source="")


class Constraints:
    """Writes the constraints of one configuration."""

    def __init__(
        self, configuration: Configuration, ids: Ids, names: dict[tuple[str, str], str]
    ) -> None:
        self._configuration = configuration
        self._ids = ids
        self._names = names
        self._roles = Roles(configuration)
        self._orderings = Counter((item.first, item.then) for item in configuration.orderings)
        self._any_of: dict[str, list[Ordering]] = {}
        for item in configuration.orderings:
            self._any_of.setdefault(item.any_of, []).append(item)
        self.alternatives: dict[str, list[str]] = {}
        """Ids of the orderings that one element says together, by its id."""

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
            if self._alternatives(ordering)[0] == ordering:
                yield self._constraint(ordering)
        for ticket in whole.tickets:
            yield self._constraint(ticket)
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
                words |= {"node": item.node, **_roles(item.role, "role")}
                return make("rsc_location", {"id": key, **words, **_discovery(item)})
            case Location():
                return self._ending(key, item)
            case Rule():
                return self._rule(key, item)
            case Colocation():
                words = {"rsc": self._resource(item.resource), "score": score(item.score)}
                words["with-rsc"] = self._resource(item.with_resource)
                words |= _roles(item.role, "rsc-role") | _roles(item.with_role, "with-rsc-role")
                if item.node_attribute:
                    words["node-attribute"] = item.node_attribute
                if item.influence is not None:
                    words["influence"] = "true" if item.influence else "false"
                return make("rsc_colocation", {"id": key, **words})
            case Ordering():
                return self._ordering(key, item)
            case TicketConstraint():
                words = {"rsc": self._resource(item.resource), "ticket": item.ticket}
                words |= _roles(item.role, "rsc-role")
                words["loss-policy"] = str(item.loss_policy)
                return make("rsc_ticket", {"id": key, **words})

    def _ordering(self, key: str, item: Ordering) -> Element:
        words = {"id": key, "kind": str(item.kind).capitalize()}
        if item.kind is not OrderKind.SERIALIZE or not item.symmetrical:
            # Pacemaker takes it ill where something is to be serialized symmetrically.
            words["symmetrical"] = "true" if item.symmetrical else "false"
        several = self._alternatives(item)
        actions = {"first-action": item.first_action, "then-action": item.then_action}
        if len(several) > 1:
            element = make("rsc_order", words)
            names = ([other.first for other in several], [item.then])
            for number, action in enumerate(actions.values()):
                stem = self._ids.take(f"{key}-{number}", "set")
                own = {"id": stem, "sequential": "false", "action": str(action)}
                found = make("resource_set", own if number else {**own, "require-all": "false"})
                refs = (
                    make("resource_ref", {"id": self._resource(name)}) for name in names[number]
                )
                found.children += refs
                element.children.append(found)
            self.alternatives[key] = [self._names["constraint", other.id] for other in several]
            return element
        words |= {"first": self._resource(item.first), "then": self._resource(item.then)}
        if any(action != OrderedAction.START for action in actions.values()):
            words |= {name: str(action) for name, action in actions.items()}
        return make("rsc_order", words | ({"require-all": "false"} if item.any_of else {}))

    def _alternatives(self, item: Ordering) -> list[Ordering]:
        """Return the orderings of which one is enough, as one element says all of them."""
        if not item.any_of:
            return [item]
        return [other for other in self._any_of[item.any_of] if _is_alike(other, item)]

    def _rank(self, item: Ordering) -> int:
        """Return which of the orderings of one pair this is, the most binding being the first."""
        is_alone = self._orderings[item.first, item.then] == 1
        return 0 if is_alone else 2 * (item.kind is OrderKind.OPTIONAL) + (not item.symmetrical)

    def _resource(self, name: ResourceId) -> str:
        """Return the id of what is meant: Pacemaker knows no name of what is in a clone."""
        return self._names["resource", self._roles.whole(name)]

    def _ruled(self, key: str, item: Location | Rule, op: str) -> tuple[Element, Element]:
        resource, value = item.resource, item.score
        element = make("rsc_location", {"id": key, "rsc": self._resource(resource)})
        name = self._ids.take(f"{key}-rule", "rule")
        words = {"id": name, "score": score(value), "boolean-op": op}
        if isinstance(item, Rule) and item.score_attribute:
            words = {"id": name, "score-attribute": item.score_attribute, "boolean-op": op}
        rule = make("rule", words | _roles(item.role, "role"))
        element.attributes.update(_discovery(item))
        element.children.append(rule)
        return element, rule

    def _ending(self, key: str, item: Location) -> Element:
        """Return a location that ends, which Pacemaker says by the date."""
        element, rule = self._ruled(key, item, "and")
        self._compare(rule, NODE_NAME, "eq", item.node)
        assert item.expires_wall_ms is not None
        words = {"id": self._ids.take(f"{rule.id}-end", "expression"), "operation": "lt"}
        end = moment(item.expires_wall_ms)
        rule.children.append(make("date_expression", {**words, "end": end}))
        return element

    def _rule(self, key: str, item: Rule) -> Element:
        op, each = LISTS.get(item.operation, ("and", ""))
        element, rule = self._ruled(key, item, op)
        if item.condition is not None:
            fill(rule, item.condition, self._ids)
            return element
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
