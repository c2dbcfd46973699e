"""Messages between nodes: one union, no behaviour.

Owns: the values that travel. The frame around them (version, sender,
generation, sequence, authentication) belongs to `wire`. Times in messages are
the *sender's* monotonic clock and are only ever echoed back to it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from ha_core.commands import Command, Outcome
from ha_core.figures import NodeFigures
from ha_core.gates import Gates
from ha_core.ids import Generation, Index, Millis, NodeName, ResourceId, Revision, Term
from ha_core.journal import Head, Holdings, JournalEvent
from ha_core.observed import LinkStanding, OperationResult
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import Entry, Snapshot
from ha_core.status import Connectivity, FencingStatus, Instance, NodeStatus


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """Candidate asks for a vote; with `pre` set it only asks whether it would get one.

    `log_index`, `log_term` name the last entry of the candidate's log.
    """

    term: Term
    pre: bool
    log_index: Index
    log_term: Term
    disk: Generation = 0
    """The disk of the receiver whose vote would count; see `HardState`."""


@dataclass(frozen=True, slots=True)
class VoteReply:
    """Answer to a VoteRequest; `term` echoes the request's term when granted, else is ours."""

    term: Term
    pre: bool
    granted: bool


@dataclass(frozen=True, slots=True)
class Beat:
    """Leader's heartbeat; `sent_ms` comes back in the reply and dates the leader's lease."""

    term: Term
    sent_ms: Millis
    commit: Index
    """Commit index, never beyond what the leader knows this follower to hold."""
    start: Generation = 0
    """Newest start of the receiver that has answered a beat of this term; 0 if none has."""


@dataclass(frozen=True, slots=True)
class BeatReply:
    """Follower accepts the leader of that term; `match` is the last index known to agree with
    it.
    """

    term: Term
    echo_ms: Millis
    match: Index
    start: Generation = 0
    """The start of the sender."""
    disk: Generation = 0
    """The disk that it runs from; see `HardState`."""


@dataclass(frozen=True, slots=True)
class StepAside:
    """A leader has stopped leading, for the sake of a voter that more nodes can talk to.

    It changes nobody's right to vote: the successor campaigns first, when all may vote again.
    """

    term: Term
    successor: NodeName


@dataclass(frozen=True, slots=True)
class Append:
    """AppendEntries. Source: dissertation, figure 3.1."""

    term: Term
    previous_index: Index
    previous_term: Term
    entries: tuple[Entry, ...]
    commit: Index


@dataclass(frozen=True, slots=True)
class AppendReply:
    """Answer to Append or InstallSnapshot; if not `success`, `match` is a hint where to try
    next.
    """

    term: Term
    success: bool
    match: Index
    disk: Generation = 0
    """The disk that holds it; see `HardState`."""


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    """Whole snapshot for a follower that lags behind the log's beginning."""

    term: Term
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """Node asks its coordinator to renew its run lease; the lease runs from `sent_ms`."""

    term: Term
    sent_ms: Millis
    generation: Generation
    report_id: int
    """Newest report this node has made, so that the coordinator can ask for it."""
    view_version: int
    """Newest view received in this term."""
    events_through: int
    """Newest cluster event sequence this node holds."""
    gates: Gates | None = None
    """What ends its resources with the lease; said until the log has admitted this incarnation."""
    is_mustered: bool = False
    """In this start it has known a coordinator that waited for no voter."""


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """Coordinator grants the run lease asked for at `request_ms`, in one admission of the node.

    `request_ms` 0 grants nothing yet: the node must report under the new admission first.
    """

    term: Term
    request_ms: Millis
    admission: int
    """Grows with every (re)admission of the node in this term; orders of an older one are void."""
    wanted_report_id: int
    """Newest report received; if the node has a newer one it sends it again."""
    age_ms: Millis = 0
    """How long ago the coordinator sent the newest round that a majority answered: shortens the
    lease.
    """
    generation: Generation = 0
    """The incarnation that asked; another one of the node does not take it."""
    dead_after_ms: Millis = 0
    """The coordinator's D; a node that still counts by another one has no lease until it agrees."""
    heard_through: int = 0
    """Newest event of the receiver's start that the coordinator has numbered, or knows numbered."""
    wants: tuple[Head, ...] = ()
    """Starts of which the receiver has events that the coordinator lacks, and from where on."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the sender knows of its own instances; newer `report_id` replaces older.

    An instance with `pending` empty and `order_id` n has finished order n.
    """

    term: Term
    admission: int
    generation: Generation
    report_id: int
    instances: tuple[Instance, ...]
    events: tuple[JournalEvent, ...] = ()
    """Events that the coordinator has not numbered, oldest first (bounded): this node's own, and
    those of others for which it asks.
    """
    leaving: bool = False
    """The node wants to stop: move everything away."""
    connectivity: Connectivity | None = None
    """What the sender measured of its ping targets; None: nothing is known."""
    hears: tuple[NodeName, ...] = ()
    """The other nodes that the sender hears and that hear it, sorted."""
    ready: tuple[ResourceId, ...] | None = None
    """What could start at once, sorted; None: the sender does not know `Prepare`."""
    known: Holdings | None = None
    """Which numbered events the sender has: in the first reports under an admission."""


@dataclass(frozen=True, slots=True)
class Order:
    """Coordinator tells a node to act; valid only within the named admission and a running
    lease.
    """

    term: Term
    admission: int
    order_id: int
    resource: ResourceId
    kind: ActionKind
    cleanup: bool = False
    """Forget failures of the resource first (an operator's cleanup); then probe."""
    reason: str = ""
    incident: str = ""
    """Ties the events of this action to what set it off."""
    handover: bool = False
    """Of a start: it ran in this cluster until now, so nobody outside need be asked for it."""
    peer: NodeName | None = None
    """Of a live migration: the other node."""
    notice: tuple[tuple[str, str], ...] = ()
    """Of a notification: what the agent is told."""
    fail: bool = False
    """Of a probe: take what runs as failed, whatever the agent says (an operator's word)."""
    revision: Revision = 0
    """Of what begins or looks for something: a node that does not hold it yet would go by another
    definition.
    """
    nothing_left: bool = False
    """Of a look: no earlier start of the node has left the resource running."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Coordinator asks a node to get ready for a start that is to come, while another node still
    runs it. Nothing begins by it. Only for nodes whose reports say that they know it.
    """

    term: Term
    admission: int
    resource: ResourceId


@dataclass(frozen=True, slots=True)
class View:
    """Coordinator's picture of the cluster for every node; replaces older versions."""

    term: Term
    version: int
    nodes: tuple[NodeStatus, ...]
    quorate: bool
    restarts: tuple[ResourceId, ...] = ()
    events: tuple[JournalEvent, ...] = ()
    """Newest numbered events that the receiver lacks, oldest first (bounded)."""
    fencing: tuple[FencingStatus, ...] = ()
    awaited: tuple[NodeName, ...] = ()
    """Voters without which nothing starts yet."""
    first: NodeName | None = None
    """Who of two voters with fencing shoots first when they lose each other; None: it is open."""
    after: int = 0
    """The events are those numbered above this; who has not come so far takes none of them."""


class FenceVerb(StrEnum):
    """What an errand is for."""

    CUT = "cut"
    RESTORE = "restore"
    TEST = "test"
    CANCEL = "cancel"
    """Ends the errand of that number."""


class FenceState(StrEnum):
    """How far an errand is."""

    WORKING = "working"
    DONE = "done"
    """For a cut: proved, so that a verdict may be written."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FenceOrder:
    """Coordinator sends a node on an errand with a fence device; repeated until it is over."""

    term: Term
    errand_id: int
    verb: FenceVerb
    device: str
    target: NodeName
    action: str = ""
    """`reboot` or `off` where an operator wants another than the device's."""
    incident: str = ""
    revision: Revision = 0
    """A node that does not hold it yet would go by another definition of the device: it waits."""


@dataclass(frozen=True, slots=True)
class FenceReport:
    """How an errand stands; the coordinator writes verdicts, this message is none."""

    term: Term
    errand_id: int
    state: FenceState
    text: str = ""
    tested: tuple[tuple[NodeName, bool, str], ...] = ()
    """Of a rehearsal: for each target, whether the device can cut it off, and what was seen."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Link probe between nodes that have nothing else to say; keeps detection and link state
    alive.
    """

    sent_ms: Millis
    echo_ms: Millis
    """Newest `sent_ms` heard from the receiver, 0 if none: shows that both directions work."""
    leaving: bool = False
    known: Generation = 0
    """A later start of the receiver than the one that it speaks as; 0 if none is remembered."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command forwarded to the coordinator by the node where it was given."""

    request_id: str
    author: str
    command: Command


@dataclass(frozen=True, slots=True)
class CommandReply:
    """The coordinator's answer to a forwarded command."""

    request_id: str
    outcome: Outcome = field(default_factory=Outcome)


@dataclass(frozen=True, slots=True)
class FiguresWanted:
    """A node asks another one for its figures; the number comes back."""

    number: int


@dataclass(frozen=True, slots=True)
class FiguresTold:
    """The figures of the sender, for whoever has asked."""

    number: int
    figures: NodeFigures


@dataclass(frozen=True, slots=True)
class Told:
    """What the sender has seen of itself since a part that the receiver has; 0: from the beginning.

    Nothing depends on it, and a node that does not know it takes no notice.
    """

    since: int
    through: int
    results: tuple[OperationResult, ...] = ()
    links: tuple[LinkStanding, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldTaken:
    """How much the sender has of what the receiver, in that start, has told of itself."""

    generation: Generation
    through: int


Message: TypeAlias = (
    VoteRequest
    | VoteReply
    | Beat
    | BeatReply
    | StepAside
    | Append
    | AppendReply
    | InstallSnapshot
    | LeaseRequest
    | LeaseGrant
    | Report
    | Order
    | Prepare
    | FenceOrder
    | FenceReport
    | View
    | Hello
    | CommandRequest
    | CommandReply
    | FiguresWanted
    | FiguresTold
    | Told
    | ToldTaken
)

RAFT_MESSAGES: Final = (
    VoteRequest,
    VoteReply,
    Beat,
    BeatReply,
    StepAside,
    Append,
    AppendReply,
    InstallSnapshot,
)
"""What the replication machine receives."""
RENEWALS: Final = (Beat, BeatReply, LeaseRequest, LeaseGrant, View)
"""What makes nothing due but an election, or the end of a lease."""
SIGNS_OF_LIFE: Final = (Beat, BeatReply, LeaseRequest, LeaseGrant, Hello)
"""What is sent all the time, whether anything happens or not."""
