"""What speaks for each node that could be had, where finite scores decide between them.

Owns: that account as data, and the sentence that is made of it. It decides nothing: scores and
reasons are given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.ids import INFINITY, NodeName
from ha_core.policy.scores import text
from ha_core.policy.transition import Reason

NODES_MAX: Final = 4
"""So many nodes are told in a sentence, the best first; the scores of all stand beside it."""
CAUSES_MAX: Final = 3
"""So many causes are told in a sentence; the chain of reasons has them all."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A node, its final score, and the reasons that count for it or against it, in their order.

    The score may differ from their sum where a wish of others counts in part alone.
    """

    node: NodeName
    score: int
    reasons: tuple[Reason, ...]


def weighed(
    scores: Mapping[NodeName, int], reasons: Iterable[Reason], nodes: Iterable[NodeName]
) -> tuple[Weight, ...]:
    """Return what speaks for each of these nodes, the highest score first, equal ones by name."""
    counting = [reason for reason in reasons if reason.score]
    found = [
        Weight(node, scores[node], tuple(r for r in counting if r.node == node)) for node in nodes
    ]
    return tuple(sorted(found, key=lambda weight: (-weight.score, weight.node)))


def sums(weights: tuple[Weight, ...]) -> str:
    """Return `n1 by 100, n2 by 50`, or `n1 by 3, n2 by 2 and 7 more by 1 or less`."""
    told = weights if len(weights) <= NODES_MAX else weights[: NODES_MAX - 1]
    words = ", ".join(f"{weight.node} by {text(weight.score)}" for weight in told)
    left = weights[len(told) :]
    if not left:
        return words
    return f"{words} and {len(left)} more by {text(left[0].score)} or less"


def preference(weights: tuple[Weight, ...]) -> str:
    """Return `it prefers n1 by 100, n2 by 50` and why, of the first node and the next one.

    All of the nodes may be had, so none of the scores is below 0, and the first one's is above it.
    """
    causes = [
        reason
        for weight in weights[:2]
        for reason in sorted(weight.reasons, key=lambda reason: -abs(reason.score or 0))
    ]
    said = [reason.text for reason in causes if (reason.score or 0) > 0] or [
        reason.text for reason in causes
    ]
    words = f"it prefers {sums(weights)}"
    return ": ".join([words, *(["; ".join(said[:CAUSES_MAX])] if said else [])])


def wished(weights: tuple[Weight, ...], node: NodeName) -> str:
    """Return the one wish that decides for the node, in its own words; empty if none does.

    No other node is wished for so much, and nothing else says more for this one. If another one is
    wished for, too, it is said how much each counts. A move by hand is a wish, as is any location
    that must be.
    """
    asked = {
        weight.node: sum(reason.score or 0 for reason in weight.reasons if _is_wish(reason))
        for weight in weights
    }
    rest = max(score for name, score in asked.items() if name != node)
    mine = [r for weight in weights if weight.node == node for r in weight.reasons]
    best = max(mine, key=lambda reason: reason.score or 0, default=None)
    if best is None or not _is_wish(best) or asked[node] <= max(rest, 0):
        return ""
    is_close = rest > 0 and (best.score or 0) < INFINITY
    return f"{best.text}: {sums(weights)}" if is_close else best.text


def _is_wish(reason: Reason) -> bool:
    if reason.code == "location":
        return (reason.score or 0) >= INFINITY
    return reason.code in ("prefers", "avoids")
