"""Commands: everything that a person, a program or a console can ask the cluster to do.

Owns: the values and their outcome. One dataclass per verb; who may give it is
decided by the shell that accepts it (socket peer, WBEM role).
"""

from dataclasses import dataclass
from typing import TypeAlias

from ha_core.config.model import Address, Configuration, FenceAction, TargetRole
from ha_core.ids import Generation, Millis, NodeName, ResourceId, Revision
from ha_core.replication.shelf import ShelfCondition, ShelfPut


@dataclass(frozen=True, slots=True)
class Apply:
    """Replace the configuration; refused if `base` is given and not the current revision."""

    configuration: Configuration
    reason: str = ""
    base: Revision | None = None


@dataclass(frozen=True, slots=True)
class SetTargetRole:
    """Start or stop a resource; None returns to the default."""

    resource: ResourceId
    role: TargetRole | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Restart:
    """Stop the resource once and start it again, with all that depends on it."""

    resource: ResourceId


@dataclass(frozen=True, slots=True)
class Move:
    """Move a resource to `node`, or away from where it is if None.

    It is over when the node is lost or stops, or at `expires_wall_ms`.
    """

    resource: ResourceId
    node: NodeName | None = None
    expires_wall_ms: Millis | None = None
    reason: str = ""
    promoted: bool = False
    """Its promotion alone: what runs there is promoted. The resource is wanted promoted then."""
    live: bool = True
    """Whether it may go live where its `allow_migrate` says so; false: it stops and starts."""


@dataclass(frozen=True, slots=True)
class Ban:
    """Forbid a resource a node until that is lost or stops, or else until `expires_wall_ms`."""

    resource: ResourceId
    node: NodeName
    expires_wall_ms: Millis | None = None
    reason: str = ""
    promoted: bool = False
    """Its promotion alone: it may run there unpromoted."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Take a resource that runs as failed on `node` (None: everywhere), whatever its agent says."""

    resource: ResourceId
    node: NodeName | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove every move and ban of the resource."""

    resource: ResourceId


@dataclass(frozen=True, slots=True)
class Cleanup:
    """Forget failures of the resource on `node` (None: everywhere) and look again."""

    resource: ResourceId
    node: NodeName | None = None
    operation: str = ""
    """Only where the last failure was one of this operation; empty: whatever it was."""


@dataclass(frozen=True, slots=True)
class SetManaged:
    """Let the cluster act on a resource, or only watch it."""

    resource: ResourceId
    managed: bool


@dataclass(frozen=True, slots=True)
class SetStandby:
    """Node may not run resources (true) or may again; until `until_wall_ms`, if that is given."""

    node: NodeName
    standby: bool
    until_wall_ms: Millis | None = None


@dataclass(frozen=True, slots=True)
class SetMaintenance:
    """Leave everything on the node (None: in the whole cluster) alone, or act again."""

    node: NodeName | None
    maintenance: bool


@dataclass(frozen=True, slots=True)
class ConfirmDown:
    """Operator states in writing that a lost node is down; logged."""

    node: NodeName
    reason: str
    generation: Generation = 0
    """The incarnation meant, so that a late word does not cover the next one; filled in where the
    command is given, by what was known there.
    """


@dataclass(frozen=True, slots=True)
class ReleaseQuorum:
    """Operator states in writing that the voters not seen yet run nothing: start without them."""

    reason: str


@dataclass(frozen=True, slots=True)
class Replan:
    """Forget what the plan was made of and make it anew; what is under way ends first."""


@dataclass(frozen=True, slots=True)
class FenceNode:
    """Cut a node off by its fence devices, whatever its state; done once it is accepted."""

    node: NodeName
    reason: str
    action: FenceAction | None = None
    """None: as its devices are configured."""
    generation: Generation = 0
    """As in `ConfirmDown`."""


@dataclass(frozen=True, slots=True)
class SwitchOn:
    """Switch a node on by its fence devices that is off; done once it is accepted."""

    node: NodeName
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TestFence:
    """Rehearse fencing, harming nothing: of a node, of a device, or (empty) of everything.

    The outcome's text is the incident that the events of the rehearsal carry.
    """

    subject: str = ""


@dataclass(frozen=True, slots=True)
class AddNode:
    """Admit a node: it becomes a learner, and a voter when it has caught up (unless `voter` is
    false).
    """

    node: NodeName
    addresses: tuple[Address, ...]
    voter: bool = True
    witness: bool = False
    """It is to vote and to run no resources."""


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Remove a node from the cluster for good."""

    node: NodeName


@dataclass(frozen=True, slots=True)
class SetTicket:
    """Grant or revoke a ticket, or let it stand by; None leaves that as it is.

    A grant needs words that say how its author knows that no other site has the ticket.
    """

    ticket: str
    granted: bool | None = None
    standby: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AddTicket:
    """Let there be a ticket, whether something needs it yet or not; it is not granted by that."""

    ticket: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RemoveTicket:
    """Forget a ticket that nothing needs; refused while it is granted here."""

    ticket: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Shelve:
    """Write texts of a program beside the cluster into the log, all or none.

    Refused as `stale` if a key does not have the revision that is named, as `full` without room.
    """

    puts: tuple[ShelfPut, ...]
    conditions: tuple[ShelfCondition, ...] = ()


Command: TypeAlias = (
    Apply
    | SetTargetRole
    | Restart
    | Move
    | Ban
    | Fail
    | Clear
    | Cleanup
    | SetManaged
    | SetStandby
    | SetMaintenance
    | ConfirmDown
    | ReleaseQuorum
    | Replan
    | FenceNode
    | SwitchOn
    | TestFence
    | AddNode
    | RemoveNode
    | SetTicket
    | Shelve
    | AddTicket
    | RemoveTicket
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: done, or refused with a stable `code` and a sentence with the cure.

    Codes: `done`, `invalid`, `not-found`, `stale`, `full`, `no-quorum`, `unsafe`, `busy`,
    `timeout`, `denied`.
    """

    code: str = "done"
    text: str = ""
    revision: Revision = 0

    @property
    def ok(self) -> bool:
        """True if the command was carried out."""
        return self.code == "done"
