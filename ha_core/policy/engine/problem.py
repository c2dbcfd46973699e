"""What the engine is asked: nodes, resources, constraints, observations, the moment; frozen values.

Owns: the shape of the question, whoever asks it (a CIB, or the cluster's own configuration and
status). Everything that depends on the source's syntax is settled before: defaults, templates,
tags and sets are expanded, rules judged for each node, names of old releases renamed. Scores are
within -INFINITY..INFINITY, times in seconds unless a name says milliseconds. Source: Pacemaker
Explained.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

from ha_core.config.choices import (
    Discovery as Discovery,
    LossPolicy as LossPolicy,
    MultipleActive as MultipleActive,
    Requires as Requires,
    Strategy as Strategy,
)
from ha_core.ids import INFINITY

THRESHOLD_NONE: Final = 0
"""A migration threshold that never bans."""


class Role(IntEnum):
    """What a primitive is on a node; a higher one includes the lower ones."""

    STOPPED = 0
    STARTED = 1
    UNPROMOTED = 2
    PROMOTED = 3


class Kind(StrEnum):
    """Kinds of resources."""

    PRIMITIVE = "primitive"
    GROUP = "group"
    CLONE = "clone"


class OnFail(IntEnum):
    """What a failed operation leads to, the gravest last."""

    IGNORE = 0
    DEMOTE = 1
    RESTART = 2
    BAN = 3
    """Not an option's value: the exit code says that the node will never do."""
    BLOCK = 4
    STOP = 5
    STANDBY = 6
    FENCE = 7


class NoQuorum(StrEnum):
    """What a partition without quorum does."""

    STOP = "stop"
    FREEZE = "freeze"
    IGNORE = "ignore"
    DEMOTE = "demote"
    FENCE = "fence"


class OrderKind(StrEnum):
    """How binding an ordering is."""

    OPTIONAL = "Optional"
    MANDATORY = "Mandatory"
    SERIALIZE = "Serialize"


class Task(StrEnum):
    """What an action does."""

    MONITOR = "monitor"
    START = "start"
    STOP = "stop"
    PROMOTE = "promote"
    DEMOTE = "demote"
    MIGRATE_TO = "migrate_to"
    MIGRATE_FROM = "migrate_from"
    RELOAD = "reload"
    NOTIFY = "notify"
    CANCEL = "cancel"
    DELETE = "delete"
    CLEAR_FAILCOUNT = "clear_failcount"
    FENCE = "fence"
    UNFENCE = "unfence"
    SHUTDOWN = "shutdown"


# --- nodes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `pending`: it counts as online, but nothing can be done on it yet."""

    name: str
    id: str = ""
    is_online: bool = True
    is_pending: bool = False
    is_shutting_down: bool = False
    is_standby: bool = False
    is_maintenance: bool = False
    is_member: bool = True
    """It is in the membership now: without quorum only such nodes can be fenced."""
    is_dc: bool = False
    fence_reason: str = ""
    """Why the node must be fenced whatever runs there (it is unclean); empty: it need not."""
    is_unfenced: bool = True
    """Its devices were switched on for its present incarnation."""
    score: int = 0
    attributes: tuple[tuple[str, str], ...] = ()
    """Permanent ones overridden by transient ones, and `#uname`, `#kind`, …"""
    capacity: tuple[tuple[str, int], ...] = ()
    fence_levels: tuple[tuple[str, ...], ...] = ()
    is_leaving: bool = False
    """It stands by because it is being stopped: what is told of it says so."""


# --- resources ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """A configured operation; `role` None fits any role but Promoted."""

    name: str
    interval_ms: int = 0
    timeout_ms: int = 20_000
    role: Role | None = None
    on_fail: OnFail | None = None
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Meta:
    """Options of a resource as they hold: its own, its parents', the defaults'."""

    target_role: Role = Role.PROMOTED
    """The highest role that is wanted; STOPPED, UNPROMOTED, or anything above: no limit."""
    is_managed: bool = True
    is_maintenance: bool = False
    stickiness: int = 0
    priority: int = 0
    migration_threshold: int = INFINITY
    failure_timeout_s: int = 0
    requires: Requires = Requires.QUORUM
    multiple_active: MultipleActive = MultipleActive.STOP_START
    is_critical: bool = True
    allow_migrate: bool = False
    allow_unhealthy_nodes: bool = False


@dataclass(frozen=True, slots=True)
class CloneMeta:
    """Options that only clones have; `clone_max` is settled (default: the number of nodes)."""

    clone_max: int
    clone_node_max: int = 1
    clone_min: int = 0
    is_unique: bool = False
    is_promotable: bool = False
    promoted_max: int = 1
    promoted_node_max: int = 1
    interleave: bool = False
    is_ordered: bool = False
    notify: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A primitive, or a group or clone of `members` (a clone has exactly one)."""

    id: str
    kind: Kind = Kind.PRIMITIVE
    meta: Meta = Meta()
    members: tuple["Resource", ...] = ()
    clone: CloneMeta | None = None
    is_ordered: bool = True
    """Of a group: its members start one after the other."""
    is_colocated: bool = True
    """Of a group: its members stay together."""
    agent_class: str = ""
    provider: str = ""
    type: str = ""
    operations: tuple[Operation, ...] = ()
    demand: tuple[tuple[str, int], ...] = ()
    """Utilization: what it takes of a node's capacity."""
    is_fence_device: bool = False
    provides_unfencing: bool = False
    is_removed: bool = False
    """It is no longer configured; only the history knows it."""

    def primitives(self) -> Iterator["Resource"]:
        """Return every primitive in it, itself if it is one."""
        if self.kind is Kind.PRIMITIVE:
            yield self
        for member in self.members:
            yield from member.primitives()


# --- constraints -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Location:
    """A preference of one resource, rules already judged: the score for each node it speaks of."""

    id: str
    resource: str
    scores: tuple[tuple[str, int], ...]
    role: Role | None = None
    """PROMOTED: it counts for the promotion alone. None: for the placement."""
    discovery: Discovery = Discovery.ALWAYS
    unscored: tuple[str, ...] = ()
    """Nodes that a rule is true of and that lack the attribute with the score: 2.1.5 bans them."""


@dataclass(frozen=True, slots=True)
class Colocation:
    """`dependent` is placed with (or away from) `primary`; sets are expanded into these."""

    id: str
    dependent: str
    primary: str
    score: int
    dependent_role: Role | None = None
    primary_role: Role | None = None
    node_attribute: str = "#uname"
    influence: bool | None = None
    """None: as the dependent's `critical` says."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """`first_task` of `first` before `then_task` of `then`; sets are expanded into these.

    All orderings of one `any_of` (not empty) together want but one of their `first`.
    """

    id: str
    first: str
    then: str
    first_task: Task = Task.START
    then_task: Task = Task.START
    kind: OrderKind = OrderKind.MANDATORY
    is_symmetrical: bool = True
    any_of: str = ""


@dataclass(frozen=True, slots=True)
class TicketConstraint:
    """The resource may run (role None) or be promoted only while the ticket is granted."""

    id: str
    resource: str
    ticket: str
    role: Role | None = None
    loss_policy: LossPolicy = LossPolicy.STOP


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as this site has it."""

    name: str
    is_granted: bool = False
    is_standby: bool = False


# --- observations ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recurring:
    """A recurring operation that runs now; `is_changed`: by parameters that have changed since."""

    name: str
    interval_ms: int
    is_changed: bool = False


class Changed(StrEnum):
    """What a changed definition of an active resource asks for."""

    NO = "no"
    RELOAD = "reload"
    RESTART = "restart"
    REPLACE = "replace"
    """Another class, provider or type: stop, delete the entry, start."""


@dataclass(frozen=True, slots=True)
class Migration:
    """An unfinished live migration: `is_partial` (active on both), else dangling at the source."""

    source: str
    target: str
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """What one node's history says of one primitive (`resource` as filed, perhaps with `:N`)."""

    resource: str
    node: str
    role: Role = Role.STOPPED
    is_known: bool = True
    failed: OnFail | None = None
    """The gravest of the failures that count."""
    failed_task: str = ""
    failed_text: str = ""
    """What failed and how, for reasons, such as `monitor failed (7: not running)`."""
    bans_node: bool = False
    """An exit code, or a failed stop, rules out this node."""
    bans_clone: bool = False
    """A failed stop rules it out for all anonymous instances, not for this one alone."""
    bans_all: bool = False
    """Exit code 6, or a failure with on-fail=stop, rules out every node."""
    is_not_promoted_again: bool = False
    """Its promotion failed: not in this transition."""
    pending: Task | None = None
    """An operation without a result yet."""
    fail_count: int = 0
    """Of all operations together, an expired one as 0."""
    clears_fail_count: bool = False
    """The fail count has expired: a clear_failcount action is due."""
    is_threshold_ignored: bool = False
    """The last failure had on-fail=ignore: no threshold counts."""
    recurring: tuple[Recurring, ...] = ()
    changed: Changed = Changed.NO
    migration: Migration | None = None
    promotion_score: int | None = None
    """The attribute `master-NAME` of this node; None: not set."""


# --- options -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """Node health: strategy, and what the colours count."""

    strategy: str = "none"
    red: int = -INFINITY
    yellow: int = 0
    green: int = 0
    base: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """Cluster-wide options."""

    is_symmetric: bool = True
    has_quorum: bool = True
    no_quorum: NoQuorum = NoQuorum.STOP
    has_panic: bool = False
    """`no-quorum-panic`: with policy FENCE the own partition is fenced."""
    fencing_enabled: bool = True
    can_fence: bool = False
    """There is a fence device, or a watchdog."""
    fencing_action: str = "reboot"
    concurrent_fencing: bool = False
    is_maintenance: bool = False
    stop_all: bool = False
    strategy: Strategy = Strategy.DEFAULT
    is_exact: bool = False
    """`placement: exact`: what the greedy order leaves stopped is searched a place for."""
    is_like_2_1_5: bool = False
    """Where releases of Pacemaker decide otherwise than 2.1.5, that one is followed."""
    health: Health = Health()
    stop_removed_resources: bool = True
    cancel_removed_actions: bool = True
    enable_startup_probes: bool = True
    shutdown_lock: bool = False
    shutdown_lock_limit_s: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One question. Nodes and resources are in the order of their source; ids are unique."""

    nodes: tuple[Node, ...] = ()
    resources: tuple[Resource, ...] = ()
    options: Options = Options()
    locations: tuple[Location, ...] = ()
    colocations: tuple[Colocation, ...] = ()
    orderings: tuple[Ordering, ...] = ()
    ticket_constraints: tuple[TicketConstraint, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    observed: tuple[Observed, ...] = ()
    found_stopped: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Primitives, as filed, and the nodes of which nothing is known but that it is stopped there;
    such nodes have no `observed` of it, as that would be most of them."""
    headings: tuple[tuple[str, str], ...] = ()
    """Primitives that are on their way to a node, and that node: it counts as where they are."""
    holds: tuple[tuple[str, str], ...] = ()
    """Primitives that must not start where they are not active, and why not."""
    is_explained: bool = False
    """What dependents' wishes do to each item's scores is kept, so that it can be told."""
    shutdown_locks: tuple[tuple[str, str], ...] = ()
    """Resource and the node that it waits for."""
    expired_locks: tuple[tuple[str, str], ...] = ()
    """Resource and the node that it waits for no longer: its history there is deleted."""
    keeps_followers: bool = False
    """Where an expected instance goes on while unexpected ones stop, what is ordered after it stays
    as well; the reference restarts it.
    """
    left_out: tuple[str, ...] = field(default=())
    """What the source has and this does not, one sentence each, with the place."""
