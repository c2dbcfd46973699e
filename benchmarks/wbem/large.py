"""A made-up cluster of 16 nodes and 1,000 resources, as its daemon would tell of it.

Owns: a snapshot with all that an administrator configures (groups, constraints, operations, meta
attributes, node attributes, tickets, fence devices), and what the daemon tells beside it: results,
links, figures, events, revisions, jobs. All of it follows from the two numbers.
"""

from dataclasses import replace

from ha_core.config.choices import OnFail
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Colocation,
    Configuration,
    FenceDevice,
    Group,
    Link,
    Location,
    Meta,
    Node,
    Operation,
    Ordering,
    Primitive,
    TicketConstraint,
)
from ha_core.figures import LinkFigures, NodeFigures, ResourceFigures
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.observed import Item, LinkStanding, OperationResult
from ha_core.policy.transition import Decision, Reason
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import ShelfItem
from ha_core.snapshot import ClusterSnapshot, LinkSummary, NodeSummary, ResourceSummary, Timers
from ha_core.status import Failure, FailureKind, Instance, InstanceState, NodeState, NodeStatus

WALL_MS = 1_700_000_000_000
NODES, RESOURCES = 16, 1000
EVENTS, REVISIONS, JOBS = 2000, 20, 50
LINKS = (LinkName("ring0"), LinkName("ring1"))
WATCHED_MS = 10_000


def node_names(nodes: int) -> tuple[NodeName, ...]:
    """Return the names of so many nodes."""
    return tuple(NodeName(f"node-{number:02}") for number in range(1, nodes + 1))


def configuration(nodes: int = NODES, resources: int = RESOURCES) -> Configuration:
    """Return groups of three, pairs that go together in order, wishes for nodes, and the rest."""
    names = [ResourceId(f"resource-{number:04}") for number in range(resources)]
    half, hosts = resources // 2, node_names(nodes)
    pairs = [(names[n], names[n + 1]) for n in range(half, resources - 1, 4)]
    return Configuration(
        name="large",
        nodes=tuple(map(_node, hosts, range(nodes))),
        links=tuple(map(Link, LINKS)),
        primitives=tuple(map(_primitive, names)),
        groups=tuple(
            Group(ResourceId(f"group-{n:04}"), tuple(names[n : n + 3]), Meta(priority=n))
            for n in range(0, half - 3, 6)
        ),
        colocations=tuple(
            Colocation(ConstraintId(f"together-{one}"), other, one, INFINITY)
            for one, other in pairs
        ),
        orderings=tuple(Ordering(ConstraintId(f"order-{one}"), one, other) for one, other in pairs),
        locations=tuple(
            Location(ConstraintId(f"prefers-{name}"), name, hosts[n % nodes], 100)
            for n, name in enumerate(names[half::5])
        ),
        tickets=tuple(
            TicketConstraint(ConstraintId(f"ticket-{name}"), "site-west", name)
            for name in names[:10]
        ),
        fence_devices=tuple(
            FenceDevice(f"power-{n}", "fence:ipmi", (("host", f"10.1.0.{n}"),), hosts)
            for n in range(4)
        ),
    )


def _node(name: NodeName, number: int) -> Node:
    addresses = tuple(Address(link, f"10.{n}.0.{number + 1}") for n, link in enumerate(LINKS))
    attributes = (("rack", f"rack-{number // 4}"), ("site", "west"))
    return Node(name, addresses, attributes=attributes)


def _primitive(name: ResourceId) -> Primitive:
    return Primitive(
        name,
        AgentRef(AgentClass.OCF, "heartbeat", "Dummy"),
        (("state", f"/run/{name}.state"), ("delay", "1"), ("password", "sesame")),
        (
            Operation("monitor", WATCHED_MS, 20_000, OnFail.RESTART),
            Operation("start", timeout_ms=60_000),
            Operation("stop", timeout_ms=60_000),
        ),
        Meta(stickiness=100, migration_threshold=3, failure_timeout_ms=600_000),
        f"the service {name}",
    )


def _summary(item: Primitive, node: NodeName, group: ResourceId | None) -> ResourceSummary:
    return ResourceSummary(
        id=item.id,
        state="started",
        role="Started",
        nodes=(node,),
        guard="guardian",
        takeover_wait_ms=1000,
        group=group,
        managed=True,
        target="started",
        fail_count=0,
        why=f"{node} has the highest score, 100",
        guard_text="the guardian kills it when the node's run lease ends",
        shorter=("a dead_after below 1000 ms",),
    )


def _decision(item: ResourceSummary, nodes: tuple[NodeName, ...]) -> Decision:
    reason = Reason("score", item.why, item.nodes[0], 100)
    scores = tuple((name, 100 if name in item.nodes else 0) for name in nodes)
    return Decision(item.id, item.nodes[0], (reason,), scores)


def snapshot(nodes: int = NODES, resources: int = RESOURCES) -> ClusterSnapshot:
    """Return the picture in which all is well and everything runs."""
    made, hosts = configuration(nodes, resources), node_names(nodes)
    groups = {name: group.id for group in made.groups for name in group.members}
    summaries = tuple(
        _summary(item, hosts[n % nodes], groups.get(item.id))
        for n, item in enumerate(made.primitives)
    )
    return ClusterSnapshot(
        local=hosts[0],
        version="1",
        generation=1,
        coordinator=hosts[0],
        term=2,
        quorate=True,
        revision=REVISIONS,
        last_author="root",
        last_reason="made up",
        last_change_wall_ms=WALL_MS,
        configuration=made,
        nodes=tuple(NodeSummary(name, "online", generation=1) for name in hosts),
        resources=summaries,
        instances=tuple(_status(name, summaries) for name in hosts),
        decisions=tuple(_decision(item, hosts) for item in summaries),
        pending=(),
        faults=(),
        links=tuple(LinkSummary(name, link, True, 40) for name in hosts[1:] for link in LINKS),
        timers=Timers(1000, 100, 400, 500),
        votes=nodes,
        votes_expected=nodes,
        votes_needed=nodes // 2 + 1,
    )


def _status(node: NodeName, summaries: tuple[ResourceSummary, ...]) -> NodeStatus:
    """Return a node's report: of what runs here, and that the rest does not."""
    return NodeStatus(
        node,
        NodeState.ONLINE,
        1,
        tuple(
            Instance(item.id, InstanceState.STARTED, started_wall_ms=WALL_MS)
            if node in item.nodes
            else Instance(item.id, InstanceState.STOPPED)
            for item in summaries
        ),
    )


def changed(now: ClusterSnapshot, number: int) -> ClusterSnapshot:
    """Return the picture after a monitor of one resource has failed once more."""
    status = now.instances[number % len(now.instances)]
    place = next(n for n, item in enumerate(status.instances) if item.state != "stopped")
    old = status.instances[place]
    failure = Failure("monitor", 7, FailureKind.SOFT, "not running", WALL_MS, OnFail.RESTART)
    news = replace(old, fail_count=number + 1, failure=failure)
    instances = (*status.instances[:place], news, *status.instances[place + 1 :])
    return replace(
        now,
        version=str(int(now.version) + 1),
        instances=tuple(
            replace(status, instances=instances) if other is status else other
            for other in now.instances
        ),
        resources=tuple(
            replace(item, fail_count=number + 1) if item.id == old.resource else item
            for item in now.resources
        ),
    )


def observed(now: ClusterSnapshot) -> tuple[Item, ...]:
    """Return the last result of each operation, and how each node hears each other."""
    operations = (("monitor", WATCHED_MS), ("start", 0))
    results = tuple(
        OperationResult(
            *(item.nodes[0], item.id, action, interval_ms),
            duration_ms=12,
            at_wall_ms=WALL_MS,
            since_wall_ms=WALL_MS,
            call=number,
        )
        for number, item in enumerate(now.resources)
        for action, interval_ms in operations
    )
    names = [node.name for node in now.nodes]
    links = tuple(
        LinkStanding(one, other, link, True, WALL_MS)
        for one in names
        for other in names
        for link in LINKS
        if one != other
    )
    return (*results, *links)


def figures(now: ClusterSnapshot) -> tuple[NodeFigures, ...]:
    """Return what each node has counted."""
    return tuple(
        NodeFigures(
            node=status.name,
            generation=1,
            at_wall_ms=WALL_MS,
            since_wall_ms=WALL_MS - 1_000_000,
            product="beatkeeper 1.0.0",
            protocol=1,
            machine_id=f"{number:032x}",
            boot_wall_ms=WALL_MS - 2_000_000,
            cpus=8,
            load_milli=(500, 400, 300),
            cpu_permille=120,
            memory_bytes=16 << 30,
            memory_available_bytes=8 << 30,
            daemon_cpu_ms=12_345,
            daemon_memory_bytes=60 << 20,
            beats_sent=1_000_000,
            beats_received=1_000_000,
            links=tuple(LinkFigures(link, 1, 1, 0, 100, 100) for link in LINKS),
            resources=tuple(
                ResourceFigures(item.resource, 1, 0, 0, 1000, 0, 25)
                for item in status.instances
                if item.state == "started"
            ),
            agents=("ocf:heartbeat:Dummy",),
        )
        for number, status in enumerate(now.instances)
    )


def events(now: ClusterSnapshot) -> tuple[JournalEvent, ...]:
    """Return a journal of which every entry is shown."""
    return tuple(
        JournalEvent(
            *(now.local, 1, seq, WALL_MS + seq, "resource-started"),
            now.resources[seq % len(now.resources)].id,
            f"the resource was started for the {seq}th time",
            seq=seq,
        )
        for seq in range(1, EVENTS + 1)
    )


def revisions(now: ClusterSnapshot) -> tuple[ConfigurationChange, ...]:
    """Return the revisions that are kept; each differs by one group's priority."""
    found = []
    for number in range(1, REVISIONS + 1):
        first, *rest = now.configuration.groups
        group = replace(first, meta=Meta(priority=REVISIONS - number))
        made = replace(now.configuration, groups=(group, *rest))
        found.append(ConfigurationChange(number, made, "root", "made up", WALL_MS + number))
    return tuple(found)


def jobs(now: ClusterSnapshot) -> tuple[ShelfItem, ...]:
    """Return the records of jobs that have ended."""
    # What reads them is the provider's: it is not loaded for the rest.
    from cim_provider.mapping.job_records import COMPLETED, PREFIX, Job, JobRecord, render

    found = []
    for number, item in enumerate(now.resources[:JOBS]):
        record = JobRecord(f"{number:032x}", Job("stop", item.id), "ann", "HA.Stop", WALL_MS)
        ended = replace(record.ended(COMPLETED, "done", 100, WALL_MS), kept_s=10**9)
        found.append(ShelfItem(f"{PREFIX}{record.id}", render(ended), number + 1))
    return tuple(found)
