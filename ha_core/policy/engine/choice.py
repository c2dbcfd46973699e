"""Which of the allowed nodes is the best for a primitive.

Owns: the order of preference and its tie-breaks. Source: Pacemaker Explained, "Deciding Which
Nodes a Resource Can Run On" and "Utilization and Placement Strategy".
"""

from functools import cmp_to_key

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import Desk
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Strategy
from ha_core.policy.engine.utilization import compare_free


def best(desk: Desk, item: Item, preferred: int | None) -> int | None:
    """Return the node that the item should get, or None if none will do."""
    scores = item.scores
    usable = desk.usable
    top = desk.best_score(scores)
    if top < 0:
        return None
    if preferred is not None and desk.is_usable[preferred] and scores[preferred] >= top:
        return preferred
    tied = [node for node in usable if scores[node] == top]
    if len(tied) == 1:
        return tied[0]
    current = desk.current(item) if item.roles else None
    if current is not None and top > 0 and current in tied and not _is_of_unique_clone(item):
        return current
    return _first(desk, tied, current)


def by_preference(desk: Desk, item: Item) -> list[int]:
    """Return all nodes, the best for the item first."""
    scores, is_usable = item.scores, desk.is_usable
    buckets: dict[int, list[int]] = {}
    names = sorted(range(len(scores)), key=lambda node: desk.board.nodes[node].node.name.encode())
    for node in names:
        buckets.setdefault(scores[node] if is_usable[node] else -INFINITY, []).append(node)
    order: list[int] = []
    for score in sorted(buckets, reverse=True):
        rest = buckets[score]
        order.extend(_ordered(desk, rest, None))
    return order


def _is_of_unique_clone(item: Item) -> bool:
    parent = item.parent
    return parent is not None and parent.clone is not None and parent.clone.is_unique


def _first(desk: Desk, tied: list[int], current: int | None) -> int:
    strategy = desk.board.problem.options.strategy
    if strategy is Strategy.MINIMAL:
        return tied[0]
    if strategy is Strategy.BALANCED:
        return _ordered(desk, tied, current)[0]
    spots = desk.board.nodes
    least = min([spots[node].load for node in tied])
    if current is not None and current in tied and spots[current].load == least:
        return current
    for node in tied:
        if spots[node].load == least:
            return node
    raise AssertionError("a minimum is among those that it is taken of")


def _ordered(desk: Desk, nodes: list[int], current: int | None) -> list[int]:
    """Return nodes of one score, given by name, in the order of preference."""
    strategy = desk.board.problem.options.strategy
    spots = desk.board.nodes
    if strategy is Strategy.MINIMAL:
        return nodes
    nodes = sorted(nodes, key=lambda node: (spots[node].load, node != current))
    if strategy is Strategy.BALANCED:

        def compare(one: int, two: int) -> int:
            return compare_free(spots[one], spots[two])

        nodes.sort(key=cmp_to_key(compare))
    return nodes
