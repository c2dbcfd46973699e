"""Moves of an address in a whole cluster: the new owner gets ready before the old one stops."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from ha_core.commands import Ban, Move
from ha_core.config.model import AgentClass, AgentRef, Configuration, Link, Meta, Primitive
from ha_core.coordinator.ahead import PATIENCE_MS
from ha_core.effects import Effect, RunOperation, Send
from ha_core.events import CommandGiven, Event, OperationDone, Received
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import Prepare, Report
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.transition.readiness import KEPT_MS
from tests.core.coordinator.test_admission import LINK, Cluster, member

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
VIP = ResourceId("vip")
WORDS = (("address", "192.0.2.7"), ("interface", "eth0"))


class Street(Cluster):
    """Three voters and one address. Tests say who is of an earlier version, and what gets lost."""

    def __init__(
        self, agent: AgentClass = AgentClass.ADDRESS, earlier: Iterable[NodeName] = ()
    ) -> None:
        super().__init__("a", "b", "c")
        words = WORDS if agent is AgentClass.ADDRESS else (("command", "x"),)
        vip = Primitive(VIP, AgentRef(agent), words, meta=Meta(stickiness=1))
        first = Configuration(
            nodes=(member("a"), member("b"), member("c")), links=(Link(LINK),), primitives=(vip,)
        )
        change = ConfigurationChange(1, first, "test", "first", 0)
        for name in self.nodes:
            recovered = Recovered(1, snapshot=Snapshot(1, 1, (change,)))
            self.nodes[name] = Node(name, recovered, Random(str(name)), self.now_ms)
        self.owner: NodeName | None = None
        self.done: list[tuple[int, str, NodeName]] = []
        self.prepared: set[NodeName] = set()
        self.earlier = frozenset(earlier)
        self.loses_asking = self.fails_at_preparing = self.never_stops = False
        self.asked = 0
        self.run(4000)
        assert self.owner is not None
        self.done.clear()

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        match effect:
            case Send(to=to, message=Prepare()) if to in self.earlier:
                raise AssertionError("an earlier version does not know the word")
            case Send(message=Prepare()):
                self.asked += 1
                if self.loses_asking:
                    return []
            case Send(message=Report()) if sender in self.earlier:
                effect = replace(effect, message=replace(effect.message, ready=None))
            case RunOperation():
                return self._ran(sender, effect)
        if isinstance(effect, Send):
            return [(effect.to, Received(sender, 1, LINK, effect.message))]
        return []

    def _ran(self, name: NodeName, operation: RunOperation) -> list[tuple[NodeName, Event]]:
        code, action = 0, operation.action
        if action != "monitor":
            self.done.append((self.now_ms, action, name))
        match action:
            case "monitor":
                code = 0 if name == self.owner else 7
            case "start":
                assert self.owner is None, "it has an owner"
                self.owner = name
                self.prepared.discard(name)
            case "stop" if self.never_stops:
                return []
            case "stop":
                self.owner = None if self.owner == name else self.owner
            case "prepare":
                code = int(self.fails_at_preparing)
                self.prepared |= set() if code else {name}
            case "unprepare":
                self.prepared.remove(name)
        return [(name, OperationDone(operation.operation_id, code))]

    def move(self, time_ms: int = 2000) -> tuple[NodeName, NodeName]:
        """Move it; return its old and its new place."""
        assert self.owner is not None
        old = self.owner
        new = next(name for name in (A, B, C) if name != old)
        self.begin(new)
        self.run(time_ms)
        return old, new

    def begin(self, new: NodeName) -> None:
        """Ask for a move."""
        self.give("a", CommandGiven(f"to {new} at {self.now_ms}", "root", Move(VIP, new)))

    def deeds(self) -> list[tuple[str, NodeName]]:
        """Return what was done, in order."""
        return [(action, name) for _, action, name in self.done]


def test_new_owner_is_ready_before_the_old_one_stops() -> None:
    street = Street()
    old, new = street.move()
    assert street.deeds() == [("prepare", new), ("stop", old), ("start", new)]
    assert street.prepared == set()


def test_address_comes_back_the_same_way() -> None:
    street = Street()
    old, new = street.move()
    street.done.clear()
    street.begin(old)
    street.run(2000)
    assert street.deeds() == [("prepare", old), ("stop", new), ("start", old)]


def test_node_of_an_earlier_version_is_served_as_ever() -> None:
    street = Street(earlier=(A, B, C))
    old, new = street.move()
    assert street.deeds() == [("stop", old), ("start", new)]


@pytest.mark.parametrize("trouble", ["loses_asking", "fails_at_preparing"])
def test_stop_does_not_wait_for_long(trouble: str) -> None:
    street = Street()
    setattr(street, trouble, True)
    begun_ms = street.now_ms
    old, new = street.move()
    deeds = [
        (at - begun_ms, action, name) for at, action, name in street.done if "pre" not in action
    ]
    assert [deed[1:] for deed in deeds] == [("stop", old), ("start", new)]
    assert PATIENCE_MS <= deeds[0][0] <= PATIENCE_MS + 50
    assert street.asked <= 1


def test_what_is_not_an_address_is_not_waited_for() -> None:
    street = Street(AgentClass.PROCESS)
    old, new = street.move()
    assert street.deeds() == [("stop", old), ("start", new)]


def test_owner_that_dies_meanwhile_is_taken_over_from_as_ever() -> None:
    street = Street()
    street.never_stops = True
    old, new = street.move(100)
    assert street.prepared == {new}
    street.dead.add(old)
    lost_ms, street.owner = street.now_ms, None
    street.run(8000)
    starts = [(at, name) for at, action, name in street.done if action == "start"]
    assert starts, "somebody took it over"
    assert starts[0][0] - lost_ms >= 900, "no sooner than its lease can have ended"


def test_move_that_is_called_off_leaves_nothing_behind() -> None:
    street = Street()
    street.never_stops = True
    _, new = street.move(100)
    assert street.prepared == {new}
    street.give("a", CommandGiven("ban", "root", Ban(VIP, new)))
    street.run(KEPT_MS + 200)
    assert street.prepared == set()
    assert ("unprepare", new) in street.deeds()
