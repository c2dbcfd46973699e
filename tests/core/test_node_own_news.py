"""A coordinator's own operations go into its plan within the event that tells their end."""

from dataclasses import replace
from random import Random

from ha_core.commands import Apply
from ha_core.config.model import AgentClass, AgentRef, Configuration, Group, Link, Primitive
from ha_core.effects import RunOperation
from ha_core.events import CommandGiven, Event, OperationDone, ResourceDied, Tick
from ha_core.ids import NodeName, ResourceId
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, member

N1 = NodeName("n1")
IP, WEB = ResourceId("ip"), ResourceId("web")
PRIMITIVES = (
    Primitive(IP, AgentRef(AgentClass.ADDRESS), (("address", "127.0.0.9"),)),
    Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),)),
)


class Alone:
    """A cluster of one, with a group of two."""

    def __init__(self) -> None:
        configuration = Configuration(
            nodes=(member(N1),),
            links=(Link(LINK),),
            primitives=PRIMITIVES,
            groups=(Group(ResourceId("service"), (IP, WEB)),),
        )
        change = ConfigurationChange(1, configuration, "root", "made", 0)
        snapshot = Snapshot(1, 1, (change,), ())
        self.now_ms = 1000
        self.node = Node(N1, Recovered(1, snapshot=snapshot), Random(1), self.now_ms)

    def give(self, event: Event) -> list[RunOperation]:
        """Return the operations that the event begins, no time passing."""
        effects = self.node.handle(event, self.now_ms)
        return [item for item in effects if isinstance(item, RunOperation)]

    def first(self) -> list[RunOperation]:
        """Let time pass until the node begins something."""
        for _ in range(1000):
            begun = self.give(Tick())
            if begun:
                return begun
            self.now_ms += 10
        raise AssertionError("nothing was begun")


def started(bench: Alone) -> list[RunOperation]:
    """Answer the probes; return all starts, in their order, with all that ends at once."""
    waiting, starts = bench.first(), []
    while waiting:
        operation = waiting.pop(0)
        starts += [operation] if operation.action == "start" else []
        code = 0 if operation.action == "start" else 7
        waiting += bench.give(OperationDone(operation.operation_id, code))
    return starts


def test_next_order_follows_within_the_event_that_tells_the_end_of_the_last() -> None:
    assert [item.primitive.id for item in started(Alone())] == [IP, WEB]


def test_only_what_ran_here_until_now_is_started_as_a_handover() -> None:
    bench = Alone()
    assert [item.handover for item in started(bench)] == [False, False]
    (stop,) = bench.give(ResourceDied(WEB, "it was killed"))
    (again,) = bench.give(OperationDone(stop.operation_id, 0))
    assert (again.primitive.id, again.action, again.handover) == (WEB, "start", True)


def test_what_has_another_address_by_now_is_not_started_as_a_handover() -> None:
    bench = Alone()
    started(bench)
    moved = replace(PRIMITIVES[0], parameters=(("address", "127.0.0.10"),))
    configuration = replace(bench.node.configuration, primitives=(moved, PRIMITIVES[1]))
    waiting = bench.give(CommandGiven("1", "root", Apply(configuration))) or bench.first()
    starts = []
    while waiting:
        operation = waiting.pop(0)
        starts += [operation] if operation.action == "start" else []
        waiting += bench.give(OperationDone(operation.operation_id, 0))
    assert [(item.primitive.id, item.handover) for item in starts] == [(IP, False), (WEB, True)]
