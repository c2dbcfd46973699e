"""What is looked at: the cluster as this node has it, this machine, and its WBEM server.

Owns: these values. Whatever could not be looked at says why, and is never taken for well. Knows
nothing of how it was looked at.
"""

from dataclasses import dataclass

from ha_core.figures import NodeFigures
from ha_core.ids import Millis, NodeName
from ha_core.journal import JournalEvent
from ha_core.observed import LinkStanding
from ha_core.snapshot import ClusterSnapshot


@dataclass(frozen=True, slots=True)
class Place:
    """A file or directory of the node; `fault`: why it could not be looked at."""

    what: str
    path: str
    mode: int = 0
    """Permission bits."""
    is_secret: bool = False
    """Nobody but its owner may read it; of the others nobody else may write."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Space:
    """Room on a file system, as ordinary users have it."""

    path: str
    free_bytes: int
    total_bytes: int
    free_files: int = 0
    total_files: int = 0
    """0: this file system has no such limit."""


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine."""

    node: str = ""
    """Its name as a node, by its node file; empty: that cannot be read."""
    places: tuple[Place, ...] = ()
    spaces: tuple[Space, ...] = ()
    store_bytes: int | None = None
    """Of the database; None: it could not be looked at."""
    daemon_pid: int | None = None
    """None: no daemon runs on this root, or that could not be looked at."""
    guardian_pid: int | None = None
    guardian_state: str = ""
    """As /proc has it: `running`, `sleeping`, `stopped`, …."""
    wants_watchdog: bool = False
    """Its node file names a watchdog."""
    is_clock_kept: bool | None = None
    """Whether a time service keeps its clock; None: not known."""


@dataclass(frozen=True, slots=True)
class Told:
    """Figures of a node that were asked for between two moments of this machine's clock."""

    figures: NodeFigures
    asked_wall_ms: Millis
    answered_wall_ms: Millis
    is_fresh: bool = True
    """False: the node did not answer, and these are older ones."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A destination of indications; `fault`: why it could not be reached just now."""

    name: str
    url: str
    fault: str = ""
    dropped: int = 0
    """Indications for it that did not fit any more."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A resource that a console is making and that is not in the configuration yet."""

    id: str
    kind: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """The WBEM server of this node."""

    is_there: bool = False
    """It runs, or was ever set up here."""
    url: str = ""
    """Where it was asked."""
    fault: str = ""
    """Why it does not answer; empty if it does."""
    certificate: str = ""
    """Its file; empty: there is none."""
    certificate_until_wall_ms: Millis | None = None
    certificate_fault: str = ""
    renews: bool = False
    """The certificate is one that is renewed without anybody."""
    listeners: tuple[Listener, ...] = ()
    unasked: int = 0
    """More listeners than were tried."""
    drafts: tuple[Draft, ...] = ()
    shelf_fault: str = ""
    """Why listeners and drafts are not known."""


@dataclass(frozen=True, slots=True)
class Examined:
    """All of it, at one moment."""

    at_wall_ms: Millis
    program: str
    """Version of the program that looks."""
    machine: Machine
    snapshot: ClusterSnapshot | None = None
    daemon_fault: str = ""
    """Why there is no snapshot."""
    daemon: str = ""
    """Version of the daemon."""
    told: tuple[Told, ...] = ()
    events: tuple[JournalEvent, ...] = ()
    """All that are kept, oldest first."""
    links: tuple[LinkStanding, ...] = ()
    """How every node hears every other one."""
    server: Server | None = None
    """None: the WBEM server is not installed."""

    @property
    def hosts(self) -> tuple[NodeName, ...]:
        """Return the nodes that may run resources."""
        nodes = self.snapshot.configuration.nodes if self.snapshot is not None else ()
        return tuple(sorted(node.name for node in nodes if not node.witness))

    @property
    def online(self) -> tuple[NodeName, ...]:
        """Return the nodes that are there, in standby or maintenance too, witnesses included."""
        nodes = self.snapshot.nodes if self.snapshot is not None else ()
        there = ("online", "standby", "maintenance")
        return tuple(node.name for node in nodes if node.state in there)
