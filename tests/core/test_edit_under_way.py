"""An edit is judged when it is proposed, and true when it is final: what begins in between?"""

from dataclasses import replace

import pytest

from ha_core.commands import Apply, Replan
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Link,
    Location,
    Primitive,
)
from ha_core.effects import Effect, RunOperation, Send
from ha_core.events import CommandGiven, Event
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.messages import Append
from tests.core.coordinator.test_admission import LINK, member
from tests.core.test_node_moves import Town

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
DISK = ResourceId("disk")
SCRIPT = Primitive(DISK, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
PROCESS = Primitive(DISK, AgentRef(AgentClass.PROCESS), (("command", "x"),))
FREE_MS = 8000


class Window(Town):
    """`disk` is banned everywhere until 8 s, likes c then, and b next."""

    def __init__(self) -> None:
        places = tuple(
            Location(f"ban-{name}", DISK, name, -INFINITY, expires_wall_ms=FREE_MS)
            for name in (B, C)
        )
        places += (Location("never", DISK, A, -INFINITY), Location("likes", DISK, C, 100))
        first = Configuration(
            nodes=(member("a"), member("b"), member("c")),
            links=(Link(LINK),),
            primitives=(SCRIPT,),
            locations=places,
        )
        self.double: list[set[NodeName]] = []
        self.by: list[tuple[str, str, str, int]] = []
        self.is_slow = self.is_over = False
        super().__init__(first)
        self.run(1000)

    def run(self, time_ms: int) -> None:
        for _ in range(time_ms // 10):
            super().run(10)
            if self.is_over:
                self.dead.add(C)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Send) and self.is_slow and isinstance(effect.message, Append):
            newest = self.nodes[sender].revision
            changes = [entry.change for entry in effect.message.entries if entry.change]
            if any(change.revision > newest for change in changes):
                return []  # lost: it is sent again
        return super().follows(sender, effect)

    def _ran(self, name: NodeName, operation: RunOperation) -> int:
        agent = operation.primitive.agent.agent_class
        if operation.action == "monitor" and agent is not AgentClass.OCF:
            return 7
        code = super()._ran(name, operation)
        self.by.append((name, operation.action, str(agent), self.now_ms))
        if len(self.running) > 1:
            self.double.append(set(self.running))
        if operation.action == "start" and name == C and agent is AgentClass.OCF:
            self.is_over = True  # its daemon is killed right after that; the script's service stays
        return code


@pytest.mark.parametrize("is_edited", [True, False])
def test_what_begins_while_an_edit_is_on_its_way_into_the_log(is_edited: bool) -> None:
    town = Window()
    assert not town.running
    (leader,) = (name for name, node in town.nodes.items() if node.is_coordinator)
    while town.now_ms < FREE_MS - 50:
        town.run(10)
    edited = replace(town.nodes[leader].configuration, primitives=(PROCESS,))
    town.is_slow = True
    if is_edited:
        town.give(leader, CommandGiven("edit", "root", Apply(edited, "the guardian holds it")))
    assert not town.answers, "it is on its way"
    town.run(100)
    town.give(leader, CommandGiven("look", "root", Replan()))  # anything that makes it plan
    town.run(100)
    assert not is_edited or not town.answers, "the edit is still on its way"
    assert town.nodes[leader].is_coordinator
    begun = [item[:3] for item in town.by if item[1] == "start"]
    assert begun == ([] if is_edited else [(C, "start", "ocf")])
    town.is_slow = False
    town.run(5000)
    assert not town.double, f"two owners: {town.double}"
