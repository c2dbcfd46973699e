"""What else a provider asks of the cluster: commands beside those of the port, and questions.

Owns: the values. A part of the port (`engine`); engines implement them. Knows nothing of CIM.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class MoveResource:
    """Move a resource to a node; empty: away from where it is, to the next best one."""

    resource: str
    node: str = ""
    lifetime_ms: int = 0
    """0: until the node is lost or stops."""
    reason: str = ""
    is_live: bool = True
    """It may go live, if it is configured so; else it stops and starts."""


@dataclass(frozen=True, slots=True)
class BanResource:
    """Forbid a resource a node."""

    resource: str
    node: str
    lifetime_ms: int = 0
    """0: until the node is lost or stops."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClearResource:
    """Remove every move and ban of a resource."""

    resource: str


@dataclass(frozen=True, slots=True)
class UnbanResource:
    """Remove the moves and bans by hand of a resource that name a node."""

    resource: str
    node: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CleanupResource:
    """Forget the failures of a resource on a node (empty: everywhere) and look again."""

    resource: str
    node: str = ""
    operation: str = ""
    """Only where this failed last; empty: whatever failed."""


@dataclass(frozen=True, slots=True)
class PromoteResource:
    """Want a resource promoted, or running and not promoted: on a node, or (empty) anywhere."""

    resource: str
    promoted: bool
    reason: str = ""
    node: str = ""
    lifetime_ms: int = 0
    """Of a node that is named; 0: until the node is lost or stops."""


@dataclass(frozen=True, slots=True)
class FailResource:
    """Take a resource that runs as failed on a node (empty: everywhere)."""

    resource: str
    node: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwitchNodeOn:
    """Switch a node on by its fence devices that is off."""

    node: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetClusterMaintenance:
    """Leave everything in the cluster alone, or act again."""

    maintenance: bool


@dataclass(frozen=True, slots=True)
class ConfirmNodeDown:
    """State in writing that a lost node is down."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Forget a node whose machine is gone."""

    node: str
    is_drained: bool = False
    """It runs, and nothing runs on it: it is to leave the cluster for good."""


@dataclass(frozen=True, slots=True)
class ReleaseQuorum:
    """State in writing that the voters not seen yet run nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class PlanAnew:
    """Make the plan anew from what is now; what is under way ends first."""


@dataclass(frozen=True, slots=True)
class SetTicket:
    """Grant or revoke a ticket, or let it stand by; None leaves that as it is."""

    ticket: str
    granted: bool | None = None
    standby: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApplyConfiguration:
    """Make a text (YAML or JSON) the configuration of the cluster."""

    text: str
    reason: str = ""
    base: int | None = None
    """Refuse if this is not the revision in force; None: the one that the view shows."""


@dataclass(frozen=True, slots=True)
class UndoRevision:
    """Return to an earlier revision of the configuration; None: the one before the newest."""

    revision: int | None = None
    reason: str = ""


class ServiceAction(StrEnum):
    """What is done with the cluster service of the node that answers."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class RunService:
    """Start or end the cluster service of the node that answers, in good order."""

    action: ServiceAction


@dataclass(frozen=True, slots=True)
class Invite:
    """Make a token with which one more machine can join; what was done is the token."""

    minutes: int = 60
    node: str = ""
    """The only name under which it can; empty: any."""


@dataclass(frozen=True, slots=True)
class RehearseFencing:
    """Try fence devices, harming nothing: of a node, of a device, or (empty) all of them."""

    subject: str = ""


@dataclass(frozen=True, slots=True)
class ClearEventLog:
    """Show the event log from behind an event on; no event is destroyed."""

    through: int
    """Number of the newest event that is shown no more."""


Control: TypeAlias = (
    MoveResource
    | BanResource
    | ClearResource
    | UnbanResource
    | CleanupResource
    | PromoteResource
    | FailResource
    | SwitchNodeOn
    | SetClusterMaintenance
    | ConfirmNodeDown
    | RemoveNode
    | ReleaseQuorum
    | PlanAnew
    | SetTicket
    | ApplyConfiguration
    | UndoRevision
    | RunService
    | Invite
    | RehearseFencing
    | ClearEventLog
)


@dataclass(frozen=True, slots=True)
class WhyResource:
    """Why a resource is where it is, or is not on a node."""

    resource: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class IfApplied:
    """What a configuration (YAML or JSON) would change."""

    text: str
    base: int | None = None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would follow if something happened to a subject.

    `event`: of a node `lost` or `standby`; of a resource `fails`, `fails-often`, `stopped`,
    `started` or `moved`; of a ticket `granted`, `revoked` or `standby`.
    """

    kind: str
    """`node`, `resource` or `ticket`."""
    subject: str
    event: str
    node: str = ""
    """Where a resource is moved to."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Whether a configuration (YAML or JSON) is acceptable; empty: the one in force."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """The configuration in force: as `yaml`, `json` or `cib`."""

    form: str = "yaml"


@dataclass(frozen=True, slots=True)
class Diagnose:
    """What is wrong with the cluster and the node that answers, why it matters, what mends it."""


@dataclass(frozen=True, slots=True)
class MakeReport:
    """Everything for a post-mortem, as an archive; times and incident as `ha report` takes them."""

    since: str = ""
    until: str = ""
    incident: str = ""


OPERATIONS: Final = (
    "monitor",
    "start",
    "stop",
    "promote",
    "demote",
    "notify",
    "reload",
    "migrate_to",
    "migrate_from",
)
"""What can fail of a resource."""
Plain: TypeAlias = WhyResource | IfApplied | WhatIf | Verify | Export
"""Questions that one picture of the cluster answers."""
Question: TypeAlias = Plain | Diagnose | MakeReport
FORMS: Final = ("yaml", "json", "cib")
"""How a configuration can be written."""
EVENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "node": ("lost", "standby"),
        "resource": ("fails", "fails-often", "stopped", "started", "moved"),
        "ticket": ("granted", "revoked", "standby"),
    }
)
"""What may be supposed of each kind of subject."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as the command line gives it: for people, and as one line of JSON."""

    text: str
    json: str
    refusal: str = ""
    """Why the cluster would not accept it now; empty if it would."""
