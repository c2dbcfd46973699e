"""After a start of the whole cluster nothing starts before every voter was seen, or a release."""

from random import Random

import pytest

from ha_core.commands import Outcome, ReleaseQuorum
from ha_core.config.model import AgentClass, AgentRef, Configuration, Link, Options, Primitive
from ha_core.effects import CommandAnswered, Effect, RunOperation, Send
from ha_core.events import CommandGiven, Event, OperationDone, Received
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.messages import BeatReply, Message
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.snapshot import ClusterSnapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member

NAMES = ("a", "b", "c")
WEB = Primitive(ResourceId("web"), AgentRef(AgentClass.PROCESS))


class Begun(Cluster):
    """Three voters that begin at once; those not started are off."""

    def __init__(self, *started: str, waits: bool = True) -> None:
        super().__init__(*NAMES)
        first = Configuration(
            nodes=tuple(member(name) for name in NAMES),
            links=(Link(LINK),),
            primitives=(WEB,),
            options=Options(wait_for_all=waits),
        )
        self.first = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        self.ran: list[tuple[NodeName, str]] = []
        self.outcomes: list[Outcome] = []
        self.dead = {NodeName(name) for name in NAMES}
        self.loses: tuple[type[Message], ...] = ()
        self.loses_until_ms: Millis = 0
        for name in started:
            self.start(name)

    def start(self, name: str) -> None:
        """Start a node with the state that all began with."""
        recovered = Recovered(1, snapshot=self.first)
        self.nodes[NodeName(name)] = Node(NodeName(name), recovered, Random(1), self.now_ms)
        self.dead.discard(NodeName(name))

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, RunOperation):
            self.ran.append((sender, effect.action))
            code = 7 if effect.action == "monitor" and not effect.interval_ms else 0
            return [(sender, OperationDone(effect.operation_id, code))]
        if isinstance(effect, CommandAnswered):
            self.outcomes.append(effect.outcome)
        if not isinstance(effect, Send):
            return []
        is_lost = isinstance(effect.message, self.loses)
        if is_lost and self.now_ms < self.loses_until_ms:
            return []
        return [(effect.to, Received(sender, 1, LINK, effect.message))]

    def seen(self) -> ClusterSnapshot:
        """Return what a living node shows."""
        name = next(name for name in self.nodes if name not in self.dead)
        return self.nodes[name].snapshot(self.now_ms)

    @property
    def starts(self) -> int:
        """How often anything was started."""
        return sum(action == "start" for _, action in self.ran)


def test_nothing_starts_before_every_voter_was_seen_once() -> None:
    cluster = Begun("a", "b")
    cluster.run(5000)
    seen = cluster.seen()
    assert seen.quorate
    assert cluster.starts == 0
    assert seen.awaited == ("c",)
    assert any("waits for c: nothing is started before" in fault for fault in seen.faults)
    assert "has not seen c yet" in seen.resources[0].why
    cluster.start("c")
    cluster.run(3000)
    assert cluster.starts == 1
    assert cluster.seen().awaited == ()


@pytest.mark.parametrize("waits", [True, False])
def test_option_alone_makes_it_wait(waits: bool) -> None:
    cluster = Begun("a", "b", waits=waits)
    cluster.run(5000)
    assert cluster.starts == (0 if waits else 1)


def test_release_in_writing_starts_it_and_is_an_event() -> None:
    cluster = Begun("a", "b")
    cluster.run(3000)
    for number, reason in enumerate(("  ", "c is in the workshop")):
        cluster.give("b", CommandGiven(str(number), "ann", ReleaseQuorum(reason)))
        cluster.run(500)
    assert [outcome.code for outcome in cluster.outcomes] == ["invalid", "done"]
    cluster.run(1000)
    assert cluster.starts == 1


def test_release_of_a_cluster_that_waits_for_nobody_is_refused() -> None:
    cluster = Begun(*NAMES)
    cluster.run(3000)
    cluster.give("a", CommandGiven("1", "ann", ReleaseQuorum("why not")))
    cluster.run(500)
    assert cluster.outcomes[0].code == "invalid"


def test_voter_lost_later_is_not_waited_for_whoever_leads_then() -> None:
    cluster = Begun(*NAMES)
    cluster.run(3000)
    leader = next(name for name, node in cluster.nodes.items() if node.is_coordinator)
    cluster.dead.add(leader)
    cluster.run(4000)
    assert cluster.seen().quorate
    assert cluster.seen().awaited == ()


def test_node_that_restarts_into_a_running_cluster_waits_for_nobody() -> None:
    cluster = Begun(*NAMES)
    cluster.run(3000)
    cluster.dead.add(NodeName("c"))
    cluster.start("b")
    cluster.run(4000)
    assert cluster.seen().quorate
    assert cluster.seen().awaited == ()


@pytest.mark.parametrize("until_ms", [2500, 2800, 3500])
def test_coordinator_that_never_could_act_has_not_seen_the_cluster(until_ms: int) -> None:
    cluster = Begun("a", "b")
    cluster.loses, cluster.loses_until_ms = (BeatReply,), until_ms
    cluster.run(8000)
    assert cluster.seen().awaited == ("c",)
    assert cluster.starts == 0
