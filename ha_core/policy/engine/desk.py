"""What placement has at hand while it works: which nodes can be used, what is going on, links.

Owns: the state that lives only as long as one placement, and the small questions that every part
of it asks. It decides nothing itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from ha_core.ids import INFINITY
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.problem import Kind, Requires, Role

WALK_STEPS_MAX: Final = 10_000
"""Most dependents whose wishes are gathered for one item; what is further away does not count.

Without a bound a hundred resources that all depend on one another would be walked on every path.
"""
STEPS_MAX: Final = 100_000
"""The same for a whole placement: about two seconds."""
STEPS_FREE: Final = 50_000
"""Beyond so many steps wishes that can change no choice are not gathered."""
ROOM_STEPS_MAX: Final = 400_000
"""Most looks at what must have room together; beyond, what an item needs itself decides."""
UNAME: Final = "#uname"
"""The node attribute that tells each node from every other."""
_SPLIT: Final = float((1 << 29) + 1)


def single(value: float) -> float:
    """Return the value rounded to 24 bits: the reference reckons with single precision."""
    scaled = value * _SPLIT
    return scaled - (scaled - value)


@dataclass(slots=True, eq=False)
class Link:
    """A colocation between items: one from the configuration, or one within a group."""

    id: str
    dependent: Item
    primary: Item
    score: int
    dependent_role: Role | None = None
    primary_role: Role | None = None
    attribute: str = UNAME
    is_influential: bool = True
    is_explicit: bool = True
    """It is from the configuration."""
    factor: float = field(init=False)
    """The share of a dependent's scores that is passed on."""

    def __post_init__(self) -> None:
        """Reckon the factor once."""
        self.factor = single(self.score / INFINITY)

    @property
    def is_mandatory(self) -> bool:
        """Whether it says must or must not."""
        return not -INFINITY < self.score < INFINITY


class Chooser(Protocol):
    """Somebody who may choose otherwise than the order of preference: the exact search."""

    def choose(self, desk: "Desk", item: Item, node: int | None) -> int | None:
        """Return the node that a primitive gets, where the order of preference gives `node`."""

    def may_stay(self, instance: Item) -> bool:
        """Whether an instance of a clone may try to keep its node before others choose."""

    def stayed(self, instance: Item) -> None:
        """Note that an instance keeps its node."""


@dataclass(slots=True, eq=False)
class Desk:
    """One placement under way."""

    board: Board
    assign: Callable[["Desk", Item, int | None, bool], int | None]
    """Gives an item its node: preferred node, and whether it is but a trial."""
    is_usable: list[bool] = field(default_factory=list)
    usable: list[int] = field(default_factory=list)
    """The usable nodes, in the byte order of their names: the last tie-break."""
    is_all_usable: bool = False
    this_with: dict[Item, list[Link]] = field(default_factory=dict)
    """An item's own links as dependent."""
    with_this: dict[Item, list[Link]] = field(default_factory=dict)
    """An item's own links as primary."""
    sorted_this: dict[Item, list[Link]] = field(default_factory=dict)
    """All links that an item follows, by urgency, once somebody has asked."""
    sorted_with: dict[Item, list[Link]] = field(default_factory=dict)
    assigning: set[Item] = field(default_factory=set)
    walking: set[Item] = field(default_factory=set)
    """Whose wishes are being gathered."""
    steps: int = 0
    """How many wishes have been gathered."""
    steps_end: int = 0
    """How many may have been when the walk under way ends."""
    trace: list[tuple[Item, list[int], list[int]]] | None = None
    """Whose wishes changed the scores in the walk under way, if that is to be told."""
    room_steps: int = 0
    counts: dict[Item, list[int]] = field(default_factory=dict)
    """Of a clone: how many of its instances each node has got."""
    priorities: dict[Item, int] = field(default_factory=dict)
    """Of instances: their priority, where promotion has changed it."""
    twins: dict[Item, dict[str, tuple[dict[int, Item], set[int]]]] = field(default_factory=dict)
    """Of a clone: by primitive, which instance is active where, and where any is known."""
    peers: dict[str, list[list[int]]] = field(default_factory=dict)
    """By node attribute: for each node, the nodes with the same value."""
    group_scores: dict[Item, list[tuple[int, int]]] = field(default_factory=dict)
    """Of a group: what location constraints on it said."""
    unlisted: dict[Item, set[int]] = field(default_factory=dict)
    """Of a clone in an opt-in cluster: the nodes that nothing lists for it."""
    promoted_scores: dict[Item, list[tuple[int, int]]] = field(default_factory=dict)
    """Node and score of the location constraints for the promoted role, by item."""
    chooser: Chooser | None = None
    unwished: dict[Item, tuple[list[int], list[int]]] = field(default_factory=dict)
    """For the chooser: an item's scores before colocations, and before its dependents' wishes."""

    def current(self, item: Item) -> int | None:
        """Return the node that counts as the one where it is active now."""
        active = running(item)
        if not active:
            return None
        if len(active) == 1:
            return active[0]
        for node in active:
            found = item.observed.get(node)
            if found is not None and found.migration is not None and found.migration.is_partial:
                return self.board.index.get(found.migration.source, node)
        if item.meta.requires not in (Requires.FENCING, Requires.UNFENCING):
            for node in active:
                spot = self.board.nodes[node]
                if spot.is_online and not spot.is_unclean:
                    return node
        return active[0]

    def alike(self, attribute: str) -> list[list[int]]:
        """Return for each node the nodes that have the same value of the attribute."""
        found = self.peers.get(attribute)
        if found is None:
            found = self.peers[attribute] = _alike(self.board, attribute)
        return found

    def available(self, clone: Item) -> int:
        """Return how many usable nodes a clone may choose among; forbidden ones count, too."""
        closed = self.unlisted.get(clone, ())
        return sum(node not in closed for node in self.usable)

    def set_usable(self) -> None:
        """Note which nodes can be used, once it is known which will be fenced."""
        spots = self.board.nodes
        self.is_usable = [spot.is_available for spot in spots]
        self.usable = sorted(
            (spot.index for spot in spots if spot.is_available),
            key=lambda node: spots[node].node.name.encode(),
        )
        self.is_all_usable = len(self.usable) == len(spots)

    def best_score(self, scores: list[int]) -> int:
        """Return the highest score on a usable node, -INFINITY if there is none."""
        if self.is_all_usable and scores:
            return max(scores)
        return max([scores[node] for node in self.usable], default=-INFINITY)

    def has_choice(self, scores: list[int]) -> bool:
        """Whether any usable node has a score of 0 or more."""
        return self.best_score(scores) >= 0

    def start_walk(self) -> None:
        """Begin to gather wishes, with a bound on how many."""
        self.steps_end = min(STEPS_MAX, self.steps + WALK_STEPS_MAX)

    def is_bound(self, scores: list[int]) -> bool:
        """Whether one usable node is allowed and nothing that is added can allow another."""
        open_ = [scores[node] for node in self.usable if scores[node] > -INFINITY]
        return len(open_) == 1 and open_[0] >= 0

    def priority(self, item: Item) -> int:
        """Return the priority: the configured one, for instances raised by promotion scores."""
        found = self.priorities.get(item)
        return item.meta.priority if found is None else found


def _alike(board: Board, attribute: str) -> list[list[int]]:
    if attribute == UNAME:
        return [[index] for index in range(len(board.nodes))]
    values: dict[str | None, list[int]] = {}
    own: list[str | None] = []
    for spot in board.nodes:
        value = dict(spot.node.attributes).get(attribute)
        own.append(None if value is None else value.casefold())
        values.setdefault(own[-1], []).append(spot.index)
    return [values[value] for value in own]


def running(item: Item) -> list[int]:
    """Return the nodes where any of it is active, in the order in which they were seen."""
    if item.kind is Kind.PRIMITIVE:
        return list(item.roles)
    seen: dict[int, None] = {}
    for child in item.children:
        if child.kind is not Kind.PRIMITIVE or child.is_managed:
            seen.update(dict.fromkeys(running(child)))
    return list(seen)


def is_running(item: Item) -> bool:
    """Whether it is active anywhere; what is unmanaged does not count for its parents."""
    if item.kind is Kind.PRIMITIVE:
        return bool(item.roles)
    return any(
        is_running(child)
        for child in item.children
        if child.kind is not Kind.PRIMITIVE or child.is_managed
    )


def location(item: Item) -> int | None:
    """Return the node assigned to it; of a group or clone only if its parts have but one."""
    if item.kind is Kind.PRIMITIVE:
        return item.node
    found: int | None = None
    for child in item.children:
        node = location(child)
        if node is not None and node != found:
            if found is not None:
                return None
            found = node
    return found


def next_role(item: Item) -> Role:
    """Return the role that it is to have; of a group or clone the highest in it."""
    if item.kind is Kind.PRIMITIVE:
        return item.next_role
    return max((next_role(child) for child in item.children), default=Role.STOPPED)


def present_role(item: Item) -> Role:
    """Return the role that it has; of a group or clone the highest in it."""
    if item.kind is Kind.PRIMITIVE:
        return item.role
    return max((present_role(child) for child in item.children), default=Role.STOPPED)


def is_any_blocked(item: Item) -> bool:
    """Whether it, or anything in it, is blocked."""
    return item.is_blocked or any(is_any_blocked(child) for child in item.children)


def is_any_failed(item: Item) -> bool:
    """Whether it, or anything in it, has failed."""
    return item.is_failed or any(is_any_failed(child) for child in item.children)
