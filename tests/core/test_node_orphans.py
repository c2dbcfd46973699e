"""What is taken out of the configuration is ended before it is forgotten."""

from dataclasses import replace
from random import Random

import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.effects import LocalState, Persist, RunOperation
from ha_core.events import OperationDone, Tick
from ha_core.ids import NodeName, ResourceId
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Entry, Snapshot
from ha_core.status import Instance, InstanceState
from ha_core.transition.local import LocalResources
from tests.core.coordinator.test_admission import member

DISK = ResourceId("disk")
BEFORE = Configuration(primitives=(Primitive(DISK, AgentRef(AgentClass.OCF, "x", "y")),))
AFTER = Configuration()


def removed() -> tuple[LocalResources, RunOperation]:
    """Return resources of a daemon that has just started, and what it does at the removal."""
    local = LocalResources(LocalState())
    local.configure(BEFORE, 0)
    kept, run = local.configure(AFTER, 0)
    assert kept == Persist(local=LocalState(orphans=BEFORE.primitives))
    assert isinstance(run, RunOperation)
    return local, run


def test_resource_of_which_nothing_is_known_is_looked_for_before_it_is_forgotten() -> None:
    local, probe = removed()
    assert probe.action == "monitor"
    assert [item.state for item in local.instances()] == [InstanceState.UNKNOWN]
    local.done(OperationDone(probe.operation_id, 7), 0, 9000, 0)
    assert local.instances() == ()


@pytest.mark.parametrize("code", [0, 1])
def test_orphan_that_an_earlier_start_left_running_is_stopped(code: int) -> None:
    local, probe = removed()
    effects = local.done(OperationDone(probe.operation_id, code), 0, 9000, 0)
    (stop,) = [item for item in effects if isinstance(item, RunOperation)]
    assert stop.action == "stop"
    local.done(OperationDone(stop.operation_id, 0), 0, 9000, 0)
    assert local.instances() == ()


def test_orphan_that_cannot_be_stopped_stays_visible_and_is_not_tried_for_ever() -> None:
    local, probe = removed()
    effects = local.done(OperationDone(probe.operation_id, 0), 0, 9000, 0)
    (stop,) = [item for item in effects if isinstance(item, RunOperation)]
    effects = local.done(OperationDone(stop.operation_id, 1), 0, 9000, 0)
    assert not [item for item in effects if isinstance(item, RunOperation)]
    assert [item.state for item in local.instances()] == [InstanceState.BLOCKED]


def test_orphan_that_comes_back_while_it_is_looked_for_is_kept() -> None:
    local, probe = removed()
    local.configure(BEFORE, 0)
    local.done(OperationDone(probe.operation_id, 0), 0, 9000, 0)
    assert [item.state for item in local.instances()] == [InstanceState.STARTED]


def test_orphan_is_on_disk_until_it_has_ended_and_the_next_daemon_looks_for_it() -> None:
    after = LocalResources(LocalState(orphans=BEFORE.primitives))
    (probe,) = [e for e in after.configure(AFTER, 0) if isinstance(e, RunOperation)]
    assert probe.action == "monitor"
    assert not after.is_all_stopped()
    (stop,) = [
        item
        for item in after.done(OperationDone(probe.operation_id, 0), 0, 9000, 0)
        if isinstance(item, RunOperation)
    ]
    effects = after.done(OperationDone(stop.operation_id, 0), 0, 9000, 0)
    assert Persist(local=LocalState()) in effects
    assert after.instances() == ()


def test_node_looks_for_orphans_from_its_first_event_on() -> None:
    change = ConfigurationChange(1, Configuration(nodes=(member("a"),)), "test", "first", 0)
    recovered = Recovered(
        2, snapshot=Snapshot(1, 1, (change,)), local=LocalState(orphans=BEFORE.primitives)
    )
    node = Node(NodeName("a"), recovered, Random(1), 1000)
    runs = [e for e in node.handle(Tick(), 1000) if isinstance(e, RunOperation)]
    assert [(run.primitive.id, run.action) for run in runs] == [(DISK, "monitor")]


def test_what_one_entry_added_and_the_next_removed_is_looked_for() -> None:
    without = Configuration(nodes=(member("a"),))
    changes = [
        ConfigurationChange(number, configuration, "test", "", 0)
        for number, configuration in enumerate(
            (without, replace(without, primitives=BEFORE.primitives), without), 1
        )
    ]
    entries = tuple(Entry(1, number, each) for number, each in enumerate(changes[1:], 2))
    recovered = Recovered(2, snapshot=Snapshot(1, 1, (changes[0],)), entries=entries)
    node = Node(NodeName("a"), recovered, Random(1), 1000)
    effects = [e for now_ms in range(1000, 3000, 10) for e in node.handle(Tick(), now_ms)]
    assert node.revision == 3
    runs = [item for item in effects if isinstance(item, RunOperation)]
    assert [(run.primitive.id, run.action) for run in runs] == [(DISK, "monitor")]


def lost_disk() -> LocalResources:
    """Return resources of a start whose disk is a new one."""
    local = LocalResources(LocalState())
    local.configure(AFTER, 0)
    return local


def listed(local: LocalResources, state: InstanceState) -> list[RunOperation]:
    """Show what the coordinator has in mind of this node; return what is begun."""
    definitions = {item.id: item for item in BEFORE.primitives}
    effects = local.asked([Instance(DISK, state)], definitions.get, is_heard=True)
    return [item for item in effects if isinstance(item, RunOperation)]


def test_start_that_lost_its_disk_ends_what_the_coordinator_has_in_mind() -> None:
    local = lost_disk()
    (probe,) = listed(local, InstanceState.UNKNOWN)
    assert probe.action == "monitor"
    assert [item.state for item in local.instances()] == [InstanceState.UNKNOWN]
    effects = local.done(OperationDone(probe.operation_id, 0), 0, 9000, 0)
    (stop,) = [item for item in effects if isinstance(item, RunOperation)]
    assert stop.action == "stop"
    local.done(OperationDone(stop.operation_id, 0), 0, 9000, 0)
    assert [item.state for item in local.instances()] == [InstanceState.STOPPED]


def test_word_of_the_end_is_given_until_it_is_heard() -> None:
    local = lost_disk()
    (probe,) = listed(local, InstanceState.UNKNOWN)
    local.done(OperationDone(probe.operation_id, 7), 0, 9000, 0)
    assert listed(local, InstanceState.UNKNOWN) == [], "a view that is older than the word"
    assert [item.state for item in local.instances()] == [InstanceState.STOPPED]
    assert listed(local, InstanceState.STOPPED) == []
    assert local.instances() == ()
    assert listed(local, InstanceState.UNKNOWN) == [], "it has looked: it says so again"
    assert [item.state for item in local.instances()] == [InstanceState.STOPPED]


def test_what_was_ended_without_being_asked_for_is_not_looked_for_again() -> None:
    local, probe = removed()
    local.done(OperationDone(probe.operation_id, 7), 0, 9000, 0)
    assert listed(local, InstanceState.STARTED) == [], "a view on its way when it ended"
    assert [item.state for item in local.instances()] == [InstanceState.STOPPED]
