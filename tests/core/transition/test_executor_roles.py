"""The coordinator's executor and roles: how many may be promoted, whatever the plan says."""

import pytest

from ha_core.config.choices import Role
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from ha_core.transition.executor import Executor

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
DB = ResourceId("db")


def promotion(node: NodeName, of: ResourceId = DB) -> Action:
    return Action(ActionKey(of, ActionKind.PROMOTE, node), (), "because")


def status(*instances: Instance) -> ClusterStatus:
    nodes = zip((N1, N2, N3), instances, strict=False)
    return ClusterStatus(
        tuple(NodeStatus(name, NodeState.ONLINE, 1, (item,)) for name, item in nodes), True
    )


def member(role: Role | None, state: InstanceState = InstanceState.STARTED) -> Instance:
    return Instance(DB, state, role=role)


UNPROMOTED = member(Role.UNPROMOTED)


def ordered(executor: Executor, now: ClusterStatus, *actions: Action, limit: int = 1) -> list[str]:
    given = executor.next_orders(Transition(actions), now, {}, 1000, promotable={DB: limit})
    return [str(order.node) for order in given]


@pytest.mark.parametrize(
    "other",
    [
        member(Role.PROMOTED),
        member(None),
        member(Role.PROMOTED, InstanceState.FAILED),
        member(Role.PROMOTED, InstanceState.BLOCKED),
        member(Role.PROMOTED, InstanceState.UNCERTAIN),
        member(None, InstanceState.UNCERTAIN),
        member(None, InstanceState.UNKNOWN),
        Instance(DB, InstanceState.STARTED, "promote", role=Role.UNPROMOTED),
        Instance(DB, InstanceState.STARTED, "demote", role=Role.PROMOTED),
    ],
)
def test_nothing_is_promoted_while_another_may_be(other: Instance) -> None:
    assert ordered(Executor(1), status(UNPROMOTED, other), promotion(N1)) == []


@pytest.mark.parametrize("other", [UNPROMOTED, member(None, InstanceState.STOPPED)])
def test_what_is_unpromoted_or_stopped_elsewhere_holds_up_no_promotion(other: Instance) -> None:
    assert ordered(Executor(1), status(UNPROMOTED, other), promotion(N1)) == ["n1"]


def test_of_two_promotions_in_one_plan_one_is_ordered() -> None:
    executor, now = Executor(1), status(UNPROMOTED, UNPROMOTED)
    assert ordered(executor, now, promotion(N1), promotion(N2)) == ["n1"]
    assert ordered(executor, now, promotion(N2)) == []
    assert executor.promoting() == {(DB, N1)}


def test_as_many_are_promoted_as_the_clone_allows() -> None:
    now = status(UNPROMOTED, UNPROMOTED, UNPROMOTED)
    plan = (promotion(N1), promotion(N2), promotion(N3))
    assert ordered(Executor(1), now, *plan, limit=2) == ["n1", "n2"]


def test_instances_of_one_unique_clone_share_its_limit() -> None:
    first, second = ResourceId("db:0"), ResourceId("db:1")
    one = Instance(first, InstanceState.STARTED, role=Role.PROMOTED)
    two = Instance(second, InstanceState.STARTED, role=Role.UNPROMOTED)
    now = ClusterStatus((NodeStatus(N1, NodeState.ONLINE, 1, (one, two)),), True)
    assert ordered(Executor(1), now, promotion(N1, second)) == []
    assert ordered(Executor(1), now, promotion(N1, second), limit=2) == ["n1"]


def test_what_no_clone_promotes_is_never_promoted() -> None:
    given = Executor(1).next_orders(Transition((promotion(N1),)), status(UNPROMOTED), {}, 1000)
    assert given == []


@pytest.mark.parametrize(
    "state",
    [
        InstanceState.STARTED,
        InstanceState.FAILED,
        InstanceState.BLOCKED,
        InstanceState.UNCERTAIN,
    ],
)
def test_what_may_run_on_a_node_is_not_started_there(state: InstanceState) -> None:
    executor, start = Executor(1), Action(ActionKey(DB, ActionKind.START, N1), (), "because")
    now = status(member(Role.PROMOTED, state))
    assert not executor.next_orders(Transition((start,)), now, {}, 1000, doubles={DB})


def test_target_of_a_live_migration_takes_over_from_its_source_alone() -> None:
    key = ActionKey(DB, ActionKind.MIGRATE_FROM, N2)
    move = Action(key, (), "because", peer=N1)
    started, stopped = member(None), member(None, InstanceState.STOPPED)
    assert ordered(Executor(1), status(started, stopped), move) == ["n2"]
    assert ordered(Executor(1), status(started, stopped, started), move) == []
