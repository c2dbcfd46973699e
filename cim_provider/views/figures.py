"""Figures of the moment: load, memory and counters of nodes, links and resources.

Owns: frozen values, all with defaults; 0, -1 and empty: not known. They are no part of a
view: they change all the time, and no view gets a new version for them. Knows nothing of CIM.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """What one node has counted on one link."""

    link: str
    packets_sent: int = 0
    packets_received: int = 0
    packets_unsent: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    refused: int = 0
    """Frames whose authentication failed."""
    lost: int = -1
    """Copies that came over another link alone; -1: there is none to compare with."""
    late: int = -1
    """How often a node was heard late over it."""
    round_trip_us: int = -1


@dataclass(frozen=True, slots=True)
class ResourceCounts:
    """What one node has counted of one instance since its daemon began."""

    id: str
    monitors: int = 0
    monitor_failures: int = 0
    last_start_ms: int = 0
    process_id: int = 0
    processes: int = 0
    cpu_ms: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """What one node has told last."""

    node: str
    at_wall_ms: int = 0
    since_wall_ms: int = 0
    """When its daemon began to count."""
    product: str = ""
    protocol: int = 0
    machine_id: str = ""
    boot_wall_ms: int = 0
    cpus: int = 0
    load_milli: tuple[int, int, int] = (0, 0, 0)
    cpu_permille: int = -1
    memory_bytes: int = 0
    memory_available_bytes: int = 0
    daemon_cpu_ms: int = 0
    daemon_memory_bytes: int = 0
    beats_sent: int = 0
    beats_received: int = 0
    beats_late: int = -1
    transitions: int = -1
    """How often it began to give orders, as the coordinator."""
    links: tuple[LinkCounts, ...] = ()
    resources: tuple[ResourceCounts, ...] = ()
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentView:
    """What an installed agent says of itself."""

    name: str
    """As `ocf:heartbeat:IPaddr2`."""
    short: str = ""
    metadata: str = ""
    """XML; empty: it was not read yet, or cannot be."""
    parameters: tuple[str, ...] = ()
    version: str = ""
