"""Housekeeping beside starts and stops: entries deleted, fail counts cleared, reloads.

Owns: what becomes of histories that are no longer wanted. Source: policy engine reference,
chapters 3 (the last point), 6 and 13.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import Action, Graph
from ha_core.policy.engine.items import Board, Item, is_unique
from ha_core.policy.engine.making import make
from ha_core.policy.engine.primitives import add_reload
from ha_core.policy.engine.problem import Changed, Kind, Task


def add_cleaning(graph: Graph, busy: list[Item]) -> None:
    """Add what the histories of these items ask for."""
    for top in busy:
        for item in top.primitives():
            if item.resource.is_removed:
                _remove(graph, item)
            else:
                _renew(graph, item)
    _clear_expired(graph)
    _forget_locks(graph)


def _is_tidy(graph: Graph, node: int) -> bool:
    spot = graph.board.nodes[node]
    return spot.is_available or (spot.is_online and spot.node.is_maintenance)


def _delete(graph: Graph, item: Item, node: int) -> None:
    """Stop, then delete the entry, then start."""
    if item.is_failed or not _is_tidy(graph, node):
        return
    delete = make(graph, item, Task.DELETE, node, is_needed=True, reason="its entry is obsolete")
    for stop in graph.of(item, Task.STOP):
        if stop.node == node:
            graph.tie(stop, delete, ties.ORDER)
    for start in graph.of(item, Task.START):
        graph.tie(delete, start, ties.ORDER)
    if _is_looked_for(graph, item, node):
        delete.is_needed = False


def _remove(graph: Graph, item: Item) -> None:
    """A resource that is no longer configured leaves no trace."""
    if item.number is not None and not is_unique(item):
        return
    options = graph.board.problem.options
    for node in sorted(item.known.union(item.observed)):
        _delete(graph, item, node)
    counts = graph.board.fail_counts.get(graph.board.filed(item), {})
    if not options.stop_removed_resources:
        return
    for node in sorted(counts):
        if graph.board.nodes[node].is_online:
            clear = _clear(graph, item, node, "it is no longer configured")
            for stop in graph.of(item, Task.STOP):
                graph.tie(clear, stop, ties.ORDER)


def _renew(graph: Graph, item: Item) -> None:
    """A changed definition: reload, or delete the entry of another agent."""
    for node, seen in item.observed.items():
        if seen.changed is not Changed.NO and node in item.roles and _is_tidy(graph, node):
            clear_after_change(graph, item, node)
        if seen.changed is Changed.REPLACE:
            _delete(graph, item, node)
        elif seen.changed is Changed.RELOAD and node in item.roles and item.is_managed:
            if item.is_failed:
                for stop in graph.of(item, Task.STOP):
                    stop.is_needed = True
            elif seen.pending is not Task.START:
                add_reload(graph, item, node)


def _clear_expired(graph: Graph) -> None:
    """Fail counts that have expired are cleared, whatever else happens."""
    board = graph.board
    for seen in board.problem.observed:
        if seen.clears_fail_count:
            node = board.index.get(seen.node)
            item = _filed_under(board, seen.resource)
            if node is not None and item is not None:
                _clear(graph, item, node, "its fail count has expired")


def _filed_under(board: Board, name: str) -> Item | None:
    """Return the primitive of which a history is filed under the name, of a clone any instance."""
    item = board.find(name)
    if item is not None:
        return item if item.kind is Kind.PRIMITIVE else None
    names = (name, name.rpartition(":")[0])
    return next((one for one in board.items.values() if one.resource.id in names), None)


def _forget_locks(graph: Graph) -> None:
    """What has waited for long enough for a node has its history there deleted.

    The coordinator can do that by itself: the node need not be there.
    """
    board = graph.board
    for name, node_name in board.problem.expired_locks:
        item, node = _filed_under(board, name), board.index.get(node_name)
        if item is None or node is None or _is_looked_for(graph, item, node):
            continue
        reason = f"it has waited long enough for {node_name}"
        graph.add(Action(Task.DELETE, item, node, is_needed=True, reason=reason))


def _is_looked_for(graph: Graph, item: Item, node: int) -> bool:
    return any(
        not probe.interval_ms and node in probe.places for probe in graph.of(item, Task.MONITOR)
    )


def clear_after_change(graph: Graph, item: Item, node: int) -> None:
    """An operation that is defined anew, or no more, begins without a fail count."""
    board = graph.board
    if board.fail_counts.get(board.filed(item), {}).get(node):
        _clear(graph, item, node, "the operation's definition has changed")


def _clear(graph: Graph, item: Item, node: int, reason: str) -> Action:
    found = graph.find(item, Task.CLEAR_FAILCOUNT, node)
    if found is not None:
        return found
    clear = graph.add(Action(Task.CLEAR_FAILCOUNT, item, node, is_needed=True, reason=reason))
    if not is_reachable(graph, node):
        clear.can_run, clear.hindrance = (
            False,
            f"{graph.board.nodes[node].node.name} cannot be reached",
        )
    return clear


def is_reachable(graph: Graph, node: int) -> bool:
    """Return whether anything can be done on the node: it is there, and not about to be fenced."""
    spot = graph.board.nodes[node]
    return spot.is_online and not spot.is_unclean and not spot.node.is_pending
