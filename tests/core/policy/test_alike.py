"""What the engine does not read of a status makes no other question of it; all else does."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ha_core.config.choices import OnFail, Role
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.alike import are_alike
from ha_core.policy.schedule import schedule
from ha_core.status import (
    ClusterStatus,
    Connectivity,
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
    Ticket,
)
from tests import datadriven
from tests.core.policy import case

HERE = Path(__file__).parent
CASES = [
    *datadriven.paths(HERE / "cases"),
    *datadriven.paths(HERE / "bridge" / "cases"),
]
N1, N2, WEB, DB = NodeName("n1"), NodeName("n2"), ResourceId("web"), ResourceId("db")
FAILURE = Failure("monitor", 7, FailureKind.SOFT, "gone", 0, OnFail.RESTART)
INSTANCE = Instance(WEB, InstanceState.STARTED)
NODE = NodeStatus(N1, NodeState.ONLINE, 1, (INSTANCE,))
STATUS = ClusterStatus((NODE,), True)
READ_OF_INSTANCE = {
    "resource": DB,
    "state": InstanceState.STOPPED,
    "pending": "stop",
    "fail_count": 1,
    "failure": FAILURE,
    "stale": True,
    "free_after_ms": 5,
    "role": Role.PROMOTED,
    "promotion_score": 3,
    "migrated_from": N2,
    "migrated_to": N2,
}
READ_OF_NODE = {
    "name": N2,
    "state": NodeState.LOST,
    "instances": (),
    "connectivity": Connectivity(),
    "unfenced": True,
    "leaving": True,
}
READ_OF_CLUSTER = {
    "nodes": (),
    "quorate": False,
    "restarts": (WEB,),
    "intended": ((WEB, N1),),
    "awaited": (N2,),
    "tickets": (Ticket("T", True),),
}


def with_other_numbers(status: ClusterStatus) -> ClusterStatus:
    """Return the status as after other orders, starts and hours."""
    nodes = tuple(
        replace(
            node,
            generation=node.generation + 3,
            since_wall_ms=77_000,
            instances=tuple(
                replace(item, order_id=4_000_000 + n, started_wall_ms=66_000 + n)
                for n, item in enumerate(node.instances)
            ),
        )
        for node in status.nodes
    )
    return replace(status, nodes=nodes)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_numbers_and_times_of_what_was_ordered_do_not_change_the_plan(path: Path) -> None:
    asked = case.read(datadriven.given(path))
    other = with_other_numbers(asked.status)
    assert are_alike(other, asked.status)
    plan = schedule(asked.configuration, other, asked.at_wall_ms)
    assert plan == asked.plan()


@pytest.mark.parametrize("name", READ_OF_INSTANCE)
def test_whatever_else_is_told_of_an_instance_makes_another_question(name: str) -> None:
    other = replace(INSTANCE, **{name: READ_OF_INSTANCE[name]})
    assert not are_alike(replace(STATUS, nodes=(replace(NODE, instances=(other,)),)), STATUS)


@pytest.mark.parametrize("name", READ_OF_NODE)
def test_whatever_else_is_told_of_a_node_makes_another_question(name: str) -> None:
    other = replace(NODE, **{name: READ_OF_NODE[name]})
    assert not are_alike(replace(STATUS, nodes=(other,)), STATUS)


@pytest.mark.parametrize("name", READ_OF_CLUSTER)
def test_whatever_is_told_of_the_cluster_makes_another_question(name: str) -> None:
    assert not are_alike(replace(STATUS, **{name: READ_OF_CLUSTER[name]}), STATUS)


def test_every_field_is_either_read_or_is_not() -> None:
    names = {item.name for item in fields(Instance)}
    assert names == {*READ_OF_INSTANCE, "order_id", "started_wall_ms"}
    names = {item.name for item in fields(NodeStatus)}
    assert names == {*READ_OF_NODE, "generation", "since_wall_ms"}
    assert {item.name for item in fields(ClusterStatus)} == set(READ_OF_CLUSTER)
