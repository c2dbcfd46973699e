"""What configured orderings, capacities and mutual exclusions mean for actions.

Owns: which ties an ordering stands for, in both directions. Source: policy engine reference,
chapters 8 (the last paragraph), 11 and 12.
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import INVERSE, Action, Graph, Phase
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.migration import add_migration_ordering
from ha_core.policy.engine.problem import (
    Kind,
    Ordering,
    OrderKind,
    Role,
    Strategy,
    Task,
)

UPWARD = (Task.START, Task.PROMOTE)


def add_orderings(graph: Graph) -> None:
    """Add the ties of all orderings between resources that have actions."""
    gates: dict[str, Action] = {}
    _note_weaker(graph)
    for ordering in graph.board.problem.orderings:
        first = graph.board.find(ordering.first)
        then = graph.board.find(ordering.then)
        if first is None or then is None or first is then:
            continue
        if first.top not in graph.by_item and then.top not in graph.by_item:
            continue
        _forward(graph, ordering, first, then, gates)
        if ordering.is_symmetrical and ordering.kind is not OrderKind.SERIALIZE:
            _backward(graph, ordering, first, then)


def _note_weaker(graph: Graph) -> None:
    """Say which mandatory orderings mean nothing, as the first one of two actions counts."""
    earlier: dict[tuple[str, str, Task, Task], Ordering] = {}
    for ordering in graph.board.problem.orderings:
        if ordering.any_of:
            continue
        key = (ordering.first, ordering.then, ordering.first_task, ordering.then_task)
        known = earlier.setdefault(key, ordering)
        if ordering.kind is OrderKind.MANDATORY and known.kind is not OrderKind.MANDATORY:
            graph.dropped.append(
                f"ordering {ordering.id} of {ordering.first} and {ordering.then} is not used: "
                f"{known.id} of the same two comes first and is {known.kind}; take that one away."
            )


def _forward(
    graph: Graph, ordering: Ordering, first: Item, then: Item, gates: dict[str, Action]
) -> None:
    kind = ties.ORDER
    if ordering.kind is OrderKind.SERIALIZE:
        kind |= ties.SERIALIZE
    elif ordering.kind is OrderKind.MANDATORY:
        if not ordering.is_symmetrical:
            kind |= ties.ASYMMETRIC
        else:
            kind |= ties.IMPLIES_THEN
            if ordering.first_task in UPWARD:
                kind |= ties.NEEDS_FIRST
    if ordering.any_of:
        gate = gates.get(ordering.any_of)
        if gate is None:
            gate = gates[ordering.any_of] = graph.mark(None, Phase.GATE)
            gate.least = 1
        _through(graph, gate, [first], ordering, then, ties.NEEDS_FIRST)
        return
    least = first.clone.clone_min if first.clone is not None else 0
    if least and ordering.first_task in UPWARD:
        gate = graph.mark(None, Phase.GATE)
        gate.least = least
        _through(graph, gate, first.children, ordering, then, kind | ties.NEEDS_FIRST)
        return
    graph.link(first, ordering.first_task, then, ordering.then_task, kind)
    add_migration_ordering(graph, first, ordering.first_task, then, ordering.then_task)


def _through(
    graph: Graph, gate: Action, firsts: list[Item], ordering: Ordering, then: Item, kind: int
) -> None:
    """Tie by way of a gate that opens if enough of the firsts can run."""
    for first in firsts:
        graph.lead(first, ordering.first_task, gate, ties.ANY_OF | ties.PRINTS_THEN)
    for action in graph.of(then, ordering.then_task):
        graph.tie(gate, action, kind)


def _backward(graph: Graph, ordering: Ordering, first: Item, then: Item) -> None:
    one, other = INVERSE.get(ordering.then_task), INVERSE.get(ordering.first_task)
    if one is None or other is None:
        return
    kind = ties.ORDER
    if ordering.kind is OrderKind.MANDATORY:
        kind |= ties.IMPLIES_FIRST
    graph.link(then, one, first, other, kind)
    add_migration_ordering(graph, then, one, first, other)
    if graph.board.problem.keeps_followers and ordering.kind is OrderKind.MANDATORY:
        _down_before_up(graph, ordering, first, then)


def _down_before_up(graph: Graph, ordering: Ordering, first: Item, then: Item) -> None:
    """What starts anew in its place is down before that start, as if the first still had to stop.

    A node that is lost takes the stop of the first with it. A cluster that plans again once the
    first is starting would see no reason any more to stop the rest of a group.
    """
    if (ordering.first_task, ordering.then_task) != (Task.START, Task.START):
        return
    if first.kind is Kind.CLONE or then.kind is Kind.CLONE or graph.of(first, Task.STOP):
        return
    stops = [stop for item in then.primitives() for stop in graph.of(item, Task.STOP)]
    starts = [start for item in first.primitives() for start in graph.of(item, Task.START)]
    for stop in stops:
        if stop.item is None or stop.node != stop.item.node or stop.is_spare:
            continue  # what moves may be up elsewhere before it is down here
        for start in starts:
            graph.tie(stop, start, ties.ORDER)


# --- what must not overlap ---------------------------------------------------------------------


def add_exclusions(graph: Graph) -> None:
    """A stop precedes the start of what must not be on the same node."""
    for colocation in graph.board.problem.colocations:
        if colocation.score > -INFINITY:
            continue
        one = graph.board.find(colocation.dependent)
        other = graph.board.find(colocation.primary)
        if one is None or other is None:
            continue
        if one.top in graph.by_item and other.top in graph.by_item:
            _exclude(graph, one, colocation.dependent_role, other, colocation.primary_role)
            _exclude(graph, other, colocation.primary_role, one, colocation.dependent_role)


def _exclude(
    graph: Graph, first: Item, first_role: Role | None, then: Item, then_role: Role | None
) -> None:
    leaving = [Task.DEMOTE] if first_role is Role.PROMOTED else [Task.STOP]
    if first_role is Role.UNPROMOTED:
        leaving.append(Task.PROMOTE)
    entering = [Task.PROMOTE] if then_role is Role.PROMOTED else [Task.START]
    if then_role is Role.UNPROMOTED:
        entering.append(Task.DEMOTE)
    for leave in leaving:
        for enter in entering:
            graph.link(first, leave, then, enter, ties.APART)


# --- capacity ----------------------------------------------------------------------------------


def add_capacity_ties(graph: Graph) -> None:
    """A start waits for the stops that free capacity on its node."""
    if graph.board.problem.options.strategy is Strategy.DEFAULT:
        return
    users = [
        item
        for top in graph.board.tops
        for item in top.primitives()
        if item in graph.by_item and item.resource.demand
    ]
    freed: dict[int, Action] = {}
    for item in users:
        for stop in graph.of(item, Task.STOP):
            if stop.node is not None and item.is_managed:
                mark = freed.get(stop.node)
                if mark is None:
                    mark = freed[stop.node] = graph.mark(None, Phase.FREED, is_needed=True)
                    mark.node = stop.node
                graph.tie(stop, mark, ties.LOAD)
    for item in users:
        mark = freed.get(item.node) if item.node is not None else None
        if mark is not None and item.is_managed:
            for task in (Task.START, Task.MIGRATE_TO):
                for action in graph.of(item, task):
                    graph.tie(mark, action, ties.LOAD)
