"""Whole clusters in which a node loses its disk: one owner, and the vote comes back by itself."""

from random import Random

import pytest

from ha_core.commands import AddNode, Move, SetStandby
from ha_core.config.model import Configuration, FenceDevice, Link, Options, TwoNode
from ha_core.effects import Effect, Send
from ha_core.events import CommandGiven, Event
from ha_core.ids import NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member
from tests.core.test_node_moves import WEB, A, B, C, Town

NEW_DISK = 1000
"""A new disk begins far beyond the starts from the one before."""


class Parted(Town):
    """As Town, with cables that can be cut one by one."""

    def __init__(self) -> None:
        self.cables: set[frozenset[NodeName]] = set()
        super().__init__()

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Send) and frozenset({sender, effect.to}) in self.cables:
            return []
        return super().follows(sender, effect)

    def leads(self, name: NodeName) -> bool:
        """Return whether it acts as the coordinator now."""
        return self.nodes[name].coordinator_lease_until_ms > self.now_ms

    def loses_disk(self, name: NodeName) -> None:
        """Let its daemon start at once, with an empty disk."""
        self.generations[name] += NEW_DISK
        lost = Recovered(self.generations[name])
        self.nodes[name] = Node(name, lost, Random(9), self.now_ms)


def test_service_has_one_owner_though_a_third_node_loses_its_disk() -> None:
    town = Parted()
    (old,) = (name for name in town.nodes if town.nodes[name].is_coordinator)
    new, third = sorted(name for name in town.nodes if name != old)
    town.ask(Move(WEB, new))
    assert town.running == {new}
    town.cables = {frozenset({old, new}), frozenset({old, third})}
    while not town.leads(new):
        town.run(10)
    town.run(50)
    town.loses_disk(third)
    town.cables = {frozenset({old, new}), frozenset({new, third})}
    for _ in range(150):
        town.run(10)
        held = [n for n in town.running if town.nodes[n].run_lease_until_ms > town.now_ms]
        assert len(held) < 2, f"two owners under running leases: {held}"


def test_vote_of_a_lost_disk_is_taken_and_given_to_the_next_one_by_itself() -> None:
    town = Parted()
    (lost, other) = (name for name in town.nodes if not town.nodes[name].is_coordinator)
    town.loses_disk(lost)
    town.run(3000)
    (leader,) = (name for name in town.nodes if town.nodes[name].is_coordinator)
    changes = town.nodes[leader].replication.revisions
    assert changes[-1].disks == ((lost, town.generations[lost]),)
    assert changes[-1].configuration.voters() == (A, B, C)
    assert [change.reason for change in changes[1:]] == [
        f"{lost} has lost its disk, and has no vote until it has caught up",
        f"{lost} has caught up and votes",
    ]
    town.dead.add(other)
    town.run(3000)
    assert town.leads(leader), "the two are a majority again"
    town.dead.add(leader)
    town.dead.discard(other)
    town.run(5000)
    assert town.leads(lost) or town.leads(other)


class Pair(Cluster):
    """Two voters."""

    def __init__(self, mode: TwoNode) -> None:
        super().__init__("a", "b")
        devices = (FenceDevice("pdu", "fence:x", targets=(A, B)),)
        first = Configuration(
            nodes=(member("a"), member("b")),
            links=(Link(LINK),),
            fence_devices=devices if mode is TwoNode.FENCING else (),
            options=Options(two_node=mode),
        )
        snapshot = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        for name in self.nodes:
            recovered = Recovered(1, snapshot=snapshot)
            self.nodes[name] = Node(name, recovered, Random(str(name)), self.now_ms)
        self.run(4000)


@pytest.mark.parametrize("mode", [TwoNode.WAIT, TwoNode.FENCING])
def test_of_two_nodes_the_one_that_leads_goes_on_when_the_other_loses_its_disk(
    mode: TwoNode,
) -> None:
    pair = Pair(mode)
    (leader,) = (name for name in pair.nodes if pair.nodes[name].is_coordinator)
    (lost,) = pair.nodes.keys() - {leader}
    pair.nodes[lost] = Node(lost, Recovered(NEW_DISK), Random(9), pair.now_ms)
    for _ in range(500):
        pair.run(10)
        assert pair.nodes[leader].coordinator_lease_until_ms > pair.now_ms
    newest = pair.nodes[lost].replication.revisions[-1]
    assert newest.configuration.voters() == (A, B)
    assert newest.disks == ((lost, NEW_DISK),)
    assert not newest.none_alone


def test_joined_nodes_vote_and_carry_the_cluster_on() -> None:
    """Their disks were empty once, and have had no vote before."""
    cluster = Cluster("a", "b", "c")
    cluster.run(1000)
    for name in (B, C):
        cluster.give(A, CommandGiven(name, "test", AddNode(name, member(name).addresses)))
        cluster.run(2000)
    assert cluster.nodes[C].replication.revisions[-1].disks == ((B, 1), (C, 1))
    cluster.dead.add(A)
    cluster.run(5000)
    (leader,) = (n for n in (B, C) if cluster.nodes[n].is_coordinator)
    cluster.give(leader, CommandGiven("x", "test", SetStandby(B, True)))
    cluster.run(500)
    node = cluster.nodes[leader].configuration.node(B)
    assert node is not None
    assert node.standby
