"""How what depends on an item draws it to where it would like to be, and so on along the chain.

Owns: the walk over dependents (or, for sorting by capacity, over primaries) that adds shares of
their scores. Source: Pacemaker Explained, "Colocation".
"""

from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import UNAME, Desk, Link, single
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.links import followed, following, has_influence
from ha_core.policy.engine.problem import Kind
from ha_core.policy.scores import add

_SHUT: Final = -100 * INFINITY
"""A node of a clone that a dependent would have made negative; it comes back as 1."""
_HIGH: Final = INFINITY // 2
_LOW: Final = -_HIGH
"""Sums of scores between these need no care."""


def of_dependent(desk: Desk, link: Link, target: Item, scores: list[int]) -> list[int]:
    """Return the scores of the link's primary with what its dependent would like.

    The scores come back as they were if nothing usable would be left.
    """
    if not has_influence(link):
        return scores
    desk.start_walk()
    is_clone = target.kind is Kind.CLONE
    desk.trace = [] if desk.board.problem.is_explained else None
    found = gather(desk, link.dependent, scores, link, link.factor, is_kind=is_clone)
    if desk.trace and found is not scores:
        target.wishes += desk.trace
    desk.trace = None
    return found


def gather(
    desk: Desk,
    source: Item,
    scores: list[int],
    link: Link,
    factor: float,
    *,
    is_kind: bool = False,
    is_binding: bool = False,
    is_upward: bool = False,
) -> list[int]:
    """Return the scores with the source's share, and those of what depends on it.

    Args:
        is_kind: no node may lose its positive score by it.
        is_binding: the share counts even if no usable node is left.
        is_upward: along primaries instead of dependents.
    """
    if source in desk.walking:
        return scores
    if source.kind is Kind.GROUP:
        if not source.children:
            return scores
        desk.walking.add(source)
        found = gather(
            desk,
            source.children[0],
            scores,
            link,
            factor,
            is_kind=is_kind,
            is_binding=is_binding,
            is_upward=is_upward,
        )
        desk.walking.discard(source)
        return found
    desk.walking.add(source)
    desk.steps += 1
    found = _add_share(desk, source, scores, link, factor, is_kind=is_kind)
    if desk.has_choice(found):
        if desk.trace is not None and found is not scores:
            desk.trace.append((source, scores, found))
        found = spread(desk, source, found, factor, is_kind=is_kind, is_upward=is_upward)
    elif not is_binding:
        desk.walking.discard(source)
        return scores
    if is_kind:
        found = [1 if score == _SHUT else score for score in found]
    desk.walking.discard(source)
    return found


def spread(
    desk: Desk,
    source: Item,
    scores: list[int],
    factor: float,
    *,
    is_kind: bool = False,
    is_upward: bool = False,
) -> list[int]:
    """Return the scores with the shares of all that is linked to the source.

    What is passed on is the product of the factors so far; of Pacemaker 2.1.5 only their sign
    counts, and the last link alone says how much.
    """
    if desk.steps >= desk.steps_end:
        return scores
    links = followed(desk, source) if is_upward else following(desk, source)
    is_old = desk.board.problem.options.is_like_2_1_5
    desk.steps += len(links) >> 3
    for link in links:
        other = link.primary if is_upward else link.dependent
        if other in desk.walking or not (is_upward or has_influence(link)):
            continue
        share = single(factor * link.factor)
        if is_old:
            share = link.factor if factor > 0 else -link.factor
        scores = gather(desk, other, scores, link, share, is_kind=is_kind, is_upward=is_upward)
    return scores


def _add_share(
    desk: Desk, source: Item, scores: list[int], link: Link, factor: float, *, is_kind: bool
) -> list[int]:
    """Return the scores with a share of the best that the source has on nodes alike."""
    bests = _bests(desk, source, link)
    if not any(bests):
        return scores
    shares = {best: _share(best, factor) for best in set(bests)}
    if factor < 0:
        _drop_shy(shares, link, is_old=desk.board.problem.options.is_like_2_1_5)
    if is_kind:
        return [_add_kindly(own, shares[best]) for own, best in zip(scores, bests, strict=True)]
    return [
        own + share if _LOW < own < _HIGH and _LOW < share < _HIGH else add(own, share)
        for own, share in zip(scores, map(shares.__getitem__, bests), strict=True)
    ]


def _share(best: int, factor: float) -> int:
    """Return the share, rounded half away from 0; what would vanish counts 1."""
    product = single(factor * best)
    rounded = int(product - 0.5 if product < 0 else product + 0.5)
    if rounded == 0 and best != 0:
        return 1 if factor > 0 else -1 if factor < 0 else 0
    return rounded


def _drop_shy(shares: dict[int, int], link: Link, *, is_old: bool) -> None:
    """Drop what would draw the primary to where what avoids it cannot be.

    That counts only if the dependent has but one node, which it would lose otherwise, and if it
    comes to anything: of two numbers below 0 the share is never one below 0. Pacemaker 2.1.5 knows
    no such exception.
    """
    is_shy = is_old or not has_influence(link) or not _is_bound(link.dependent)
    for best in shares:
        is_nothing = shares[best] < 0 or is_shy
        if best < 0 and (is_nothing or link.primary.meta.stickiness >= -best):
            shares[best] = 0


def _add_kindly(own: int, share: int) -> int:
    """Return the sum, but never a negative one of what was not: that node is shut for now."""
    if own == _SHUT or share == 0:
        return own
    total = add(own, share)
    if total < 0 <= own:
        return _SHUT if own > 0 else own
    return total


def _is_bound(item: Item) -> bool:
    """Whether it has but one node left."""
    return sum(score >= 0 for score in item.scores) == 1


def _bests(desk: Desk, source: Item, link: Link) -> list[int]:
    """Return for each node the best score of the source on usable nodes alike."""
    scores = source.scores
    group = source.parent
    if (
        link.is_explicit
        and source is link.dependent
        and group is not None
        and group in desk.group_scores
        and source is not group.children[0]
    ):
        scores = scores[:]
        for node, score in desk.group_scores[group]:
            scores[node] = add(scores[node], score)
    usable = desk.is_usable
    if link.attribute == UNAME:
        if desk.is_all_usable:
            return scores
        return [
            score if is_usable else -INFINITY
            for score, is_usable in zip(scores, usable, strict=True)
        ]
    return [
        max((scores[node] for node in nodes if usable[node]), default=-INFINITY)
        for nodes in desk.alike(link.attribute)
    ]
