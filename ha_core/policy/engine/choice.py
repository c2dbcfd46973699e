"""Which of the allowed nodes is the best for a primitive.

Owns: the order of preference and its tie-breaks. Source: Pacemaker Explained, "Deciding Which
Nodes a Resource Can Run On" and "Utilization and Placement Strategy".
"""

from functools import cmp_to_key
from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import Desk
from ha_core.policy.engine.items import Item, Reason
from ha_core.policy.engine.problem import Strategy
from ha_core.policy.engine.utilization import compare_free

# One object each for all items: most of ten thousand resources are told one of these.
_STAYS: Final = Reason("stays", "of nodes with the same score it stays on the one where it is")
_FEWEST: Final = Reason("fewest", "of nodes with the same score it goes where fewest have gone")
_ROOM: Final = Reason("room", "of nodes with the same score it goes where most is free")
_NAME: Final = Reason("name", "of nodes with nothing to choose between, the first by name")


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
    current = desk.current(item) if item.roles and item.heading is None else item.heading
    if current is not None and top > 0 and current in tied and not _is_of_unique_clone(item):
        item.reasons.append(_STAYS)
        return current
    node, why = _first(desk, tied, current)
    item.reasons.append(why)
    return node


def by_preference(desk: Desk, item: Item | None = None) -> list[int]:
    """Return all nodes, the best first: for the item, or by what the nodes count themselves."""
    spots, is_usable = desk.board.nodes, desk.is_usable
    scores = [spot.node.score for spot in spots] if item is None else item.scores
    buckets: dict[int, list[int]] = {}
    names = sorted(range(len(scores)), key=lambda node: spots[node].node.name.encode())
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


def _first(desk: Desk, tied: list[int], current: int | None) -> tuple[int, Reason]:
    strategy = desk.board.problem.options.strategy
    if strategy is Strategy.MINIMAL:
        return tied[0], _NAME
    if strategy is Strategy.BALANCED:
        return _ordered(desk, tied, current)[0], _ROOM
    spots = desk.board.nodes
    least = min([spots[node].load for node in tied])
    free = [node for node in tied if spots[node].load == least]
    if len(free) == 1:
        return free[0], _FEWEST
    return (current, _STAYS) if current is not None and current in free else (free[0], _NAME)


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
