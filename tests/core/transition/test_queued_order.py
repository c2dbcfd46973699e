"""An order that waits behind a hung monitor does not outlive its admission (coordinator.md)."""

from dataclasses import replace

import pytest

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Meta,
    NoQuorumPolicy,
    Primitive,
)
from ha_core.effects import LocalState, RunOperation
from ha_core.events import OperationDone
from ha_core.ids import ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import InstanceState
from ha_core.transition.local import LocalResources

WEB = ResourceId("web")
SCRIPT = Primitive(WEB, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))


def runs(effects: list) -> list[RunOperation]:
    return [item for item in effects if isinstance(item, RunOperation)]


@pytest.mark.parametrize(
    "policy", [NoQuorumPolicy.STOP, NoQuorumPolicy.FREEZE, NoQuorumPolicy.IGNORE]
)
def test_start_of_an_earlier_admission_does_not_begin_under_a_later_lease(
    policy: NoQuorumPolicy,
) -> None:
    local = LocalResources(LocalState())
    unmanaged = replace(SCRIPT, meta=Meta(managed=False))
    local.configure(Configuration(primitives=(unmanaged,)), 0)
    (probe,) = runs(local.order(Order(1, 1, 1, WEB, ActionKind.PROBE), 5000, 0))
    local.done(OperationDone(probe.operation_id, 0), 0, 5000, 10)
    (monitor,) = runs(local.tick(100_000))
    local.done(OperationDone(monitor.operation_id, 7), 0, 200_000, 100_010)
    assert local.instances()[0].state is InstanceState.STOPPED, "stopped by hand, only watched"
    (hung,) = runs(local.tick(200_000))  # its storage hangs: neither ends nor can be killed
    local.configure(Configuration(primitives=(SCRIPT,)), 200_000)  # managed again
    lease_ms = 200_900
    assert not runs(local.order(Order(1, 1, 2, WEB, ActionKind.START), lease_ms, 200_001))
    # cut off: lost, and what its watchdog would have ended is taken over; the lease is over
    local.stop_all("this node has lost the cluster", policy)
    # back, admitted anew, with a lease of that admission; now the storage answers again
    assert local.is_clear()
    now_ms, later_lease_ms = 300_000, 300_900
    begun = runs(local.done(OperationDone(hung.operation_id, 7), 0, later_lease_ms, now_ms))
    assert [item.action for item in begun] != ["start"], (
        f"begins by an order of the admission before, under a lease until {begun[0].not_after_ms}"
    )
