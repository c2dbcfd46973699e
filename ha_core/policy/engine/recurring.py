"""Recurring monitors: begun after every start, ended when they no longer fit.

Owns: which recurring operations a placed primitive needs, and which end. Source: policy engine
reference, chapter 13.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.cleaning import clear_after_change
from ha_core.policy.engine.graph import Action, Graph
from ha_core.policy.engine.items import Item, is_unique
from ha_core.policy.engine.making import make_recurring
from ha_core.policy.engine.problem import Observed, Operation, Role, Task

REPEATABLE_NOT = frozenset({"start", "stop", "promote", "demote"})


def recurring_operations(item: Item) -> list[Operation]:
    """Return what is to be repeated, whatever the role."""
    return [
        operation
        for operation in item.resource.operations
        if operation.interval_ms > 0
        and operation.is_enabled
        and operation.name not in REPEATABLE_NOT
    ]


def fits(operation: Operation, role: Role) -> bool:
    """Return whether an active resource in this role has the operation."""
    if operation.role is None:
        return role is not Role.PROMOTED
    if operation.role is Role.STOPPED:
        return False
    return (operation.role is Role.PROMOTED) == (role is Role.PROMOTED)


def add_recurring(graph: Graph, item: Item) -> None:
    """Add what begins and what ends with the item's next role."""
    _cancel_removed(graph, item)
    options = graph.board.problem.options
    node = item.node
    if item.is_blocked or options.is_maintenance or _rests(graph, item, node):
        return
    for operation in recurring_operations(item):
        if node is not None and (item.next_role is not Role.STOPPED or not item.is_managed):
            _for_active(graph, item, node, operation)
        if operation.role is Role.STOPPED and (item.number is None or is_unique(item)):
            _for_inactive(graph, item, operation)


def _rests(graph: Graph, item: Item, node: int | None) -> bool:
    """Return whether it is in maintenance there, itself or by a node that it is active on.

    In 2.1.5 the maintenance of one node says nothing of its monitors on another one.
    """
    if item.meta.is_maintenance:
        return True
    spots = graph.board.nodes
    if node is not None and spots[node].node.is_maintenance:
        return True
    if graph.board.problem.options.is_like_2_1_5:
        return False
    return any(spots[other].node.is_maintenance for other in item.active)


def _running(seen: Observed | None, operation: Operation) -> tuple[bool, bool]:
    """Return whether the operation runs there, and whether its parameters have changed."""
    if seen is not None:
        for recurring in seen.recurring:
            if (recurring.name, recurring.interval_ms) == (operation.name, operation.interval_ms):
                return True, recurring.is_changed
    return False, False


def _for_active(graph: Graph, item: Item, node: int, operation: Operation) -> None:
    if operation.role is Role.STOPPED:
        return
    start = graph.find(item, Task.START, node)
    runs, is_changed = _running(_seen(item, node), operation)
    is_needed = not runs or is_changed or (start is not None and start.is_needed)
    if not fits(operation, item.next_role):
        if not is_needed:
            _cancel(graph, item, node, operation)
        return
    monitor = make_recurring(
        graph, item, Task.MONITOR, node, operation.interval_ms, is_needed=is_needed
    )
    monitor.note = operation.name
    spot = graph.board.nodes[node]
    if start is not None and not start.can_run:
        monitor.can_run, monitor.waits_for = False, start
        monitor.hindrance = start.hindrance
    elif not spot.is_online or spot.is_unclean:
        monitor.can_run, monitor.hindrance = False, f"{spot.node.name} is not fit for it"
    if not item.is_managed:
        return
    for task in (Task.START, Task.RELOAD):
        for action in graph.of(item, task):
            graph.tie(action, monitor, ties.IMPLIES_THEN | ties.NEEDS_FIRST)
    if item.next_role is Role.PROMOTED:
        turns = graph.of(item, Task.PROMOTE)
    elif item.role is Role.PROMOTED:
        turns = graph.of(item, Task.DEMOTE)
    else:
        return
    for action in turns:
        graph.tie(action, monitor, ties.ORDER | ties.NEEDS_FIRST)


def _seen(item: Item, node: int) -> Observed | None:
    return item.observed.get(node) if node in item.roles else None


def _cancel(graph: Graph, item: Item, node: int, operation: Operation) -> None:
    """It runs and does not fit the next role."""
    cancel = add_cancel(graph, item, node, operation.name, operation.interval_ms)
    if item.role is Role.PROMOTED:
        turn = Task.DEMOTE
    elif item.next_role is Role.PROMOTED:
        turn = Task.PROMOTE
    elif item.next_role is Role.STOPPED:
        turn = Task.STOP
    else:
        return
    for action in graph.of(item, turn):
        graph.tie(cancel, action, ties.NEEDS_FIRST)


def add_cancel(graph: Graph, item: Item, node: int, name: str, interval_ms: int) -> Action:
    """Add the end of a recurring operation."""
    cancel = make_recurring(graph, item, Task.CANCEL, node, interval_ms, is_needed=True)
    cancel.note = name
    return cancel


def _cancel_removed(graph: Graph, item: Item) -> None:
    """What runs and is no longer configured ends, and everything in maintenance."""
    options = graph.board.problem.options
    configured = {
        (operation.name, operation.interval_ms)
        for operation in item.resource.operations
        if operation.is_enabled
    }
    for node in item.active:
        spot = graph.board.nodes[node]
        seen = item.observed.get(node)
        if seen is None or not spot.is_online or spot.is_unclean or item.resource.is_removed:
            continue
        if not (spot.is_available or spot.node.is_maintenance):
            continue
        rests = options.is_maintenance or _rests(graph, item, node)
        for recurring in seen.recurring:
            key = (recurring.name, recurring.interval_ms)
            is_removed = key not in configured
            ends = rests or (is_removed and options.cancel_removed_actions)
            if ends and item.node is not None:
                # A stop that nothing follows ends it anyway.
                cancel = add_cancel(graph, item, node, *key)
                for stop in graph.of(item, Task.STOP):
                    graph.tie(stop, cancel, ties.ORDER)
            if not rests and (recurring.is_changed or is_removed):
                clear_after_change(graph, item, node)


def _for_inactive(graph: Graph, item: Item, operation: Operation) -> None:
    """A monitor of role Stopped runs wherever the resource does not."""
    for spot in graph.board.nodes:
        node = spot.index
        runs, is_changed = _running(item.observed.get(node), operation)
        if node == item.node:
            if runs:
                _cancel(graph, item, node, operation)
            continue
        monitor = make_recurring(
            graph,
            item,
            Task.MONITOR,
            node,
            operation.interval_ms,
            is_needed=not runs or is_changed,
        )
        monitor.note = operation.name
        if not spot.is_online or spot.is_unclean:
            monitor.can_run, monitor.hindrance = False, f"{spot.node.name} is not fit for it"
        for stop in graph.of(item, Task.STOP):
            if stop.node == node:
                graph.tie(stop, monitor, ties.ORDER | ties.NEEDS_FIRST)
        for probe in graph.of(item, Task.MONITOR):
            if node in probe.places and probe.interval_ms == 0:
                graph.tie(probe, monitor, ties.ORDER | ties.NEEDS_FIRST)
