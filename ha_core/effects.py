"""Effects: everything that `Node.handle` can ask of the world. One union, no behaviour.

The shell performs them strictly in order. `Persist` is a barrier: nothing
behind it happens before its records are on disk, except messages whose type
stands in `MAY_PASS_PERSIST` (signs of life, which promise nothing that is
on disk), so that a slow disk does not look like a dead node.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from ha_core.commands import Outcome
from ha_core.config.model import FenceDevice, Primitive
from ha_core.ids import Index, Millis, NodeName, Revision
from ha_core.journal import JournalEvent
from ha_core.messages import SIGNS_OF_LIFE, Hello, Message
from ha_core.replication.entries import Entry, HardState, Snapshot
from ha_core.status import Instance

MAY_PASS_PERSIST: Final = (Hello,)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to one node, on every link. May be lost, repeated, reordered, delayed."""

    to: NodeName
    message: Message


@dataclass(frozen=True, slots=True)
class LocalState:
    """What a node owns itself and keeps across a restart of the daemon."""

    instances: tuple[Instance, ...] = ()
    orphans: tuple[Primitive, ...] = ()
    """By what something runs, or may run, here that the configuration does not have any more, or
    has changed since; of one name the oldest first.
    """
    followed: Revision = 0
    """Newest revision that added or changed something; what runs here is by none before, but for
    `orphans`. 0: nothing was ever begun.
    """


@dataclass(frozen=True, slots=True)
class Persist:
    """Write, in one atomic and durable step, whatever is not None.

    `truncate_from`: delete log entries from this index on, before appending.
    `snapshot`: replace the snapshot and delete log entries up to its index.
    """

    hard_state: HardState | None = None
    truncate_from: Index | None = None
    append: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None
    local: LocalState | None = None


@dataclass(frozen=True, slots=True)
class RunOperation:
    """Run an agent operation; answered by exactly one `OperationDone` with the same id.

    The shell refuses to begin after `not_after_ms` (None: no lease is needed,
    as for stop and monitor) and answers with exit code 1, reason `lease ran out`.
    """

    operation_id: int
    primitive: Primitive
    action: str
    """`start`, `stop`, `monitor`, or another of those that a primitive's operations can name."""
    timeout_ms: Millis
    depth: int = 0
    interval_ms: Millis = 0
    not_after_ms: Millis | None = None
    handover: bool = False
    """Of a start: as in `messages.Order`."""
    peer: NodeName | None = None
    """Of a live migration: the other node."""
    notice: tuple[tuple[str, str], ...] = ()
    """Of a notification: what the agent is told."""


@dataclass(frozen=True, slots=True)
class CancelOperation:
    """Kill a running operation; its `OperationDone` still comes."""

    operation_id: int


@dataclass(frozen=True, slots=True)
class Fence:
    """Call a fence agent once; answered by exactly one `FenceDone` with the same id.

    The shell refuses to begin after `not_after_ms`, which is the end of the lease, and answers
    with exit code 1.
    """

    call_id: int
    device: FenceDevice
    action: str
    """A word of `FenceCall`."""
    target: NodeName
    """The node it is about; empty where the call is about the device."""
    timeout_ms: Millis
    not_after_ms: Millis


@dataclass(frozen=True, slots=True)
class CancelFence:
    """Kill a call that is under way; nothing waits for its `FenceDone` any more."""

    call_id: int


@dataclass(frozen=True, slots=True)
class HoldLease:
    """Gates and guardian keep what runs under the lease until `until_ms` and no longer.

    Later calls replace earlier ones. They extend, except when the timers become shorter; 0 ends
    it now.
    """

    until_ms: Millis


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """Answer to a `CommandGiven` of a local client."""

    request_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Journal:
    """Store a numbered event in the node's copy of the cluster's journal (idempotent by its
    name).
    """

    event: JournalEvent


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A machine changed state: for logs, tests and traces; nothing depends on it."""

    machine: str
    old: str
    new: str
    why: str


@dataclass(frozen=True, slots=True)
class ConfigurationApplied:
    """The node's replica holds a new configuration: links and peers may have changed."""

    revision: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Everything here has stopped after `StopAsked`; the daemon may end."""


Effect: TypeAlias = (
    Send
    | Persist
    | RunOperation
    | CancelOperation
    | Fence
    | CancelFence
    | HoldLease
    | CommandAnswered
    | Journal
    | StateChanged
    | ConfigurationApplied
    | Stopped
)


def is_news(effect: Effect) -> bool:
    """Return whether an effect shows that what is known of the cluster may have changed."""
    if isinstance(effect, Send):
        return not isinstance(effect.message, SIGNS_OF_LIFE)
    return not isinstance(effect, HoldLease)
