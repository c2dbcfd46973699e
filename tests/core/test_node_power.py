"""A node that is cut off to be rebooted is switched on again, whoever coordinates by then."""

from random import Random

import pytest

from ha_core.commands import FenceNode, Shelve
from ha_core.config.model import Configuration, FenceAction, FenceDevice, Link
from ha_core.effects import CommandAnswered, Effect, Fence
from ha_core.events import CommandGiven, Event, FenceDone
from ha_core.ids import NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot, Verdict
from ha_core.replication.shelf import ShelfPut
from tests.core.coordinator.test_admission import LINK, Cluster, member

NAMES = ("a", "b", "c", "d", "e")
E = NodeName("e")


class Five(Cluster):
    """Five voters and a switch; who switches on first dies with its coordinator's office."""

    def __init__(self, *, dies: bool) -> None:
        first = Configuration(
            nodes=tuple(member(name) for name in NAMES),
            links=(Link(LINK),),
            fence_devices=(FenceDevice("pdu", "fence:x", targets=tuple(map(NodeName, NAMES))),),
        )
        snapshot = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        super().__init__(*NAMES)
        self.nodes = {
            NodeName(name): Node(
                NodeName(name), Recovered(1, snapshot=snapshot), Random(seed), self.now_ms
            )
            for seed, name in enumerate(NAMES)
        }
        self.dies = dies
        self.dying: frozenset[NodeName] = frozenset()
        """Who loses its power when a command is answered."""
        self.answers: list[str] = []
        self.calls: list[tuple[NodeName, str]] = []

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        """Answer as a switch does."""
        if isinstance(effect, CommandAnswered):
            assert not effect.outcome.revision, "nobody may wait for one of the configuration"
            self.answers.append(f"{effect.outcome.code} {effect.outcome.text}")
            self.dead |= self.dying
        if not isinstance(effect, Fence):
            return super().follows(sender, effect)
        self.calls.append((sender, effect.action))
        if effect.action == "off":
            self.dead.add(effect.target)
        elif effect.action == "on" and self.dies:
            self.dies = False
            self.dead.add(sender)
            return []
        return [(sender, FenceDone(effect.call_id, 2 if effect.action == "status" else 0))]

    def fence(self) -> NodeName:
        """Have the last node cut off; return who coordinated then."""
        self.run(3000)
        (leader,) = (name for name, node in self.nodes.items() if node.is_coordinator)
        assert leader != E
        self.give(leader, CommandGiven("1", "ann", FenceNode(E, "it smokes")))
        self.run(20_000)
        return leader

    def said(self) -> Verdict:
        """Return the newest word on the last node, on which all that live agree."""
        said = {
            verdict
            for name, node in self.nodes.items()
            if name not in self.dead
            for verdict in node.replication.verdicts
            if verdict.node == E
        }
        (found,) = said
        return found


def test_successor_switches_a_node_on_that_its_predecessor_had_cut_off_and_does_it_once() -> None:
    five = Five(dies=True)
    leader = five.fence()
    assert five.dead == {leader, E}
    own = [(leader, "off"), (leader, "status"), (leader, "on")]
    assert five.calls[:3] == own
    (again,) = five.calls[3:]
    assert again[1] == "on"
    assert again[0] in five.nodes.keys() - five.dead
    assert (five.said().method, five.said().to_restore) == ("fenced:pdu", ())


def test_what_is_done_is_not_done_again_by_later_coordinators() -> None:
    five = Five(dies=False)
    leader = five.fence()
    assert [action for _, action in five.calls] == ["off", "status", "on"]
    assert (five.said().method, five.said().to_restore) == ("fenced:pdu", ())
    five.dead.add(leader)
    five.run(10_000)
    assert [action for _, action in five.calls] == ["off", "status", "on"]


@pytest.mark.parametrize("asked", ["coordinator", "target", "another"])
@pytest.mark.parametrize("is_own", [True, False], ids=["coordinator-is-cut", "other-is-cut"])
@pytest.mark.parametrize("dies", [True, False], ids=["coordinator-dies", "it-lives"])
def test_what_was_answered_is_done_whoever_was_asked_and_dies(
    asked: str, is_own: bool, dies: bool
) -> None:
    five = Five(dies=False)
    five.run(3000)
    (leader,) = (name for name, node in five.nodes.items() if node.is_coordinator)
    other, another = [name for name in five.nodes if name != leader][:2]
    target = leader if is_own else other
    five.dying = frozenset({leader}) if dies else frozenset()
    asked_of = {"coordinator": leader, "target": target, "another": another}[asked]
    five.give(asked_of, CommandGiven("1", "ann", FenceNode(target, "it smokes", FenceAction.OFF)))
    five.run(20_000)
    answer = f"done {target} is to be cut off"
    assert five.answers == [answer] or (asked == "target" and five.dead == {target})
    assert "off" in [action for _, action in five.calls]
    assert five.dead == {target} | (five.dying if five.answers else set())
    snapshots = [n.snapshot(five.now_ms) for name, n in five.nodes.items() if name not in five.dead]
    fenced = {(item.fenced_by) for s in snapshots for item in s.nodes if item.name == target}
    assert fenced == {"pdu"}
    shelves = [n.replication.shelf for name, n in five.nodes.items() if name not in five.dead]
    assert [shelf.items for shelf in shelves] == [()] * len(shelves)


def test_command_that_is_repeated_to_a_successor_is_carried_out_once() -> None:
    five = Five(dies=False)
    five.run(3000)
    (leader,) = (name for name, node in five.nodes.items() if node.is_coordinator)
    asked = next(name for name in five.nodes if name not in (leader, E))
    command = CommandGiven("1", "ann", FenceNode(E, "it smokes", FenceAction.OFF))
    five.give(asked, command)
    five.run(3000)
    five.dead.add(leader)
    five.run(5000)
    five.give(asked, command)
    five.run(3000)
    assert [answer.partition(" ")[0] for answer in five.answers] == ["done", "done"]
    assert [action for _, action in five.calls] == ["off", "status"]


def test_no_program_may_write_down_what_people_want_of_power() -> None:
    five = Five(dies=False)
    five.run(3000)
    five.give("a", CommandGiven("1", "tool", Shelve((ShelfPut("power/e", "{}"),))))
    five.run(1000)
    assert five.answers == ["invalid keys 'power/…' are the cluster's own: see 'ha node fence'"]
    assert five.calls == []
