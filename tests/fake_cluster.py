"""A stand-in for a cluster of three nodes, behind the port of the control socket.

Owns: the stand-in that tests of client and command line talk to, over a real
socket in a thread of its own. It obeys commands in the simplest way that shows
their effect in the snapshot; tests replace `obey` to refuse, fail or stay idle.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ha_core import commands
from ha_core.commands import Command, Outcome
from ha_core.config.change import apply_command
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Configuration,
    Group,
    Link,
    Location,
    Node,
    Origin,
    Primitive,
)
from ha_core.ids import ConstraintId, LinkName, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.layout import Layout
from ha_core.observed import Item
from ha_core.policy.transition import Decision, Reason
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import Shelf, ShelfChange
from ha_core.runtime.control import Access, ControlServer
from ha_core.snapshot import (
    ClusterSnapshot,
    Commanded,
    LinkSummary,
    NodeSummary,
    ResourceSummary,
    Timers,
)
from ha_core.status import Instance, InstanceState, NodeState, NodeStatus

NODES = (NodeName("n1"), NodeName("n2"), NodeName("n3"))
WALL_MS = 1_700_000_000_000


def configuration() -> Configuration:
    """Return three nodes, a group of address and server, and a lone database."""
    link = LinkName("ring0")
    return Configuration(
        name="demo",
        nodes=tuple(Node(n, (Address(link, f"127.0.1.{i}"),)) for i, n in enumerate(NODES, 1)),
        links=(Link(link),),
        primitives=tuple(
            Primitive(
                ResourceId(name), AgentRef(AgentClass.PROCESS), (("command", "/bin/sleep 60"),)
            )
            for name in ("db", "ip", "web")
        ),
        groups=(Group(ResourceId("shop"), (ResourceId("ip"), ResourceId("web"))),),
    )


def resource(name: str, node: str, group: str | None) -> ResourceSummary:
    """Return a started resource."""
    return ResourceSummary(
        id=ResourceId(name),
        state="started",
        role="Started",
        nodes=(NodeName(node),),
        guard="guardian",
        takeover_wait_ms=1000,
        group=None if group is None else ResourceId(group),
        managed=True,
        target="started",
        fail_count=0,
        why=f"{node} has the highest score",
    )


def _instance(item: ResourceSummary) -> Instance:
    return Instance(
        item.id, InstanceState.STARTED, fail_count=item.fail_count, started_wall_ms=WALL_MS
    )


def _decision(item: ResourceSummary) -> Decision:
    node = item.nodes[0]
    reason = Reason("score", f"{node} has the highest score", node, 1)
    return Decision(item.id, node, (reason,), tuple((n, int(n == node)) for n in NODES))


def snapshot() -> ClusterSnapshot:
    """Return the picture in which all is well: the group on n1, the database on n2."""
    resources = (
        resource("db", "n2", None),
        resource("ip", "n1", "shop"),
        resource("web", "n1", "shop"),
    )
    instances = tuple(
        NodeStatus(
            n, NodeState.ONLINE, 1, tuple(_instance(item) for item in resources if n in item.nodes)
        )
        for n in NODES
    )
    return ClusterSnapshot(
        local=NODES[0],
        version="1",
        generation=1,
        coordinator=NODES[0],
        term=2,
        quorate=True,
        revision=7,
        last_author="root",
        last_reason="first",
        last_change_wall_ms=WALL_MS,
        configuration=configuration(),
        nodes=tuple(NodeSummary(n, "online", generation=1) for n in NODES),
        resources=resources,
        instances=instances,
        decisions=tuple(map(_decision, resources)),
        pending=(),
        faults=(),
        links=tuple(LinkSummary(n, LinkName("ring0"), True, 40) for n in NODES[1:]),
        timers=Timers(1000, 100, 400, 500),
        votes=3,
        votes_expected=3,
        votes_needed=2,
    )


def event(seq: int) -> JournalEvent:
    """Return a numbered event."""
    return JournalEvent(
        NODES[0],
        1,
        seq,
        WALL_MS + seq,
        "resource-started",
        "web",
        f"web started, {seq}",
        seq=seq,
    )


class FakeCluster:
    """Serves the control socket's port from values that a test can change."""

    def __init__(self) -> None:
        self.now = snapshot()
        self.given: list[tuple[Command, str]] = []
        self.journal: list[JournalEvent] = [event(seq) for seq in range(1, 6)]
        self.revisions: list[ConfigurationChange] = []
        self.observations: list[Item] = []
        self.shelved = Shelf()
        self.obey: Callable[[Command], Outcome] = self.carry_out
        self._watchers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def snapshot(self) -> ClusterSnapshot:
        """See `ControlPort`."""
        return self.now

    async def command(self, command: Command, author: str) -> Outcome:
        """See `ControlPort`."""
        self.given.append((command, author))
        return self.obey(command)

    async def events(self, since_seq: int, limit: int) -> tuple[JournalEvent, ...]:
        """See `ControlPort`."""
        return tuple(item for item in self.journal if item.seq > since_seq)[:limit]

    def observed(self, since: int, limit: int) -> tuple[tuple[Item, ...], int]:
        """See `ControlPort`."""
        known = self.observations
        return tuple(known[since : since + limit]), min(since + limit, len(known))

    def history(self) -> tuple[ConfigurationChange, ...]:
        """See `ControlPort`."""
        return tuple(self.revisions)

    def shelf(self) -> Shelf:
        """See `ControlPort`."""
        return self.shelved

    async def shelf_changed(self, since: int, timeout_ms: int) -> None:
        """See `ControlPort`."""
        if self.shelved.revision == since:
            await self.changed(self.now.version, timeout_ms)

    async def changed(self, version: str, timeout_ms: int) -> None:
        """See `ControlPort`."""
        self._loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                if self.now.version == version:
                    await changed.wait()
        except TimeoutError:
            return
        finally:
            self._watchers.discard(changed)

    def become(self, **changes: object) -> None:
        """Change the snapshot; every change gets a new version. May be called from any thread."""
        version = str(int(self.now.version) + 1)
        self.now = replace(self.now, version=version, **changes)  # type: ignore[arg-type]  # by name
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    def change_resource(self, name: str, **changes: object) -> None:
        """Change the resource, or every member of the group."""
        self.become(
            resources=tuple(
                replace(item, **changes) if name in (item.id, item.group) else item  # type: ignore[arg-type]  # by name
                for item in self.now.resources
            )
        )

    def change_node(self, name: str, **changes: object) -> None:
        """Change one node."""
        self.become(
            nodes=tuple(
                replace(item, **changes) if name == item.name else item  # type: ignore[arg-type]  # by name
                for item in self.now.nodes
            )
        )

    def carry_out(self, command: Command) -> Outcome:
        """Let the command take effect at once."""
        revision = self.now.revision + 1
        self.become(revision=revision)
        match command:
            case commands.Apply(configuration=wanted):
                self.become(configuration=wanted)
            case commands.SetTargetRole(resource=name, role=role):
                nodes = (NODES[0],) if role == "started" else ()
                self.change_resource(name, state=str(role), target=str(role), nodes=nodes)
            case commands.Shelve(puts=puts, conditions=conditions):
                index = self.shelved.revision + 1
                result = self.shelved.apply(ShelfChange(puts, conditions), index)
                return Outcome(result.code or "done", result.text, result.revision)
            case commands.Restart(resource=name):
                self._start_anew(name)
            case commands.Move(resource=name, node=node, promoted=True):
                assert node is not None
                self.change_resource(name, nodes=(node,), promoted=(node,))
                self._locate(name, node, Origin.MOVE)
            case commands.Ban(resource=name, node=node, promoted=True):
                self.change_resource(name, promoted=())
                self._locate(name, node, Origin.BAN)
            case commands.Move(resource=name, node=node):
                self.change_resource(name, nodes=(node or NODES[2],))
                self._locate(name, node or NODES[2], Origin.MOVE)
            case commands.Ban(resource=name, node=node):
                self.change_resource(name, nodes=(next(n for n in NODES if n != node),))
                self._locate(name, node, Origin.BAN)
                self.become(decisions=tuple(map(_decision, self.now.resources)))
            case commands.Clear():
                self.become(configuration=replace(self.now.configuration, locations=()))
                self.become(commanded=())
            case commands.SetManaged(resource=name, managed=managed):
                self.change_resource(name, managed=managed)
            case _:
                self._carry_out_on_node(command)
        return Outcome("done", "", revision)

    def _carry_out_on_node(self, command: Command) -> None:
        match command:
            case commands.SetStandby(node=node, standby=standby):
                self.change_node(node, state="standby" if standby else "online")
                for item in self.now.resources:
                    if standby and node in item.nodes:
                        self.change_resource(item.id, nodes=(NODES[2],))
            case commands.SetMaintenance(node=None, maintenance=wanted):
                options = replace(self.now.configuration.options, maintenance=wanted)
                self.become(configuration=replace(self.now.configuration, options=options))
            case commands.SetMaintenance(node=node, maintenance=wanted):
                self.change_node(str(node), state="maintenance" if wanted else "online")
            case commands.ConfirmDown(node=node):
                self.change_node(node, unclean=False)
            case commands.Replan():
                pass
            case commands.AddTicket() | commands.RemoveTicket():
                self.become(configuration=apply_command(self.now.configuration, command))
            case commands.Cleanup(resource=name):
                self.change_resource(name, fail_count=0, state="started")
            case commands.SwitchOn(node=node):
                self.change_node(node, state="online", generation=2)
            case commands.Fail(resource=name):
                self.become(instances=tuple(_failed(each, name) for each in self.now.instances))
            case _:
                raise AssertionError(f"the fake does not know {command}")

    def _locate(self, name: ResourceId, node: NodeName, origin: Origin) -> None:
        location = Location(ConstraintId(f"{origin}-{name}"), name, node, 1, origin)
        held = Commanded(name, node, origin, origin is Origin.MOVE, ends_with_node=True)
        configured = replace(self.now.configuration, locations=(location,))
        self.become(configuration=configured, commanded=(held,))

    def _start_anew(self, name: str) -> None:
        names = {item.id for item in self.now.resources if name in (item.id, item.group)}
        self.become(
            instances=tuple(
                replace(
                    status,
                    instances=tuple(
                        replace(item, started_wall_ms=item.started_wall_ms + 1)
                        if item.resource in names
                        else item
                        for item in status.instances
                    ),
                )
                for status in self.now.instances
            )
        )


def _failed(status: NodeStatus, name: ResourceId) -> NodeStatus:
    """Return a node with one failure more of a resource, which runs again."""
    instances = tuple(
        replace(item, fail_count=item.fail_count + 1) if item.resource == name else item
        for item in status.instances
    )
    return replace(status, instances=instances)


CLUSTER_ID = "0123456789abcdef0123456789abcdef"
"""Id of the cluster, as its daemons tell it."""


@contextmanager
def served(
    root: Path, cluster: FakeCluster, access: Access | None = None, cluster_id: str = CLUSTER_ID
) -> Iterator[None]:
    """Serve the cluster on the control socket below `root`, from a thread of its own."""
    layout = Layout(root)
    for directory in layout.directories():
        directory.mkdir(parents=True, exist_ok=True)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ending: list[asyncio.Event] = []

    async def serve() -> None:
        ending.append(asyncio.Event())
        server = ControlServer(
            layout.control_socket, cluster, access=access, product="0.1.0", cluster=cluster_id
        )
        await server.start()
        ready.set()
        await ending[0].wait()
        await server.stop()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work, name="fake cluster")
    thread.start()
    try:
        assert ready.wait(10), "the fake cluster did not start"
        yield
    finally:
        loop.call_soon_threadsafe(ending[0].set)
        thread.join(10)
