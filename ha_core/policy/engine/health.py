"""What the health of nodes counts in placement.

Owns: the sum of a node's health attributes by strategy. Source: Pacemaker Explained,
"Node Health".
"""

from collections.abc import Callable

from ha_core.ids import INFINITY
from ha_core.policy.engine.items import Board, Item, Reason, Spot
from ha_core.policy.engine.problem import Health
from ha_core.policy.scores import add, text

_PREFIX = "#health"


def apply(board: Board, put: Callable[[Item, int, int], None]) -> None:
    """Give every top-level item the health of each node, as a location constraint would."""
    options = board.problem.options.health
    if options.strategy == "none":
        return
    for spot in board.nodes:
        score = node_health(spot, options)
        if score == 0:
            continue
        reason = Reason(
            "health", f"the health of {spot.node.name} counts {text(score)}", spot.index, score
        )
        for top in board.tops:
            if score > 0 or not top.meta.allow_unhealthy_nodes:
                put(top, spot.index, score)
                top.reasons.append(reason)


def node_health(spot: Spot, options: Health) -> int:
    """Return the sum over all health attributes of a node."""
    total = options.base if options.strategy == "progressive" else 0
    for name, value in spot.node.attributes:
        if name.startswith(_PREFIX):
            total = add(total, _value(value.lower(), options))
    return total


def _value(word: str, options: Health) -> int:
    is_scored = options.strategy in ("progressive", "custom")
    if word == "red":
        return options.red if is_scored else -INFINITY
    if word == "yellow":
        if is_scored:
            return options.yellow
        return -INFINITY if options.strategy == "only-green" else 0
    if word == "green":
        return options.green if is_scored else 0
    if word.lstrip("+-") == "infinity":
        return -INFINITY if word.startswith("-") else INFINITY
    try:
        return max(-INFINITY, min(INFINITY, int(word)))
    except ValueError:
        return 0
