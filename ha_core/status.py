"""The observed state as frozen values: what the nodes reported and what follows from silence.

Owns: the input of the policy engine beside the configuration, and the view
that is shared with every node. Knows nothing of how it was observed.
"""

from dataclasses import dataclass
from enum import StrEnum

from ha_core.config.choices import OnFail, Role
from ha_core.ids import Generation, Millis, NodeName, ResourceId


class NodeState(StrEnum):
    """Observed state of a node (standby and maintenance are desired state and not here)."""

    ONLINE = "online"
    PENDING = "pending"
    """Heard again, but its report of what it runs has not arrived yet."""
    SUSPECT = "suspect"
    """Silent, but not yet for `dead_after_ms`: nothing is decided."""
    LOST = "lost"
    LEFT = "left"
    """Never seen by this coordinator, or stopped in an orderly way: runs nothing."""


class InstanceState(StrEnum):
    """What is known of one primitive on one node."""

    UNKNOWN = "unknown"
    """Nothing is known: a probe is needed before it may start anywhere."""
    STOPPED = "stopped"
    STARTED = "started"
    FAILED = "failed"
    """Counts as active and must be stopped before it can start anywhere."""
    BLOCKED = "blocked"
    """A stop failed (or on-fail=block): nothing may be done until an operator cleans up."""
    UNCERTAIN = "uncertain"
    """The node is lost, and no gate, fence device or operator has proved that it is gone there."""


class FailureKind(StrEnum):
    """How far a failure reaches. Source: OCF resource agent API, return codes."""

    SOFT = "soft"
    HARD = "hard"
    """Not on this node (exit codes 2, 3, 4, 5)."""
    FATAL = "fatal"
    """Nowhere (exit code 6)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failed operation of a primitive on a node."""

    action: str
    exit_code: int
    kind: FailureKind
    reason: str
    """The agent's exit reason or newest output line; at most 400 characters."""
    at_wall_ms: Millis
    on_fail: OnFail


@dataclass(frozen=True, slots=True)
class Instance:
    """One primitive on one node, as reported by that node (or concluded from its silence)."""

    resource: ResourceId
    state: InstanceState
    pending: str = ""
    """Action under way there (`start`, `stop`, `monitor`, `promote`, …), or empty."""
    fail_count: int = 0
    """Failures since the last cleanup; INFINITY after a failed start."""
    failure: Failure | None = None
    order_id: int = 0
    """Newest order of the coordinator that this node has accepted for the resource."""
    started_wall_ms: Millis = 0
    stale: bool = False
    """It runs by a definition that the configuration has replaced: it must restart."""
    free_after_ms: Millis = 0
    """Of what is uncertain: a guard ends it so long after its node was lost; 0: nobody knows."""
    role: Role | None = None
    """Of what can be promoted, while it is active: UNPROMOTED or PROMOTED; None of the others."""
    promotion_score: int | None = None
    """How much its agent wants to be promoted here; None: it has said nothing."""
    migrated_from: NodeName | None = None
    """It came by live migration from there; None once it has started anew."""
    migrated_to: NodeName | None = None
    """It was, or is being, handed alive to that node; it is not stopped here yet."""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """Which ping targets a node reaches; with `fault` it may not ping, and nothing is known."""

    reached: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node as the coordinator sees it; `instances` is sorted by resource id."""

    name: NodeName
    state: NodeState
    generation: Generation = 0
    instances: tuple[Instance, ...] = ()
    since_wall_ms: Millis = 0
    connectivity: Connectivity | None = None
    """What counts of what it reaches; None if nothing is known."""
    unfenced: bool = False
    """Its storage was switched on for this incarnation."""
    leaving: bool = False
    """Its daemon is being stopped: what runs there moves away first."""

    def instance(self, resource: ResourceId) -> Instance | None:
        """Return what is known of the primitive here; None where nothing was ever reported."""
        return next((item for item in self.instances if item.resource == resource), None)


@dataclass(frozen=True, slots=True)
class FencingStatus:
    """A node that is to be cut off, or to be switched on again, and how far that is."""

    node: NodeName
    generation: Generation
    stage: str
    """`waiting`, `cutting`, `proved`, `restoring` or `resting` (before the next try)."""
    device: str
    executor: NodeName
    reason: str
    fault: str = ""
    """What failed last."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as this site has it: the right to run what depends on it."""

    name: str
    granted: bool = False
    standby: bool = False
    """Granted, but being given up in an orderly way: what depends on it stops as if it were not."""
    changed_wall_ms: Millis = 0


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The status half of the policy engine's input; `nodes` is sorted by name."""

    nodes: tuple[NodeStatus, ...] = ()
    quorate: bool = False
    restarts: tuple[ResourceId, ...] = ()
    """Primitives and groups whose active instances must stop once, and then start again."""
    intended: tuple[tuple[ResourceId, NodeName], ...] = ()
    """Where the coordinator's last plan placed each primitive: half-done moves are not undone."""
    awaited: tuple[NodeName, ...] = ()
    """Voters that were not seen since the cluster began: nothing starts before (`wait_for_all`)."""
    tickets: tuple[Ticket, ...] = ()
    """The tickets of which anything is known, sorted by name."""

    def node(self, name: NodeName) -> NodeStatus | None:
        """Return the status of that node, or None."""
        return next((item for item in self.nodes if item.name == name), None)
