"""What is taken out of the configuration is ended before it is forgotten."""

import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.effects import LocalState, RunOperation
from ha_core.events import OperationDone
from ha_core.ids import ResourceId
from ha_core.status import InstanceState
from ha_core.transition.local import LocalResources

DISK = ResourceId("disk")
BEFORE = Configuration(primitives=(Primitive(DISK, AgentRef(AgentClass.OCF, "x", "y")),))
AFTER = Configuration()


def removed() -> tuple[LocalResources, RunOperation]:
    """Return resources of a daemon that has just started, and what it does at the removal."""
    local = LocalResources(LocalState())
    local.configure(BEFORE, 0)
    (run,) = local.configure(AFTER, 0)
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
