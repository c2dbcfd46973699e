"""Figures of a node as frozen values: load, memory, what was counted. They are of the moment.

Owns: what nodes tell each other when somebody asks. Nothing is decided by it and nothing of it
enters the log. Counters begin at 0 with each daemon (`since_wall_ms`).
"""

from dataclasses import dataclass

from ha_core.ids import Generation, LinkName, Millis, NodeName


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """What one node has counted on one link."""

    link: LinkName
    packets_sent: int = 0
    packets_received: int = 0
    packets_unsent: int = 0
    """Not sent: the buffer was full, or the peer's name unknown."""
    bytes_sent: int = 0
    bytes_received: int = 0
    refused: int = 0
    """Frames whose authentication failed."""
    lost: int = -1
    """Copies of others' messages that came over another link alone; -1: there is no other link."""
    late: int = -1
    """How often a node was heard over it after more than half of the dead time; -1: not known."""
    round_trip_us: int = -1
    """To the farthest node and back, in microseconds; -1: not measured of late."""


@dataclass(frozen=True, slots=True)
class ResourceFigures:
    """What one node has counted of one resource or instance; times in milliseconds."""

    resource: str
    starts: int = 0
    stops: int = 0
    failures: int = 0
    """Failed operations, and deaths."""
    monitors: int = 0
    monitor_failures: int = 0
    last_start_ms: Millis = 0
    """How long the newest start took; 0: it was not started here."""
    process_id: int = 0
    """Of class `process` while it runs; else 0, as are the rest."""
    processes: int = 0
    """It and its descendants."""
    cpu_ms: Millis = 0
    memory_bytes: int = 0
    """Resident memory of all of them; shared pages count for each."""


@dataclass(frozen=True, slots=True)
class AgentTold:
    """What an installed agent says of itself; empty where it says nothing."""

    name: str
    short: str = ""
    version: str = ""
    parameters: tuple[str, ...] = ()
    metadata: str = ""
    """XML, at most 1 MiB."""


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node; 0 and empty: not known."""

    node: NodeName
    generation: Generation = 0
    at_wall_ms: Millis = 0
    since_wall_ms: Millis = 0
    """When its daemon began to count."""
    product: str = ""
    protocol: int = 0
    """Newest version of the nodes' protocol that it speaks."""
    machine_id: str = ""
    boot_wall_ms: Millis = 0
    cpus: int = 0
    load_milli: tuple[int, int, int] = (0, 0, 0)
    """Load of the last 1, 5 and 15 minutes, in thousandths."""
    cpu_permille: int = -1
    """How busy its processors were since it was measured last; -1: not known yet."""
    memory_bytes: int = 0
    memory_available_bytes: int = 0
    daemon_cpu_ms: Millis = 0
    daemon_memory_bytes: int = 0
    beats_sent: int = 0
    beats_received: int = 0
    beats_late: int = -1
    """How often a node was heard after more than half of the dead time; -1: not known."""
    transitions: int = -1
    """How often it began to give orders, as the coordinator; -1: not known."""
    links: tuple[LinkFigures, ...] = ()
    resources: tuple[ResourceFigures, ...] = ()
    agents: tuple[str, ...] = ()
    """Names of the agents that are installed, as `ocf:heartbeat:IPaddr2`."""
