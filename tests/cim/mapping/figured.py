"""Figures of the sample cluster: what its nodes have told, and what its journal knows."""

from dataclasses import dataclass, replace

from cim_provider.mapping.figures_held import Figures
from cim_provider.views.figures import AgentView, LinkCounts, NodeFigures, ResourceCounts

AT_MS = 1_700_000_100_000
BEGAN_MS = 1_700_000_000_000
MACHINES = {"n1": "3d1219c7c4c5404aaa1f6d2a48adfda4", "n2": "no UUID"}
DUMMY = "ocf:heartbeat:Dummy"


@dataclass(frozen=True)
class Happened:
    """An event of the journal."""

    kind: str
    subject: str
    node: str = "n1"
    at_wall_ms: int = BEGAN_MS
    incident: str = ""


def told(node: str, **changes: object) -> NodeFigures:
    """Return what a node has told."""
    made = NodeFigures(
        node,
        at_wall_ms=AT_MS,
        since_wall_ms=BEGAN_MS,
        product="0.1.0",
        protocol=1,
        machine_id=MACHINES[node],
        boot_wall_ms=BEGAN_MS - 1_000_000,
        cpus=2,
        load_milli=(1500, 1000, 500),
        cpu_permille=250,
        memory_bytes=4096,
        memory_available_bytes=1024,
        daemon_cpu_ms=10,
        daemon_memory_bytes=512,
        beats_sent=100,
        beats_received=99,
        beats_late=4,
        transitions=3,
        links=(LinkCounts("ring0", 10, 9, 1, 1000, 900, 2, 1, 3, 700),),
        resources=(
            ResourceCounts("db", 7, 1, 40, 4711, 2, 30, 2048),
            ResourceCounts("cell", 3, 0, 20, 4712, 1, 10, 1024),
        ),
        agents=(DUMMY, "process"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by their names


def figures() -> Figures:
    """Return what a server holds of the sample cluster."""
    found = Figures()
    found.become(told(name) for name in ("n1", "n2"))
    found.install(
        [
            AgentView(DUMMY, "does nothing", "<resource-agent/>", ("state",), "1.0"),
            AgentView("process", "a command"),
        ]
    )
    found.count(
        [
            Happened("coordinator-elected", "n1"),
            Happened("resource-started", "db", "n1"),
            Happened("node-lost", "n1", "n2", BEGAN_MS + 10_000, "i1"),
            Happened("node-fenced", "n1", "n2", BEGAN_MS + 11_000, "i1"),
            Happened("node-fenced", "n2", "n1", BEGAN_MS + 11_000),
            Happened("resource-started", "db", "n2", BEGAN_MS + 12_000, "i1"),
        ]
    )
    return found
