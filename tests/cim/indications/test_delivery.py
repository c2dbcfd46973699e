"""What listeners get, and from whom."""

import asyncio
from collections.abc import AsyncIterator, Mapping as Table
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pywbem

from cim_provider.engine import EngineState
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications import keeper
from cim_provider.indications.export import Delivery, Exporter, Policy
from cim_provider.indications.outbox import Holding, write
from cim_provider.indications.sending import Sender
from cim_provider.indications.shelf import ALIVE, HOLDER, NUMBERS, SENT, Written, revision_of
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.indications.surroundings import Limits
from cim_provider.wbem import operations
from tests.cim.indications.rig import (
    ALERTS,
    INTEROP,
    NODES_CHANGE,
    Listener,
    Node,
    free_port,
    listening,
    run,
    subscribed,
    until,
)
from tests.cim.mapping.views import cluster, primitive

CREATED = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA HA_PrimitiveResource"
DELETED = "SELECT * FROM CIM_InstDeletion WHERE SourceInstance ISA HA_PrimitiveResource"
REDUNDANT = (
    "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA HA_ClusterNode"
    " AND SourceInstance.Status <> PreviousInstance.Status"
)


@asynccontextmanager
async def followed(at: Path) -> AsyncIterator[tuple[list[MemoryEngine], Node, Node, Listener]]:
    """Yield two nodes' engines and servers, of which the first delivers, and their listener."""
    engines = [MemoryEngine(replace(cluster(), local_node=name)) for name in ("n1", "n2")]
    first = Node(engines[0], at, "n1")
    with listening() as listener:
        await first.subscribe(listener.url, ALERTS)
        second = Node(engines[1], at, "n2")
        yield engines, first, second, listener
        await second.stop()
    await first.stop()


def of(name: str, listener: Listener) -> list[pywbem.CIMInstance]:
    """Return what came by a filter."""
    return [each for each in listener.got if each["IndicationFilterName"] == name]


def test_objects_that_come_change_and_go_are_told(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            for name, query in (("a", CREATED), ("b", DELETED), ("c", NODES_CHANGE)):
                await node.subscribe(listener.url, query, name)
            before = cluster().primitives
            engine.become(primitives=(*before, primitive("fresh", "n1")))
            await until(lambda: len(of("a", listener)) == 1)
            engine.become(primitives=before)
            await until(lambda: len(of("b", listener)) == 1)
            engine.change_node("n2", state="lost")
            await until(
                lambda: "n2" in [each["SourceInstance"]["Name"] for each in of("c", listener)]
            )
            (created,), (deleted,) = of("a", listener), of("b", listener)
            changed = of("c", listener)[-1]
        assert created.classname == "CIM_InstCreation"
        assert created["SourceInstance"]["Id"] == "fresh"
        assert created["IndicationFilterName"] == "a"
        assert "HA_PrimitiveResource." in created["SourceInstanceModelPath"]
        assert created["SourceInstanceHost"] == "n1.example"
        assert deleted.classname == "CIM_InstDeletion"
        assert deleted["SourceInstance"]["Id"] == "fresh"
        assert changed["PreviousInstance"]["Status"] == "OK"
        assert changed["SourceInstance"]["Status"] == "Lost Comm"
        assert changed["IndicationTime"].datetime is not None
        await node.stop()

    run(work)


def test_a_filter_compares_before_and_after(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, REDUNDANT)
            engine.change_node("n1", attributes=(("rack", "b"),))
            await until(lambda: node.keeper.is_holder)
            engine.change_node("n2", state="lost")
            await listener.wait(1)
            await node.alert("ignored")
            engine.change_node("n2", state="online")
            await listener.wait(2)
            assert [each["SourceInstance"]["Name"] for each in listener.got] == ["n2", "n2"]
        await node.stop()

    run(work)


def test_only_what_is_selected_is_sent(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        query = "SELECT Message, AlertType FROM CIM_AlertIndication WHERE Message LIKE 'good%'"
        with listening() as listener:
            await node.subscribe(listener.url, query)
            await node.alert("bad", "good one")
            await listener.wait(1)
        (got,) = listener.got
        numbered = {"SequenceContext", "SequenceNumber", "IndicationFilterName"}
        assert set(got.keys()) - numbered == {"Message", "AlertType"}
        assert got["Message"] == "good one"
        await node.stop()

    run(work)


def test_an_outage_of_one_listener_delays_no_other_and_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        gone = Listener(free_port())
        with listening() as listener:
            await node.subscribe(gone.url, ALERTS, "gone")
            await node.subscribe(listener.url, ALERTS, "there")
            texts = [f"alert {number}" for number in range(50)]
            await node.alert(*texts)
            await listener.wait(50)
            assert gone.got == []
            gone.start()
            await gone.wait(50)
            gone.stop()
        for each in (gone, listener):
            assert [got["Message"] for got in each.distinct()] == texts
            assert [number for _, number in each.numbers()] == list(range(50))
        assert gone.got[0]["SequenceContext"] != listener.got[0]["SequenceContext"]
        await node.stop()

    run(work)


def test_a_restart_goes_on_with_the_numbers_and_what_was_waiting(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node, listener = Node(engine, tmp_path), Listener(free_port())
        listener.start()
        await node.subscribe(listener.url, ALERTS)
        await node.alert("one")
        await listener.wait(1)
        listener.stop()
        await node.alert("two")
        await node.stop()
        node = Node(engine, tmp_path)
        await node.alert("three")
        listener.start()
        await listener.wait(3)
        assert [each["Message"] for each in listener.distinct()] == ["one", "two", "three"]
        assert listener.numbers()[-1] == (listener.got[0]["SequenceContext"], 2)
        listener.stop()
        await node.stop()

    run(work)


def test_a_change_while_no_server_ran_is_told_by_the_next(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, NODES_CHANGE)
            await node.stop()
            engine.change_node("n2", state="lost")
            node = Node(engine, tmp_path)
            await listener.wait(1)
            assert listener.got[0]["SourceInstance"]["Name"] == "n2"
        await node.stop()

    run(work)


def test_another_server_takes_over_from_one_whose_node_is_lost(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        first = Node(engine, tmp_path, "n1")
        with listening() as listener:
            await first.subscribe(listener.url, NODES_CHANGE)
            assert first.keeper.is_holder
            second = Node(engine, tmp_path, "n2")
            engine.change_node("n3", state="standby")
            await listener.wait(1)
            first.freeze()
            engine.change_node("n1", state="lost")
            await until(lambda: second.keeper.is_holder)
            await listener.wait(2)
            engine.change_node("n3", state="online")
            await listener.wait(3)
            await second.stop()
        told = [each["SourceInstance"]["Name"] for each in listener.distinct()]
        assert told == ["n3", "n1", "n3"]
        assert [int(each["SequenceNumber"]) for each in listener.distinct()] == [0, 1, 2]
        await first.stop()

    run(work)


@pytest.mark.parametrize("is_heard", [False, True])
def test_another_server_takes_over_from_one_whose_node_is_silent_and_they_do_not_take_turns(
    tmp_path: Path, is_heard: bool
) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        first, second = Node(engine, tmp_path, "n1"), Node(engine, tmp_path, "n2")
        with listening() as listener:
            await first.subscribe(listener.url, ALERTS)
            await until(lambda: first.keeper.is_holder or second.keeper.is_holder)
            holder, other = (first, second) if first.keeper.is_holder else (second, first)
            holder.freeze()
            engine.change_node(holder.name, state="suspect", is_heard=is_heard)
            await until(lambda: other.keeper.is_holder)
            engine.change_node(other.name, state="suspect", is_heard=is_heard)
            holder.thaw()
            await until(lambda: not holder.keeper.is_holder)
            await holder.alert("it is well")
            await until(lambda: "it is well" in [each["Message"] for each in listener.got])
            assert other.keeper.is_holder
            pairs = listener.numbers()
            assert [number for _, number in pairs] == list(range(len(pairs)))
        await first.stop()
        await second.stop()

    run(work)


def test_who_is_heard_and_has_only_yet_to_report_is_not_taken_over_from(tmp_path: Path) -> None:
    async def work() -> None:
        async with followed(tmp_path) as (engines, _first, second, _):
            await until(lambda: second.shelf.is_reached)
            for _ in range(3):  # as after each election
                engines[1].change_node("n1", state="suspect", is_heard=True)
                await second.keeper.step()
                assert not second.keeper.is_holder
                engines[1].change_node("n1", state="online", is_heard=False)
                await second.keeper.step()
            engines[1].change_node("n1", state="suspect")
            await until(lambda: second.keeper.is_holder)

    run(work)


def test_a_server_whose_daemon_was_away_takes_over_again_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with followed(tmp_path) as (engines, first, second, listener):
            engines[0].become(engine=EngineState.STOPPED)
            await listener.wait_raw(1)  # that it is away
            engines[1].change_node("n1", state="suspect")
            await until(lambda: second.keeper.is_holder and not first.keeper.is_holder)
            engines[1].change_node("n1", state="online")
            engines[0].become(engine=EngineState.RUNNING)
            engines[0].change_node("n2", state="suspect")
            await until(lambda: first.keeper.is_holder, keeper.AGAIN_S / 2)

    run(work)


def test_a_server_whose_daemon_has_just_begun_takes_over_from_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        first = Node(MemoryEngine(cluster()), tmp_path, "n1")
        with listening() as listener:
            await first.subscribe(listener.url, ALERTS)
            begun = replace(cluster(), local_node="n2", nodes=(), quorate=False)
            second = Node(MemoryEngine(begun), tmp_path, "n2")
            await until(lambda: second.shelf.is_reached)
            await second.keeper.step()
            assert not second.keeper.is_holder
            await first.alert("by the one that delivers")
            await listener.wait(1)
            assert first.keeper.is_holder
            await second.stop()
        await first.stop()

    run(work)


def test_a_server_that_holds_again_gives_no_identifier_twice(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, ALERTS)
            await node.alert("one", "two")
            await listener.wait(2)
            # Another one has held for a while, and has let go.
            written = await node.shelf.write({HOLDER: write(Holding("", "other"))}, {})
            assert written.ok
            await until(lambda: revision_of(node.shelf.items, HOLDER) > written.revision)
            await node.alert("three", "four")
            await listener.wait(4)
        await node.stop()
        names = [each["IndicationIdentifier"] for each in listener.distinct()]
        assert len(set(names)) == 4

    run(work)


def test_a_server_that_ends_in_order_makes_way_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        first, second = Node(engine, tmp_path, "n1"), Node(engine, tmp_path, "n2")
        with listening() as listener:
            await first.subscribe(listener.url, ALERTS)
            await until(lambda: first.keeper.is_holder or second.keeper.is_holder)
            holding, other = (first, second) if first.keeper.is_holder else (second, first)
            await holding.alert("one")
            await holding.stop()
            await until(lambda: other.keeper.is_holder, keeper.STALE_S / 2)
            await other.alert("two")
            await listener.wait(2)
            await other.stop()
        assert [each["Message"] for each in listener.distinct()] == ["one", "two"]

    run(work)


def test_a_destination_that_moves_takes_its_queue_with_it(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        paths = await subscribed(node, 2)
        await node.alert("waits")
        with listening() as listener:
            changed = pywbem.CIMInstance(
                paths.destination.classname, {"Destination": listener.url}, path=paths.destination
            )
            await node.perform(operations.ModifyInstance(INTEROP, changed))
            await listener.wait(1)
        await node.stop()

    run(work)


def test_two_that_believe_to_hold_cannot_both_give_out_numbers(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        first = Node(engine, tmp_path, "n1")
        with listening() as listener:
            await first.subscribe(listener.url, ALERTS)
            first.freeze()
            engine.become(
                nodes=tuple(
                    replace(n, state="lost") if n.name == "n1" else n for n in cluster().nodes
                )
            )
            second = Node(engine, tmp_path, "n2")
            await until(lambda: second.keeper.is_holder)
            first.thaw()
            await first.alert("by the one that was cut off")
            await second.alert("by the other")
            await listener.wait(2)
            await until(lambda: not first.keeper.is_holder)
            pairs = listener.numbers()
            await second.stop()
        await first.stop()
        assert sorted(set(pairs)) == [(pairs[0][0], 0), (pairs[0][0], 1)]

    run(work)


class Broken:
    """A sender with a bug, as the test wants it, which is over when it is made anew."""

    made = 0

    def __init__(self, sender: Sender) -> None:
        Broken.made += 1
        self._sender = sender
        self._is_broken = Broken.made == 1

    async def send(self, instance: str) -> Delivery:
        """See `Sender`."""
        assert not self._is_broken, "a bug, as the test wants it"
        return await self._sender.send(instance)

    async def close(self) -> None:
        """See `Sender`."""
        await self._sender.close()


class DeafShelf(SqliteShelf):
    """Takes no last will: the node's daemon answers nobody who leaves one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = asyncio.Event()

    async def leave(self, puts: Table[str, str | None], conditions: Table[str, int]) -> None:
        """See `Shelf`."""
        if puts:
            self.asked.set()
            await asyncio.Event().wait()


def test_nobody_waits_until_the_last_will_is_left(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path, make_shelf=DeafShelf)
        shelf = node.shelf
        assert isinstance(shelf, DeafShelf)
        with listening() as listener:
            await node.subscribe(listener.url, ALERTS)
            await shelf.asked.wait()
            await node.alert("meanwhile")
            await listener.wait(1)
        await node.stop()

    run(work)


class SlowShelf(SqliteShelf):
    """Writes that tell nothing new wait, as for another coordinator, until `is_free`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.waiting: set[str] = set()
        self.is_free = asyncio.Event()

    async def write(self, puts: Table[str, str | None], conditions: Table[str, int]) -> Written:
        """See `Shelf`."""
        if NUMBERS not in puts and HOLDER in conditions and conditions[HOLDER]:
            self.waiting |= puts.keys()
            await self.is_free.wait()
        return await super().write(puts, conditions)


def test_what_comes_while_a_sign_of_life_waits_for_a_coordinator_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        limits = Limits(renew_s=0.1, settle_s=0.1)
        node = Node(MemoryEngine(cluster()), tmp_path, limits=limits, make_shelf=SlowShelf)
        shelf = node.shelf
        assert isinstance(shelf, SlowShelf)
        with listening() as listener:
            await node.subscribe(listener.url, ALERTS)
            await node.alert("before")
            await until(lambda: {ALIVE, SENT} <= shelf.waiting)
            await node.alert("meanwhile")
            await listener.wait(2)
            shelf.is_free.set()
            await until(lambda: SENT in shelf.items)
            await node.alert("after")
            await listener.wait(3)
            assert [each["Message"] for each in listener.got] == ["before", "meanwhile", "after"]
        assert node.keeper.is_holder
        await node.stop()

    run(work)


def test_a_bug_in_sending_ends_neither_the_server_nor_the_queue(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(
            MemoryEngine(cluster()), tmp_path, sender=lambda url: Broken(Exporter(url, Policy()))
        )
        with listening() as listener:
            await node.subscribe(listener.url, ALERTS)
            await node.alert("in spite of it")
            await listener.wait(1)
        assert Broken.made == 2
        await node.stop()

    run(work)


def test_what_a_node_without_quorum_believes_is_not_told(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, NODES_CHANGE)
            engine.become(quorate=False)
            engine.change_node("n2", state="lost")
            await node.alert("raised all the same")
            await until(lambda: not [key for key in node.shelf.items if "raised" in key])
            engine.change_node("n2", state="online")
            engine.become(quorate=True)
            engine.change_node("n3", state="standby")
            await listener.wait(1)
            assert [each["SourceInstance"]["Name"] for each in listener.got] == ["n3"]
        await node.stop()

    run(work)
