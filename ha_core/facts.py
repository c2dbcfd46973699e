"""What a node knows, gathered for one summary. Fields as in `ClusterSnapshot`; no behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ha_core.config.model import Configuration
from ha_core.events import Stranger
from ha_core.gates import Gates
from ha_core.ids import Millis, NodeName, ResourceId, Term
from ha_core.replication.entries import ConfigurationChange, Verdict
from ha_core.replication.tickets import TicketWord
from ha_core.snapshot import LinkSummary
from ha_core.status import FencingStatus, NodeStatus
from ha_core.timers import RaftTimers


@dataclass(frozen=True, slots=True)
class Facts:
    """One node's knowledge at one moment."""

    local: NodeName
    generation: int
    coordinator: NodeName | None
    term: Term
    quorate: bool
    revisions: tuple[ConfigurationChange, ...]
    configuration: Configuration
    nodes: tuple[NodeStatus, ...]
    restarts: tuple[ResourceId, ...]
    pending: tuple[str, ...]
    links: tuple[LinkSummary, ...]
    timers: RaftTimers
    version: str
    wall_ms: Millis
    awaited: tuple[NodeName, ...] = ()
    """Voters without which nothing starts yet (`wait_for_all`)."""
    superseded_by: int = 0
    """A later start of this node that others remember; 0 if this is the newest."""
    gates: Mapping[NodeName, Gates] = field(default_factory=dict)
    """What each node has said of its gates."""
    fencing: tuple[FencingStatus, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    """The newest word in the log on each node."""
    leaving: bool = False
    """This node ends: it stops what it runs."""
    strangers: tuple[tuple[Stranger, Millis], ...] = ()
    """Whose frames this node refuses, and since when by the wall clock."""
    unbound: tuple[str, ...] = ()
    """Where this node should listen and cannot, a sentence each."""
    tickets: tuple[TicketWord, ...] = ()
    """Every ticket of which the log knows anything."""
    alone_fault: str = ""
    """Without a quorum: why one of two voters with fencing does not go on without the other."""
