"""A new coordinator goes on with what the one before it has told."""

from random import Random

from ha_core.config.model import AgentClass, AgentRef, Configuration, Link, Primitive
from ha_core.effects import Effect, RunOperation
from ha_core.events import Event, OperationDone
from ha_core.ids import NodeName, ResourceId
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
