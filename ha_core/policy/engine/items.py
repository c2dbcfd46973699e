"""The engine's working records: one for each primitive, group, clone and instance.

Owns: their shape, and what can be read off them. Made by `unpack`, placed by `placement`, acted on
by `actions`. Nodes are numbers here, indices into `Board.nodes`, and scores lists with an entry a
node, so that 10,000 resources on 64 nodes stay small and quick.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ha_core.policy.engine.problem import (
    CloneMeta,
    Kind,
    Meta,
    Node,
    Observed,
    Problem,
    Resource,
    Role,
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided. `code` is for programs, `text` one clause for people."""

    code: str
    text: str
    node: int | None = None
    score: int = 0
    constraint: str = ""
    """The id of the constraint that says so, if one does."""
    other: str = ""
    """The other resource that it is about."""


@dataclass(slots=True)
class Spot:
    """One node as the engine changes it: failures may put it in standby or have it fenced."""

    index: int
    node: Node
    is_online: bool
    is_unclean: bool
    """It must be fenced; `fence_reasons` says why."""
    is_standby: bool
    fence_reasons: list[str] = field(default_factory=list)
    standby_reason: str = ""
    load: int = 0
    """Primitives assigned so far in this run."""
    free: dict[str, int] = field(default_factory=dict)

    @property
    def is_available(self) -> bool:
        """Whether anything may be placed here."""
        return (
            self.is_online
            and not self.is_unclean
            and not self.is_standby
            and not self.node.is_pending
            and not self.node.is_shutting_down
            and not self.node.is_maintenance
        )


@dataclass(slots=True, eq=False)
class Item:
    """A resource at work. A clone's children are its instances; an instance's name is `id:N`."""

    id: str
    kind: Kind
    resource: Resource
    meta: Meta
    parent: "Item | None" = None
    children: list["Item"] = field(default_factory=list)
    clone: CloneMeta | None = None
    number: int | None = None
    """Of an instance of a clone, and of what is inside it."""
    # What is observed (primitives; empty for the others)
    observed: dict[int, Observed] = field(default_factory=dict)
    """By node."""
    roles: dict[int, Role] = field(default_factory=dict)
    """Where it is active, and as what."""
    known: set[int] = field(default_factory=set)
    """Nodes whose state of it is known: no probe is needed there."""
    role: Role = Role.STOPPED
    """The highest over all nodes."""
    # What follows from it
    is_managed: bool = True
    is_blocked: bool = False
    is_failed: bool = False
    """It must stop where it is, even if it stays there."""
    is_on_several: bool = False
    """It was active on more nodes than one when that counted, so `multiple_active` says what."""
    is_surplus: bool = False
    """An instance beyond the clone's size: it is stopped."""
    # Placement
    scores: list[int] = field(default_factory=list)
    """By node; filled by `placement`."""
    is_assigned: bool = False
    node: int | None = None
    """Where it is to run; None: nowhere."""
    next_role: Role = Role.STOPPED
    promotion: int | None = None
    """Priority for promotion, once computed."""
    hold: str = ""
    """Why it must not start now where it is not active; empty: it may."""
    heading: int | None = None
    """The node that it is on its way to; None where nobody knows, or it is there."""
    wishes: list[tuple["Item", list[int], list[int]]] = field(default_factory=list)
    """Dependents with the scores before and after their wishes, if that is to be told."""
    reasons: list[Reason] = field(default_factory=list)

    @property
    def active(self) -> list[int]:
        """The nodes where it is active, in the order in which that was told."""
        return list(self.roles)

    @property
    def top(self) -> "Item":
        """The top-level item that it belongs to, itself if it is one."""
        found = self
        while found.parent is not None:
            found = found.parent
        return found

    def primitives(self) -> Iterator["Item"]:
        """Return every primitive in it, itself if it is one."""
        if self.kind is Kind.PRIMITIVE:
            yield self
        for child in self.children:
            yield from child.primitives()


def is_unique(item: Item) -> bool:
    """Return whether the item is, or is in, a clone whose instances differ from one another."""
    above: Item | None = item
    while above is not None:
        if above.clone is not None:
            return above.clone.is_unique
        above = above.parent
    return False


@dataclass(slots=True)
class Board:
    """Everything of one question while it is being answered."""

    problem: Problem
    nodes: list[Spot]
    """Sorted by name, numbers compared as numbers."""
    tops: list[Item]
    """Top-level items by priority, equal ones in the source's order; removed ones last."""
    items: dict[str, Item]
    """Every item by its id; instances of clones as `id:N`, what is in them alike."""
    index: dict[str, int] = field(default_factory=dict)
    """Node names to their numbers."""
    fail_counts: dict[str, dict[int, int]] = field(default_factory=dict)
    """Fail counts that are not 0, by primitive and node. The name is the item's of a primitive
    and of a unique clone's instance (`id:N`), and the plain one for all anonymous instances."""
    promotion_scores: dict[str, dict[int, int]] = field(default_factory=dict)
    """Promotion scores that nodes have, by primitive (named alike) and node."""

    def filed(self, item: Item) -> str:
        """Return the name under which a primitive's `fail_counts` and `promotion_scores` are."""
        is_anonymous = item.number is not None and not is_unique(item)
        return item.resource.id if is_anonymous else item.id

    def find(self, resource: str) -> Item | None:
        """Return the item that a constraint names: never an instance, unless named so."""
        return self.items.get(resource)
