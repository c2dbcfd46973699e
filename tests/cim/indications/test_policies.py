"""What follows when listeners take nothing, and what the policies of a subscription do."""

from pathlib import Path

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.export import Delivery
from cim_provider.indications.surroundings import Limits
from cim_provider.wbem import operations
from tests.cim.indications.rig import (
    ALERTS,
    INTEROP,
    Listener,
    Node,
    free_port,
    listening,
    run,
    subscribed,
    until,
)
from tests.cim.mapping.views import cluster

CREATED = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA HA_PrimitiveResource"
DELETED = "SELECT * FROM CIM_InstDeletion WHERE SourceInstance ISA HA_PrimitiveResource"
REDUNDANT = (
    "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA HA_ClusterNode"
    " AND SourceInstance.Status <> PreviousInstance.Status"
)


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
        node = Node(
            MemoryEngine(cluster()), tmp_path, limits=Limits(queue_max=5, kept_s=0.1, renew_s=0.5)
        )
        listener = Listener(free_port())
        await node.subscribe(listener.url, ALERTS)
        await node.alert(*[f"alert {number}" for number in range(8)])
        listener.start()
        await listener.wait(5)
        # There is room once the listener's answers have come, too.
        await until(lambda: not [key for key in node.shelf.items if "/out/" in key])
        await node.alert("later")
        await until(lambda: "later" in [each["Message"] for each in listener.got])
        listener.stop()
        # 8 says that some were dropped, and is dropped itself if there is no room for it yet.
        numbers = [number for _, number in listener.numbers() if number != 8]
        assert numbers == [0, 1, 2, 3, 4, 9]
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
