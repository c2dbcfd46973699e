"""What listeners get, from whom, and what follows when they take nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications import keeper
from cim_provider.indications.export import Delivery, Exporter, Policy
from cim_provider.indications.sending import Sender
from cim_provider.indications.surroundings import Limits
from cim_provider.wbem import operations
from tests.cim.indications.rig import (
    ALERTS,
    INTEROP,
    NODES_CHANGE,
    Listener,
    Node,
    Paths,
    destination_of,
    filter_of,
    free_port,
    listening,
    subscription_of,
    until,
)
from tests.cim.mapping.views import cluster, primitive

CREATED = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA HA_PrimitiveResource"
DELETED = "SELECT * FROM CIM_InstDeletion WHERE SourceInstance ISA HA_PrimitiveResource"
REDUNDANT = (
    "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA HA_ClusterNode"
    " AND SourceInstance.Status <> PreviousInstance.Status"
)


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine to its end."""

    async def whole() -> None:
        await work()

    asyncio.run(whole())


async def quick(node: Node, attempts: int = 1, removal_s: int = 3600) -> None:
    """Let failures count after a second."""
    path = pywbem.CIMInstanceName(
        "CIM_IndicationService",
        {
            "Name": "indications",
            "CreationClassName": "CIM_IndicationService",
            "SystemName": "n1.example",
            "SystemCreationClassName": "CIM_ComputerSystem",
        },
        namespace=INTEROP,
    )
    values = {
        "DeliveryRetryAttempts": pywbem.Uint16(attempts),
        "DeliveryRetryInterval": pywbem.Uint32(1),
        "SubscriptionRemovalTimeInterval": pywbem.Uint32(removal_s),
    }
    changed = pywbem.CIMInstance("CIM_IndicationService", values, path=path)
    await node.perform(operations.ModifyInstance(INTEROP, changed))


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


@pytest.mark.parametrize(
    ("policy", "persistence", "state", "destinations"),
    [(3, 2, 4, 1), (4, 2, None, 1), (2, 3, None, 0)],
)
def test_a_fatal_error_has_the_consequence_that_was_chosen(
    tmp_path: Path, policy: int, persistence: int, state: int | None, destinations: int
) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        await quick(node)
        paths = await subscribed(node, persistence, OnFatalErrorPolicy=pywbem.Uint16(policy))
        await node.alert("into the void")

        def is_over() -> bool:
            found = node.indications.held()
            states = [each.state for each in found.subscriptions]
            return states == ([] if state is None else [state])

        await until(is_over)
        assert len(node.indications.held().destinations) == destinations
        assert paths.filter["Name"] == "one"
        await node.stop()

    run(work)


async def subscribed(node: Node, persistence: int, **more: object) -> Paths:
    """Subscribe at a port where nobody listens."""
    chosen = await node.create(filter_of(ALERTS))
    url = f"http://127.0.0.1:{free_port()}"
    destination = await node.create(destination_of(url, "one", persistence))
    return Paths(
        chosen, destination, await node.create(subscription_of(chosen, destination, **more))
    )


class Reluctant:
    """A sender that takes nothing for the first tries."""

    def __init__(self, refusals: int) -> None:
        self.tries = 0
        self._refusals = refusals

    async def send(self, instance: str) -> Delivery:
        """See `Sender`."""
        self.tries += 1
        return Delivery(self.tries > self._refusals, "not yet")

    async def close(self) -> None:
        """See `Sender`."""


def test_a_fatal_error_that_is_ignored_keeps_queue_and_subscription(tmp_path: Path) -> None:
    async def work() -> None:
        reluctant = Reluctant(5)  # which takes longer than what makes it fatal
        node = Node(MemoryEngine(cluster()), tmp_path, sender=lambda _: reluctant)
        await quick(node)
        await subscribed(node, 2)
        await node.alert("at last")
        await until(lambda: reluctant.tries == 6)
        assert [each.state for each in node.indications.held().subscriptions] == [2]
        await node.stop()

    run(work)


def test_a_listener_that_is_gone_for_good_loses_its_subscriptions(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        await quick(node, attempts=100, removal_s=1)
        await subscribed(node, 2)
        await node.alert("into the void")
        await until(lambda: not node.indications.held().subscriptions)
        assert len(node.indications.held().destinations) == 1
        await node.stop()

    run(work)


def test_a_subscription_ends_when_its_duration_is_over(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        await subscribed(node, 2, SubscriptionDuration=pywbem.Uint64(1))
        await until(lambda: not node.indications.held().subscriptions)
        await node.stop()

    run(work)


def test_repetitions_are_suppressed_as_the_subscription_says(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        more = {
            "RepeatNotificationPolicy": pywbem.Uint16(3),
            "RepeatNotificationInterval": pywbem.Uint64(3600),
            "RepeatNotificationCount": pywbem.Uint16(2),
        }
        with listening() as listener:
            await node.subscribe(listener.url, ALERTS, **more)
            await node.alert("same", "same", "same", "other", "same")
            await listener.wait(3)
            assert [each["Message"] for each in listener.got] == ["same", "same", "other"]
            assert [number for _, number in listener.numbers()] == [0, 1, 2]
        await node.stop()

    run(work)


def test_a_full_queue_keeps_the_oldest_and_shows_the_gap(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path, limits=Limits(queue_max=5))
        listener = Listener(free_port())
        await node.subscribe(listener.url, ALERTS)
        await node.alert(*[f"alert {number}" for number in range(8)])
        listener.start()
        await listener.wait(5)
        await node.alert("later")
        await listener.wait(6)
        assert [number for _, number in listener.numbers()] == [0, 1, 2, 3, 4, 8]
        listener.stop()
        await node.stop()

    run(work)


def test_without_subscribers_nothing_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        node = Node(MemoryEngine(cluster()), tmp_path)
        await node.alert("nobody hears")
        assert not [key for key in node.shelf.items if "raised" in key]
        assert not node.keeper.is_holder
        await node.stop()

    run(work)


def test_what_was_taken_leaves_the_shelf(tmp_path: Path) -> None:
    async def work() -> None:
        limits = Limits(kept_s=0.1, renew_s=0.5)
        node = Node(MemoryEngine(cluster()), tmp_path, limits=limits)
        with listening() as listener:
            await node.subscribe(listener.url, ALERTS)
            await node.alert("one")
            await listener.wait(1)
            await until(lambda: not [key for key in node.shelf.items if "/out/" in key])
        await node.stop()

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


def test_alerts_follow_from_changes_of_the_cluster(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(cluster())
        node = Node(engine, tmp_path)
        with listening() as listener:
            await node.subscribe(listener.url, "SELECT * FROM LinuxHA_Indication")
            engine.become(revision=cluster().revision + 1)
            await listener.wait(1)
            engine.change_node("n2", state="lost")
            await listener.wait(2)
            engine.change_node("n2", state="online")
            await listener.wait(3)
        changed, lost, back = listener.got
        assert changed.classname == "HA_Indication"
        assert (changed["Type"], changed["Message"]) == (4, "Got an indication: evt:cib_changed")
        assert (lost["PerceivedSeverity"], lost["ProbableCause"]) == (6, 72)
        assert lost["AlertingManagedElement"].startswith("root/cimv2:HA_ClusterNode.")
        assert (back["PerceivedSeverity"], back["ProbableCause"]) == (2, 59)
        assert back["EventID"] == lost["EventID"]
        await node.stop()

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
