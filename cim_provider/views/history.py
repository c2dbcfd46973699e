"""What has happened in the cluster and how its nodes hear each other, as values of a view.

Owns: events, revisions, links, results of operations and fencing that is under way. Knows
nothing of where they come from, nor of CIM. All lists are bounded by whoever fills them.
"""

from dataclasses import dataclass
from typing import Final

from cim_provider.views.journal import CoreEvent

EVENTS_KEPT: Final = 10_000
"""As many as a node keeps; the oldest go first."""


@dataclass(frozen=True, slots=True)
class RevisionView:
    """One revision of the configuration that is still kept."""

    revision: int
    author: str = ""
    reason: str = ""
    wall_ms: int = 0
    changes: tuple[str, ...] | None = None
    """What it changed, one line each; None: what was before is not kept."""
    turned: tuple[str, ...] = ()
    """Nodes whose standby or maintenance it began or ended; empty name: maintenance of all."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link at one node. `state`: up, down, flapping or unknown."""

    node: str
    link: str
    state: str = "unknown"
    medium: str = "udp"
    interface: str = ""
    address: str = ""
    port: int = 0
    """UDP port; 0 where there is none."""
    group: str = ""
    """Multicast group or broadcast address."""
    peers: tuple[str, ...] = ()
    """Addresses of the other nodes on this link."""
    deaf: tuple[str, ...] = ()
    """Nodes that are not heard over it."""
    loss_permille: int | None = None
    changes: int | None = None
    """How often it came or went since the node's service began."""
    changed_wall_ms: int = 0
    """When it came or went last; 0: never."""
    heard_wall_ms: int = 0
    """Of one that is down: when something was heard last."""
    reason: str = ""
    """Why it came or went last."""
    seen_by: str = ""
    """The node that says so: its own, or one that should hear it."""
    speed: int = 0
    """Of a serial line, in bit/s."""


@dataclass(frozen=True, slots=True)
class ResultView:
    """Last result of one operation of a resource on a node.

    `status`: done, failed, timed-out, unsupported, cancelled or pending.
    """

    node: str
    resource: str
    """Name of the instance; of a unique clone with its number."""
    operation: str
    interval_ms: int = 0
    status: str = "done"
    exit_code: int = 0
    expected: int = 0
    reason: str = ""
    output: tuple[str, ...] = ()
    """Newest lines that the agent wrote."""
    execution_ms: int = 0
    run_wall_ms: int = 0
    """When it ended last."""
    changed_wall_ms: int = 0
    """When its outcome became what it is."""
    call: int = 0
    """Counts the operations of the node's service."""


def order_of(result: ResultView) -> tuple[str, str, str, int]:
    """Return by what results are sorted."""
    return (result.node, result.resource, result.operation, result.interval_ms)


@dataclass(frozen=True, slots=True)
class FencingView:
    """A node that is to be cut off or switched on, or what came of it.

    `state`: pending, succeeded or failed.
    """

    id: str
    """Names it for as long as it is kept."""
    node: str
    state: str = "pending"
    action: str = ""
    """`off` or `on`; empty where nothing is done to the node."""
    origin: str = ""
    """The node that decided, or noticed, it."""
    executor: str = ""
    device: str = ""
    started_wall_ms: int = 0
    ended_wall_ms: int = 0
    reason: str = ""
    text: str = ""
    is_confirmed: bool = False
    """An operator has given a word for it."""
    incident: str = ""


@dataclass(frozen=True, slots=True)
class HistoryView:
    """All of it; events are sorted by `seq`, results by `order_of`."""

    events: tuple[CoreEvent, ...] = ()
    cleared: int = 0
    """The log begins behind this number: an operator has cleared it."""
    revisions: tuple[RevisionView, ...] = ()
    links: tuple[LinkView, ...] = ()
    results: tuple[ResultView, ...] = ()
    fencing: tuple[FencingView, ...] = ()
    """What is under way first, then what is over, oldest first."""
    devices: tuple[tuple[str, str], ...] = ()
    """Fence devices, each with a node that it can cut off."""
