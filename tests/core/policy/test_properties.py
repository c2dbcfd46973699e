"""What holds for every plan, whatever the cluster looks like."""

from hypothesis import HealthCheck, given, settings, strategies as st

from ha_core.ids import INFINITY
from ha_core.policy.schedule import schedule
from ha_core.policy.scores import add, share
from ha_core.policy.transition import ActionKey, ActionKind
from ha_core.status import InstanceState, NodeState
from tests.core.policy import case, outcome
from tests.core.policy.strategies import cases

_ACTIVE = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)
bounded = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@bounded
@given(cases())
def test_start_comes_after_every_stop_and_probe_elsewhere(text: str) -> None:
    made = case.read(text)
    for action in made.plan().actions:
        if action.key.kind is not ActionKind.START:
            continue
        before = {
            (key.kind, key.node) for key in action.after if key.resource == action.key.resource
        }
        for node in made.status.nodes:
            item = node.instance(action.key.resource)
            if item is not None and item.state in _ACTIVE:
                assert (ActionKind.STOP, node.name) in before
            if item is not None and item.state is InstanceState.UNKNOWN:
                assert (ActionKind.PROBE, node.name) in before


@bounded
@given(cases())
def test_at_most_one_start_and_never_on_a_closed_node(text: str) -> None:
    made = case.read(text)
    starts = [a.key for a in made.plan().actions if a.key.kind is ActionKind.START]
    assert len(starts) == len({key.resource for key in starts})
    for key in starts:
        node = made.configuration.node(key.node)
        assert node is not None
        assert (node.standby, node.maintenance, node.witness) == (False, False, False)
        assert made.nodes[key.node] is NodeState.ONLINE


@bounded
@given(cases())
def test_infinite_dislike_is_never_overruled(text: str) -> None:
    made = case.read(text)
    for action in made.plan().actions:
        key = action.key
        group = made.configuration.group_of(key.resource)
        names = (key.resource, group.id if group else key.resource)
        for location in made.configuration.locations:
            if location.resource in names and location.score <= -INFINITY:
                assert (key.kind, key.node) != (ActionKind.START, location.node)


@bounded
@given(cases())
def test_predecessors_are_in_the_plan_and_come_first(text: str) -> None:
    seen: set[ActionKey] = set()
    for action in case.read(text).plan().actions:
        assert set(action.after) <= seen
        seen.add(action.key)


@bounded
@given(cases())
def test_plan_does_not_depend_on_the_order_of_nodes_and_constraints(text: str) -> None:
    made = case.read(text)
    plan, other = made.plan(), outcome.turned(made).plan()
    assert [(d.resource, d.node, d.scores) for d in plan.decisions] == [
        (d.resource, d.node, d.scores) for d in other.decisions
    ]
    assert {(a.key, a.after) for a in plan.actions} == {(a.key, a.after) for a in other.actions}


@bounded
@given(cases())
def test_every_decision_and_every_action_has_its_reason(text: str) -> None:
    plan = case.read(text).plan()
    for decision in plan.decisions:
        assert decision.reasons[0].text
        assert not decision.reasons[0].text.endswith(".")
    assert all(action.reason for action in plan.actions)


@bounded
@given(cases(with_failures=False))
def test_what_was_carried_out_is_left_alone(text: str) -> None:
    """S6: planning again on the planned outcome moves nothing."""
    made = case.read(text)
    plan, status = made.plan(), made.status
    started: set[tuple[str, str]] = set()
    for _ in range(6):
        keys = [action.key for action in plan.actions]
        stops = {(key.resource, key.node) for key in keys if key.kind is ActionKind.STOP}
        assert not started & stops, case.show(plan)
        started |= {(k.resource, k.node) for k in keys if k.kind is ActionKind.START}
        status = outcome.after(status, plan)
        plan = schedule(made.configuration, status, made.at_wall_ms)
        if not plan.actions:
            return
    raise AssertionError(f"never at rest: {case.show(plan)}")


@given(st.integers(-INFINITY, INFINITY), st.integers(-INFINITY, INFINITY))
def test_sums_stay_within_infinity_and_must_not_wins(left: int, right: int) -> None:
    total = add(left, right)
    assert -INFINITY <= total <= INFINITY
    assert total == add(right, left)
    if -INFINITY in (left, right):
        assert total == -INFINITY
    elif INFINITY in (left, right):
        assert total == INFINITY


@given(st.integers(-INFINITY, INFINITY), st.floats(-1, 1))
def test_share_of_a_wish_never_vanishes(score: int, factor: float) -> None:
    part = share(score, factor)
    assert -INFINITY <= part <= INFINITY
    assert (part == 0) == (score == 0 or factor == 0)
