"""A node whose disk went back to an older copy: nobody listens to it, and everybody says so."""

from random import Random

import pytest

from ha_core.commands import AddNode, Move, SetStandby
from ha_core.config.model import AgentClass, AgentRef, Configuration, Link, Primitive
from ha_core.effects import Effect, Journal, Send, StateChanged
from ha_core.events import CommandGiven, Event, Outdated, Received
from ha_core.ids import NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, HardState, Snapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member
from tests.core.test_node_moves import WEB, A, B, C, Town

THEN, NOW = 3, 7
"""Starts of the second node: of the copy, and the newest."""


class Returning(Cluster):
    """A cluster of two; `windows`: whether the first remembers whose frames it has seen."""

    def __init__(self, *, windows: bool) -> None:
        super().__init__("a", "b")
        self.windows = windows
        self.generation = NOW
        self.events: list[tuple[NodeName, str, str]] = []
        self.log: list[tuple[NodeName, str]] = []
        self.come_back(NOW)
        self.run(1000)
        self.give("a", CommandGiven("1", "test", AddNode(B, member("b").addresses, voter=False)))
        self.run(1000)

    def come_back(self, generation: int) -> None:
        """Let the second node start, with nothing on its disk but the count of its starts."""
        self.generation = generation
        self.nodes[B] = Node(B, Recovered(generation), Random(1), self.now_ms)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Journal):
            self.events.append((sender, effect.event.kind, effect.event.text))
        if isinstance(effect, StateChanged):
            self.log.append((sender, f"{effect.machine} {effect.new}: {effect.why}"))
        if not isinstance(effect, Send):
            return super().follows(sender, effect)
        generation = self.generation if sender == B else 1
        if self.windows and generation == THEN:
            return [(effect.to, Outdated(sender, THEN, NOW))]
        return [(effect.to, Received(sender, generation, LINK, effect.message))]

    def outdated(self) -> list[str]:
        """Return what the coordinator wrote into the journal on outdated nodes."""
        return [text for name, kind, text in self.events if (name, kind) == (A, "node-outdated")]


@pytest.mark.parametrize("windows", [True, False])
def test_older_copy_of_a_disk_is_told_by_the_cluster_and_by_the_node_itself(
    windows: bool,
) -> None:
    cluster = Returning(windows=windows)
    assert not cluster.outdated()
    cluster.come_back(THEN)
    cluster.run(3000)
    assert cluster.outdated() == [
        "b has come back with an older copy of its disk: it says that this is its start 3,"
        " but start 7 was here before; nothing it says is taken"
    ]
    own = [text for name, text in cluster.log if name == B and text.startswith("store")]
    assert own == ["store older copy: a remembers start 7 of this node, this is start 3"]
    faults = cluster.nodes[B].snapshot(cluster.now_ms).faults
    assert faults[0] == (
        "the disk of b is an older copy: this is its start 3, but the others remember start 7, and"
        " take nothing that it says; remove it at another node ('ha node remove b'), then let it"
        " join anew"
    )


def test_frame_that_a_restart_overtook_is_no_older_copy() -> None:
    cluster = Returning(windows=True)
    for _ in range(3):
        cluster.give("a", Outdated(B, THEN, NOW))
        cluster.run(100)
    assert not cluster.outdated()
    assert not cluster.nodes[B].snapshot(cluster.now_ms).faults


def test_older_copy_of_a_disk_gives_no_vote_and_acknowledges_nothing() -> None:
    town = Town()
    town.dead.add(B)
    town.run(2000)
    town.restart(B)
    assert [v.generation for v in town.nodes[C].replication.verdicts if v.node == B] == [2]
    town.dead.add(C)
    town.run(3000)
    town.ask(SetStandby(A, True))
    assert town.answers[-1].startswith("done")
    town.dead.add(A)
    town.generations[B] = 1
    town.nodes[B] = Node(B, town.first, Random(1), town.now_ms)
    kept = town.nodes[C].replication
    disk = Recovered(2, HardState(kept.term), kept._log.current_snapshot())
    town.generations[C] = 2
    town.nodes[C] = Node(C, disk, Random(3), town.now_ms)
    town.dead.discard(C)
    town.run(6000)
    assert not town.nodes[C].is_coordinator, "the one that knows all is away"
    town.dead.discard(A)
    town.run(6000)
    own = town.nodes[C].configuration.node(A)
    assert own is not None
    assert own.standby, "what was acknowledged"
    town.dead.add(C)
    town.run(3000)
    assert not town.nodes[A].is_coordinator, "with an older copy it makes no majority"


class Grown(Town):
    """A cluster that began with one node and a service, of whose disk there is an image."""

    def __init__(self) -> None:
        Cluster.__init__(self, "a", "b", "c")
        web = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "x"),))
        first = Configuration(nodes=(member("a"),), links=(Link(LINK),), primitives=(web,))
        self.image = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        self.generations = dict.fromkeys(self.nodes, 1)
        self.running: set[NodeName] = set()
        self.starts: list[NodeName] = []
        self.answers: list[str] = []
        self.nodes[A] = Node(A, Recovered(1, snapshot=self.image), Random("a"), self.now_ms)
        self.run(2000)
        for name in (B, C):
            self.ask(AddNode(name, member(name).addresses))
        self.ask(Move(WEB, B))


def test_node_whose_disk_is_from_when_it_was_alone_hears_the_others_before_it_leads() -> None:
    """Its start count is a new one: the image was made while the start ran that was the last."""
    town = Grown()
    assert town.nodes[C].configuration.voters() == (A, B, C)
    assert town.running == {B}
    town.dead.add(A)
    town.run(3000)
    town.generations[A] += 1
    town.nodes[A] = Node(A, Recovered(2, snapshot=town.image), Random(4), town.now_ms)
    town.dead.discard(A)
    for _ in range(300):
        town.run(10)
        assert not town.nodes[A].is_coordinator
        held = [n for n in town.running if town.nodes[n].run_lease_until_ms > town.now_ms]
        assert len(held) < 2, f"two owners under running leases: {held}"
