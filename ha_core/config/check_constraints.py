"""What constraints must satisfy: resources and nodes that exist, orderings that have a beginning.

Owns: these rules.
"""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from ha_core.config import limits
from ha_core.config.check_clones import Roles
from ha_core.config.check_rules import compared_faults, condition_faults
from ha_core.config.check_words import place, word_faults
from ha_core.config.faults import (
    Fault,
    bad_name,
    listed,
    out_of_range,
    repeated,
    shown,
    too_many,
)
from ha_core.config.model import (
    Comparison,
    Configuration,
    Constraint,
    OrderedAction,
    Ordering,
    OrderKind,
)
from ha_core.ids import INFINITY, NodeName, ResourceId

_CYCLES_MAX = 20
_STEPS_SHOWN_MAX = 20
_RISING = (OrderedAction.START, OrderedAction.PROMOTE)
_Edges = dict[tuple[ResourceId, ResourceId], Ordering | None]
_Pair = tuple[Constraint, tuple[str, ResourceId], tuple[str, ResourceId]]


def constraint_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of locations, colocations and orderings."""
    everything = tuple(configuration.constraints())
    yield from repeated("constraints", (item.id for item in everything))
    most = limits.CONSTRAINTS_MAX
    yield from too_many("constraints", len(everything), most, "constraints")
    for item in everything:
        if item.source:
            continue  # `words` makes the id of good names
        is_good = bool(limits.CONSTRAINT_ID.fullmatch(item.id))
        allowed = limits.CONSTRAINT_ID_ALLOWED
        yield from bad_name(f"constraints.{item.id}", item.id, is_good, allowed)
    yield from dict.fromkeys(_locations(configuration))
    yield from _rules(configuration)
    yield from dict.fromkeys(_pairs(configuration))
    yield from dict.fromkeys(_tickets(configuration))
    yield from _circles(configuration)
    if len(everything) <= most:
        yield from word_faults(configuration)


def _locations(configuration: Configuration) -> Iterable[Fault]:
    hosts = [node.name for node in configuration.nodes if not node.witness]
    known, names = _resources(configuration)
    for item in configuration.locations:
        path = f"constraints.{item.id}"
        if item.resource not in known:
            yield _unknown(place(item, "location", item.resource), item.resource, names)
        if item.node not in hosts:
            yield _no_host(configuration, place(item, "node", item.node), item.node, hosts)
        yield from out_of_range(f"{path}.score", item.score, -INFINITY, INFINITY)
        if item.expires_wall_ms is not None:
            moment = item.expires_wall_ms
            yield from out_of_range(f"{path}.expires", moment, 0, limits.MOMENT_MS_MAX, " ms")


def _no_host(
    configuration: Configuration, path: str, node: NodeName, hosts: list[NodeName]
) -> Fault:
    is_witness = configuration.node(node) is not None
    kind = "is a witness and runs nothing" if is_witness else "does not exist"
    text = f"names the node {shown(node)}, which {kind}"
    return Fault(path, f"{text}; allowed: {listed(hosts)}")


def _rules(configuration: Configuration) -> Iterable[Fault]:
    hosts = [node.name for node in configuration.nodes if not node.witness]
    known, names = _resources(configuration)
    for item in configuration.rules:
        path = f"constraints.{item.id}"
        if item.resource not in known:
            yield _unknown(place(item, "rule", item.resource), item.resource, names)
        if item.source:
            for word in dict.fromkeys(item.value.split()):
                if word not in hosts:
                    node = NodeName(word)
                    yield _no_host(configuration, place(item, "value", word), node, hosts)
            continue
        yield from out_of_range(f"{path}.score", item.score, -INFINITY, INFINITY)
        if item.score_attribute:
            is_good = bool(limits.ATTRIBUTE.fullmatch(item.score_attribute))
            allowed = limits.ATTRIBUTE_ALLOWED
            yield from bad_name(f"{path}.score_attribute", item.score_attribute, is_good, allowed)
        if item.condition is not None:
            yield from condition_faults(f"{path}.when", item.condition)
            continue
        yield from compared_faults(path, item.attribute, item.operation, item.value)
        is_unary = item.operation in (Comparison.DEFINED, Comparison.NOT_DEFINED)
        if not is_unary and not item.value:
            text = f"is {shown(item.value)} for the operation {item.operation}"
            yield Fault(f"{path}.value", f"{text}; allowed: with a value")


def _pairs(configuration: Configuration) -> Iterable[Fault]:
    known, names = _resources(configuration)
    roles = Roles(configuration)
    pairs: list[_Pair] = [
        (item, ("colocation", item.resource), ("with", item.with_resource))
        for item in configuration.colocations
    ]
    pairs += [
        (item, ("order", item.first), ("then", item.then)) for item in configuration.orderings
    ]
    for item, left, right in pairs:
        for key, resource in (left, right):
            if resource not in known:
                yield _unknown(place(item, key, resource), resource, names)
        if roles.whole(left[1]) == roles.whole(right[1]):
            text = f"relates {shown(left[1])} to itself"
            yield Fault(place(item, right[0], right[1]), f"{text}; allowed: two resources")
    for colocation in configuration.colocations:
        path = f"constraints.{colocation.id}.score"
        yield from out_of_range(path, colocation.score, -INFINITY, INFINITY)


def ticket_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of the tickets that are listed."""
    names = configuration.ticket_names
    yield from repeated("tickets", names)
    yield from too_many("tickets", len(names), limits.TICKETS_MAX, "tickets")
    for place_, name in enumerate(names):
        is_good = bool(limits.ID.fullmatch(name))
        yield from bad_name(f"tickets[{place_}]", name, is_good, limits.ID_ALLOWED)


def _tickets(configuration: Configuration) -> Iterable[Fault]:
    known, names = _resources(configuration)
    for item in configuration.tickets:
        if item.resource not in known:
            yield _unknown(place(item, "resource", item.ticket), item.resource, names)
        is_good = bool(limits.ID.fullmatch(item.ticket))
        path = place(item, "ticket", item.ticket)
        yield from bad_name(path, item.ticket, is_good, limits.ID_ALLOWED)


def _resources(configuration: Configuration) -> tuple[set[str], str]:
    names: list[str] = [
        *(item.id for item in configuration.primitives),
        *(group.id for group in configuration.groups),
        *(clone.id for clone in configuration.clones),
    ]
    return set(names), listed(names)


def _unknown(path: str, resource: str, names: str) -> Fault:
    text = f"names the resource {shown(resource)}, which does not exist"
    return Fault(path, f"{text}; allowed: {names}")


def _circles(configuration: Configuration) -> Iterable[Fault]:
    """Name the circles of resources that would have to start before themselves."""
    edges = _edges(configuration)
    for _ in range(_CYCLES_MAX):
        circle = _circle(edges)
        if not circle:
            return
        steps = list(pairwise(circle))
        found = [item for step in steps if (item := edges[step]) is not None]
        constraints = sorted({item.source or item.id for item in found})
        path = "resources"
        if found:
            first = min(found, key=lambda item: item.source or item.id)
            path = first.source or f"constraints.{first.id}.then"
        more = (
            f" then {len(circle) - _STEPS_SHOWN_MAX} more" if len(circle) > _STEPS_SHOWN_MAX else ""
        )
        text = f"orders in a circle: {' then '.join(circle[:_STEPS_SHOWN_MAX])}{more}"
        by = f" (by {listed(constraints)})" if constraints else ""
        yield Fault(path, f"{text}{by}; allowed: orderings that have a beginning")
        for step in steps:
            del edges[step]


def _edges(configuration: Configuration) -> _Edges:
    """Return what starts, or is promoted, before which; the ordering that says so, or None.

    Copies of a clone stand for all of it. What orders stops alone, or wants but one of several,
    makes no circle that never begins.
    """
    edges: _Edges = {}
    members = {group.id: group.members for group in configuration.groups if group.ordered}
    inner = {clone.id: clone.member for clone in configuration.clones}
    roles = Roles(configuration)

    def ends(name: ResourceId, action: OrderedAction) -> tuple[ResourceId, ResourceId]:
        whole = roles.whole(name)
        found = members.get(inner.get(whole, whole)) or (inner.get(whole, whole),)
        if action is OrderedAction.PROMOTE:
            promoted = ResourceId(f"{found[-1]}:promote")
            edges.setdefault((found[-1], promoted), None)
            return promoted, promoted
        return found[0], found[-1]

    for names in members.values():
        for step in pairwise(names):
            if step[0] != step[1]:
                edges[step] = None
    for item in configuration.orderings:
        is_rising = {item.first_action, item.then_action} <= {*_RISING}
        if item.first == item.then or not is_rising or item.any_of:
            continue
        if item.kind is not OrderKind.SERIALIZE:
            last = ends(item.first, item.first_action)[1]
            edges.setdefault((last, ends(item.then, item.then_action)[0]), item)
    return edges


def _circle(edges: _Edges) -> list[ResourceId]:
    """Return a circle in the order of starting, its first element repeated at the end."""
    sorter: TopologicalSorter[ResourceId] = TopologicalSorter()
    for first, then in edges:
        sorter.add(then, first)
    try:
        sorter.prepare()
    except CycleError as error:
        circle: list[ResourceId] = error.args[1]
        return circle
    return []
