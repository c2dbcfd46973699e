"""A question becomes records to work on: roles, failures' effects, nodes to be fenced.

Owns: what follows from the observations before anything is decided.
Source: Pacemaker Explained, "Failure Handling", "Status".
"""

import re
from dataclasses import replace
from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.items import Board, Item, Spot, is_unique
from ha_core.policy.engine.numbering import Binder, make_item, note_known, set_managed
from ha_core.policy.engine.problem import (
    Kind,
    Location,
    MultipleActive,
    Node,
    Observed,
    OnFail,
    Options,
    Problem,
    Requires,
    Role,
)

_DIGITS: Final = re.compile(r"([0-9]+)", re.ASCII)
_MUST_STOP: Final = frozenset(
    {OnFail.RESTART, OnFail.BAN, OnFail.STOP, OnFail.STANDBY, OnFail.FENCE}
)


def unpack(problem: Problem) -> Board:
    """Return the board of a question."""
    if problem.options.is_like_2_1_5:
        problem = replace(problem, locations=tuple(map(_as_before, problem.locations)))
    nodes = sorted(problem.nodes, key=lambda node: natural_key(node.name))
    spots = [_spot(number, node, problem.options) for number, node in enumerate(nodes)]
    board = Board(problem, spots, [], {}, {spot.node.name: spot.index for spot in spots})
    order = [item for item in problem.resources if not item.is_removed]
    order.sort(key=lambda item: -item.meta.priority)
    order += [item for item in problem.resources if item.is_removed]
    for resource in order:
        item = make_item(board, resource)
        board.tops.append(item)
        set_managed(item, problem.options)
    _observe(board)
    for name, place in problem.headings:
        heading = board.items.get(name)
        if heading is not None and place in board.index:
            heading.heading = board.index[place]
    for name, why in problem.holds:
        held = board.items.get(name)
        if held is not None:
            held.hold = why
    for item in board.tops:
        _sum_up(board, item)
    return board


def _as_before(location: Location) -> Location:
    """Return the location as 2.1.5 has it, where a score that is missing bans the node."""
    bans = tuple((node, -INFINITY) for node in location.unscored)
    return replace(location, scores=location.scores + bans, unscored=()) if bans else location


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that compares names without case, and numbers in them as numbers."""
    # Numbers of any length: without leading zeros, the longer one is the larger.
    return tuple(
        (0, len(part), part) if position % 2 else (1, 0, part)
        for position, text in enumerate(_DIGITS.split(name.lower()))
        if (part := text.lstrip("0") if position % 2 else text) or position % 2
    )


def _spot(number: int, node: Node, options: Options) -> Spot:
    spot = Spot(number, node, node.is_online, bool(node.fence_reason), node.is_standby)
    if node.fence_reason:
        spot.fence_reasons.append(node.fence_reason)
    if node.is_standby:
        spot.standby_reason = "it is being stopped" if node.is_leaving else "it is in standby"
    spot.free = dict(node.capacity)
    return spot


def _observe(board: Board) -> None:
    """Apply every observation."""
    binder = Binder(board)
    options = board.problem.options
    believed = options.fencing_enabled or options.shutdown_lock
    for observed in board.problem.observed:
        node = board.index.get(observed.node)
        if node is None:
            continue
        _count(board, binder, observed, node)
        # What an offline node has told is worth nothing where no fencing can make it sure.
        if believed or board.nodes[node].is_online:
            _apply(board, binder, observed, node)
    for name, names in board.problem.found_stopped:
        nodes = [board.index[node] for node in names if node in board.index]
        binder.know(name, nodes)


def _count(board: Board, binder: Binder, observed: Observed, node: int) -> None:
    if not observed.fail_count and observed.promotion_score is None:
        return
    name = observed.resource
    item = board.items.get(name)
    if item is None or item.kind is not Kind.PRIMITIVE or not is_unique(item):
        base = name if binder.clone_of(name) else name.rpartition(":")[0]
        name = base if binder.clone_of(base) else name
    if observed.fail_count:
        board.fail_counts.setdefault(name, {})[node] = observed.fail_count
    if observed.promotion_score is not None:
        board.promotion_scores.setdefault(name, {})[node] = observed.promotion_score


def _apply(board: Board, binder: Binder, observed: Observed, node: int) -> None:
    item = binder.find(observed, node)
    if item is None:
        if observed.is_known:
            binder.know(observed.resource, [node])
        return
    if observed.is_known:
        note_known(item, [node])
    item.observed[node] = observed
    _act_on_failure(board, item, observed, node)
    if observed.role is not Role.STOPPED:
        _run(board, item, observed, node)


def _act_on_failure(board: Board, item: Item, observed: Observed, node: int) -> None:
    spot = board.nodes[node]
    is_active = observed.role is not Role.STOPPED
    fencing = board.problem.options.fencing_enabled
    is_lost = is_active and not spot.is_online and not spot.node.is_maintenance
    if is_lost and item.is_managed and fencing:
        _fence(spot, f"{item.id} is thought to be active there")
    if spot.is_unclean:
        return
    failed = observed.failed
    if failed is OnFail.FENCE:
        _fence(spot, f"{item.id}: {observed.failed_text}")
    elif failed is OnFail.STANDBY:
        spot.is_standby = True
        spot.standby_reason = f"{item.id}: {observed.failed_text}"
    elif failed is OnFail.BLOCK:
        _block(item)
    if is_active and failed in _MUST_STOP:
        item.is_failed = True


def _fence(spot: Spot, reason: str) -> None:
    spot.is_unclean = True
    spot.fence_reasons.append(reason)


def _block(item: Item) -> None:
    item.is_managed = False
    item.is_blocked = True


def _run(board: Board, item: Item, observed: Observed, node: int) -> None:
    """Make the item active on the node."""
    role = observed.role
    clone = item.top.clone
    if role is Role.STARTED and clone is not None and clone.is_promotable:
        role = Role.UNPROMOTED
    item.roles[node] = role
    item.role = max(item.role, role)
    if board.nodes[node].node.is_maintenance:
        item.is_managed = False
    if not item.is_managed or not _is_on_several(board, item):
        return
    item.is_on_several = True
    if item.meta.multiple_active is MultipleActive.BLOCK:
        _block(item)
        parent = item.parent
        if parent is None or parent.kind is not Kind.GROUP:
            return
        if parent.meta.multiple_active is MultipleActive.BLOCK:
            for child in parent.children:
                _block(child)


def _is_on_several(board: Board, item: Item) -> bool:
    if len(item.roles) < 2:
        return False
    if item.meta.requires in (Requires.FENCING, Requires.UNFENCING):
        return True
    clean = [
        node
        for node in item.roles
        if board.nodes[node].is_online and not board.nodes[node].is_unclean
    ]
    return len(clean) > 1


def _sum_up(board: Board, item: Item) -> None:
    """Fill the roles of groups and clones from what is in them."""
    for child in item.children:
        _sum_up(board, child)
        for node, role in child.roles.items():
            if child.is_managed or board.nodes[node].is_online:
                item.roles[node] = max(role, item.roles.get(node, Role.STOPPED))
        item.role = max(item.role, child.role)
