"""Who plans again and again keeps what cannot have changed: every plan is as if made anew."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings, strategies as st

from ha_core.config.model import Configuration
from ha_core.policy.schedule import Scheduler, schedule
from ha_core.policy.transition import ActionKey, ActionKind, Decision, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from tests.core.policy import case, outcome
from tests.core.policy.strategies import cases

_STATES = (
    InstanceState.STOPPED,
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.UNKNOWN,
    InstanceState.UNCERTAIN,
)
_PENDING = ("", "", "", "start", "stop", "monitor")
_NODES = (NodeState.ONLINE, NodeState.LOST, NodeState.PENDING, NodeState.SUSPECT)


def changed(draw: st.DataObject, status: ClusterStatus) -> ClusterStatus:
    """Return the status after one piece of news: a node comes or goes, or an instance changes."""
    number = draw.draw(st.integers(0, len(status.nodes) - 1))
    node = status.nodes[number]
    if not node.instances or draw.draw(st.integers(0, 4)) == 0:
        node = replace(node, state=draw.draw(st.sampled_from(_NODES)))
    else:
        place = draw.draw(st.integers(0, len(node.instances) - 1))
        node = with_instance(draw, node, place)
    nodes = (*status.nodes[:number], node, *status.nodes[number + 1 :])
    return replace(status, nodes=nodes, quorate=draw.draw(st.integers(0, 9)) > 0)


def with_instance(draw: st.DataObject, node: NodeStatus, place: int) -> NodeStatus:
    """Return the node with another state of one instance, or without it."""
    old = node.instances[place]
    new: tuple[Instance, ...] = ()
    if draw.draw(st.integers(0, 9)):
        state, pending = draw.draw(st.sampled_from(_STATES)), draw.draw(st.sampled_from(_PENDING))
        new = (replace(old, state=state, pending=pending),)
    instances = (*node.instances[:place], *new, *node.instances[place + 1 :])
    return replace(node, instances=instances)


def same_places(plan: Transition) -> Transition:
    """Return the plan without the reasons of its decisions."""
    bare = (Decision(d.resource, d.node, (), places=d.places) for d in plan.decisions)
    return replace(plan, decisions=tuple(bare))


_RUNS = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)


def assert_alone(plan: Transition, status: ClusterStatus) -> None:
    """No start is asked for while another node may have the resource, but after its end there."""
    for action in plan.actions:
        key = action.key
        if key.kind is not ActionKind.START:
            continue
        for node in status.nodes:
            item = node.instance(key.resource)
            if node.name == key.node or item is None:
                continue
            assert item.state is not InstanceState.UNCERTAIN
            assert not item.pending
            if item.state in _RUNS:
                assert ActionKey(key.resource, ActionKind.STOP, node.name) in action.after
            if item.state is InstanceState.UNKNOWN and node.state is not NodeState.LOST:
                assert ActionKey(key.resource, ActionKind.PROBE, node.name) in action.after


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases(), st.data())
def test_plan_after_many_changes_is_as_if_made_anew_and_never_asks_for_two(
    text: str, data: st.DataObject
) -> None:
    made = case.read(text)
    scheduler = Scheduler()
    configuration: Configuration = made.configuration
    status = made.status
    for _ in range(6):
        plan = scheduler.plan(configuration, status, made.at_wall_ms)
        assert_alone(plan, status)
        assert plan == schedule(configuration, status, made.at_wall_ms)
        bare = scheduler.plan(configuration, status, made.at_wall_ms, is_told=False)
        assert bare == same_places(plan)
        match data.draw(st.integers(0, 9)):
            case 0:
                locations = configuration.locations[1:]
                configuration = replace(configuration, locations=locations)
            case 1:
                status = outcome.after(status, plan)
            case _ if status.nodes:
                status = changed(data, status)
