"""What typed properties of cluster, nodes and resources tell beyond the view's own lists.

Owns: frozen values, all with defaults; what is not known has its default. Knows
nothing of CIM, nor of where the values come from.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The cluster's settings that consoles ask for; 0 and empty: not known or not set."""

    node_limit: int = 0
    controller_address: str = ""
    """Address of the coordinator on its first link."""
    port: int = 0
    """UDP port of the first link that has one."""
    baud_bits: int = 0
    """Speed of the first serial line."""
    ping_timeout_ms: int = 0
    fences: bool | None = None
    """Whether fence devices are there and used; None: not known."""
    feature_set: str = ""
    """Version of what the nodes say to each other."""
    is_local_leaving: bool = False
    """The daemon that was asked is ending."""
    interconnect: tuple[str, ...] = ()
    """Medium and interface of each link, such as `udp eth1`."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """More of one node."""

    name: str
    since_wall_ms: int = 0
    """Since when it has been in its state; 0: not known."""
    last_heard_wall_ms: int = 0
    """When it was heard last, over any link; 0 while it is heard, or not known."""
    is_joining: bool = False
    """It is heard and has not reported what it runs."""
    is_seen: bool = True
    """It was seen by this cluster since that began."""
    capacity: tuple[tuple[str, int], ...] = ()
    health: str = ""
    """The worst of its health attributes: red, yellow or green; empty: it has none."""
    devices: tuple[str, ...] = ()
    """Ids of the fence devices that can end it."""
    fencing_stage: str = ""
    """`waiting`, `cutting`, `proved`, `restoring` or `resting`; empty: nobody fences it."""
    fencing_fault: str = ""
    """What failed last when it was to be fenced."""
    links_total: int = 0
    has_kernel_gate: bool = False
    """Its kernel silences service addresses when its lease ends."""
    watchdog_ms: int = 0
    """Its machine is reset so long after its lease was renewed last; 0: nothing resets it."""
    gates_missing: tuple[str, ...] = ()
    """Why it has no kernel gate, or no watchdog."""


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """More of one primitive, group or clone."""

    id: str
    migration_threshold: int = 0
    """0: none."""
    failure_timeout_ms: int = 0
    multiple_active: str = "stop_start"
    exclusivity: str = ""
    """`none`, `network`, `process` or `device`; empty: not known, or members differ."""
    banned_from: tuple[str, ...] = ()
    """Nodes where it may not run by somebody's command."""
    in_maintenance: bool = False
    """The cluster leaves it as it is and does not even watch it."""
    moving_to: str = ""
    """Where it is being handed alive."""


@dataclass(frozen=True, slots=True)
class PingFacts:
    """A host, or group of hosts, that every node should reach."""

    name: str
    hosts: tuple[str, ...] = ()
    reached_by: tuple[str, ...] = ()
    missed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A fence device: what it is, and whom it can end."""

    id: str
    agent_class: str
    type: str
    targets: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All of them, sorted by name or id."""

    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    nodes: tuple[NodeFacts, ...] = ()
    resources: tuple[ResourceFacts, ...] = ()
    pings: tuple[PingFacts, ...] = ()
    devices: tuple[DeviceFacts, ...] = ()
