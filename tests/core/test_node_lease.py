"""A node whose lease ends: what was cut off is no fault of the resource."""

from dataclasses import replace

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Exclusivity,
    Meta,
    NoQuorumPolicy,
    Primitive,
)
from ha_core.effects import LocalState, RunOperation
from ha_core.events import LEASE_RAN_OUT, OperationDone
from ha_core.ids import ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState
from ha_core.transition.local import LocalResources

WEB = ResourceId("web")
PRIMITIVE = Primitive(WEB, AgentRef(AgentClass.PROCESS))
LEASE_UNTIL_MS = 5000


def starting(primitive: Primitive = PRIMITIVE) -> tuple[LocalResources, int]:
    """Return resources of which one is being started, and the operation's id."""
    local = LocalResources(LocalState())
    local.configure(Configuration(primitives=(primitive,)), 0)
    order = Order(1, 1, 1, WEB, ActionKind.START)
    (run,) = [e for e in local.order(order, LEASE_UNTIL_MS, 1000) if isinstance(e, RunOperation)]
    return local, run.operation_id


def instance(local: LocalResources) -> Instance:
    """Return the one instance."""
    (found,) = local.instances()
    return found


def test_start_that_the_lease_cut_off_is_no_failed_start() -> None:
    local, operation = starting()
    local.done(OperationDone(operation, 1), 0, LEASE_UNTIL_MS, LEASE_UNTIL_MS)
    assert instance(local).state is InstanceState.FAILED, "it must be stopped before anything else"
    assert instance(local).fail_count == 0


def test_start_that_fails_under_the_lease_counts() -> None:
    local, operation = starting()
    local.done(OperationDone(operation, 1), 0, LEASE_UNTIL_MS, LEASE_UNTIL_MS - 1)
    assert instance(local).fail_count > 0


def test_start_that_never_began_leaves_everything_as_it_was() -> None:
    local, operation = starting()
    done = OperationDone(operation, 1, reason=LEASE_RAN_OUT)
    local.done(done, 0, LEASE_UNTIL_MS + 500, LEASE_UNTIL_MS)
    assert (instance(local).state, instance(local).pending) == (InstanceState.UNKNOWN, "")


def test_start_that_is_cancelled_for_a_stop_says_nothing_of_the_resource() -> None:
    local, operation = starting()
    local.stop_all("the lease is gone")
    effects = local.done(OperationDone(operation, 1, reason="cancelled"), 0, 0, LEASE_UNTIL_MS)
    stop = next(item for item in effects if isinstance(item, RunOperation))
    assert stop.action == "stop"
    local.done(OperationDone(stop.operation_id, 0), 0, 0, LEASE_UNTIL_MS)
    assert (instance(local).state, instance(local).fail_count) == (InstanceState.STOPPED, 0)


def test_monitor_that_misses_what_the_guard_has_ended_counts_no_failure() -> None:
    local, operation = starting()
    local.done(OperationDone(operation, 0), 0, LEASE_UNTIL_MS, 1000)
    for due_ms, now_ms, failures in ((100_000, LEASE_UNTIL_MS, 0), (200_000, 1000, 1)):
        (monitor,) = [e for e in local.tick(due_ms) if isinstance(e, RunOperation)]
        local.done(OperationDone(monitor.operation_id, 7), 0, LEASE_UNTIL_MS, now_ms)
        assert instance(local).fail_count == failures


def test_what_the_lease_bounds_is_clear_once_it_is_seen_to_have_ended() -> None:
    local, operation = starting()
    assert not local.is_clear(), "its start may have begun it"
    local.done(OperationDone(operation, 0), 0, LEASE_UNTIL_MS, 1000)
    assert not local.is_clear()
    (stop,) = [item for item in local.stop_all("it is over") if isinstance(item, RunOperation)]
    assert not local.is_clear(), "it is still being stopped"
    local.done(OperationDone(stop.operation_id, 1), 0, 0, LEASE_UNTIL_MS)
    assert (instance(local).state, local.is_clear()) == (InstanceState.BLOCKED, False)
    again, operation = starting()
    again.done(OperationDone(operation, 0), 0, LEASE_UNTIL_MS, 1000)
    again.died(WEB, LEASE_RAN_OUT, 0, False)
    assert again.is_clear()


def test_what_no_lease_bounds_is_in_nobodys_way() -> None:
    twice = replace(PRIMITIVE, meta=Meta(exclusivity=Exclusivity.NONE))
    script = replace(PRIMITIVE, agent=AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
    for primitive in (twice, script):
        local, operation = starting(primitive)
        local.done(OperationDone(operation, 0), 0, LEASE_UNTIL_MS, 1000)
        assert local.is_clear()


def test_frozen_without_a_quorum_all_stops_that_the_lease_ends() -> None:
    """The guardian has ended it before; if somebody has killed that, the node does it."""
    local, operation = starting()
    local.done(OperationDone(operation, 0), 0, LEASE_UNTIL_MS, 1000)
    begun = local.stop_all("the cluster is lost", NoQuorumPolicy.FREEZE)
    assert [item.action for item in begun if isinstance(item, RunOperation)] == ["stop"]
