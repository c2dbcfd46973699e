"""Find the resources that need to be looked at: those that change, and those tied to them.

Owns: when a resource surely stays as it is. In doubt it is looked at. Source: policy engine
reference, chapter 13.
"""

from collections.abc import Container

from ha_core.ids import INFINITY
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.making import quorum_policy
from ha_core.policy.engine.primitives import has_no_role_any_more
from ha_core.policy.engine.problem import (
    Changed,
    Kind,
    NoQuorum,
    OrderKind,
    Role,
)
from ha_core.policy.engine.recurring import fits, recurring_operations


def restless(board: Board, probed: Container[Item]) -> list[Item]:
    """Return the top-level items to make actions for, in the board's order."""
    calm = {
        spot.index
        for spot in board.nodes
        if spot.is_online
        and not spot.is_unclean
        and not spot.node.is_pending
        and not spot.node.is_shutting_down
        and not spot.node.is_maintenance
    }
    has_peace = (
        quorum_policy(board) is NoQuorum.IGNORE
        and board.problem.options.has_quorum
        and not board.problem.options.is_maintenance
    )
    busy: set[Item] = set()
    complete: set[Item] = set()
    for top in board.tops:
        quiet, whole = _judge(top, calm) if has_peace and top not in probed else (False, False)
        if not quiet:
            busy.add(top)
        elif whole:
            complete.add(top)
    _spread(board, busy, complete)
    return [top for top in board.tops if top in busy]


def _judge(top: Item, calm: set[int]) -> tuple[bool, bool]:
    """Return whether everything stays as it is, and whether all of it runs."""
    whole = True
    for item in top.primitives():
        if any(one.role is Role.STOPPED for one in item.resource.operations):
            return False, False
        if not item.roles and item.node is None:
            if item.resource.is_removed or _has_marks(item):
                return False, False
            whole = False
        elif not _stays(item, calm):
            return False, False
    if top.kind is Kind.CLONE and any(item.roles for item in top.primitives()):
        whole = True
    return True, whole


def _has_marks(item: Item) -> bool:
    return any(
        seen.pending is not None
        or seen.migration is not None
        or seen.clears_fail_count
        or seen.changed is Changed.REPLACE
        for seen in item.observed.values()
    )


def _stays(item: Item, calm: set[int]) -> bool:
    node = item.node
    if (
        node is None
        or node not in calm
        or node not in item.roles
        or len(item.roles) != 1
        or not item.is_managed
        or item.is_failed
        or item.is_blocked
        or item.resource.is_removed
        or item.meta.is_maintenance
        or (item.role is Role.PROMOTED) != (item.next_role is Role.PROMOTED)
        or item.next_role is Role.STOPPED
        or has_no_role_any_more(item)
    ):
        return False
    if len(item.observed) > 1 and _has_marks(item):
        return False
    seen = item.observed.get(node)
    if seen is None:
        return not recurring_operations(item)
    if (
        seen.changed is not Changed.NO
        or seen.failed is not None
        or seen.pending is not None
        or seen.migration is not None
        or seen.clears_fail_count
    ):
        return False
    return _repeats_as_wanted(item, seen.recurring)


def _repeats_as_wanted(item: Item, running: tuple[object, ...]) -> bool:
    wanted = recurring_operations(item)
    if len(wanted) != len(running):
        fitting = [one for one in wanted if fits(one, item.next_role)]
        if len(fitting) != len(running):
            return False
        wanted = fitting
    keys = {
        (one.name, one.interval_ms)
        for one in item.observed[item.node].recurring  # type: ignore[index]
        if not one.is_changed
    }
    return all(fits(one, item.next_role) and (one.name, one.interval_ms) in keys for one in wanted)


def _spread(board: Board, busy: set[Item], complete: set[Item]) -> None:
    """Add what is tied to something that changes, or to something that may hold it up."""
    near: dict[Item, list[Item]] = {}
    for first, then in _pairs(board):
        one, other = board.find(first), board.find(then)
        if one is not None and other is not None and one.top is not other.top:
            near.setdefault(one.top, []).append(other.top)
            near.setdefault(other.top, []).append(one.top)
    todo = [top for top in near if top in busy or top not in complete]
    busy.update(todo)
    while todo:
        for other in near.get(todo.pop(), ()):
            if other not in busy:
                busy.add(other)
                todo.append(other)


def _pairs(board: Board) -> list[tuple[str, str]]:
    problem = board.problem
    pairs = [
        (one.first, one.then)
        for one in problem.orderings
        if one.any_of or one.kind is not OrderKind.SERIALIZE
    ]
    pairs += [(one.dependent, one.primary) for one in problem.colocations if one.score >= INFINITY]
    return pairs
