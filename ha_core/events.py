"""Events: everything that can enter `Node.handle`. One union, no behaviour."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from ha_core.commands import Command
from ha_core.gates import Gates
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.messages import Message

LEASE_RAN_OUT: Final = "lease ran out"
"""Reason of an `OperationDone` for a start that was refused because `not_after_ms` had passed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; handled at the latest at `Node.deadline_ms()`."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """The wall clock was read: `offset_ms` is wall time minus monotonic time."""

    offset_ms: Millis


@dataclass(frozen=True, slots=True)
class Received:
    """An authenticated, fresh message came from a node over a link (duplicates of other links are
    dropped).
    """

    sender: NodeName
    generation: int
    link: LinkName
    message: Message
    frame: int = 0
    """The frame's number, which travelled over every link at once; 0: over this one alone."""


@dataclass(frozen=True, slots=True)
class LinkHeard:
    """An authentic frame came over a link; told for every copy, also for dropped duplicates."""

    sender: NodeName
    link: LinkName
    frame: int = 0
    """As in `Received`."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """An authentic frame of an earlier start of its sender was dropped; `known` is the newest."""

    sender: NodeName
    generation: int
    known: int


@dataclass(frozen=True, slots=True)
class PingAnswered:
    """A host that is pinged has answered; told at most once in an interval."""

    host: str


@dataclass(frozen=True, slots=True)
class PingRefused:
    """This node may not ping at all; `reason` is one sentence with the cure."""

    reason: str


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """A local client gives a command; answered by a `CommandAnswered` effect with the same id."""

    request_id: str
    author: str
    command: Command


@dataclass(frozen=True, slots=True)
class Promotion:
    """How much an agent wants to be promoted on its node; `score` None: it does not say."""

    score: int | None = None


@dataclass(frozen=True, slots=True)
class OperationDone:
    """An operation that `RunOperation` began has ended.

    `exit_code` follows OCF whatever the agent class (the shell translates);
    `timed_out` operations have exit code 1. `output` holds the newest lines,
    at most 4,000 characters; `reason` the agent's exit reason or last line.
    """

    operation_id: int
    exit_code: int
    timed_out: bool = False
    reason: str = ""
    output: str = ""
    duration_ms: Millis = 0
    promotion: Promotion | None = None
    """What the agent of something promotable wants, as known after it; None: not looked at."""


@dataclass(frozen=True, slots=True)
class FenceDone:
    """A call that `Fence` began has ended.

    `exit_code` follows the fence-agents whatever the contract: 0 done (of a status: on), 2 a
    status that is off, else failed. `text` holds the agent's last words; of metadata, the
    actions that it knows. Secrets are blotted out.
    """

    call_id: int
    exit_code: int
    timed_out: bool = False
    text: str = ""
    duration_ms: Millis = 0


@dataclass(frozen=True, slots=True)
class ResourceDied:
    """A supervised process ended without being asked, or the guardian killed it."""

    resource: str
    reason: str
    with_lease: bool = False
    """The guardian ended it because the lease did: nothing is wrong with the resource."""
    has_left: bool = False
    """Something of it could not be killed, and runs on."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What ends this node's resources with the lease; told once, before anything else."""

    gates: Gates


@dataclass(frozen=True, slots=True)
class Noticed:
    """The shell has noticed something about this node that belongs into the journal."""

    kind: str
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address from which frames keep coming that are refused; `text` says why."""

    host: str
    link: LinkName
    text: str
    since_ms: Millis


@dataclass(frozen=True, slots=True)
class StrangersHeard:
    """These are all of them now; told whenever one comes or goes."""

    strangers: tuple[Stranger, ...]


@dataclass(frozen=True, slots=True)
class Unbound:
    """Where this node should listen and cannot, a sentence each; told whenever that changes."""

    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The service manager wants the daemon to end: drain, then say so by `Stopped`."""


Event: TypeAlias = (
    Tick
    | WallClock
    | Received
    | LinkHeard
    | Outdated
    | PingAnswered
    | PingRefused
    | CommandGiven
    | OperationDone
    | FenceDone
    | ResourceDied
    | Declared
    | Noticed
    | StrangersHeard
    | Unbound
    | StopAsked
)
