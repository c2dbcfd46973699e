"""Which instance of a clone chooses its node first.

Owns: the order of claims among the instances of one clone. Source: Pacemaker Explained, "Clones".
"""

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from ha_core.ids import INFINITY
from ha_core.policy.engine import wishes
from ha_core.policy.engine.desk import Desk, is_any_failed, running
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.links import followed, following, has_influence

Pulls = dict[Item, int]
"""What colocations say of the node where an instance is, once somebody has asked."""


def by_claim(desk: Desk, clone: Item) -> Callable[[Item], Any]:
    """Return the sort key for a clone's instances, the first to choose first."""
    pulls: Pulls = {}
    return cmp_to_key(lambda one, two: compare(desk, clone, one, two, pulls))


def compare(desk: Desk, clone: Item, one: Item, two: Item, pulls: Pulls) -> int:
    """Return below 0 if the first instance chooses before the second."""
    active, others = running(one), running(two)
    if active and others and len(active) != len(others):
        return len(active) - len(others)
    node, other = desk.current(one), desk.current(two)
    can_stay = node is None or one.scores[node] >= 0
    can_other = other is None or two.scores[other] >= 0
    if can_stay != can_other:
        return -1 if can_stay else 1
    if not can_stay:
        node = other = None
    result = desk.priority(two) - desk.priority(one)
    if result:
        return result
    if node is None or other is None:
        result = (node is None) - (other is None)
        return result or (one.number or 0) - (two.number or 0)
    if desk.is_usable[node] != desk.is_usable[other]:
        return -1 if desk.is_usable[node] else 1
    has_failed, has_other = is_any_failed(one), is_any_failed(two)
    if has_failed != has_other:
        return 1 if has_failed else -1
    result = _pull(desk, two, other, pulls) - _pull(desk, one, node, pulls)
    return result or (one.number or 0) - (two.number or 0)


def _pull(desk: Desk, instance: Item, node: int, pulls: Pulls) -> int:
    """Return what the colocations of its clone say of the node where it is."""
    found = pulls.get(instance)
    if found is None:
        found = pulls[instance] = _pull_anew(desk, instance, node)
    return found


def _pull_anew(desk: Desk, instance: Item, node: int) -> int:
    this, with_this = followed(desk, instance), following(desk, instance)
    if not this and not with_this:
        return 0
    desk.start_walk()
    scores = [-INFINITY] * len(instance.scores)
    scores[node] = desk.board.nodes[node].node.score
    for link in this:
        scores = wishes.gather(desk, link.primary, scores, link, link.factor, is_binding=True)
    for link in with_this:
        if has_influence(link):
            scores = wishes.gather(
                desk, link.dependent, scores, link, link.factor, is_kind=True, is_binding=True
            )
    return scores[node]
