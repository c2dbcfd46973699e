"""A node that is asked to end: it ends, with a coordinator and without."""

from dataclasses import replace

import pytest

from ha_core.commands import AddNode, Apply
from ha_core.config.model import AgentClass, AgentRef, NoQuorumPolicy, Options, Primitive
from ha_core.effects import Effect, Journal, RunOperation
from ha_core.events import CommandGiven, Event, OperationDone, ResourceDied, StopAsked
from ha_core.ids import NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.node import Node
from ha_core.status import InstanceState
from tests.core.coordinator.test_admission import Cluster, member

A, B = NodeName("a"), NodeName("b")
DISK = Primitive(ResourceId("disk"), AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))


class Serving(Cluster):
    """A cluster of two whose agents do at once what they are told."""

    def __init__(self) -> None:
        super().__init__("a", "b")
        self.active: set[NodeName] = set()
        self.events: list[JournalEvent] = []
        self.run(1000)
        self.give("a", CommandGiven("1", "test", AddNode(B, member("b").addresses)))
        self.run(1000)
        wanted = replace(
            self.nodes[A].configuration,
            primitives=(DISK,),
            options=Options(no_quorum_policy=NoQuorumPolicy.FREEZE),
        )
        self.give("a", CommandGiven("2", "test", Apply(wanted)))
        self.run(1000)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, Journal):
            self.events.append(effect.event)
        if not isinstance(effect, RunOperation):
            return super().follows(sender, effect)
        if effect.action == "start":
            self.active.add(sender)
        elif effect.action == "stop":
            self.active.discard(sender)
        absent = effect.action == "monitor" and sender not in self.active
        return [(sender, OperationDone(effect.operation_id, 7 if absent else 0))]

    def owner(self) -> tuple[NodeName, NodeName]:
        """Return the node that runs the resource, and the other one."""
        (name,) = self.active
        return name, (B if name == A else A)


def state(node: Node) -> InstanceState:
    """Return what the node knows of its resource."""
    snapshot = node.snapshot(10**6)
    mine = next(status for status in snapshot.instances if status.name == node.name)
    return mine.instances[0].state


def test_node_that_ends_hands_its_resource_over_first() -> None:
    cluster = Serving()
    name, other = cluster.owner()
    cluster.give(name, StopAsked())
    cluster.run(1000)
    assert name in cluster.stopped
    assert cluster.active == {other}


def test_what_moves_away_for_an_end_says_so_and_not_that_the_node_stands_by() -> None:
    cluster = Serving()
    name, _ = cluster.owner()
    cluster.events.clear()
    cluster.give(name, StopAsked())
    cluster.run(1000)
    told = [each.why for each in cluster.events if each.kind.startswith("resource-")]
    assert [why for why in told if f"{name} is being stopped" in why], told
    assert not [why for why in told if "standby" in why]


@pytest.mark.parametrize(
    ("with_lease", "has_left", "failures"), [(True, False, 0), (False, False, 1), (True, True, 1)]
)
def test_what_the_guardian_ends_just_before_the_lease_has_not_failed_unless_it_left_something(
    with_lease: bool, has_left: bool, failures: int
) -> None:
    cluster = Serving()
    name, _ = cluster.owner()
    cluster.give(name, ResourceDied("disk", "the lease ran out", with_lease, has_left))
    (instance,) = next(
        status.instances
        for status in cluster.nodes[name].snapshot(10**6).instances
        if status.name == name
    )
    assert instance.fail_count == failures


def test_frozen_node_keeps_its_resource_without_quorum_and_ends_when_it_is_asked() -> None:
    cluster = Serving()
    name, other = cluster.owner()
    cluster.dead.add(other)
    cluster.run(3000)
    assert state(cluster.nodes[name]) is InstanceState.STARTED
    assert cluster.active == {name}
    cluster.give(name, StopAsked())
    cluster.run(2000)
    assert not cluster.active
    assert name in cluster.stopped
