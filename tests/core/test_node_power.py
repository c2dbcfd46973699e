"""A node that is cut off to be rebooted is switched on again, whoever coordinates by then."""

from random import Random

from ha_core.commands import FenceNode
from ha_core.config.model import Configuration, FenceDevice, Link
from ha_core.effects import Effect, Fence
from ha_core.events import CommandGiven, Event, FenceDone
from ha_core.ids import NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot, Verdict
from tests.core.coordinator.test_admission import LINK, Cluster, member

NAMES = ("a", "b", "c", "d", "e")
E = NodeName("e")


class Five(Cluster):
    """Five voters and a switch; who switches on first dies with its coordinator's office."""

    def __init__(self, *, dies: bool) -> None:
        first = Configuration(
            nodes=tuple(member(name) for name in NAMES),
            links=(Link(LINK),),
            fence_devices=(FenceDevice("pdu", "fence:x", targets=(E,)),),
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
        self.calls: list[tuple[NodeName, str]] = []

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        """Answer as a switch does."""
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
