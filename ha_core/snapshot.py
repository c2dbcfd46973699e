"""What a node shows of itself and the cluster: the one value behind `ha status` and the WBEM
provider.

Owns: the snapshot that the control socket hands out. Made by `Node.snapshot`,
from this node's own replica; equal `version` means equal content.
"""

from dataclasses import dataclass

from ha_core.config.model import Configuration, Origin
from ha_core.gates import Gates
from ha_core.ids import LinkName, Millis, NodeName, ResourceId, Term
from ha_core.policy.transition import Decision
from ha_core.status import Connectivity, FencingStatus, NodeStatus


@dataclass(frozen=True, slots=True)
class NodeSummary:
    """One node. `state`: online, standby, maintenance, suspect, lost or left."""

    name: NodeName
    state: str
    witness: bool = False
    voter: bool = True
    unclean: bool = False
    """Lost, and something on it is not proved to be gone."""
    generation: int = 0
    connectivity: Connectivity | None = None
    """Which ping targets it reaches; None: there are none, or nothing is known."""
    fenced_by: str = ""
    """The devices that have proved its last incarnation to be cut off, in words; empty once it is
    back.
    """
    gates: Gates = Gates()
    """What ends its resources with the lease, by its own word."""
    standby_until_wall_ms: Millis | None = None
    """When its standby ends by itself; None: there is none, or a command ends it."""


@dataclass(frozen=True, slots=True)
class ResourceSummary:
    """One primitive. `state`: started, stopped, starting, stopping, failed, unknown or blocked."""

    id: ResourceId
    state: str
    role: str
    """`Started` or `Stopped`; of what can be promoted the highest that it has anywhere,
    `Promoted` or `Unpromoted`.
    """
    nodes: tuple[NodeName, ...]
    guard: str
    """What protects it from a second owner: `guardian`, `kernel gate`, `none`, …, in words."""
    takeover_wait_ms: Millis | None
    """How long after its node falls silent it may start elsewhere; None: only after an operator's
    word.
    """
    group: ResourceId | None
    managed: bool
    target: str
    """`started` or `stopped`: what is wanted."""
    fail_count: int
    why: str
    """One sentence: why it is where it is."""
    guard_text: str = ""
    """One sentence: how the guard does it, or why there is none."""
    shorter: tuple[str, ...] = ()
    """What would make a takeover quicker, one sentence each."""
    clone: ResourceId | None = None
    """The clone whose instances it is, or is in."""
    promoted: tuple[NodeName, ...] = ()
    """Where it is promoted."""
    expired: tuple[tuple[NodeName, ResourceId], ...] = ()
    """Where a failure is still remembered that no longer counts, and the instance's name there:
    its `failure_timeout` has passed.
    """


@dataclass(frozen=True, slots=True)
class Commanded:
    """A move or a ban by hand that holds, and its end."""

    resource: ResourceId
    node: NodeName
    origin: Origin
    is_allowed: bool
    """True: it is to run there; false: it may not."""
    expires_wall_ms: Millis | None = None
    ends_with_node: bool = False
    """It is over when the node is lost or stops."""
    promoted: bool = False
    """It is about the promotion alone."""


@dataclass(frozen=True, slots=True)
class TicketSummary:
    """A ticket as this site has it, who said so, and what depends on it."""

    name: str
    granted: bool
    standby: bool
    changed_wall_ms: Millis
    author: str
    reason: str
    resources: tuple[ResourceId, ...]
    granted_wall_ms: Millis = 0
    """When it was granted last, whatever came after; 0: never."""


@dataclass(frozen=True, slots=True)
class LinkMoment:
    """A change of a link: when, to what, and why."""

    at_wall_ms: Millis
    up: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LinkSummary:
    """One path to one peer; `silent_ms` is the time since it was last heard."""

    peer: NodeName
    link: LinkName
    up: bool
    silent_ms: Millis
    since_ms: Millis = 0
    """How long it has been up, or down."""
    changes: int = 0
    """How often that has changed since this daemon began."""
    loss_permille: int = 0
    """Of the newest frames that came over any link, those that did not come over this one."""
    history: tuple[LinkMoment, ...] = ()
    """Newest changes, oldest first."""
    lost: int = 0
    """Frames since this daemon began that came over another link and not over this one."""
    late: int = 0
    """How often it was silent for more than half of the dead time, and not for all of it."""


@dataclass(frozen=True, slots=True)
class Timers:
    """All timers, derived from `dead_after_ms`."""

    dead_after_ms: Millis
    beat_ms: Millis
    coordinator_lease_ms: Millis
    run_lease_ms: Millis


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """One consistent picture; tuples are sorted by name or id."""

    local: NodeName
    version: str
    generation: int
    coordinator: NodeName | None
    term: Term
    quorate: bool
    """This node belongs to a partition with a working coordinator."""
    revision: int
    last_author: str
    last_reason: str
    last_change_wall_ms: Millis
    configuration: Configuration
    nodes: tuple[NodeSummary, ...]
    resources: tuple[ResourceSummary, ...]
    instances: tuple[NodeStatus, ...]
    decisions: tuple[Decision, ...]
    pending: tuple[str, ...]
    """Actions under way, such as `start web on n2`."""
    faults: tuple[str, ...]
    """What is wrong now, one sentence each, with the cure."""
    links: tuple[LinkSummary, ...]
    timers: Timers
    votes: int
    votes_expected: int
    votes_needed: int
    electing: bool = False
    """No coordinator, though this node hears a majority of voters: that ends by itself."""
    notices: tuple[str, ...] = ()
    """What is not wrong, but would make the next fault a grave one; one sentence each."""
    fencing: tuple[FencingStatus, ...] = ()
    """Nodes that are to be cut off, or to be switched on again."""
    votes_missing: tuple[NodeName, ...] = ()
    """Voters that are not there."""
    outlook: str = ""
    """What the votes mean: what one more loss would do, or who must come back; one sentence."""
    awaited: tuple[NodeName, ...] = ()
    """Voters without which nothing starts yet (`wait_for_all`)."""
    commanded: tuple[Commanded, ...] = ()
    """Moves and bans by hand that hold."""
    tickets: tuple[TicketSummary, ...] = ()
    """Those that are configured or known to the log, by name."""
    leaving: bool = False
    """This node ends: it stops what it runs."""
    refused_hosts: tuple[tuple[str, str], ...] = ()
    """Addresses from which frames keep coming that this node refuses, and why."""
