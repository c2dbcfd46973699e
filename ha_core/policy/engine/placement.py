"""Gives every primitive its node and role: the third stage of a plan.

Owns: the order in which items are placed, and how primitives and groups are. Colocation is in
`following` and `wishes`, clones in `clones`, room in `utilization`. It makes no actions. Source:
Pacemaker Explained, "Constraints".
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine import (
    choice,
    clones,
    following,
    links,
    locations,
    quorum,
    utilization,
    wishes,
)
from ha_core.policy.engine.desk import STEPS_FREE, Chooser, Desk, Link
from ha_core.policy.engine.items import Board, Item, Reason
from ha_core.policy.engine.problem import Kind, Options, Role, Strategy
from ha_core.policy.scores import add

_DEPTH_BASE: Final = 1000
_DEPTH_PER_ITEM: Final = 8
"""Calls that are open for each link of a chain: assigning takes five, gathering wishes two."""


def prepare(board: Board, chooser: Chooser | None = None) -> Desk:
    """Fill in the scores that items start with, and index what ties them."""
    desk = Desk(board, _assign, chooser=chooser)
    for top in board.tops:
        _want(top)
    locations.prepare(desk)
    desk.set_usable()
    links.index(desk)
    return desk


def place(board: Board, chooser: Chooser | None = None) -> None:
    """Fill in scores, node, next role, promotion and reasons of every item.

    A chooser may give primitives other nodes than the order of preference does.
    """
    desk = prepare(board, chooser)
    tops = board.tops
    with _room_for(len(board.items)):
        if board.problem.options.strategy is not Strategy.DEFAULT:
            utilization.fill(desk)
            tops = utilization.order(desk, choice.by_preference(desk))
        for top in tops:
            _assign(desk, top, None, False)
    for top in tops:
        if top.kind is Kind.CLONE:
            top.children.sort(key=_number)
        quorum.limit(board, top)


@contextmanager
def _room_for(items: int) -> Iterator[None]:
    """Let a chain of colocations be as long as there are items."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEPTH_BASE + _DEPTH_PER_ITEM * items))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _number(instance: Item) -> int:
    return instance.number or 0


def _want(item: Item) -> None:
    """Set the role that is wanted, before anything speaks against it."""
    item.next_role = Role.STARTED
    target = item.meta.target_role
    if target is Role.STOPPED:
        item.next_role = Role.STOPPED
    elif target is Role.UNPROMOTED:
        clone = item.top.clone
        if clone is not None and clone.is_promotable:
            item.next_role = Role.UNPROMOTED
    for child in item.children:
        _want(child)


def _assign(desk: Desk, item: Item, preferred: int | None, is_trial: bool) -> int | None:
    if item.kind is Kind.PRIMITIVE:
        return _assign_primitive(desk, item, preferred, is_trial)
    if item.kind is Kind.GROUP:
        return _assign_group(desk, item, preferred, is_trial)
    clones.assign(desk, item)
    return None


def _assign_group(desk: Desk, group: Item, preferred: int | None, is_trial: bool) -> int | None:
    if group.is_assigned:
        return group.node
    if group in desk.assigning:
        return None
    desk.assigning.add(group)
    first: int | None = None
    for member in group.children:
        node = _assign(desk, member, preferred, is_trial)
        first = node if first is None else first
    desk.assigning.discard(group)
    group.is_assigned = True
    if group.children:
        group.next_role = group.children[0].next_role
    if not group.resource.is_colocated:
        return None
    group.node = first
    return first


def _assign_primitive(desk: Desk, item: Item, preferred: int | None, is_trial: bool) -> int | None:
    parent = item.parent
    if parent is not None and parent not in desk.assigning and not parent.is_assigned:
        _assign(desk, parent, preferred, False)
    if item.is_assigned:
        return item.node
    if item in desk.assigning:
        return None
    desk.assigning.add(item)
    _colocate(desk, item)
    if not item.is_assigned:
        _limit_role(desk.board.problem.options, item)
        _choose(desk, item, preferred, is_trial)
    desk.assigning.discard(item)
    return item.node


def _colocate(desk: Desk, item: Item) -> None:
    """Let its colocations count: first where it follows, then what its followers would like.

    Mandatory ones count before all others, so that as many as can be are kept. Pacemaker 2.1.5
    makes no such difference.
    """
    before = item.scores
    followed, wished = links.placing(desk, item)
    mandatory = [link for link in followed if link.is_mandatory]
    is_old = desk.board.problem.options.is_like_2_1_5
    for link in followed if is_old else mandatory:
        following.follow(desk, item, link)
    after = item.scores
    _heed_all(desk, item, [link for link in wished if is_old or link.is_mandatory])
    if not is_old:
        for link in followed:
            if not link.is_mandatory:
                was = item.scores
                following.follow(desk, item, link)
                after = _shifted(after, was, item.scores)
        _heed_all(desk, item, [link for link in wished if not link.is_mandatory])
    if desk.chooser is not None:
        desk.unwished[item] = before, after


def _shifted(scores: list[int], before: list[int], after: list[int]) -> list[int]:
    """Return scores with what came between two others added."""
    if before is after:
        return scores
    three = zip(scores, before, after, strict=True)
    return [own if old == new else add(own, new - old) for own, old, new in three]


def _heed_all(desk: Desk, item: Item, wished: list[Link]) -> None:
    for link in wished:
        if desk.steps > STEPS_FREE and desk.is_bound(item.scores):
            return  # a chain of thousands would be walked from each of its links
        _heed(desk, item, link)


def _heed(desk: Desk, item: Item, link: Link) -> None:
    """Let the wishes of a dependent count."""
    before = item.scores
    item.scores = wishes.of_dependent(desk, link, item, before)
    if desk.steps >= desk.steps_end > 0:
        item.reasons.append(Reason("wishes_cut", "only the nearest of what depends on it counts"))
    if link.is_explicit and item.scores is not before and item.scores != before:
        name = link.dependent.id
        item.reasons.append(
            Reason("wish", f"{name} is to be with it", None, link.score, link.id, name)
        )


def _limit_role(options: Options, item: Item) -> None:
    if options.fencing_enabled and not options.can_fence:
        item.is_managed = False
        item.reasons.append(Reason("no_fencing", "fencing is on but there is no device for it"))
    if item.next_role is Role.STOPPED:
        item.scores = [-INFINITY] * len(item.scores)
        if item.meta.target_role is Role.STOPPED:
            item.reasons.append(Reason("target_role", "it is to be stopped"))


def _choose(desk: Desk, item: Item, preferred: int | None, is_trial: bool) -> None:
    if not item.is_managed:
        item.next_role = item.role
        _give(desk, item, desk.current(item))
        item.reasons.append(Reason("unmanaged", "it is not managed: it is left as it is"))
        return
    if desk.board.problem.options.stop_all:
        node = None
        item.reasons.append(Reason("stop_all", "all resources are to be stopped"))
    else:
        emptiest = utilization.ban_full(desk, item)
        node = choice.best(desk, item, emptiest if preferred is None else preferred)
        if desk.chooser is not None and not is_trial:
            node = desk.chooser.choose(desk, item, node)
    if node is None and not is_trial:
        item.next_role = Role.STOPPED
    _give(desk, item, node)


def _give(desk: Desk, item: Item, node: int | None) -> None:
    item.is_assigned = True
    item.node = node
    if node is not None:
        spot = desk.board.nodes[node]
        spot.load += 1
        if item.resource.demand:
            utilization.take(spot, item)
