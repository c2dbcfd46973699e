"""What a plan leads to when everything in it succeeds: the next status, ready to plan again."""

from dataclasses import replace

from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeStatus
from tests.core.policy.case import Case

_ACTIVE = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)


def after(status: ClusterStatus, plan: Transition) -> ClusterStatus:
    """Return the status after every action of the plan; where begun moves lead is remembered."""
    changes = {}
    for action in plan.actions:
        key = action.key
        is_start = key.kind is ActionKind.START
        state = InstanceState.STARTED if is_start else InstanceState.STOPPED
        changes[key.node, key.resource] = state
    begun = {resource for resource, _ in status.intended}
    begun |= {name for (_, name), state in changes.items() if state is InstanceState.STARTED}
    begun |= {i.resource for n in status.nodes for i in n.instances if i.state in _ACTIVE}
    return replace(
        status,
        nodes=tuple(_node(node, changes) for node in status.nodes),
        restarts=(),
        intended=tuple(
            (decision.resource, decision.node)
            for decision in plan.decisions
            if decision.node is not None and decision.resource in begun
        ),
    )


def _node(
    node: NodeStatus, changes: dict[tuple[NodeName, ResourceId], InstanceState]
) -> NodeStatus:
    known = {item.resource: item for item in node.instances}
    for (name, resource), state in changes.items():
        if name == node.name:
            old = known.get(resource, Instance(resource, state))
            known[resource] = replace(old, state=state)
    return replace(node, instances=tuple(known[key] for key in sorted(known)))


def turned(case: Case) -> Case:
    """Return the same case with everything whose order has no meaning the other way round."""
    given = case.configuration
    turned_round = replace(
        given,
        nodes=given.nodes[::-1],
        locations=given.locations[::-1],
        colocations=given.colocations[::-1],
        orderings=given.orderings[::-1],
    )
    return replace(case, configuration=turned_round)
