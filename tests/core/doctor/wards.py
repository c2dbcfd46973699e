"""What `ha doctor` examines in its tests: a cluster in which all is well, and ways to spoil it.

Owns: the well cluster of three nodes with two links, a ping target and a WBEM server.
"""

from dataclasses import replace

from ha_core.config.model import Configuration, FenceDevice, Link, Options, Ping, PingTarget
from ha_core.doctor.facts import Draft, Examined, Listener, Machine, Place, Server, Space, Told
from ha_core.figures import NodeFigures
from ha_core.ids import LinkName, NodeName
from ha_core.journal import JournalEvent
from ha_core.observed import LinkStanding
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import NodeStatus
from tests.fake_cluster import NODES, WALL_MS, configuration, snapshot

GIB = 1024**3
DAY_MS = 86_400_000
LINKS = (LinkName("ring0"), LinkName("ring1"))
SWITCH = FenceDevice("switch", "fence:fence_apc", targets=NODES)


def seen(**changes: object) -> ClusterSnapshot:
    """Return the picture in which all is well, with these fields changed."""
    whole = replace(
        configuration(),
        links=tuple(Link(name) for name in LINKS),
        ping=Ping((PingTarget("router", ("192.0.2.1",)),)),
    )
    well = replace(snapshot(), configuration=whole, outlook="one more vote may be lost")
    return replace(well, **changes)  # type: ignore[arg-type]  # by name


def configured(**changes: object) -> Examined:
    """Return all that is well, with these fields of the configuration changed."""
    whole: Configuration = replace(seen().configuration, **changes)  # type: ignore[arg-type]  # by name
    return well(snapshot=seen(configuration=whole))


def with_options(**changes: object) -> Examined:
    """Return all that is well, with these options of the cluster changed."""
    return configured(options=replace(Options(), **changes))  # type: ignore[arg-type]  # by name


def with_resource(name: str, **changes: object) -> Examined:
    """Return all that is well, with these fields of a resource changed."""
    resources = tuple(
        replace(item, **changes) if item.id == name else item  # type: ignore[arg-type]  # by name
        for item in seen().resources
    )
    return well(snapshot=seen(resources=resources))


def with_failures(name: str, node: str) -> Examined:
    """Return all that is well but for two failures of a resource on a node."""

    def failed(status: NodeStatus) -> NodeStatus:
        instances = tuple(
            replace(item, fail_count=2) if (status.name, item.resource) == (node, name) else item
            for item in status.instances
        )
        return replace(status, instances=instances)

    found = with_resource(name, fail_count=2)
    assert found.snapshot is not None
    instances = tuple(map(failed, found.snapshot.instances))
    return replace(found, snapshot=replace(found.snapshot, instances=instances))


def with_node(name: str, **changes: object) -> Examined:
    """Return all that is well, with these fields of a node changed."""
    nodes = tuple(
        replace(item, **changes) if item.name == name else item  # type: ignore[arg-type]  # by name
        for item in seen().nodes
    )
    return well(snapshot=seen(nodes=nodes))


def with_machine(**changes: object) -> Examined:
    """Return all that is well, with these facts of the machine changed."""
    return well(machine=replace(MACHINE, **changes))  # type: ignore[arg-type]  # by name


def with_server(**changes: object) -> Examined:
    """Return all that is well, with these facts of the WBEM server changed."""
    return well(server=replace(SERVER, **changes))  # type: ignore[arg-type]  # by name


def with_figures(name: str, **changes: object) -> Examined:
    """Return all that is well, with these figures of a node changed."""
    told = tuple(
        replace(each, figures=replace(each.figures, **changes))  # type: ignore[arg-type]  # by name
        if each.figures.node == name
        else each
        for each in TOLD
    )
    return well(told=told)


def with_link(**changes: object) -> Examined:
    """Return all that is well, with these facts of one link from n2 to n1 changed."""
    first, *others = STANDINGS
    return well(links=(replace(first, **changes), *others))  # type: ignore[arg-type]  # by name


def with_fencing(*events: JournalEvent) -> Examined:
    """Return a cluster with a fence device, and what was told of it."""
    return replace(configured(fence_devices=(SWITCH,)), events=events)


def tried(*, ok: bool, days: int = 0) -> JournalEvent:
    """Return the event of a rehearsal so many days ago."""
    kind = "fence-tested" if ok else "fence-test-failed"
    text = f"rehearsal: switch {'can' if ok else 'cannot'} cut off n2 through n1: told"
    at_wall_ms = WALL_MS - days * DAY_MS
    return JournalEvent(NODES[0], 1, 1, at_wall_ms, kind, "switch:n2:n1", text, seq=1)


def happened(count: int, apart_ms: int, kind: str = "resource-failed") -> tuple[JournalEvent, ...]:
    """Return events about web, so far apart from each other, the newest a second ago."""
    first = WALL_MS - 1000 - (count - 1) * apart_ms
    return tuple(
        JournalEvent(NODES[0], 1, n, first + n * apart_ms, kind, "web", "it failed", seq=n)
        for n in range(count)
    )


def ahead(by_ms: int) -> tuple[JournalEvent, ...]:
    """Return an event that bears a time to come."""
    return (replace(happened(1, 0)[0], at_wall_ms=WALL_MS + by_ms, seq=9),)


def well(**changes: object) -> Examined:
    """Return facts of which no check has anything bad to say, with these changed."""
    return replace(WELL, **changes)  # type: ignore[arg-type]  # by name


MACHINE = Machine(
    places=(
        Place("key ring", "/r/etc/keyring", 0o600, True),
        Place("directory", "/r/etc", 0o755),
    ),
    spaces=(Space("/r/lib", 20 * GIB, 40 * GIB, 900, 1000),),
    store_bytes=40_960,
    daemon_pid=11,
    guardian_pid=12,
    guardian_state="sleeping",
    is_clock_kept=True,
)
SERVER = Server(
    is_there=True,
    url="https://127.0.0.1:5989",
    certificate="/r/etc/cimd/certificate.pem",
    certificate_until_wall_ms=WALL_MS + 300 * DAY_MS,
    renews=True,
    listeners=(Listener("console", "http://192.0.2.9:5988/"),),
)
TOLD = tuple(
    Told(
        NodeFigures(
            name,
            1,
            WALL_MS,
            product="0.1.0",
            protocol=1,
            cpus=2,
            load_milli=(100, 100, 100),
            memory_bytes=4 * GIB,
            memory_available_bytes=2 * GIB,
            agents=("process", "ocf:heartbeat:IPaddr2"),
        ),
        WALL_MS - 2000,
        WALL_MS + 10,
    )
    for name in NODES
)
STANDINGS = tuple(
    LinkStanding(node, peer, link, True)
    for node in NODES
    for peer in NODES
    for link in LINKS
    if node != peer
)
WELL = Examined(
    at_wall_ms=WALL_MS,
    program="0.1.0",
    machine=MACHINE,
    snapshot=seen(),
    daemon="0.1.0",
    told=TOLD,
    events=happened(3, 60_000, "resource-started"),
    links=STANDINGS,
    server=SERVER,
)
DRAFT = Draft("db2", "primitive", "lisa")
N2 = NodeName("n2")
