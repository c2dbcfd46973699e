"""A clone of one: its address is on one node, and what is said of its exclusivity holds."""

from dataclasses import replace

import pytest

from ha_core.agents.registry import exclusivity_of
from ha_core.commands import Ban, SetStandby
from ha_core.config.check import check
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Exclusivity,
    Link,
    Meta,
    Primitive,
)
from ha_core.config.units import units
from ha_core.coordinator.roster import Roster
from ha_core.effects import Effect, RunOperation
from ha_core.events import CommandGiven, Event
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import Instance, InstanceState
from ha_core.timers import timers
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import Town

VIP, IPS = ResourceId("vip"), ResourceId("ips")
N1, N2 = NodeName("a"), NodeName("b")
ADDRESS = Primitive(VIP, AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.7"),))
WHOLE = Configuration(
    nodes=(member("a"), member("b"), member("c")),
    links=(Link(LINK),),
    primitives=(ADDRESS,),
    clones=(Clone(IPS, VIP, 1),),
)


class One(Town):
    def __init__(self) -> None:
        assert check(WHOLE) == ()
        self.double: list[set[NodeName]] = []
        super().__init__(WHOLE)

    def _ran(self, name: NodeName, operation: RunOperation) -> int:
        if operation.action in ("prepare", "unprepare"):
            return 0
        code = super()._ran(name, operation)
        if len(self.running) > 1:
            self.double.append(set(self.running))
        return code


class Slow(One):
    """Stops take a while, and the address is there until they are over."""

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, RunOperation) and effect.action == "stop":
            self.late = (sender, effect)
            return []
        return super().follows(sender, effect)

    late: tuple[NodeName, RunOperation] | None = None


@pytest.mark.parametrize("kind", ["standby", "ban"])
def test_address_of_a_clone_of_one_moves_after_its_stop(kind: str) -> None:
    town = Slow()
    (home,) = town.running
    command = SetStandby(home, True) if kind == "standby" else Ban(IPS, home)
    town.give(N1, CommandGiven("move", "root", command))
    town.run(500)
    assert town.late is not None
    assert town.running == {home}, f"two owners: {town.double}"


def test_address_of_a_clone_of_one_is_exclusive() -> None:
    (unit,) = units(WHOLE)
    assert exclusivity_of(unit) is Exclusivity.NETWORK


@pytest.mark.parametrize("kind", ["standby", "ban"])
def test_address_of_a_clone_of_one_moves_and_is_never_on_two_nodes(kind: str) -> None:
    town = One()
    for _ in range(4):
        (home,) = town.running
        town.ask(SetStandby(home, True) if kind == "standby" else Ban(IPS, home))
        assert len(town.running) == 1
        if kind == "standby":
            town.ask(SetStandby(home, False))
        else:
            break
    assert not town.double, f"two owners: {town.double}"


def test_takeover_of_an_address_without_kernel_gate_waits_for_its_lifetime() -> None:
    """guards.md: an address on a node without a kernel gate is free 4.5 s after the loss."""
    made = Roster(N1, 1, timers(1000), (Verdict(N2, 3, ADMITTED, "x", "", 0),), (), 100_000)
    made.configure(WHOLE, 0)
    made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), 100_010, 0)
    told = (Instance(VIP, InstanceState.STARTED),)
    assert made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, told), 0)
    made.check({N2: 10_000}, frozenset(), 110_000, 0)
    (found,) = made.records[N2].instances
    assert (found.state, found.free_after_ms) != (InstanceState.STOPPED, 0)


def test_word_of_the_administrator_on_exclusivity_holds_for_the_member_of_a_clone() -> None:
    """`exclusivity: device` in so many words, and one copy."""
    disk = Primitive(
        VIP,
        AgentRef(AgentClass.OCF, "heartbeat", "Filesystem"),
        meta=Meta(exclusivity=Exclusivity.DEVICE),
    )
    said = replace(WHOLE, primitives=(disk,))
    assert not check(said)
    made = Roster(N1, 1, timers(1000), (Verdict(N2, 3, ADMITTED, "x", "", 0),), (), 100_000)
    made.configure(said, 0)
    made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), 100_010, 0)
    told = (Instance(VIP, InstanceState.STARTED),)
    assert made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, told), 0)
    made.check({N2: 10_000}, frozenset(), 110_000, 0)
    (found,) = made.records[N2].instances
    assert found.state is InstanceState.UNCERTAIN, "nothing has ended it, and it starts elsewhere"
