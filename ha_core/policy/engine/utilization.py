"""Room on nodes: what an item needs with all that must be beside it, and where there is enough.

Owns: free capacities and demands, the ban of nodes without room, and the order in which items are
placed when room counts. Source: Pacemaker Explained, "Utilization and Placement Strategy".
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine import wishes
from ha_core.policy.engine.desk import ROOM_STEPS_MAX, Desk, Link
from ha_core.policy.engine.items import Item, Reason, Spot
from ha_core.policy.engine.links import affects_place, affects_role, followed, following
from ha_core.policy.engine.problem import Kind, Requires, Strategy

Together = dict[Item, None]
"""Items in the order in which they were found."""


def compare_free(one: Spot, two: Spot) -> int:
    """Return below 0 if the first node has more left, counted attribute by attribute."""
    result = 0
    for name, amount in one.free.items():
        other = two.free.get(name, 0)
        result += (amount < other) - (amount > other)
    for name, amount in two.free.items():
        if name not in one.free:
            result += (amount > 0) - (amount < 0)
    return result


def fill(desk: Desk) -> None:
    """Give each node the capacity that it has with nothing placed on it."""
    for spot in desk.board.nodes:
        spot.free = dict(spot.node.capacity)


def take(spot: Spot, item: Item, sign: int = 1) -> None:
    """Take what the item needs from the node; with -1 give it back."""
    for name, amount in item.resource.demand:
        if name in spot.free:
            spot.free[name] -= sign * amount


def ban_full(desk: Desk, item: Item) -> int | None:
    """Ban nodes without room; return the emptiest node if it is to be preferred among equals."""
    if desk.board.problem.options.strategy is Strategy.DEFAULT:
        return None
    together = _together(desk, item, item, {})
    together[item] = None
    needed = _needed(together)
    nodes = [node for node in desk.usable if item.scores[node] >= 0]
    spots = desk.board.nodes
    is_any_capable = any(has_room(spots[node], needed) for node in nodes)
    emptiest: int | None = None
    if not is_any_capable:
        needed = dict(item.resource.demand)
        for node in nodes:
            if emptiest is None or compare_free(spots[node], spots[emptiest]) < 0:
                emptiest = node
    full = [node for node in nodes if not has_room(spots[node], needed)]
    if full:
        item.scores = item.scores[:]
        for node in full:
            item.scores[node] = -INFINITY
            name = spots[node].node.name
            item.reasons.append(Reason("capacity", f"{name} has no room for it", node, -INFINITY))
    return emptiest


def has_room(spot: Spot, needed: dict[str, int]) -> bool:
    """Whether the node has as much left."""
    return all(amount <= spot.free.get(name, 0) for name, amount in needed.items())


def _together(desk: Desk, item: Item, origin: Item, found: Together) -> Together:
    """Return the items that must be where the item is, as far as links say so."""
    if item in found or desk.room_steps >= ROOM_STEPS_MAX:
        return found
    desk.room_steps += 1
    if item.kind is Kind.GROUP:
        if item.resource.is_colocated or (item.parent is not None):
            found[item] = None
            for member in item.children:
                _together(desk, member, origin, found)
            return found
        if not item.children:
            return found
    found[item] = None
    for link in followed(desk, item):
        other = link.primary
        if other is not origin and link.score >= INFINITY and _places(desk, item, other, link):
            _together(desk, other, origin, found)
    for link in following(desk, item):
        other = link.dependent
        if other is origin or (item.kind is Kind.CLONE and other.kind is not Kind.CLONE):
            continue
        if link.score >= INFINITY and _places(desk, other, item, link):
            _together(desk, other, origin, found)
    return found


def _places(desk: Desk, dependent: Item, primary: Item, link: Link) -> bool:
    if affects_role(dependent, link):
        return False
    return affects_place(desk, dependent, primary, link)


def _needed(items: Together) -> dict[str, int]:
    """Return what all of them need that have no node yet."""
    total: dict[str, int] = {}
    for item in items:
        _add_need(item, items, total)
    return total


def _add_need(item: Item, items: Together, total: dict[str, int]) -> None:
    if item.is_assigned:
        return
    if item.kind is Kind.PRIMITIVE:
        for name, amount in item.resource.demand:
            total[name] = total.get(name, 0) + amount
    elif item.kind is Kind.GROUP:
        whole = item.resource.is_colocated or item.parent is not None
        for member in item.children if whole else item.children[:1]:
            if member not in items:
                _add_need(member, items, total)
    elif item.children:
        _add_need_of_clone(item, items, total)


def _add_need_of_clone(clone: Item, items: Together, total: dict[str, int]) -> None:
    is_there = False
    for child in clone.children:
        if child in items:
            is_there = True
        elif any(member in items for member in child.children):
            _add_need(child, items, total)
            is_there = True
    if not is_there:
        _add_need(clone.children[0], items, total)


def order(desk: Desk, nodes: list[int]) -> list[Item]:
    """Return the top-level items in the order in which they get their room.

    Args:
        desk: with nothing placed yet.
        nodes: all of them, the best first for what has no wish of its own.
    """

    index = desk.board.index
    told = dict.fromkeys(index.get(seen.node) for seen in desk.board.problem.observed)
    rank = {node: place for place, node in enumerate(told) if node is not None}

    def key(item: Item) -> tuple[int, int, list[int]]:
        scores = _with_primaries(desk, item)
        node = _own_node(desk, item, rank)
        own = -INFINITY if node is None else scores[node]
        return -item.meta.priority, -own, [-scores[other] for other in nodes]

    return sorted(desk.board.tops, key=key)


def _own_node(desk: Desk, item: Item, rank: dict[int, int]) -> int | None:
    """Return the node that counts as the one where it is: of several the one told of first."""
    if item.kind is Kind.PRIMITIVE:
        return desk.current(item)
    spots = desk.board.nodes
    found = sorted(item.roles, key=rank.__getitem__)
    if item.meta.requires not in (Requires.FENCING, Requires.UNFENCING):
        clean = [node for node in found if spots[node].is_online and not spots[node].is_unclean]
        found = clean or found
    return found[0] if found else None


def _with_primaries(desk: Desk, item: Item) -> list[int]:
    source = item
    if item.kind is Kind.GROUP and item.children:
        source = item.children[-1]
    desk.walking.update((item, source))
    desk.start_walk()
    found = wishes.spread(desk, source, source.scores, 1.0, is_upward=True)
    desk.walking.difference_update((item, source))
    return found
