"""Two nodes with fencing: who goes on, who waits, and what a node that returns may not do."""

from dataclasses import replace
from random import Random

from ha_core.commands import Apply
from ha_core.config.model import Configuration, FenceDevice, Link, Options, TwoNode
from ha_core.effects import Effect, Fence, Send
from ha_core.events import CommandGiven, Event, FenceDone, Received, StopAsked
from ha_core.ids import NodeName
from ha_core.messages import LeaseRequest, Message
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member

A, B = NodeName("a"), NodeName("b")


class Pair(Cluster):
    """Two voters from the beginning, a switch that ends one of them, and a cable between both."""

    def __init__(self, mode: TwoNode = TwoNode.FENCING, *, maintenance: bool = False) -> None:
        self.is_cut = False
        self.loses: tuple[NodeName, type[Message]] | None = None
        self.shots: list[tuple[NodeName, str, NodeName]] = []
        self.answers = True
        self.holds_back = False
        self.held: list[Event] = []
        self.generations = {A: 1, B: 1}
        first = Configuration(
            nodes=(member("a"), member("b")),
            links=(Link(LINK),),
            fence_devices=(FenceDevice("pdu", "fence:x", targets=(A, B)),),
            options=Options(two_node=mode, maintenance=maintenance),
        )
        super().__init__("a", "b")
        self.first = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        for name in (A, B):
            self.start(name)

    def start(self, name: NodeName) -> None:
        """Start a node anew, with nothing but what all began with."""
        recovered = Recovered(self.generations[name], snapshot=self.first)
        self.nodes[name] = Node(name, recovered, Random(1), self.now_ms)
        self.dead.discard(name)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Fence):
            return self.called(sender, effect)
        if not isinstance(effect, Send) or self.is_cut:
            return []
        if self.loses == (sender, type(effect.message)):
            return []
        generation = self.generations[sender]
        return [(effect.to, Received(sender, generation, LINK, effect.message))]

    def called(self, sender: NodeName, call: Fence) -> list[tuple[NodeName, Event]]:
        """Answer as a switch does; `off` ends the target."""
        self.shots.append((sender, call.action, call.target))
        if self.holds_back:
            self.held.append(FenceDone(call.call_id, 0))
            return []
        if not self.answers:
            return [(sender, FenceDone(call.call_id, 1, text="no route"))]
        if call.action == "off":
            self.dead.add(call.target)
        code = 2 if call.action == "status" and call.target in self.dead else 0
        return [(sender, FenceDone(call.call_id, code))]

    def leaders(self) -> list[NodeName]:
        """Return the living nodes that act as coordinator."""
        return [n for n, node in self.nodes.items() if node.is_coordinator and n not in self.dead]


def test_the_survivor_goes_on_after_the_switch_has_proved_that_the_other_is_off() -> None:
    pair = Pair()
    pair.run(3000)
    (leader,) = pair.leaders()
    other = B if leader is A else A
    pair.dead.add(leader)
    pair.run(12_000)
    assert pair.leaders() == [other]
    assert (other, "off", leader) in pair.shots
    assert pair.nodes[other].configuration.voters() == (other,)
    assert pair.shots.count((other, "on", leader)) == 1
    (said,) = (item for item in pair.nodes[other].replication.verdicts if item.node == leader)
    assert said.is_settled


def test_of_two_that_lost_each_other_one_shoots_and_the_other_is_shot() -> None:
    pair = Pair()
    pair.run(3000)
    pair.is_cut = True
    pair.run(12_000)
    assert len(pair.dead) == 1
    assert pair.leaders() == [A]  # of equals the first name is quicker
    assert {shot[0] for shot in pair.shots} == {A}


def test_without_the_option_nobody_shoots_and_nobody_leads() -> None:
    pair = Pair(TwoNode.WAIT)
    pair.run(3000)
    pair.is_cut = True
    pair.run(20_000)
    assert pair.shots == []
    assert pair.leaders() == []


def test_in_maintenance_nobody_shoots() -> None:
    pair = Pair(maintenance=True)
    pair.run(3000)
    pair.is_cut = True
    pair.run(20_000)
    assert pair.shots == []
    assert pair.leaders() == []


def test_a_node_that_has_just_started_neither_shoots_nor_leads() -> None:
    pair = Pair()
    pair.run(3000)
    pair.dead.add(A)
    pair.generations[B] += 1
    pair.start(B)
    pair.run(20_000)
    assert pair.shots == []
    assert pair.leaders() == []
    (fault, *_) = pair.nodes[B].snapshot(pair.now_ms).faults
    assert "it does not go on alone: it has not seen the other voter since it started" in fault


def test_a_switch_that_does_not_answer_gives_nobody_the_lead() -> None:
    pair = Pair()
    pair.run(3000)
    pair.answers = False
    pair.is_cut = True
    pair.run(30_000)
    assert pair.shots
    assert pair.leaders() == []


def test_the_one_that_was_shot_returns_as_a_learner_and_gets_its_vote_back() -> None:
    pair = Pair()
    pair.run(3000)
    pair.is_cut = True
    pair.run(12_000)
    (survivor,) = pair.leaders()
    (lost,) = pair.dead
    pair.is_cut = False
    pair.generations[lost] += 1
    pair.start(lost)
    pair.run(5000)
    assert pair.leaders() == [survivor]
    for name in (A, B):
        assert pair.nodes[name].configuration.voters() == (A, B)
    assert pair.nodes[lost].replication.applied == pair.nodes[survivor].replication.applied


def test_an_edit_of_what_stands_while_the_other_is_off_does_not_cost_it_its_vote() -> None:
    pair = Pair()
    pair.run(3000)
    pair.is_cut = True
    pair.run(12_000)
    (survivor,) = pair.leaders()
    (lost,) = pair.dead
    stands = pair.nodes[survivor].configuration
    assert stands.voters() == (survivor,)
    options = replace(stands.options, last_man_standing_ms=60_000)
    pair.give(survivor, CommandGiven("1", "ann", Apply(replace(stands, options=options))))
    pair.run(1000)
    assert pair.nodes[survivor].configuration.options == options
    pair.is_cut = False
    pair.generations[lost] += 1
    pair.start(lost)
    pair.run(5000)
    assert pair.nodes[survivor].configuration.voters() == (A, B)


def test_after_an_orderly_stop_the_other_goes_on_and_nobody_is_shot() -> None:
    pair = Pair()
    pair.run(3000)
    (leader,) = pair.leaders()
    other = B if leader is A else A
    pair.give(other, StopAsked())
    pair.run(200)
    pair.dead.add(other)
    pair.run(5000)
    assert pair.leaders() == [leader]
    assert pair.shots == []


def test_the_goodbye_of_an_earlier_start_lets_nobody_go_on_beside_the_start_that_followed() -> None:
    pair = Pair()
    pair.run(3000)
    pair.give(B, StopAsked())
    pair.run(200)
    pair.generations[B] += 1
    pair.start(B)
    pair.loses = (B, LeaseRequest)  # so that the log does not admit it
    pair.run(600)
    pair.is_cut, pair.answers = True, False
    pair.run(10_000)
    assert pair.shots
    assert pair.leaders() == []


def test_a_proof_that_came_too_late_does_not_count_when_the_two_part_again() -> None:
    pair = Pair()
    pair.run(3000)
    pair.is_cut, pair.holds_back = True, True
    pair.run(2000)
    assert pair.held
    pair.is_cut = False
    pair.run(1000)
    assert len(pair.leaders()) == 1
    for event in pair.held:
        pair.give(A, event)
    pair.run(1000)
    shots = len(pair.shots)
    pair.is_cut, pair.answers, pair.holds_back = True, False, False
    pair.run(20_000)
    assert len(pair.shots) > shots
    assert pair.leaders() == []
