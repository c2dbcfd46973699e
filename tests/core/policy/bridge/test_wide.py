"""What holds for every plan with clones, roles, tickets, room and lost nodes."""

from hypothesis import HealthCheck, given, settings

from ha_core.config.choices import Role
from ha_core.config.model import Clone
from ha_core.config.units import plain
from ha_core.ids import NodeName
from ha_core.policy.forecast import forecast
from ha_core.policy.transition import ActionKey, ActionKind
from ha_core.status import Instance, InstanceState, NodeState
from tests.core.policy import case, outcome
from tests.core.policy.bridge.wide import wide_cases

_RUNS = (
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.BLOCKED,
    InstanceState.UNCERTAIN,
)
_COMING = ("start", "stop", "migrate_from")
bounded = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def may_be_active(item: Instance) -> bool:
    """Return whether it runs, or may, or is about to."""
    return item.state in _RUNS or item.pending in _COMING


def may_be_promoted(item: Instance) -> bool:
    """Return whether it is promoted, or may be, or is about to be."""
    is_so = item.state in _RUNS and item.role is not Role.UNPROMOTED
    return is_so or item.pending == "promote"


def instances(made: case.Case, clone: Clone) -> list[tuple[NodeName, Instance]]:
    """Return the instances of the first primitive of a clone."""
    group = made.configuration.group(clone.member)
    name = group.members[0] if group else clone.member
    return [
        (node.name, item)
        for node in made.status.nodes
        for item in node.instances
        if plain(item.resource) == name
    ]


@bounded
@given(wide_cases())
def test_no_instance_starts_while_another_node_may_have_it(text: str) -> None:
    made = case.read(text)
    shared = {
        plain(item.resource)
        for clone in made.configuration.clones
        if not clone.unique
        for _, item in instances(made, clone)
    }
    shared |= {
        m
        for g in made.configuration.groups
        if any(c.member == g.id for c in made.configuration.clones)
        for m in g.members
    }
    for action in made.plan().actions:
        key = action.key
        if key.kind is not ActionKind.START or plain(key.resource) in shared:
            continue
        for node in made.status.nodes:
            item = node.instance(key.resource)
            if node.name == key.node or item is None:
                continue
            assert item.state is not InstanceState.UNCERTAIN
            assert not item.pending
            if item.state in _RUNS:
                assert ActionKey(key.resource, ActionKind.STOP, node.name) in action.after


@bounded
@given(wide_cases())
def test_nothing_starts_where_it_runs_unless_it_has_stopped_there(text: str) -> None:
    made = case.read(text)
    before: dict[ActionKey, set[ActionKey]] = {}
    for action in made.plan().actions:
        key = action.key
        before[key] = set(action.after).union(*(before[item] for item in action.after))
        node = made.status.node(key.node)
        item = node.instance(key.resource) if node is not None else None
        if key.kind is ActionKind.START and item is not None and item.state in _RUNS:
            assert ActionKey(key.resource, ActionKind.STOP, key.node) in before[key]


@bounded
@given(wide_cases())
def test_no_clone_ever_has_more_instances_or_promoted_ones_than_it_may(text: str) -> None:
    made = case.read(text)
    plan = made.plan()
    down = {(a.key.kind, a.key.resource, a.key.node) for a in plan.actions}
    for clone in made.configuration.clones:
        found = instances(made, clone)
        names = {item.resource for _, item in found}
        promoted = {(i.resource, n) for n, i in found if may_be_promoted(i)}
        leaving = {
            (resource, node)
            for resource, node in promoted
            if (ActionKind.STOP, resource, node) in down
            or (ActionKind.DEMOTE, resource, node) in down
        }
        asked = {
            (a.key.resource, a.key.node)
            for a in plan.actions
            if a.key.kind is ActionKind.PROMOTE and a.key.resource in names
        }
        if asked - promoted:
            assert len((promoted - leaving) | asked) <= clone.promoted_max
        if clone.instances_max is None or clone.unique:
            continue
        active = {(i.resource, n) for n, i in found if may_be_active(i)}
        stopping = {(r, n) for r, n in active if (ActionKind.STOP, r, n) in down}
        started = {
            (a.key.resource, a.key.node)
            for a in plan.actions
            if a.key.kind is ActionKind.START and a.key.resource in names
        }
        if started - active:
            assert len((active - stopping) | started) <= clone.instances_max


@bounded
@given(wide_cases())
def test_nothing_is_asked_of_who_is_busy_or_not_there(text: str) -> None:
    made = case.read(text)
    seen: set[ActionKey] = set()
    for action in made.plan().actions:
        assert set(action.after) <= seen
        seen.add(action.key)
        node = made.status.node(action.key.node)
        assert node is not None
        assert node.state is NodeState.ONLINE
        item = node.instance(action.key.resource)
        assert item is None or not item.pending


@bounded
@given(wide_cases(is_calm=True))
def test_cluster_comes_to_rest(text: str) -> None:
    """S6: carried out, plans end in one that wants nothing."""
    made = case.read(text)
    found = forecast(made.configuration, made.status, 0)
    assert found.is_at_rest, case.show(found.transition)


@bounded
@given(wide_cases())
def test_plan_does_not_depend_on_the_order_of_nodes(text: str) -> None:
    made = case.read(text)
    plan, other = made.plan(), outcome.turned(made).plan()
    assert [(d.resource, d.node, d.places) for d in plan.decisions] == [
        (d.resource, d.node, d.places) for d in other.decisions
    ]


@bounded
@given(wide_cases())
def test_every_decision_and_action_has_its_reason(text: str) -> None:
    plan = case.read(text).plan()
    assert all(decision.reasons[0].text for decision in plan.decisions)
    assert all(action.reason for action in plan.actions)
