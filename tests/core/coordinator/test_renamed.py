"""The same address under another name, while a lost node may still answer for it."""

import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.coordinator.planner import Planner
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.coordinator.roster import Roster
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.timers import timers
from tests.core.coordinator.test_admission import member

N1, N2 = NodeName("n1"), NodeName("n2")
VIP, VIP2 = ResourceId("vip"), ResourceId("vip2")
IPADDR2 = AgentRef(AgentClass.OCF, "heartbeat", "IPaddr2")
LATE_MS = 110_000


def whole(name: ResourceId, agent: AgentRef) -> Configuration:
    key = "address" if agent.agent_class is AgentClass.ADDRESS else "ip"
    primitive = Primitive(name, agent, ((key, "192.0.2.7"),))
    return Configuration(nodes=(member("n1"), member("n2")), primitives=(primitive,))


@pytest.mark.parametrize("agent", [AgentRef(AgentClass.ADDRESS), IPADDR2])
@pytest.mark.parametrize("name", [VIP, VIP2])
def test_address_that_a_lost_node_may_have_starts_under_no_name(
    name: ResourceId, agent: AgentRef
) -> None:
    """n2 has no kernel gate: an address is free 4.5 s after the loss, a script's by a word."""
    before, after = whole(VIP, agent), whole(name, agent)
    made = Roster(N1, 1, timers(1000), (Verdict(N2, 3, ADMITTED, "x", "", 0),), (), 100_000)
    made.configure(before, 0)
    made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), 100_010, 0)
    told = (Instance(VIP, InstanceState.STARTED),)
    assert made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, told), 0)
    made.check({N2: 10_000}, frozenset(), LATE_MS, 0)
    (found,) = made.records[N2].instances
    assert found.state is InstanceState.UNCERTAIN
    try:
        refuse_unsafe(before, after, made.records.values(), ())
    except RefusedError:
        return
    made.configure(after, 0)
    made.records[N1].state, made.records[N1].generation = NodeState.ONLINE, 1
    made.records[N1].instances = (Instance(name, InstanceState.STOPPED),)
    orders = Planner(1).plan(made, after, LATE_MS + 10, 0)
    assert ActionKind.START not in [order.kind for order in orders]
