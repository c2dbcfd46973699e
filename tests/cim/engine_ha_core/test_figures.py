"""Figures of the cluster, asked of a daemon's real control socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cim_provider.engines.ha_core_events import core_event
from cim_provider.engines.ha_core_figures import HaCoreFigures
from cim_provider.mapping.figures_held import Figures
from cim_provider.views.journal import CoreEvent
from ha_core.errors import RefusedError
from ha_core.figures import AgentTold, LinkFigures, NodeFigures, ResourceFigures
from ha_core.ids import Millis
from ha_core.journal import JournalEvent
from ha_core.layout import Layout
from ha_core.runtime.control import ControlServer
from tests.fake_cluster import FakeCluster

DUMMY, SLOW = "ocf:heartbeat:Dummy", "ocf:heartbeat:Slow"


class Daemon:
    """A daemon that tells figures and agents, and has a journal."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.asked: list[int] = []
        self.described: list[str] = []
        self.told = (
            NodeFigures(
                self.cluster.now.local,
                at_wall_ms=5000,
                product="0.1.0",
                load_milli=(1, 2, 3),
                links=(LinkFigures("ring0", 1, 2, 3, 4, 5, 6),),
                resources=(
                    ResourceFigures("web", monitors=7, process_id=42, cpu_ms=9, memory_bytes=10),
                ),
                agents=(DUMMY, SLOW),
            ),
            NodeFigures("far", agents=("ocf:elsewhere:Only",)),
        )

    async def figures(self, max_age_ms: Millis) -> tuple[NodeFigures, ...]:
        self.asked.append(max_age_ms)
        return self.told

    async def describe(self, name: str) -> AgentTold:
        self.described.append(name)
        if name == SLOW:
            raise RefusedError("not-found", "it has gone")
        return AgentTold(name, "does nothing", "1.0", ("state",), "<resource-agent/>")


class Events:
    """Has the journal of a cluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    async def events(self, since: int) -> tuple[CoreEvent, ...]:
        return tuple(core_event(each) for each in self._cluster.journal if each.seq > since)


@asynccontextmanager
async def asking(root: Path, daemon: Daemon) -> AsyncIterator[tuple[HaCoreFigures, Figures]]:
    layout = Layout(root)
    for directory in layout.directories():
        directory.mkdir(parents=True, exist_ok=True)
    server = ControlServer(
        layout.control_socket,
        daemon.cluster,
        product="Beatkeeper 0.1.0",
        figures=daemon.figures,
        describe=daemon.describe,
    )
    await server.start()
    held = Figures()
    # Nothing is asked by itself within this time: the test asks.
    journal = Events(daemon.cluster)
    figures = HaCoreFigures(held, journal, root, period_s=60)
    try:
        yield figures, held
    finally:
        await figures.__aexit__(None, None, None)
        await server.stop()


def test_what_nodes_tell_is_held_in_the_words_of_the_provider(tmp_path: Path) -> None:
    daemon = Daemon()

    async def scenario() -> None:
        async with asking(tmp_path, daemon) as (figures, held):
            await figures.once()
            local = held.node(daemon.cluster.now.local)
            assert local is not None
            assert (local.product, local.load_milli, local.at_wall_ms) == ("0.1.0", (1, 2, 3), 5000)
            (link,) = local.links
            assert (link.packets_sent, link.packets_unsent, link.refused) == (1, 3, 6)
            web = held.resource(local.node, "web")
            assert web is not None
            assert (web.monitors, web.process_id, web.memory_bytes) == (7, 42, 10)
            assert held.node("far") is not None
            assert held.node("nobody") is None

    asyncio.run(scenario())


def test_events_are_counted_once(tmp_path: Path) -> None:
    daemon = Daemon()
    before = len([e for e in daemon.cluster.journal if e.kind == "node-fenced"])

    async def scenario() -> None:
        async with asking(tmp_path, daemon) as (figures, held):
            for number in (1, 2):
                event = JournalEvent(
                    "n1", 1, number, number, "node-fenced", "n2", "", seq=9000 + number
                )
                daemon.cluster.journal.append(event)
                await figures.once()
                await figures.once()
                assert held.tally.fencings == before + number

    asyncio.run(scenario())


def test_only_agents_of_this_node_describe_themselves_and_each_once(tmp_path: Path) -> None:
    daemon = Daemon()

    async def scenario() -> None:
        async with asking(tmp_path, daemon) as (figures, held):
            await figures.once()
            await figures.describe()
            await figures.describe()
            assert daemon.described == [DUMMY, SLOW]
            assert held.agents.keys() == {DUMMY}
            assert held.agents[DUMMY].parameters == ("state",)
            assert set(held.installed) == {DUMMY, SLOW, "ocf:elsewhere:Only"}

    asyncio.run(scenario())
