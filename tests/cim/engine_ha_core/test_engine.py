"""The engine over the cluster's daemon, against a stand-in behind the real control socket."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from cim_provider.commands import ApplyConfiguration, IfApplied, SetTicket
from cim_provider.engine import (
    ClusterView,
    Command,
    Done,
    EngineState,
    FenceNode,
    OtherClusterError,
    Pending,
    Refused,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from cim_provider.engines.ha_core import HaCoreEngine, version_of
from ha_core import commands
from ha_core.commands import Outcome
from ha_core.config.model import FenceAction, OnFail, Operation, Ping, PingTarget, TargetRole
from ha_core.snapshot import ClusterSnapshot, TicketSummary
from ha_core.status import Connectivity, Failure, FailureKind, Instance, InstanceState
from tests.fake_cluster import CLUSTER_ID, NODES, WALL_MS, FakeCluster, served

BOUND_S = 10.0


def with_engine(
    root: Path, test: Callable[[HaCoreEngine], Awaitable[None]], *, effect_s: float = 5.0
) -> None:
    async def run() -> None:
        async with asyncio.timeout(BOUND_S), HaCoreEngine(root, effect_s=effect_s) as engine:
            await test(engine)

    asyncio.run(run())


async def until(engine: HaCoreEngine, wanted: Callable[[ClusterView], bool]) -> ClusterView:
    """Follow the changes until the view is as wanted."""
    view = await engine.view()
    if wanted(view):
        return view
    changes: AsyncIterator[object] = engine.changes(view.version)
    async for _ in changes:
        view = await engine.view()
        if wanted(view):
            return view
    raise AssertionError("changes never end")


def test_view_says_what_the_snapshot_says(tmp_path: Path) -> None:
    async def test(engine: HaCoreEngine) -> None:
        view = await engine.view()
        assert view.engine is EngineState.RUNNING
        assert (view.name, view.local_node, view.coordinator) == ("demo", "n1", "n1")
        assert view.product_version == "0.1.0"
        assert view.cluster_id == CLUSTER_ID
        assert [node.name for node in view.nodes] == ["n1", "n2", "n3"]
        assert [node.is_local for node in view.nodes] == [True, False, False]
        assert view.nodes[1].addresses == ("127.0.1.2",)
        assert [(item.id, item.nodes, item.group, item.position) for item in view.primitives] == [
            ("db", ("n2",), "", 0),
            ("ip", ("n1",), "shop", 1),
            ("web", ("n1",), "shop", 2),
        ]
        assert view.groups[0].members == ("ip", "web")
        assert view.primitives[0].instances[0].node == "n2"
        assert view.votes_needed == 2
        assert view.links[0].startswith("ring0: n1 127.0.1.1 port 6940, n2 ")

    with served(tmp_path, FakeCluster()):
        with_engine(tmp_path, test)


def test_daemon_may_come_again_and_the_one_of_another_cluster_ends_the_following(
    tmp_path: Path,
) -> None:
    async def test(engine: HaCoreEngine) -> None:
        for _ in range(2):
            with served(tmp_path, FakeCluster()):
                await until(engine, lambda view: view.engine is EngineState.RUNNING)
            await until(engine, lambda view: view.engine is EngineState.STOPPED)
        with (
            served(tmp_path, FakeCluster(), cluster_id="f" * 32),
            pytest.raises(OtherClusterError, match="another cluster"),
        ):
            await asyncio.gather(*engine.background)

    with_engine(tmp_path, test)


@pytest.mark.parametrize("product", ["Beatkeeper 0.1.0", "0.1.0"])
def test_version_is_told_without_the_name_of_the_product(product: str) -> None:
    assert version_of(product) == "0.1.0"


def test_equal_versions_are_equal_views_and_a_change_gives_another(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def test(engine: HaCoreEngine) -> None:
        first = await engine.view()
        assert await engine.view() is first
        cluster.become(quorate=False)
        second = await until(engine, lambda view: not view.quorate)
        assert second.version != first.version

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


class Watched(FakeCluster):
    """Tells when a version has been handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_out: dict[str, threading.Event] = defaultdict(threading.Event)

    def snapshot(self) -> ClusterSnapshot:
        """See `ControlPort`."""
        self.handed_out[self.now.version].set()
        return super().snapshot()

    async def read(self) -> None:
        """Wait until the newest version has been handed out."""
        event = self.handed_out[self.now.version]
        assert await asyncio.get_running_loop().run_in_executor(None, event.wait, BOUND_S)


def test_change_that_the_view_does_not_show_gives_no_other_version(tmp_path: Path) -> None:
    cluster = Watched()

    async def test(engine: HaCoreEngine) -> None:
        first = await until(engine, lambda view: bool(view.history.events))
        seen: list[str] = []

        async def collect() -> None:
            remember = seen.append
            async for change in engine.changes(first.version):
                remember(change.version)

        collecting = asyncio.create_task(collect())
        for silent_ms in range(3):
            links = tuple(replace(link, silent_ms=silent_ms) for link in cluster.now.links)
            cluster.become(links=links)
            await cluster.read()
        cluster.become(quorate=False)
        await until(engine, lambda view: not view.quorate)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        assert seen in ([], [(await engine.view()).version])

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_failure_of_an_instance_is_shown_where_it_happened(tmp_path: Path) -> None:
    cluster = FakeCluster()
    failure = Failure("start", 5, FailureKind.HARD, "not installed", 1, OnFail.RESTART)
    failed = Instance(cluster.now.resources[0].id, InstanceState.STOPPED, "", 3, failure)
    cluster.now = replace(
        cluster.now,
        instances=(replace(cluster.now.instances[0], instances=(failed,)),),
    )

    async def test(engine: HaCoreEngine) -> None:
        instance = (await engine.view()).primitives[0].instances[0]
        assert (instance.node, instance.fail_count) == (NODES[0], 3)
        assert instance.failure == "start gave exit code 5: not installed"

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_view_says_which_links_are_down_since_when_things_run_and_what_a_failed_stop_does(
    tmp_path: Path,
) -> None:
    cluster = FakeCluster()
    links = tuple(replace(link, up=link.peer != NODES[2]) for link in cluster.now.links)
    stop = Operation("stop", on_fail=OnFail.IGNORE)
    first, *others = cluster.now.configuration.primitives
    changed = (replace(first, operations=(stop,)), *others)
    cluster.now = replace(
        cluster.now,
        links=links,
        configuration=replace(cluster.now.configuration, primitives=changed),
    )

    async def test(engine: HaCoreEngine) -> None:
        view = await engine.view()
        assert [node.links_down for node in view.nodes] == [(), (), ("ring0",)]
        assert [each.on_stop_fail for each in view.primitives] == ["ignore", "block", "block"]
        assert view.primitives[0].instances[0].started_wall_ms == WALL_MS

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_missing_daemon_is_stopped_and_seen_when_it_comes_and_goes(tmp_path: Path) -> None:
    async def test(engine: HaCoreEngine) -> None:
        assert (await engine.view()).engine is EngineState.STOPPED
        outcome = await engine.submit(StopResource("db"), "ann")
        assert isinstance(outcome, Refused)
        assert str(tmp_path) in outcome.text
        loop = asyncio.get_running_loop()
        running = served(tmp_path, FakeCluster())
        await loop.run_in_executor(None, running.__enter__)
        seen = await until(engine, lambda view: view.engine is EngineState.RUNNING)
        await loop.run_in_executor(None, running.__exit__, None, None, None)
        gone = await until(engine, lambda view: view.engine is EngineState.STOPPED)
        assert gone.version != seen.version
        assert gone.nodes == seen.nodes

    with_engine(tmp_path, test)


def test_daemon_that_does_not_answer_is_noticed_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def test(engine: HaCoreEngine) -> None:
        socket_path = str(tmp_path / "run" / "control.sock")
        server = await asyncio.start_unix_server(swallow, socket_path)
        started_s = asyncio.get_running_loop().time()
        assert (await engine.view()).engine is EngineState.NOT_ANSWERING
        assert asyncio.get_running_loop().time() - started_s < 3.0
        server.close()

    with_engine(tmp_path, test)


@pytest.mark.parametrize(
    ("command", "given"),
    [
        (StopResource("shop"), commands.SetTargetRole("shop", TargetRole.STOPPED)),
        (StartResource("db"), commands.SetTargetRole("db", TargetRole.STARTED)),
        (RestartResource("db"), commands.Restart("db")),
        (SetNodeStandby("n2", True), commands.SetStandby("n2", True)),
        (SetNodeStandby("n2", False), commands.SetStandby("n2", False)),
        (SetNodeMaintenance("n2", True), commands.SetMaintenance("n2", True)),
        (SetResourceManaged("db", False), commands.SetManaged("db", False)),
    ],
)
def test_command_is_done_once_its_effect_is_in_the_view(
    tmp_path: Path, command: Command, given: commands.Command
) -> None:
    cluster = FakeCluster()

    async def test(engine: HaCoreEngine) -> None:
        before = await engine.view()
        assert await engine.submit(command, "ann") == Done()
        assert cluster.given == [(given, "ann")]
        after = await engine.view()
        assert after.revision == before.revision + 1

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


@pytest.mark.parametrize(("off", "action"), [(True, FenceAction.OFF), (False, FenceAction.REBOOT)])
def test_node_is_cut_off_in_the_user_s_name_and_done_once_it_is_proved(
    tmp_path: Path, off: bool, action: FenceAction
) -> None:
    cluster = FakeCluster()

    def obey(command: commands.Command) -> Outcome:
        nodes = tuple(
            replace(item, state="lost", fenced_by="switch") if item.name == "n2" else item
            for item in cluster.now.nodes
        )
        cluster.become(nodes=nodes)
        return Outcome("done", "", cluster.now.revision)

    cluster.obey = obey

    async def test(engine: HaCoreEngine) -> None:
        assert await engine.submit(FenceNode("n2", off), "ann") == Done()
        wanted = commands.FenceNode("n2", "asked for over WBEM", action)
        assert cluster.given == [(wanted, "ann")]
        assert (await engine.view()).nodes[1].fenced_by == "switch"

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_ticket_waits_for_no_revision_of_the_configuration(tmp_path: Path) -> None:
    cluster = FakeCluster()

    def obey(command: commands.Command) -> Outcome:
        granted = TicketSummary("site-a", True, False, 5, "ann", "", ())
        cluster.become(tickets=(granted,), pending=())
        return Outcome("done", "granted", cluster.now.revision + 50)

    cluster.obey = obey

    async def test(engine: HaCoreEngine) -> None:
        outcome = await engine.submit(SetTicket("site-a", granted=True), "ann", 60)
        assert outcome == Done("granted")

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_effect_that_does_not_come_in_time_is_pending(tmp_path: Path) -> None:
    cluster = FakeCluster()
    cluster.obey = lambda _: Outcome("done", "", cluster.now.revision)

    async def test(engine: HaCoreEngine) -> None:
        outcome = await engine.submit(StopResource("db"), "ann")
        assert outcome == Pending("accepted, but db is started on n2")

    with served(tmp_path, cluster):
        with_engine(tmp_path, test, effect_s=0.2)


def test_refusal_keeps_its_code_and_sentence(tmp_path: Path) -> None:
    cluster = FakeCluster()
    cluster.obey = lambda _: Outcome("not-found", "there is no resource 'x'")

    async def test(engine: HaCoreEngine) -> None:
        outcome = await engine.submit(StopResource("x"), "ann")
        assert outcome == Refused("not-found", "there is no resource 'x'")

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_views_of_many_readers_wait_for_one_first_snapshot(tmp_path: Path) -> None:
    async def test(engine: HaCoreEngine) -> None:
        ask: list[Coroutine[object, object, ClusterView]] = [engine.view() for _ in range(50)]
        views = await asyncio.gather(*ask)
        assert all(view.engine is EngineState.RUNNING for view in views)

    with served(tmp_path, FakeCluster()):
        with_engine(tmp_path, test)


def test_view_has_media_ping_targets_and_what_each_node_reaches(tmp_path: Path) -> None:
    cluster = FakeCluster()
    now = cluster.now
    ping = Ping((PingTarget("gateway", ("192.0.2.254",)),), multiplier=100)
    nodes = (
        replace(now.nodes[0], connectivity=Connectivity(("gateway",), ())),
        replace(now.nodes[1], connectivity=Connectivity((), ("gateway",))),
        replace(now.nodes[2], connectivity=Connectivity(fault="may not")),
    )
    cluster.now = replace(now, nodes=nodes, configuration=replace(now.configuration, ping=ping))

    async def test(engine: HaCoreEngine) -> None:
        view = await engine.view()
        assert view.media == ("udp",) * len(view.links)
        assert view.ping_targets == (("gateway", ("192.0.2.254",)),)
        reached = [dict(node.attributes).get("connectivity") for node in view.nodes]
        assert reached == ["100", "0", None]

    with served(tmp_path, cluster):
        with_engine(tmp_path, test)


def test_others_have_their_turn_while_a_long_configuration_is_read(tmp_path: Path) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def test(engine: HaCoreEngine) -> None:
        await engine.view()
        counting = asyncio.create_task(count())
        outcome = await engine.submit(ApplyConfiguration("x: 1\n" * 5000), "ann")
        counting.cancel()
        assert isinstance(outcome, Refused)
        assert outcome.code == "invalid"
        assert turns > 0

    with served(tmp_path, FakeCluster()):
        with_engine(tmp_path, test)


def test_of_many_faults_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    text = "cluster: demo\n" + "".join(f"wrong{number}: 1\n" for number in range(100))

    async def test(engine: HaCoreEngine) -> None:
        for outcome in (
            await engine.submit(ApplyConfiguration(text), "ann"),
            await engine.ask(IfApplied(text)),
        ):
            assert isinstance(outcome, Refused)
            *told, last = outcome.text.splitlines()
            assert len(told) == 20
            assert last.startswith("and at least ")
            assert len(outcome.text) < 5000

    with served(tmp_path, FakeCluster()):
        with_engine(tmp_path, test)
