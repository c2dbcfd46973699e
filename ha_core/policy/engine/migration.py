"""Live migration: a move without an interruption.

Owns: when a move may be one, its three steps, and the orderings that migrations need besides the
configured ones. Source: policy engine reference, chapter 17.
"""

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import Graph, is_within
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.making import make
from ha_core.policy.engine.problem import Migration, Task


def can_migrate(board: Board, item: Item, current: int | None) -> bool:
    """Return whether the item's move away from `current` can be a live migration."""
    if current is None or item.node is None or not item.meta.allow_migrate:
        return False
    if not item.is_managed or item.is_failed or board.nodes[current].is_unclean:
        return False
    if board.nodes[item.node].is_unclean:
        return False
    return not any(seen.pending is Task.START for seen in item.observed.values())


def partial_of(item: Item) -> Migration | None:
    """Return the migration of the item that has begun and not ended."""
    if not item.meta.allow_migrate:
        return None
    for seen in item.observed.values():
        if seen.migration is not None and seen.migration.is_partial:
            return seen.migration
    return None


def add_migration(graph: Graph, item: Item, source: int, *, is_partial: bool) -> None:
    """Add migrate_to and migrate_from; stop and start become parts of the migration."""
    assert item.node is not None
    start = make(graph, item, Task.START, item.node, is_needed=False)
    stop = make(graph, item, Task.STOP, source, is_needed=False)
    arrive = make(graph, item, Task.MIGRATE_FROM, item.node, is_needed=False)
    arrive.target = source
    for action in (start, stop, arrive):
        action.is_migration = True
    start.is_pseudo = True
    arrive.needs = start.needs
    if is_partial:
        leave = None
    else:
        leave = make(graph, item, Task.MIGRATE_TO, source, is_needed=False)
        leave.target = item.node
        leave.is_migration = True
        leave.needs = start.needs
        graph.tie(leave, arrive, ties.ORDER | ties.MIGRATION_FIRST)
    for probe in graph.of(item, Task.MONITOR):
        if probe.interval_ms == 0:
            graph.tie(probe, arrive if leave is None else leave, ties.ORDER)
    for other in graph.of(item, Task.STOP):
        # What stops elsewhere, too, is no migration: it was active on several nodes.
        graph.tie(arrive, other, ties.ORDER | ties.MIGRATION_FIRST)
    graph.tie(arrive, start, ties.ORDER | ties.MIGRATION_FIRST | ties.PSEUDO_FIRST)


def add_migration_ordering(
    graph: Graph, first: Item, first_task: Task, then: Item, then_task: Task
) -> None:
    """What an ordering means for migrations of the two resources."""
    if first is then or is_within(first, then) or is_within(then, first):
        return
    if not then.meta.allow_migrate:
        return
    is_first_migratable = first.meta.allow_migrate
    kind = ties.ORDER | (ties.UNLESS_MIGRATED if is_first_migratable else 0)
    if (first_task, then_task) == (Task.START, Task.START):
        if is_first_migratable:
            graph.link(first, Task.MIGRATE_FROM, then, Task.MIGRATE_TO, ties.ORDER)
        graph.link(first, Task.START, then, Task.MIGRATE_TO, kind)
    elif (first_task, then_task) == (Task.STOP, Task.STOP):
        graph.link(first, Task.STOP, then, Task.MIGRATE_TO, kind)
        if partial_of(then) is not None:
            graph.link(first, Task.STOP, then, Task.MIGRATE_FROM, kind)
    elif (first_task, then_task) == (Task.PROMOTE, Task.START):
        graph.link(first, Task.PROMOTE, then, Task.MIGRATE_TO, ties.ORDER)
    elif (first_task, then_task) == (Task.DEMOTE, Task.STOP):
        graph.link(first, Task.DEMOTE, then, Task.MIGRATE_TO, ties.ORDER)
        if partial_of(then) is not None:
            graph.link(first, Task.DEMOTE, then, Task.MIGRATE_FROM, ties.ORDER)
