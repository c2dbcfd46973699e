"""What a server tells of its own node: at once, and without keeping anything waiting."""

import asyncio
from collections.abc import Mapping as Table, Sequence
from dataclasses import replace
from pathlib import Path

from cim_provider.engine import EngineState
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.direct import UNSAID_MAX, Direct
from cim_provider.indications.events import Event
from cim_provider.indications.export import Delivery, Exporter, Policy
from cim_provider.indications.keeper_events import cim_time
from cim_provider.indications.keeping import ShelfError
from cim_provider.indications.matching import Matcher
from cim_provider.indications.registry import Registry, decode
from cim_provider.indications.shelf import RAISED, REGISTRY, Written
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.tables import ASSOCIATIONS, ROWS
from tests.cim.indications.rig import Node, listening, run, until
from tests.cim.indications.test_alerts import ALL, ids
from tests.cim.mapping.views import cluster, schema


class Slow:
    """Implements `Sender`: what came is taken, and answered when it may be."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def send(self, instance: str) -> Delivery:
        self.came.set()
        await self.may_answer.wait()
        return Delivery(True)

    async def close(self) -> None:
        """Nothing is open."""


def test_word_whose_answer_is_on_its_way_when_its_condition_ends_is_not_told_again(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        await node.subscribe("http://127.0.0.1:1", ALL)
        known = decode(node.shelf.items[REGISTRY].text)
        await node.stop()
        matcher = Matcher(known, Catalog(schema(), ROWS, ASSOCIATIONS), None)
        slow, told = Slow(), list[Event]()

        async def raised(events: Sequence[Event]) -> None:
            told.extend(events)

        direct = Direct(lambda url: slow, raised, lambda: 1, "h", "s")
        direct.look(cluster(), known, matcher)
        direct.look(replace(cluster(), engine=EngineState.STOPPED), known, matcher)
        await slow.came.wait()
        direct.look(cluster(), known, matcher)
        slow.may_answer.set()
        await until(lambda: bool(told))
        assert [event.values["MessageID"] for event in told] == ["LHA040"]
        # However late it is raised: it is over since it was seen.
        assert told[0].values["EventTime"] == cim_time(1)
        await direct.stop()

    run(work)


class SlowToRaise(SqliteShelf):
    """What is raised waits, as for another coordinator, until `is_free`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.has_come = asyncio.Event()
        self.is_free = asyncio.Event()

    async def write(self, puts: Table[str, str | None], conditions: Table[str, int]) -> Written:
        """See `Shelf`."""
        if any(key.startswith(RAISED) and text for key, text in puts.items()):
            self.has_come.set()
            await self.is_free.wait()
        return await super().write(puts, conditions)


def test_what_happens_while_a_server_raises_an_alert_of_its_own_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path, make_shelf=SlowToRaise)
        shelf = node.shelf
        assert isinstance(shelf, SlowToRaise)
        with listening() as listener:
            await node.subscribe(listener.url, ALL)
            engine.become(engine=EngineState.STOPPED)
            await listener.wait_raw(1)
            engine.become(engine=EngineState.RUNNING)
            await shelf.has_come.wait()
            engine.happened("node-left", "n3", "n3 has left", number=0)
            await listener.wait_raw(2)
            shelf.is_free.set()
            await listener.wait_raw(3)
        await node.stop()
        assert ids(listener.got) == ["LHA039", "LHA002", "LHA040"]

    run(work)


def test_strangers_that_cannot_be_told_of_yet_take_bounded_room() -> None:
    told: list[Event] = []
    sizes: list[int] = []

    async def raised(events: Sequence[Event]) -> None:
        sizes.append(len(events))
        if len(sizes) < 3:
            raise ShelfError("no quorum")
        told.extend(events)

    async def work() -> None:
        names = [f"10.9.{n // 256}.{n % 256}" for n in range(3 * UNSAID_MAX)]
        view = replace(cluster(), refused_hosts=tuple((name, "wrong key") for name in names))
        direct = Direct(lambda url: Exporter(url, Policy()), raised, lambda: 1, "h", "s")
        matcher = Matcher(Registry(), Catalog(schema(), ROWS, ASSOCIATIONS), None)
        for round_ in range(5):
            direct.look(view, Registry(), matcher)
            await until(lambda number=round_: len(sizes) > number)
        assert sizes == [UNSAID_MAX] * 5
        assert [event.values["MessageArguments"] for event in told] == [
            (name, view.local_node) for name in names
        ]

    asyncio.run(work())
