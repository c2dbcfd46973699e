"""New nodes: learners first, voters when they have caught up."""

from collections import deque
from random import Random

from ha_core.commands import AddNode
from ha_core.config.model import Address, Configuration, Link, Node as Member
from ha_core.effects import Effect, Send, Stopped
from ha_core.events import CommandGiven, Event, Received, Tick
from ha_core.ids import LinkName, NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot

LINK = LinkName("ring0")


def member(name: str) -> Member:
    """Return a node of a configuration."""
    return Member(NodeName(name), (Address(LINK, f"{name}.example"),))


class Cluster:
    """Nodes that hear each other at once, with disks that never fail."""

    def __init__(self, *names: str) -> None:
        first = Configuration(nodes=(member(names[0]),), links=(Link(LINK),))
        change = ConfigurationChange(1, first, "test", "first", 0)
        snapshots = {names[0]: Snapshot(1, 1, (change,))}
        self.now_ms = 1000
        self.dead: set[NodeName] = set()
        self.stopped: set[NodeName] = set()
        self.nodes = {
            NodeName(name): Node(
                NodeName(name), Recovered(1, snapshot=snapshots.get(name)), Random(1), self.now_ms
            )
            for name in names
        }

    def give(self, name: str, event: Event) -> None:
        """Let a node handle an event, and all others what follows from it."""
        todo: deque[tuple[NodeName, Event]] = deque([(NodeName(name), event)])
        while todo:
            to, event = todo.popleft()
            if to in self.dead:
                continue
            for effect in self.nodes[to].handle(event, self.now_ms):
                todo.extend(self.follows(to, effect))

    def run(self, time_ms: int) -> None:
        """Let time pass in steps of 10 ms."""
        for _ in range(time_ms // 10):
            self.now_ms += 10
            for name in self.nodes:
                self.give(name, Tick())

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        """Return who must handle what after an effect."""
        if isinstance(effect, Stopped):
            self.stopped.add(sender)
        if not isinstance(effect, Send):
            return []
        return [(effect.to, Received(sender, 1, LINK, effect.message))]


def test_every_node_that_is_added_gets_its_vote_however_many_vote_already() -> None:
    cluster = Cluster("a", "b", "c", "d")
    cluster.run(1000)
    for number, name in enumerate("bcd"):
        command = AddNode(NodeName(name), member(name).addresses)
        cluster.give("a", CommandGiven(str(number), "test", command))
        cluster.run(2000)
    assert cluster.nodes[NodeName("d")].configuration.voters() == ("a", "b", "c", "d")


def test_a_node_that_shall_not_vote_stays_a_learner() -> None:
    cluster = Cluster("a", "b")
    cluster.run(1000)
    command = AddNode(NodeName("b"), member("b").addresses, voter=False)
    cluster.give("a", CommandGiven("1", "test", command))
    cluster.run(2000)
    assert cluster.nodes[NodeName("b")].configuration.voters() == ("a",)
