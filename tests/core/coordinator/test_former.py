"""Nothing of a primitive begins while it may run under the name that it had before."""

import pytest

from ha_core.config.model import AgentClass, AgentRef, Clone, Configuration, Node, Primitive
from ha_core.config.units import units
from ha_core.coordinator.planner import Planner
from ha_core.coordinator.roster import Roster
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.timers import timers

N1, N2 = NodeName("n1"), NodeName("n2")
WEB = ResourceId("web")
PLAIN = Configuration(
    nodes=(Node(N1, ()), Node(N2, ())),
    primitives=(Primitive(WEB, AgentRef(AgentClass.PROCESS)),),
)
UNIQUE = Configuration(
    nodes=PLAIN.nodes,
    primitives=PLAIN.primitives,
    clones=(Clone(ResourceId("webs"), WEB, 1, unique=True),),
)


def starts(configuration: Configuration, former: Instance, state: NodeState) -> list[NodeName]:
    """Return where a start is ordered; n1 has the former name, all new ones are stopped."""
    known = Roster(N2, 1, timers(1000), (), (), 1000)
    known.configure(configuration, 0)
    new = tuple(Instance(item.id, InstanceState.STOPPED) for item in units(configuration))
    for record in known.records.values():
        record.state, record.generation, record.instances = NodeState.ONLINE, 1, new
    old = known.records[N1]
    old.state = state
    old.instances = tuple(sorted((former, *new), key=lambda item: item.resource))
    orders = Planner(1).plan(known, configuration, 1000, 0)
    return [order.node for order in orders if order.kind is ActionKind.START]


@pytest.mark.parametrize(
    ("after", "name"), [(PLAIN, "web:0"), (UNIQUE, "web")], ids=["uncloned", "made-unique"]
)
def test_nothing_starts_while_it_may_run_by_its_former_name(
    after: Configuration, name: str
) -> None:
    former = ResourceId(name)
    for state in InstanceState:
        node_state = NodeState.LOST if state is InstanceState.UNCERTAIN else NodeState.ONLINE
        expected = 1 if state is InstanceState.STOPPED else 0
        found = starts(after, Instance(former, state), node_state)
        assert len(found) == expected, state
    stopping = Instance(former, InstanceState.STOPPED, pending="stop")
    assert starts(after, stopping, NodeState.ONLINE) == []
    running = Instance(former, InstanceState.STARTED)
    assert starts(after, running, NodeState.SUSPECT) == [], "nor while its lease may run"
