"""Placing with some choices given: what the exact search tries, and what it has found.

Owns: which nodes a primitive may get instead of the one that the order of preference gives it,
and the record of every choice. What is allowed is read off the placement's own scores: nothing
is allowed here that a mandatory constraint forbids.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ha_core.ids import INFINITY
from ha_core.policy.engine.desk import Desk
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Strategy
from ha_core.policy.engine.utilization import has_room

Choice = int | None
"""A node, or nowhere."""
Key = tuple[str, bool]
"""An item's id, and whether it is about its node (or whether it stays before others choose)."""
LEAVES: Final = None
"""As a choice of an instance that might stay: it chooses with the others."""


@dataclass(frozen=True, slots=True)
class Made:
    """One choice as it was made, and what else there was."""

    key: Key
    chosen: Choice
    score: int
    """What the chosen node counts, the wishes of dependents aside; 0 if there is none."""
    others: tuple[Choice, ...]
    """The other nodes, the best first; nowhere last."""
    is_bound: bool = False
    """It counts INFINITY there by itself: a move by hand, or such a location or stickiness."""


@dataclass(slots=True, eq=False)
class Pinned:
    """A chooser with given choices; where none is given the order of preference decides."""

    pins: Mapping[Key, Choice]
    keeps: bool = False
    """Of nodes that count the same the present one is taken: nothing moves only to spread."""
    made: list[Made] = field(default_factory=list)
    is_broken: bool = False
    """A given choice was not possible."""

    def choose(self, desk: Desk, item: Item, node: int | None) -> int | None:
        """Return the given node if it is possible, else the one that is offered."""
        open_ = _open(desk, item)
        key = (item.id, True)
        if key in self.pins:
            wanted = self.pins[key]
            if wanted is None or wanted in open_:
                node = wanted
            else:
                self.is_broken = True
        elif self.keeps and node is not None:
            node = next((at for at in item.roles if _is_as_good(item, at, node, open_)), node)
        others: list[Choice] = [other for other in open_ if other != node]
        if node is not None:
            others.append(None)
        own, after = desk.unwished[item]
        score = 0 if node is None else after[node]
        is_bound = node is not None and own[node] >= INFINITY
        self.made.append(Made(key, node, score, tuple(others), is_bound))
        return node

    def may_stay(self, instance: Item) -> bool:
        """Whether an instance may try to keep its node."""
        return (_first(instance).id, False) not in self.pins

    def stayed(self, instance: Item) -> None:
        """Note that an instance keeps its node; it might have chosen with the others."""
        for item in instance.primitives():
            if item.node is not None:
                key = (item.id, False)
                others = (LEAVES,) if item is _first(instance) else ()
                score = item.scores[item.node]
                self.made.append(Made(key, item.node, score, others, score >= INFINITY))


def _is_as_good(item: Item, node: int, other: int, open_: list[int]) -> bool:
    return node in open_ and item.scores[node] == item.scores[other]


def _first(instance: Item) -> Item:
    return next(instance.primitives(), instance)


def _open(desk: Desk, item: Item) -> list[int]:
    """Return the nodes that no mandatory constraint forbids, the best first.

    A finite colocation may be broken where that lets something run. Room counts as far as the
    item itself needs it: whether there is some for what must be beside it shows later.
    """
    before, after = desk.unwished[item]
    is_limited = desk.board.problem.options.strategy is not Strategy.DEFAULT
    need = dict(item.resource.demand)
    found = [
        node
        for node in desk.usable
        if after[node] > -INFINITY
        and max(item.scores[node], after[node], before[node]) >= 0
        and not (is_limited and not has_room(desk.board.nodes[node], need))
    ]
    found.sort(key=lambda node: -item.scores[node])
    return found
