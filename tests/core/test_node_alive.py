"""Live migration whose source does not tell any more what became of it: nobody begins it anew where
it may not run, before it was looked for where it was to go.
"""

from ha_core.commands import Command, ConfirmDown, SetStandby
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Link,
    Location,
    Meta,
    Primitive,
)
from ha_core.effects import Effect, RunOperation, Send
from ha_core.events import CommandGiven, Event
from ha_core.ids import NodeName, ResourceId
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import Town, elsewhere

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
VM = ResourceId("vm")
UNPLUGGED = "I have pulled its plug"


class Farm(Town):
    """Three voters and one virtual machine, which can be moved alive and likes one of them."""

    def __init__(self, home: NodeName, *, is_cut: bool) -> None:
        ocf = AgentRef(AgentClass.OCF, "heartbeat", "VirtualDomain")
        self.home, self.is_cut = home, is_cut
        likes = (Location("l1", VM, home, 100), Location("l2", VM, B, 50))
        first = Configuration(
            nodes=(member("a"), member("b"), member("c")),
            links=(Link(LINK),),
            primitives=(Primitive(VM, ocf, meta=Meta(allow_migrate=True)),),
            locations=likes,
        )
        self.double: list[set[NodeName]] = []
        self.deaf: set[NodeName] = set()
        super().__init__(first)
        assert self.running == {home}

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        match effect:
            case Send() if self.deaf & {sender, effect.to}:
                return []
            case RunOperation(action="migrate_to"):
                assert effect.peer is not None
                self.running = {effect.peer}
                self.deaf = {sender} if self.is_cut else set()
                return []  # it has moved; its agent has not answered yet
        return super().follows(sender, effect)

    def ask_briefly(self, command: Command) -> None:
        """Give the command, and let no node become lost."""
        self.give(A, CommandGiven(f"briefly-{self.now_ms}", "root", command))
        self.run(100)

    def _ran(self, name: NodeName, operation: RunOperation) -> int:
        code = super()._ran(name, operation)
        if len(self.running) > 1:
            self.double.append(set(self.running))
        return code


def test_target_is_looked_at_when_the_daemon_of_the_source_is_killed() -> None:
    farm = Farm(C, is_cut=False)
    farm.ask(SetStandby(C, True))
    assert farm.running == {B}
    farm.dead.add(C)
    farm.ask_briefly(SetStandby(C, False))
    farm.restart(C)
    assert not farm.double


def test_target_is_looked_at_when_the_source_starts_again_before_it_has_told_of_its_order() -> None:
    farm = Farm(C, is_cut=True)
    farm.ask_briefly(SetStandby(C, True))
    assert farm.running == {B}
    farm.dead.add(C)
    farm.ask_briefly(SetStandby(C, False))
    farm.deaf.clear()
    farm.restart(C)
    assert not farm.double
    assert len(farm.running) == 1


def test_target_is_looked_at_when_the_source_is_lost_before_it_has_told_of_its_order() -> None:
    farm = Farm(C, is_cut=True)
    farm.ask(SetStandby(C, True))
    assert farm.running == {B}
    farm.dead.add(C)
    farm.run(4000)
    farm.ask(SetStandby(B, True))
    farm.ask(ConfirmDown(C, UNPLUGGED))
    farm.run(4000)
    assert not farm.double
    assert farm.running == {A}


def test_new_coordinator_looks_wherever_its_predecessor_may_have_had_something_handed_to() -> None:
    farm = Farm(A, is_cut=True)
    assert farm.nodes[A].is_coordinator
    farm.ask_briefly(SetStandby(A, True))
    assert farm.running == {B}
    farm.dead.add(A)
    farm.run(4000)
    (leader,) = (name for name in (B, C) if farm.nodes[name].is_coordinator)
    farm.give(leader, CommandGiven("away", "root", SetStandby(B, True)))
    farm.give(leader, CommandGiven("down", "root", ConfirmDown(A, UNPLUGGED)))
    farm.run(4000)
    assert not farm.double
    assert farm.running == {elsewhere(A, B)}


def test_source_that_has_ended_by_itself_what_it_handed_on_still_says_where_it_went() -> None:
    farm = Farm(A, is_cut=True)
    farm.ask(SetStandby(A, True))
    farm.run(4000)
    assert farm.running == {B}, "a has lost its lease, and ended what was left of it"
    farm.deaf.clear()
    farm.run(4000)
    assert not farm.double
    assert len(farm.running) == 1
