"""How what depends on an item draws it to where it would like to be, and so on along the chain.

Owns: the walk over dependents (or, for sorting by capacity, over primaries) that adds shares of
their scores. Source: Pacemaker Explained, "Colocation".
"""

from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import UNAME, Desk, Link
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.links import followed, following, has_influence
from ha_core.policy.engine.problem import Kind

_SHUT: Final = -100 * INFINITY
"""A node of a clone that a dependent would have made negative; it comes back as 1."""
_SPLIT: Final = float((1 << 29) + 1)


def single(value: float) -> float:
    """Return the value rounded to 24 bits: the reference reckons with single precision."""
    scaled = value * _SPLIT
    return scaled - (scaled - value)


def factor_of(score: int) -> float:
    """Return the share of a dependent's scores that a colocation passes on."""
    return single(score / INFINITY)


def of_dependent(desk: Desk, link: Link, target: Item, scores: list[int]) -> list[int]:
    """Return the scores of the link's primary with what its dependent would like.

    The scores come back as they were if nothing usable would be left.
    """
    if not has_influence(link):
        return scores
    is_clone = target.kind is Kind.CLONE
    return gather(desk, link.dependent, scores, link, factor_of(link.score), is_kind=is_clone)


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
    found = _add_share(desk, source, scores, link, factor, is_kind=is_kind)
    if desk.has_choice(found):
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
    """Return the scores with the shares of all that is linked to the source."""
    for link in followed(desk, source) if is_upward else following(desk, source):
        if not is_upward and not has_influence(link):
            continue
        other = link.primary if is_upward else link.dependent
        share = factor_of(link.score if factor > 0 else -link.score)
        scores = gather(desk, other, scores, link, share, is_kind=is_kind, is_upward=is_upward)
    return scores


def _add_share(
    desk: Desk, source: Item, scores: list[int], link: Link, factor: float, *, is_kind: bool
) -> list[int]:
    """Return the scores with a share of the best that the source has on nodes alike."""
    bests = _bests(desk, source, link)
    if not any(bests):
        return scores
    found = scores[:]
    is_shy: bool | None = None
    for node, best in enumerate(bests):
        if best == 0:
            continue
        if factor < 0 and best < 0:
            if is_shy is None:
                is_shy = not has_influence(link) or not _is_bound(link.dependent)
            if is_shy or link.primary.meta.stickiness >= -best:
                continue
        before = found[node]
        if before == _SHUT:
            continue
        product = single(factor * best)
        delta = int(product - 0.5 if product < 0 else product + 0.5)
        if delta == 0:
            delta = 1 if factor > 0 else -1 if factor < 0 else 0
        if before <= -INFINITY or delta <= -INFINITY:
            after = -INFINITY
        elif before >= INFINITY or delta >= INFINITY:
            after = INFINITY
        else:
            after = max(-INFINITY, min(INFINITY, before + delta))
        if is_kind and after < 0 and before >= 0:
            if before > 0:
                found[node] = _SHUT
            continue
        found[node] = after
    return found


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
            scores[node] = _sum(scores[node], score)
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


def _sum(left: int, right: int) -> int:
    if left <= -INFINITY or right <= -INFINITY:
        return -INFINITY
    if left >= INFINITY or right >= INFINITY:
        return INFINITY
    return max(-INFINITY, min(INFINITY, left + right))
