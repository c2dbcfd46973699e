"""What is blocked keeps no node without a lease for ever: it had to end with the last one."""

import pytest

from ha_core.commands import SetStandby
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Link,
    Location,
    OnFail,
    Operation,
    Primitive,
)
from ha_core.effects import Effect, RunOperation, Send
from ha_core.events import Event
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.status import InstanceState
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import Town

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
BAD, WEB = ResourceId("bad"), ResourceId("web")


class Pair(Town):
    """`bad` may run on c alone, and does not start there; `web` may run anywhere and likes a."""

    def __init__(self, on_fail: OnFail) -> None:
        process = AgentRef(AgentClass.PROCESS)
        start = Operation("start", 0, 20_000, on_fail=on_fail)
        bad = Primitive(BAD, process, (("command", "x"),), operations=(start,))
        places = (
            Location("l1", BAD, A, -INFINITY),
            Location("l2", BAD, B, -INFINITY),
            Location("l3", WEB, A, 10),
            Location("l4", WEB, C, 5),
        )
        first = Configuration(
            nodes=(member("a"), member("b"), member("c")),
            links=(Link(LINK),),
            primitives=(bad, Primitive(WEB, process, (("command", "y"),))),
            locations=places,
        )
        self.is_cut = False
        self.stop_code = 0
        self.stops = 0
        super().__init__(first)
        assert self.running == {A}

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Send) and self.is_cut and C in (sender, effect.to):
            return []
        return super().follows(sender, effect)

    def _ran(self, name: NodeName, operation: RunOperation) -> int:
        if operation.primitive.id != BAD:
            return super()._ran(name, operation)
        self.stops += operation.action == "stop"
        return {"monitor": 7, "start": 1, "stop": self.stop_code}[operation.action]

    def cut_off(self) -> None:
        """Keep c away until its lease has been gone for long, and let it come back."""
        self.is_cut = True
        self.run(5000)
        self.is_cut = False

    def has_lease(self) -> bool:
        """Return whether c may run something."""
        return self.nodes[C].run_lease_until_ms > self.now_ms

    def state(self) -> InstanceState:
        """Return what c says of `bad`."""
        items = {item.resource: item.state for item in self.nodes[C]._local.instances()}
        return items[BAD]


@pytest.mark.parametrize("on_fail", [OnFail.RESTART, OnFail.BLOCK])
def test_node_gets_its_lease_back_though_something_is_blocked_there(on_fail: OnFail) -> None:
    town = Pair(on_fail)
    if on_fail is OnFail.BLOCK:
        assert town.state() is InstanceState.BLOCKED
    town.cut_off()
    town.run(2000)
    assert town.has_lease()
    for name in (A, B):
        town.ask(SetStandby(name, True))
    assert town.running == {C}


def test_what_cannot_be_stopped_is_tried_again_with_a_pause() -> None:
    town = Pair(OnFail.BLOCK)
    town.stop_code, town.stops = 1, 0
    town.cut_off()
    town.run(25_000)
    assert town.stops == 3
    assert not town.has_lease(), "it may run on"
    town.stop_code = 0
    town.run(10_000)
    assert town.has_lease()
    assert town.state() is InstanceState.STOPPED


def test_nothing_is_placed_on_a_node_that_takes_no_lease() -> None:
    town = Pair(OnFail.BLOCK)
    town.stop_code = 1
    town.cut_off()
    town.run(3000)
    town.ask(SetStandby(A, True))
    assert town.running == {B}, "it likes c better, and could not start there"
    town.stop_code = 0
    town.run(12_000)
    assert town.has_lease()
    town.ask(SetStandby(B, True))
    assert town.running == {C}
