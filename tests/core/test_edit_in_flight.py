"""Between the proposal of an edit and its end: what becomes exclusive, and who is removed."""

from dataclasses import replace

from ha_core.commands import Apply, RemoveNode
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Exclusivity,
    Link,
    Location,
    Meta,
    Primitive,
)
from ha_core.effects import Effect, RunOperation, Send
from ha_core.events import CommandGiven, Event, OperationDone, StopAsked
from ha_core.ids import ConstraintId, NodeName
from ha_core.messages import AppendReply, Hello
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import WEB, B, C, Town

TWICE = Meta(exclusivity=Exclusivity.NONE)


class Slow(Town):
    """As Town; what may run twice, and disks of followers that take a moment when told to."""

    def __init__(self) -> None:
        self.is_slow = False
        self.late: list[tuple[NodeName, Event]] = []
        self.stopping: list[tuple[NodeName, Event]] = []
        self.both: list[set[NodeName]] = []
        web = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "x"),), meta=TWICE)
        nodes = (member("a"), member("b"), member("c"))
        first = Configuration(nodes=nodes, links=(Link(LINK),), primitives=(web,))
        super().__init__(first)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        found = super().follows(sender, effect)
        if getattr(self, "is_slow", False):
            if isinstance(effect, Send) and isinstance(effect.message, AppendReply):
                self.late += found
                return []
            if isinstance(effect, RunOperation) and effect.action == "stop":
                self.running.add(sender)  # its agent takes its time
                self.stopping.append((sender, OperationDone(effect.operation_id, 0)))
                return []
        return found

    def exclusive(self) -> bool:
        """Whether some node's replica says that the service is exclusive by now."""
        return any(
            item.meta.exclusivity is not Exclusivity.NONE
            for node in self.nodes.values()
            for item in node.configuration.primitives
        )


def test_what_becomes_exclusive_is_not_begun_a_second_time_while_the_edit_is_under_way() -> None:
    town = Slow()
    (home,) = town.running
    leader = next(n for n, node in town.nodes.items() if node.is_coordinator)
    now = town.nodes[leader].configuration
    (web,) = now.primitives
    after = replace(now, primitives=(replace(web, meta=Meta()),))
    town.is_slow = True
    town.give(leader, CommandGiven("edit", "root", Apply(after)))
    assert not town.exclusive(), "it is under way: the followers' disks are at work"
    town.give(home, StopAsked())  # 'ha stop' on its node: it moves, and may be there twice
    town.run(50)
    town.is_slow, late = False, town.late
    for name, event in late:
        town.give(name, event)
    town.run(10)
    assert town.exclusive(), "the edit was accepted"
    assert len(town.running) <= 1, f"an exclusive service runs on {sorted(town.running)}"


class Returning(Town):
    """As Town, one service that likes c; the disk of b takes a moment when told to."""

    def __init__(self) -> None:
        self.is_slow = False
        self.late: list[tuple[NodeName, Event]] = []
        web = Primitive(WEB, AgentRef(AgentClass.PROCESS), (("command", "x"),))
        nodes = (member("a"), member("b"), member("c"))
        likes = Location(ConstraintId("likes"), WEB, C, 100)
        first = Configuration(
            nodes=nodes, links=(Link(LINK),), primitives=(web,), locations=(likes,)
        )
        super().__init__(first)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        found = super().follows(sender, effect)
        waits = isinstance(effect, Send) and not isinstance(effect.message, Hello)
        if getattr(self, "is_slow", False) and sender == B and waits:
            self.late += found  # `Persist` is a barrier: only `Hello` passes a busy disk
            return []
        return found


def test_node_that_comes_back_while_its_removal_is_under_way_is_given_nothing_to_run() -> None:
    town = Returning()
    assert town.running == {C}
    town.kill(C)  # a partition: its guardian has ended the service, its daemon runs on
    (refuge,) = town.running
    leader = next(n for n, node in town.nodes.items() if node.is_coordinator and n != C)
    town.is_slow = True
    town.give(leader, CommandGiven("remove", "root", RemoveNode(C)))
    town.dead.discard(C)  # the cable is whole again
    town.run(200)
    town.is_slow, late = False, town.late
    for name, event in late:
        town.give(name, event)
    town.run(100)
    assert town.nodes[leader].configuration.node(C) is None, "the removal was accepted"
    shown = town.nodes[leader].snapshot(town.now_ms)
    assert len(town.running) <= 1, (sorted(town.running), refuge, shown.resources)
