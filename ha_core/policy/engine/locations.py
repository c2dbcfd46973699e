"""Where each item may run before anything else is looked at: the scores it starts with.

Owns: nodes' own scores, opt-in clusters, location constraints, health, stickiness, thresholds and
other bans after failures, exclusive discovery, shutdown locks. It knows nothing of colocation.
Source: Pacemaker Explained, "Constraints" and "Resource Options".
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine import health, tickets
from ha_core.policy.engine.desk import Desk
from ha_core.policy.engine.items import Board, Item, Reason
from ha_core.policy.engine.problem import (
    Discovery,
    Kind,
    Location,
    MultipleActive,
    Observed,
    OnFail,
    Role,
    Task,
)
from ha_core.policy.scores import add, text

_UNLISTED = -2 * INFINITY
"""Stands for a node that an opt-in cluster's item has not been allowed yet."""


def prepare(desk: Desk) -> None:
    """Give every item the scores that it starts with."""
    board = desk.board
    options = board.problem.options
    base = [spot.node.score if options.is_symmetric else _UNLISTED for spot in board.nodes]
    for top in board.tops:
        _begin(board, top, base)
        for item in top.primitives():
            if item.roles:
                _keep_unmanaged(board, item)
    health.apply(board, lambda item, node, score: _apply(desk, item, [(node, score)]))
    _locations(desk)
    tickets.apply(board, ban)
    for top in board.tops:
        _settle(desk, top)


def put(item: Item, node: int, score: int) -> None:
    """Add the score for a node to an item and all in it."""
    scores = item.scores
    before = scores[node]
    scores[node] = score if before == _UNLISTED else add(before, score)
    for child in item.children:
        put(child, node, score)


def ban(item: Item, node: int | None = None) -> None:
    """Rule out a node, or all of them, for an item and all in it."""
    if node is None:
        item.scores[:] = [-INFINITY] * len(item.scores)
    else:
        item.scores[node] = -INFINITY
    for child in item.children:
        ban(child, node)


def _begin(board: Board, item: Item, base: list[int]) -> None:
    item.scores = base[:]
    is_going = item.resource.is_removed and item.meta.is_managed
    if is_going or item.is_surplus:
        item.scores = [-INFINITY] * len(base)
    for child in item.children:
        _begin(board, child, base)


def _keep_unmanaged(board: Board, item: Item) -> None:
    """Let what is active and not managed draw others to where it is.

    So does a group or clone that is not managed, though what is in it says that itself is.
    """
    is_left = item.meta.is_maintenance or not item.meta.is_managed
    if not item.is_managed and board.problem.options.is_maintenance:
        is_left = True
    for node in item.roles:
        seen = item.observed.get(node)
        is_left = is_left or board.nodes[node].node.is_maintenance
        is_left = is_left or (seen is not None and seen.failed is OnFail.BLOCK)
        left = item if is_left else _unmanaged_whole(item)
        if left is not None:
            put(left, node, INFINITY)


def _unmanaged_whole(item: Item) -> Item | None:
    """Return the group or clone around it that is not managed, the nearest, or None."""
    above = item.parent
    while above is not None and above.meta.is_managed and not above.meta.is_maintenance:
        above = above.parent
    return above


# --- location constraints ----------------------------------------------------------------------


def _locations(desk: Desk) -> None:
    modes: dict[Item, dict[int, Discovery]] = {}
    index = desk.board.index
    for location in desk.board.problem.locations:
        item = desk.board.find(location.resource)
        if item is None:
            continue
        pairs = [(index[name], score) for name, score in location.scores if name in index]
        if location.role is Role.PROMOTED:
            desk.promoted_scores.setdefault(item, []).extend(pairs)
            continue
        if pairs:
            item.reasons.append(_reason(location, pairs))
        _apply(desk, item, pairs)
        if location.discovery is not Discovery.ALWAYS:
            _note(modes, item, [node for node, _ in pairs], location.discovery)
    for item in modes:
        if item.parent is None and Discovery.EXCLUSIVE in modes[item].values():
            _exclude(item, modes)


def _reason(location: Location, pairs: list[tuple[int, int]]) -> Reason:
    said = ", ".join(f"{text(score)} to {name}" for name, score in location.scores[:3])
    more = ", …" if len(location.scores) > 3 else ""
    node, score = pairs[0] if len(pairs) == 1 else (None, pairs[0][1])
    return Reason(
        "location", f"{location.id} gives {said}{more}", node, score, constraint=location.id
    )


def _apply(desk: Desk, item: Item, pairs: list[tuple[int, int]]) -> None:
    """Add scores for nodes: of a colocated group the first member stands for all."""
    scores = item.scores
    for node, score in pairs:
        before = scores[node]
        scores[node] = score if before == _UNLISTED else add(before, score)
    if item.kind is not Kind.GROUP or not item.resource.is_colocated:
        for child in item.children:
            _apply(desk, child, pairs)
        return
    desk.group_scores.setdefault(item, []).extend(pairs)
    listed = [(node, 0) for node, _ in pairs]
    for number, child in enumerate(item.children):
        _apply(desk, child, listed if number else pairs)


def _note(
    modes: dict[Item, dict[int, Discovery]], item: Item, nodes: list[int], mode: Discovery
) -> None:
    own = modes.setdefault(item, {})
    for node in nodes:
        if mode is Discovery.EXCLUSIVE or node not in own:
            own[node] = mode
    for child in item.children:
        _note(modes, child, nodes, mode)


def _exclude(item: Item, modes: dict[Item, dict[int, Discovery]]) -> None:
    own = modes.get(item, {})
    for node, score in enumerate(item.scores):
        if own.get(node) is not Discovery.EXCLUSIVE and score != _UNLISTED:
            item.scores[node] = -INFINITY
    item.reasons.append(Reason("discovery", "it may only run where it is looked for"))
    for child in item.children:
        _exclude(child, modes)


# --- what is known of each ---------------------------------------------------------------------


def _settle(desk: Desk, item: Item) -> None:
    """Add what each item's own options and history say; close what was not listed."""
    if item.kind is Kind.PRIMITIVE:
        if item.roles or item.heading is not None:
            _stick(desk, item)
        if item.roles:
            _stop_everywhere(desk.board, item)
        for node, observed in item.observed.items():
            _bans(desk, item, node, observed)
        if desk.board.filed(item) in desk.board.fail_counts:
            _thresholds(desk.board, item)
    for child in item.children:
        _settle(desk, child)
    _lock(desk, item)
    if _UNLISTED in item.scores:
        if item.kind is Kind.CLONE:
            closed = {node for node, score in enumerate(item.scores) if score == _UNLISTED}
            desk.unlisted[item] = closed
        item.scores = [-INFINITY if score == _UNLISTED else score for score in item.scores]


def _stick(desk: Desk, item: Item) -> None:
    if not item.is_managed or item.meta.stickiness < 1:
        return
    if item.heading is not None:
        node = item.heading
    elif len(item.roles) == 1:
        node = next(iter(item.roles))
    else:
        return
    if item.scores[node] != _UNLISTED:
        item.scores[node] = add(item.scores[node], item.meta.stickiness)
        word = text(item.meta.stickiness)
        item.reasons.append(
            Reason("stickiness", f"it stays where it is by {word}", node, item.meta.stickiness)
        )


def _stop_everywhere(board: Board, item: Item) -> None:
    if item.meta.multiple_active is not MultipleActive.STOP_ONLY or not item.is_on_several:
        return
    if not item.is_managed or any(seen.migration for seen in item.observed.values()):
        return
    ban(item)
    item.reasons.append(Reason("multiple_active", "it is active on several nodes: it stops"))


def _bans(desk: Desk, item: Item, node: int, observed: Observed) -> None:
    name = desk.board.nodes[node].node.name
    whole = _anonymous_whole(item)
    if observed.bans_all:
        ban(whole)
        item.reasons.append(
            Reason("never", f"{observed.failed_text} on {name}: it may run nowhere")
        )
    elif observed.bans_node:
        is_of_one = observed.failed is not OnFail.BAN and not observed.bans_clone
        only = observed.failed_task == Task.STOP and is_of_one
        ban(item if only else whole, node)
        item.reasons.append(
            Reason("failed", f"{observed.failed_text}: not on {name} again", node, -INFINITY)
        )
    if observed.failed is OnFail.STOP:
        item.next_role = Role.STOPPED
    elif observed.is_not_promoted_again and item.next_role is not Role.STOPPED:
        item.next_role = Role.UNPROMOTED


def _thresholds(board: Board, item: Item) -> None:
    limit = item.meta.migration_threshold
    if limit == 0 or any(seen.is_threshold_ignored for seen in item.observed.values()):
        return
    for node, count in board.fail_counts[board.filed(item)].items():
        if count >= limit:
            ban(_anonymous_whole(item), node)
            failures = "1 failure" if count == 1 else f"{text(count)} failures"
            said = f"{failures} on {board.nodes[node].node.name}"
            item.reasons.append(
                Reason("threshold", f"{said}, allowed are {text(limit)}", node, -INFINITY)
            )


def _anonymous_whole(item: Item) -> Item:
    """Return the clone that a failure of an anonymous instance speaks for, or the item."""
    top = item.top
    return top if top.clone is not None and not top.clone.is_unique else item


def _lock(desk: Desk, item: Item) -> None:
    """Keep what waits for a node that shuts down cleanly from all others."""
    board = desk.board
    options = board.problem.options
    if not options.shutdown_lock or item.kind is not Kind.PRIMITIVE:
        return
    if item.top.kind is Kind.CLONE or item.resource.is_fence_device:
        return
    node: int | None = None
    if len(item.roles) == 1:
        spot = board.nodes[next(iter(item.roles))]
        if spot.node.is_shutting_down and not spot.is_unclean:
            node = spot.index
    elif not item.roles:
        locks = dict(board.problem.shutdown_locks)
        node = board.index.get(locks.get(item.id, ""))
    if node is None:
        return
    for other, score in enumerate(item.scores):
        if other != node and score != _UNLISTED:
            item.scores[other] = -INFINITY
    name = board.nodes[node].node.name
    item.reasons.append(Reason("shutdown_lock", f"it waits for {name}", node))
