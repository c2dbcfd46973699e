"""From a primitive's present role and node to the next: what must be done.

Owns: stops, demotions, starts and promotions of one primitive, and their ties to one another.
Source: policy engine reference, chapters 13, 14, 17 and 18.
"""

from dataclasses import dataclass

from ha_core.policy.engine import ties
from ha_core.policy.engine.graph import Action, Graph, has_fencing
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.making import make
from ha_core.policy.engine.migration import add_migration, can_migrate, partial_of
from ha_core.policy.engine.problem import (
    Changed,
    Migration,
    MultipleActive,
    OnFail,
    Role,
    Task,
)


@dataclass(slots=True)
class Course:
    """What one primitive goes through."""

    item: Item
    current: int | None
    """The node to come from."""
    skips: int | None = None
    """The node where an expected instance goes on while unexpected ones stop."""
    partial: Migration | None = None
    """A migration under way that is continued."""
    must_stop: str = ""
    """Why it must stop even if it stays; empty: it need not."""
    must_promote: bool = False
    forces_stop: bool = False
    """A migration that cannot go on: every stop is needed."""


def add_primitive(graph: Graph, item: Item) -> None:
    """Add the actions that take the item from its present role to the next."""
    course = _course(graph, item)
    is_moving = (
        course.current is not None
        and item.node is not None
        and course.current != item.node
        and item.next_role >= Role.STARTED
    )
    is_migrating = is_moving and can_migrate(graph.board, item, course.current)
    if is_moving:
        course.must_stop = "it moves"
    is_migrating = _judge_partial(graph, course, is_migrating=is_migrating)
    _judge_pending(graph, item)
    _judge_failure(graph, course, is_moving=is_moving)
    _down_and_up(graph, course)
    _to_next_role(graph, course)
    if item.node is not None and item.next_role is not Role.STOPPED and not item.is_blocked:
        make(graph, item, Task.START, item.node, is_needed=False)
    _tie_own(graph, item)
    if is_migrating and course.current is not None:
        add_migration(graph, item, course.current, is_partial=course.partial is not None)


def _course(graph: Graph, item: Item) -> Course:
    nodes = item.active
    current = nodes[0] if nodes else None
    partial = partial_of(item)
    for dangling in _dangling(item):
        node = graph.board.index.get(dangling.source)
        if node is not None:
            make(graph, item, Task.STOP, node, is_needed=True, reason="it has migrated away")
    if partial is not None and graph.board.index.get(partial.source) in item.roles:
        current = graph.board.index[partial.source]
    elif not has_fencing(item.meta.requires):
        clean = [node for node in nodes if _is_clean(graph, node)]
        current = clean[0] if clean else current
    return Course(item, current, partial=partial)


def _dangling(item: Item) -> list[Migration]:
    return [
        seen.migration
        for seen in item.observed.values()
        if seen.migration is not None and not seen.migration.is_partial
    ]


def _is_clean(graph: Graph, node: int) -> bool:
    spot = graph.board.nodes[node]
    return spot.is_online and not spot.is_unclean


def _judge_partial(graph: Graph, course: Course, *, is_migrating: bool) -> bool:
    """Go on with a migration under way, or stop it everywhere; find what runs on several nodes."""
    item, partial = course.item, course.partial
    index = graph.board.index
    if partial is not None:
        if (
            is_migrating
            and len(item.roles) == 2
            and course.current == index.get(partial.source)
            and item.node == index.get(partial.target)
        ):
            return True
        course.must_stop = f"its migration to {partial.target} cannot be completed"
        course.partial = None
        return False
    nodes = item.active
    if not has_fencing(item.meta.requires):
        nodes = [node for node in nodes if _is_clean(graph, node)]
    if len(nodes) > 1:
        policy = item.meta.multiple_active
        if policy is MultipleActive.STOP_START:
            course.must_stop = "it is active on several nodes"
        elif policy is MultipleActive.STOP_UNEXPECTED:
            course.must_stop = "it is active on several nodes"
            course.skips = item.node
    return is_migrating


def _judge_pending(graph: Graph, item: Item) -> None:
    """A start without a result is issued again."""
    if item.node is None or not is_start_pending(item):
        return
    start = make(graph, item, Task.START, item.node, is_needed=False)
    start.is_printed = True
    start.reason = "its start has no result yet"


def is_start_pending(item: Item) -> bool:
    """Return whether a start of the item has no result yet, on any node."""
    return any(seen.pending is Task.START for seen in item.observed.values())


def _judge_failure(graph: Graph, course: Course, *, is_moving: bool) -> None:
    item = course.item
    if is_moving:
        return
    failed = [seen.failed for seen in item.observed.values() if seen.failed is not None]
    if item.is_failed:
        course.must_stop = course.must_stop or "it has failed"
    elif failed and max(failed) is OnFail.DEMOTE:
        for node in item.active:
            if item.observed[node].failed is OnFail.DEMOTE:
                make(graph, item, Task.DEMOTE, node, is_needed=True, reason="it has failed")
        course.must_promote = item.next_role is Role.PROMOTED
    elif item.is_blocked:
        course.must_stop = course.must_stop or "it is blocked"
    for node, seen in item.observed.items():
        if node in item.roles and seen.changed in (Changed.RESTART, Changed.REPLACE):
            course.must_stop = course.must_stop or "its definition has changed"


def _down_and_up(graph: Graph, course: Course) -> None:
    """Down to a stop where it is, and up to the same role where it will be."""
    item = course.item
    needed = bool(course.must_stop)
    role = item.role
    if role is Role.PROMOTED:
        _demote(graph, course, is_needed=needed)
        role = Role.UNPROMOTED
    if role is not Role.STOPPED:
        _stop(graph, course, is_needed=needed)
    if item.is_blocked or _rank(item.role) > _rank(item.next_role) or item.role is Role.STOPPED:
        return
    _start(graph, course, is_needed=needed)
    if item.role is Role.PROMOTED:
        _promote(graph, course, is_needed=needed or course.must_promote)


def _to_next_role(graph: Graph, course: Course) -> None:
    item = course.item
    role, wanted = _rank(item.role), _rank(item.next_role)
    if role == 2 and wanted < 2:
        _demote(graph, course, is_needed=True)
        role = 1
    if role == 1 and wanted == 0:
        _stop(graph, course, is_needed=True)
    if role == 1 and has_no_role_any_more(item):
        course.must_stop = course.must_stop or "it can no longer be promoted"
        _stop(graph, course, is_needed=True)
        role = 0
    if role == 0 and wanted >= 1:
        _start(graph, course, is_needed=True)
        role = 1
    if role == 1 and wanted == 2:
        _promote(graph, course, is_needed=True)


def has_no_role_any_more(item: Item) -> bool:
    """Return whether it has the role of a promotable clone's instance, and is to have none."""
    return item.next_role is Role.STARTED and item.role in (Role.UNPROMOTED, Role.PROMOTED)


def _rank(role: Role) -> int:
    return 2 if role is Role.PROMOTED else 1 if role is not Role.STOPPED else 0


def _stop(graph: Graph, course: Course, *, is_needed: bool) -> None:
    item = course.item
    for node in item.active:
        if course.skips == node and not _has_failed(item, node):
            continue
        needed = is_needed
        if course.partial is not None:
            if graph.board.index.get(course.partial.target) == node == item.node:
                continue
            needed = True
        reason = course.must_stop or "no node will have it"
        stop = make(graph, item, Task.STOP, node, is_needed=needed, reason=reason)
        stop.is_spare = graph.board.problem.keeps_followers and course.skips in item.roles
        if not item.is_managed:
            stop.can_run = False
            stop.hindrance = f"{item.id} is not managed"


def _has_failed(item: Item, node: int) -> bool:
    """Whether it has failed on this node: there it cannot just go on."""
    seen = item.observed.get(node)
    return seen is not None and seen.failed is not None


def _demote(graph: Graph, course: Course, *, is_needed: bool) -> None:
    item = course.item
    for node in item.active:
        if course.skips != node:
            make(graph, item, Task.DEMOTE, node, is_needed=is_needed, reason=course.must_stop)


def _start(graph: Graph, course: Course, *, is_needed: bool) -> None:
    item = course.item
    start = make(graph, item, Task.START, item.node, is_needed=False)
    is_kept = graph.board.problem.keeps_followers and course.skips in item.roles
    if start.can_run and is_needed and item.is_managed and not is_kept:
        start.is_needed = True
        start.reason = start.reason or course.must_stop
    if course.skips is not None and course.skips == item.node:
        start.is_pseudo = True


def _promote(graph: Graph, course: Course, *, is_needed: bool) -> None:
    item = course.item
    start = graph.find(item, Task.START, item.node)
    if start is not None and not start.can_run:
        return
    promote = make(graph, item, Task.PROMOTE, item.node, is_needed=is_needed)
    if course.skips is not None and course.skips == item.node:
        promote.is_pseudo = True


def _tie_own(graph: Graph, item: Item) -> None:
    """Down before up, as far as the item is managed."""
    if not item.is_managed:
        return
    stops = graph.of(item, Task.STOP)
    starts = graph.of(item, Task.START)
    for stop in stops:
        for start in starts:
            bond = ties.NONE if stop.is_spare else ties.IMPLIES_THEN | ties.RESTART
            graph.tie(stop, start, ties.ORDER | bond)
    for demote in graph.of(item, Task.DEMOTE):
        for stop in stops:
            graph.tie(demote, stop, ties.PROMOTED_IMPLIES_FIRST)
    for promote in graph.of(item, Task.PROMOTE):
        for start in starts:
            graph.tie(start, promote, ties.NEEDS_FIRST)


def add_reload(graph: Graph, item: Item, node: int) -> Action:
    """Add a reload; a stop or demotion that is needed makes it pointless."""
    reload = make(graph, item, Task.RELOAD, node, is_needed=True, reason="its parameters changed")
    for task in (Task.STOP, Task.DEMOTE):
        for action in graph.of(item, task):
            graph.tie(reload, action, ties.ORDER | ties.CANCELS_FIRST)
    return reload
