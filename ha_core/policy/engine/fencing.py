"""Fencing, unfencing and shutdowns of nodes, and what they mean for resources.

Owns: which nodes are fenced, in which sequence, which stops a fencing stands for, and what waits.
Source: policy engine reference, chapters 16 and 18.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import Action, Graph, has_fencing
from ha_core.policy.engine.items import Board, Item, Spot
from ha_core.policy.engine.problem import NoQuorum, Requires, Task


def can_fence(board: Board, spot: Spot) -> bool:
    """Return whether the node can be fenced, if it must be."""
    options = board.problem.options
    if not options.fencing_enabled or not options.can_fence:
        return False
    if options.no_quorum is NoQuorum.IGNORE or options.has_quorum:
        return True
    return spot.is_online


def add_fencing(graph: Graph) -> None:
    """Add fencing and shutdowns, in their sequence."""
    board = graph.board
    is_worthwhile = any(item.is_managed for top in board.tops for item in top.primitives())
    coordinator: Action | None = None
    fences: list[Action] = []
    shutdowns: list[Action] = []
    for spot in board.nodes:
        if is_worthwhile and spot.is_unclean and can_fence(board, spot):
            action = _add_fence(graph, spot)
            if spot.node.is_dc:
                coordinator = action
            else:
                if not board.problem.options.concurrent_fencing and fences:
                    graph.tie(fences[-1], action, ties.ORDER)
                fences.append(action)
        elif spot.is_online and spot.node.is_shutting_down:
            action = _add_shutdown(graph, spot)
            if spot.node.is_dc:
                coordinator = action
            else:
                shutdowns.append(action)
    if coordinator is not None:
        others = fences if board.problem.options.concurrent_fencing else fences[-1:]
        if coordinator.task is Task.SHUTDOWN:
            others = shutdowns + others
        for other in others:
            graph.tie(other, coordinator, ties.ORDER)


def _add_fence(graph: Graph, spot: Spot) -> Action:
    fence = graph.add(Action(Task.FENCE, node=spot.index, is_needed=True))
    fence.note = graph.board.problem.options.fencing_action
    fence.reason = spot.fence_reasons[0] if spot.fence_reasons else spot.node.fence_reason
    graph.fences[spot.index] = fence
    for item in list(graph.by_item):
        if not item.children and item.is_managed:
            _order_starts(graph, item, fence)
            _imply_stops(graph, item, fence)
    return fence


def _order_starts(graph: Graph, item: Item, fence: Action) -> None:
    """What requires fencing waits for it, other things only where their state is unknown."""
    for actions in list(graph.by_item[item].values()):
        for action in actions:
            if has_fencing(action.needs):
                graph.tie(fence, action, ties.ORDER)
            elif (
                action.needs is Requires.QUORUM
                and action.task is Task.START
                and fence.node not in item.known
            ):
                graph.tie(fence, action, ties.ORDER | ties.NEEDS_FIRST)


def _imply_stops(graph: Graph, item: Item, fence: Action) -> None:
    """Stops and demotions on a fenced node are done by the fencing."""
    waits = has_fencing(item.meta.requires)
    top_stops = graph.of(item.top, Task.STOP)
    for stop in graph.of(item, Task.STOP):
        if stop.node != fence.node:
            continue
        stop.is_pseudo = stop.can_run = True
        stop.hindrance = ""
        if waits:
            graph.tie(fence, stop, ties.PRESERVE)
            graph.tie(fence, top_stops[-1], ties.PRESERVE)
    for demote in graph.of(item, Task.DEMOTE):
        if demote.node == fence.node:
            demote.is_pseudo = demote.can_run = True
            demote.hindrance = ""
            if waits:
                graph.tie(fence, demote, ties.PRESERVE | ties.ORDER)


def _add_shutdown(graph: Graph, spot: Spot) -> Action:
    """The node goes once everything on it has stopped, but for what is not managed."""
    shutdown = graph.add(Action(Task.SHUTDOWN, node=spot.index, is_needed=True))
    shutdown.reason = "the node is to leave"
    graph.shutdowns[spot.index] = shutdown
    if spot.node.is_maintenance:
        return shutdown
    for item in list(graph.by_item):
        if item.meta.is_maintenance or not (item.is_managed or item.is_blocked):
            continue
        for stop in graph.of(item, Task.STOP):
            if stop.node == spot.index:
                stop.is_needed = True
                stop.reason = stop.reason or "its node is to leave"
                graph.tie(stop, shutdown, ties.ORDER | ties.NEEDS_FIRST)
    return shutdown


# --- unfencing ---------------------------------------------------------------------------------


def is_unfencing(board: Board) -> bool:
    """Return whether any fence device switches nodes on again, or anything asks for that."""
    return any(
        item.resource.provides_unfencing or item.meta.requires is Requires.UNFENCING
        for item in board.items.values()
    )


def add_unfencing(graph: Graph) -> None:
    """Nodes are switched on before what requires it is probed or started there."""
    board = graph.board
    if not is_unfencing(board):
        return
    for item in list(graph.by_item):
        if item.children or not (
            item.resource.is_fence_device or item.meta.requires is Requires.UNFENCING
        ):
            continue
        for action in [*graph.of(item, Task.MONITOR), *graph.of(item, Task.START)]:
            if action.node is None or (action.task is Task.MONITOR and action.interval_ms):
                continue
            unfence = _unfence(graph, board.nodes[action.node])
            is_start = action.task is Task.START
            graph.tie(unfence, action, ties.IMPLIES_THEN if is_start else ties.ORDER)
        for stop in graph.of(item, Task.STOP):
            if stop.node is not None and stop.node in graph.unfences:
                graph.tie(stop, graph.unfences[stop.node], ties.ORDER | ties.SAME_NODE)


def _unfence(graph: Graph, spot: Spot) -> Action:
    """Return the node's unfencing; it is needed if that was never done."""
    found = graph.unfences.get(spot.index)
    if found is None:
        found = graph.add(Action(Task.UNFENCE, node=spot.index))
        graph.unfences[spot.index] = found
        if not spot.node.is_unfenced and spot.is_online and not spot.is_unclean:
            found.is_needed = not spot.node.is_shutting_down
            found.reason = "the node was not unfenced yet"
    return found
