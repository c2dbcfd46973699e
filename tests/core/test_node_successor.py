"""A new coordinator goes on with what the one before it has told."""

from random import Random

from ha_core.commands import Replan
from ha_core.config.model import AgentClass, AgentRef, Configuration, Link, Primitive
from ha_core.effects import CommandAnswered, Effect, Journal, RunOperation, Send
from ha_core.events import CommandGiven, Event, OperationDone, Received
from ha_core.ids import NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.messages import AppendReply, BeatReply, View
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member

WEB = ResourceId("web")
NOT_RUNNING = 7


class Trio(Cluster):
    """Three voters and a service whose agent succeeds at once; `starts` in their order."""

    def __init__(self) -> None:
        names = ("a", "b", "c")
        web = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))
        first = Configuration(
            nodes=tuple(member(name) for name in names), links=(Link(LINK),), primitives=(web,)
        )
        snapshot = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        super().__init__(*names)
        self.nodes = {
            NodeName(name): Node(
                NodeName(name), Recovered(1, snapshot=snapshot), Random(seed), self.now_ms
            )
            for seed, name in enumerate(names)
        }
        self.starts: list[tuple[NodeName, bool]] = []

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        """Carry operations out."""
        if not isinstance(effect, RunOperation):
            return super().follows(sender, effect)
        if effect.action == "start":
            self.starts.append((sender, effect.handover))
        runs = self.starts and self.starts[-1][0] == sender
        code = 0 if effect.action != "monitor" or runs else NOT_RUNNING
        return [(sender, OperationDone(effect.operation_id, code))]


def test_what_ran_on_a_coordinator_that_died_is_handed_over_to_its_successor() -> None:
    trio = Trio()
    trio.run(3000)
    (first,) = trio.starts
    assert trio.nodes[first[0]].snapshot(trio.now_ms).coordinator == first[0]
    trio.dead.add(first[0])
    trio.run(5000)
    assert [has for _, has in trio.starts] == [False, True]
    assert trio.starts[1][0] != first[0]


class Slow(Trio):
    """Their disks can be slow: then nothing that was written is acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.waiting: list[tuple[NodeName, Effect]] = []
        self.answered_ms: list[int] = []

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        """Keep back what acknowledges a write, and note answers to commands."""
        if isinstance(effect, CommandAnswered):
            assert effect.outcome.ok, effect.outcome
            self.answered_ms.append(self.now_ms)
        if (
            self.is_slow
            and isinstance(effect, Send)
            and isinstance(effect.message, AppendReply | BeatReply)
        ):
            self.waiting.append((sender, effect))
            return []
        return super().follows(sender, effect)

    def acknowledge(self) -> None:
        """Let all acknowledgements come that were kept back."""
        self.is_slow = False
        for sender, effect in self.waiting:
            for to, event in self.follows(sender, effect):
                self.give(to, event)


def test_what_the_winner_of_an_election_is_asked_waits_until_it_coordinates() -> None:
    trio = Slow()
    trio.run(3000)
    trio.dead.add(trio.starts[0][0])
    left = [node for name, node in trio.nodes.items() if name not in trio.dead]
    trio.is_slow = True
    while not any(node.replication.leader == node.name for node in left):
        trio.run(10)
    (asker,) = (node.name for node in left if node.replication.leader != node.name)
    while trio.nodes[asker].replication.leader in {None, *trio.dead}:
        trio.run(10)
    trio.give(asker, CommandGiven("1", "test", Replan()))
    trio.run(50)
    assert trio.answered_ms == []
    elected_ms = trio.now_ms
    trio.acknowledge()
    trio.run(50)
    assert trio.answered_ms
    assert trio.answered_ms[0] <= elected_ms + 20


def test_a_command_that_the_old_coordinator_was_sent_goes_to_the_new_one_at_once() -> None:
    trio = Slow()
    trio.run(3000)
    old = trio.starts[0][0]
    trio.dead.add(old)
    asker = next(name for name in trio.nodes if name != old)
    trio.run(300)
    trio.give(asker, CommandGiven("1", "test", Replan()))  # nobody is there to take it
    left = [node for name, node in trio.nodes.items() if name != old]
    while not any(node.is_coordinator for node in left):
        trio.run(10)
    elected_ms = trio.now_ms
    trio.run(1000)
    assert trio.answered_ms[0] <= elected_ms + 20


def test_events_that_an_earlier_start_was_to_get_are_not_taken() -> None:
    """The start before had come further: its disk had not got all when the daemon died."""
    trio = Trio()
    trio.run(3000)
    leader = trio.starts[0][0]
    node = next(node for name, node in trio.nodes.items() if name != leader)
    term, last_seq = node.replication.term, node._notebook.register.last_seq
    event = JournalEvent(leader, 1, 900, 0, "link-up", "eth0", "", seq=last_seq + 2)

    def journaled(after: int) -> list[JournalEvent]:
        view = View(term, 1_000_000, (), True, events=(event,), after=after)
        effects = node.handle(Received(leader, 1, LINK, view), trio.now_ms)
        return [effect.event for effect in effects if isinstance(effect, Journal)]

    assert journaled(last_seq + 1) == []
    assert journaled(last_seq) == [event]
