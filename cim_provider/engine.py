"""The port between the WBEM provider and whatever manages the cluster.

Owns: the values that a provider reads and the commands it gives; the provider
owns this port, engines implement it. Knows nothing of CIM. A view is one
consistent snapshot: everything that one WBEM request answers comes from one view.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from cim_provider.commands import Control, Question, Told
from cim_provider.edits import Edit
from cim_provider.views.facts import Facts
from cim_provider.views.history import HistoryView
from cim_provider.views.journal import CoreEvent
from cim_provider.views.redundancy import Redundancy
from cim_provider.views.settings import Settings


class EngineState(StrEnum):
    """Whether the engine could be asked."""

    RUNNING = "running"
    STOPPED = "stopped"
    NOT_ANSWERING = "not-answering"


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node. `state`: online, standby, maintenance, suspect, lost or left."""

    name: str
    state: str
    is_coordinator: bool = False
    is_voter: bool = True
    is_witness: bool = False
    is_local: bool = False
    unclean: bool = False
    """Lost, and something on it is not proved to be gone."""
    generation: int = 0
    addresses: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    links_down: tuple[str, ...] = ()
    """Names of the links over which the local node does not hear it."""
    is_heard: bool = False
    """It is suspect, and the local node has just heard it: it may only have yet to report to a new
    coordinator.
    """
    can_fence: bool = False
    """A fence device can end it."""
    fenced_by: str = ""
    """The devices that have cut it off, in words; empty once it is back."""
    standby_until_wall_ms: int = 0
    """When its standby ends by itself; 0: there is none, or it does not."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One primitive on one node where it is active, failed or uncertain."""

    node: str
    state: str
    fail_count: int = 0
    failure: str = ""
    started_wall_ms: int = 0
    """When it was started last; 0 if that is not known."""
    id: str = ""
    """Its name on its node: the primitive's, of a unique clone with a number: `web:0`."""
    role: str = ""
    """`promoted` or `unpromoted` while it is active and has roles; else empty."""
    promotion_score: int | None = None
    """How much its agent wants it to be promoted; None: it has said nothing."""
    placement_score: int | None = None
    """The node's score for it in the plan; None: there is none."""
    failed_wall_ms: int = 0
    """When it failed last; 0 if it has not."""
    failed_operation: str = ""
    """What failed last."""


@dataclass(frozen=True, slots=True)
class PrimitiveView:
    """One primitive.

    `state`: started, stopped, starting, stopping, failed, unknown or blocked.
    """

    id: str
    agent_class: str
    provider: str
    type: str
    state: str
    nodes: tuple[str, ...] = ()
    group: str = ""
    position: int = 0
    managed: bool = True
    target_role: str = ""
    """`started`, `stopped` or empty."""
    stickiness: int = 0
    priority: int = 0
    migration_threshold: int = 0
    failure_timeout_ms: int = 0
    guard: str = ""
    takeover_wait_ms: int | None = None
    guard_text: str = ""
    """How the guard does it, or why there is none, in a sentence."""
    shorter: tuple[str, ...] = ()
    """What would make a takeover quicker, one sentence each."""
    instances: tuple[InstanceView, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    description: str = ""
    on_stop_fail: str = "block"
    """What a failed stop leads to, in the cluster's word."""
    why: str = ""
    clone: str = ""
    """The clone whose instances it is, or is in."""
    promoted: tuple[str, ...] = ()
    """The nodes where it is promoted."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group; `members` in order."""

    id: str
    members: tuple[str, ...]
    managed: bool = True
    target_role: str = ""
    stickiness: int = 0
    priority: int = 0
    description: str = ""
    clone: str = ""
    """The clone whose member it is."""


@dataclass(frozen=True, slots=True)
class CloneView:
    """One clone: `member`, a primitive or group, runs several times."""

    id: str
    member: str
    managed: bool = True
    target_role: str = ""
    """`started`, `stopped`, `unpromoted`, `promoted` or empty."""
    stickiness: int = 0
    priority: int = 0
    description: str = ""
    instances_wanted: int = 0
    """How many run when all is well."""
    instances_max: int = 0
    instances_min: int = 0
    """So many must run before what is ordered after it starts."""
    node_max: int = 1
    is_unique: bool = False
    is_promotable: bool = False
    promoted_max: int = 1
    promoted_node_max: int = 1
    is_interleaved: bool = False
    is_ordered: bool = False
    notifies: bool = False


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One consistent snapshot of the cluster; lists are sorted by name or id."""

    version: str
    """Changes whenever anything in the view changes; equal versions mean equal views."""
    engine: EngineState
    name: str
    product_version: str
    local_node: str
    cluster_id: str = ""
    """32 hexadecimal digits, the same on all nodes as long as the cluster lives; empty: unknown."""
    revision: int = 0
    coordinator: str = ""
    term: int = 0
    quorate: bool = False
    votes: int = 0
    votes_expected: int = 0
    votes_needed: int = 0
    votes_missing: tuple[str, ...] = ()
    outlook: str = ""
    """What the votes mean: what one more loss would do, or who must come back."""
    fencing_decides: bool = False
    """Two vote, and whoever is left goes on once a fence device has cut the other one off."""
    awaited: tuple[str, ...] = ()
    """Voters without which nothing is started after a start of the whole cluster."""
    maintenance: bool = False
    symmetric: bool = True
    no_quorum_policy: str = "stop"
    dead_after_ms: int = 1000
    heartbeat_ms: int = 100
    default_stickiness: int = 0
    last_change_author: str = ""
    last_change_wall_ms: int = 0
    pending_actions: int = 0
    under_way: tuple[str, ...] = ()
    """What the pending actions do, in words: `stop db on n1`."""
    nodes: tuple[NodeView, ...] = ()
    primitives: tuple[PrimitiveView, ...] = ()
    groups: tuple[GroupView, ...] = ()
    clones: tuple[CloneView, ...] = ()
    links: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    """How each of the links carries messages: udp, broadcast, multicast or serial."""
    ping_targets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What every node should reach, by name, with the hosts of which one is enough."""
    unplaced: tuple[tuple[str, str], ...] = ()
    """Primitives that are to run and have no node for it, and why."""
    refused_hosts: tuple[tuple[str, str], ...] = ()
    """Addresses from which the local node refuses messages that keep coming, and why."""
    capabilities: frozenset[str] = field(default_factory=frozenset)
    settings: Settings = field(default_factory=Settings)
    """What is configured beside the resources themselves."""
    redundancy: Redundancy = field(default_factory=Redundancy)
    """Who can stand in for whom."""
    facts: Facts = field(default_factory=Facts)
    """What typed properties tell beyond the lists."""
    history: HistoryView = field(default_factory=HistoryView)
    """What has happened, and how the nodes hear each other."""


@dataclass(frozen=True, slots=True)
class StartResource:
    """Set the target role to started and wait."""

    resource: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StopResource:
    """Set the target role to stopped and wait."""

    resource: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RestartResource:
    """Stop and start the resource in place."""

    resource: str


@dataclass(frozen=True, slots=True)
class SetNodeStandby:
    """Put a node in standby or take it out."""

    node: str
    standby: bool
    lifetime_ms: int = 0
    """After which the standby ends by itself; 0: it does not."""


@dataclass(frozen=True, slots=True)
class SetNodeMaintenance:
    """Leave everything on a node alone, or act on it again."""

    node: str
    maintenance: bool


@dataclass(frozen=True, slots=True)
class SetResourceManaged:
    """Let the cluster act on a resource, or only watch it."""

    resource: str
    managed: bool


@dataclass(frozen=True, slots=True)
class FenceNode:
    """Cut a node off by its fence devices; `off`: and leave it off, whatever they would do."""

    node: str
    off: bool
    reason: str = ""


Command: TypeAlias = (
    StartResource
    | StopResource
    | RestartResource
    | SetNodeStandby
    | SetNodeMaintenance
    | SetResourceManaged
    | FenceNode
    | Control
)


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out and its effect was seen in the view."""

    text: str = ""
    """What came of it, where there is more to say."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The command was accepted; its effect was not seen within the time allowed."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The command was refused: a code of `ha_core.commands.Outcome`, a sentence with the cure.

    Two codes more: `away`, nobody could be asked and nothing was accepted; `timeout`, it is not
    known whether it was accepted.
    """

    code: str
    text: str


Outcome: TypeAlias = Done | Pending | Refused


@dataclass(frozen=True, slots=True)
class Change:
    """Something in the view changed; `version` is the new view's."""

    version: str


class OtherClusterError(Exception):
    """The node belongs to another cluster than before: nothing that was known holds any more."""

    def __init__(self) -> None:
        super().__init__("this node belongs to another cluster now")


class ClusterEngine(Protocol):
    """What the provider needs of a cluster manager."""

    async def view(self) -> ClusterView:
        """Return one consistent snapshot; after two seconds without one, NOT_ANSWERING."""
        ...

    async def submit(self, command: Command, author: str, within_s: float | None = None) -> Outcome:
        """Carry out a command on behalf of `author` and wait, bounded, for its effect.

        `within_s`: wait no longer than so many seconds; None: as long as the engine finds right.
        """
        ...

    async def submit_all(self, commands: tuple[Command, ...], author: str) -> tuple[Outcome, ...]:
        """Carry out commands, none of which waits for the effect of another; as `submit`."""
        ...

    async def edit(self, edit: Edit, author: str) -> Done | Refused:
        """Change the configuration on behalf of `author`; the next view shows it.

        All changes of the edit are made, as one revision, or none. A refusal has the code
        `not-found`, `exists`, `invalid` or `stale` beside those of commands.
        """
        ...

    async def ask(self, question: Question) -> Told | Refused:
        """Answer a question; nothing changes."""
        ...

    def changes(self, since: str) -> AsyncIterator[Change]:
        """Yield a change whenever the view differs from version `since`."""
        ...

    def newest_event(self) -> int:
        """Return the number of the newest event of the journal; -1: it was not read yet."""
        ...

    def recent_events(self, most: int) -> tuple[CoreEvent, ...]:
        """Return at most so many of the newest events that are known, oldest first."""
        ...

    async def events(self, since: int) -> tuple[CoreEvent, ...]:
        """Return the events numbered above `since`, oldest first, at most 1,000."""
        ...

    async def event_after(self, since: int) -> None:
        """Return when there is an event numbered above `since`."""
        ...
