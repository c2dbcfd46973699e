"""A question becomes a board: roles, instances, failures' effects, nodes to be fenced."""

import pytest

from ha_core.policy.engine.plan import plan
from ha_core.policy.engine.problem import (
    CloneMeta,
    Kind,
    Location,
    Meta,
    MultipleActive,
    Node,
    Observed,
    OnFail,
    Options,
    Problem,
    Requires,
    Resource,
    Role,
    Task,
)
from ha_core.policy.engine.unpack import natural_key, unpack

QUORUM = Meta(requires=Requires.QUORUM)
FENCING = Meta(requires=Requires.FENCING)
NO_FENCING = Options(fencing_enabled=False)


def nodes(count: int, **changes: Node) -> tuple[Node, ...]:
    return tuple(changes.get(f"n{i}", Node(f"n{i}")) for i in range(1, count + 1))


def primitive(name: str, meta: Meta = QUORUM) -> Resource:
    return Resource(name, meta=meta)


def clone(size: int, *members: Resource, unique: bool = False, **changes: bool) -> Resource:
    inside = members[0] if len(members) == 1 else Resource("g", Kind.GROUP, members=members)
    options = CloneMeta(size, is_unique=unique, **changes)
    return Resource("c", Kind.CLONE, QUORUM, (inside,), options)


def active(name: str, node: str, role: Role = Role.STARTED, **changes: object) -> Observed:
    return Observed(name, node, role, **changes)  # type: ignore[arg-type]


def test_nodes_are_sorted_with_their_numbers_as_numbers() -> None:
    names = ["node10", "Node2", "alpha", "node1", "2nd"]
    board = unpack(Problem(nodes=tuple(map(Node, names))))
    assert [spot.node.name for spot in board.nodes] == ["2nd", "alpha", "node1", "Node2", "node10"]
    assert board.index["node10"] == 4


def test_a_name_of_any_kind_has_a_place() -> None:
    names = ["x" * 999, "9" * 5000, "", "a10b", "a7b", "٣", "7", "a007c"]
    ordered = ["", "7", "9" * 5000, "a7b", "a007c", "a10b", "x" * 999, "٣"]
    assert sorted(names, key=natural_key) == ordered


def test_resources_are_sorted_by_priority_and_removed_ones_are_last() -> None:
    resources = (
        Resource("gone", is_removed=True, meta=Meta(priority=99)),
        primitive("low"),
        primitive("high", Meta(priority=5)),
        primitive("too"),
    )
    board = unpack(Problem(resources=resources))
    assert [item.id for item in board.tops] == ["high", "low", "too", "gone"]


def test_anonymous_instances_are_numbered_as_nodes_tell_of_them() -> None:
    board = unpack(
        Problem(
            nodes(3),
            (clone(3, primitive("r")),),
            observed=(active("r", "n2"), active("r", "n1")),
            found_stopped=(("r", ("n3",)),),
        )
    )
    assert board.items["r:0"].active == [1]
    assert board.items["r:1"].active == [0]
    assert board.items["r:2"].active == []
    assert board.items["c"].known == {0, 1, 2}


def test_all_members_on_one_node_belong_to_one_instance() -> None:
    board = unpack(
        Problem(
            nodes(2),
            (clone(2, primitive("a"), primitive("b")),),
            observed=(active("a", "n1"), active("a", "n2"), active("b", "n2"), active("b", "n1")),
        )
    )
    assert {name: board.items[name].active for name in ("a:0", "b:0", "a:1", "b:1")} == {
        "a:0": [0],
        "b:0": [0],
        "a:1": [1],
        "b:1": [1],
    }


def test_more_active_instances_than_wanted_are_surplus() -> None:
    board = unpack(
        Problem(
            nodes(2),
            (clone(1, primitive("r")),),
            observed=(active("r", "n1"), active("r", "n2")),
        )
    )
    assert [item.is_surplus for item in board.items["c"].children] == [False, True]
    assert board.items["r:1"].active == [1]


@pytest.mark.parametrize(
    ("meta", "options"),
    [
        (Meta(is_managed=False), NO_FENCING),
        (Meta(is_maintenance=True), NO_FENCING),
        (Meta(), Options(fencing_enabled=False, is_maintenance=True)),
    ],
)
def test_a_surplus_instance_is_as_managed_as_the_others(meta: Meta, options: Options) -> None:
    # Checked with crm_simulate 2.1.5 and 3.0.0: it was stopped.
    seen = (active("r", "n1"), active("r", "n2"))
    question = Problem(nodes(2), (clone(1, primitive("r", meta)),), options, observed=seen)
    one, surplus = unpack(question).items["c"].children
    assert (surplus.is_surplus, one.is_managed, surplus.is_managed) == (True, False, False)
    done = plan(question).as_value()
    assert done["actions"] == []


@pytest.mark.parametrize("whole", [Meta(is_managed=False), Meta(is_maintenance=True)])
def test_what_is_managed_in_a_group_that_is_not_stays_where_it_is(whole: Meta) -> None:
    # Checked with crm_simulate 2.1.5 and 3.0.0: it moved.
    group = Resource("g", Kind.GROUP, whole, (primitive("a", Meta()), primitive("b", Meta())))
    away = (Location("l", "a", (("n2", 100),)),)
    seen = (active("a", "n1"), active("b", "n1"))
    question = Problem(nodes(2), (group,), NO_FENCING, away, observed=seen)
    made = plan(question)
    assert [made.board.items[name].node for name in "ab"] == [0, 0]
    assert not [
        action for action in made.graph.actions if action.task is Task.STOP and action.is_needed
    ]


def test_a_clone_of_no_instances_has_one_to_stop() -> None:
    problem = Problem(nodes(1), (clone(0, primitive("r")),), observed=(active("r", "n1"),))
    assert unpack(problem).items["r:0"].is_surplus


def test_unique_instances_are_told_by_their_numbers() -> None:
    board = unpack(
        Problem(
            nodes(2),
            (clone(3, primitive("r"), unique=True),),
            observed=(active("r:2", "n1"), active("r:0", "n1")),
        )
    )
    assert [item.active for item in board.items["c"].children] == [[0], [], [0]]


def test_a_node_that_is_out_uses_up_no_instance_that_could_be_elsewhere() -> None:
    lost = Node("n1", is_online=False, fence_reason="lost")
    small = CloneMeta(1)
    for meta, expected in ((QUORUM, "r:1"), (FENCING, "r:0")):
        resource = Resource("c", Kind.CLONE, QUORUM, (primitive("r", meta),), small)
        board = unpack(Problem(nodes(2, n1=lost), (resource,), observed=(active("r", "n1"),)))
        assert board.items[expected].active == [0]


def test_started_instances_of_promotable_clones_are_unpromoted() -> None:
    board = unpack(
        Problem(
            nodes(1), (clone(1, primitive("r"), is_promotable=True),), observed=(active("r", "n1"),)
        )
    )
    assert board.items["r:0"].role is Role.UNPROMOTED


def test_what_is_active_on_a_node_that_left_cleanly_has_it_fenced() -> None:
    away = nodes(2, n2=Node("n2", is_online=False))
    problem = Problem(away, (primitive("r"),), observed=(active("r", "n2"),))
    board = unpack(problem)
    assert board.nodes[1].is_unclean
    assert board.nodes[1].fence_reasons == ["r is thought to be active there"]


def test_without_fencing_what_offline_nodes_have_told_does_not_count() -> None:
    away = nodes(2, n2=Node("n2", is_online=False))
    problem = Problem(away, (primitive("r"),), NO_FENCING, observed=(active("r", "n2"),))
    board = unpack(problem)
    assert board.items["r"].active == []
    assert not board.nodes[1].is_unclean


def failed(on_fail: OnFail, *, node: Node | None = None, role: Role = Role.STARTED) -> Problem:
    seen = active("r", "n1", role, failed=on_fail, failed_text="start failed (1: error)")
    return Problem(nodes(2, **({"n1": node} if node else {})), (primitive("r"),), observed=(seen,))


def test_failures_have_their_effects() -> None:
    board = unpack(failed(OnFail.FENCE))
    assert board.nodes[0].fence_reasons == ["r: start failed (1: error)"]
    board = unpack(failed(OnFail.STANDBY))
    assert board.nodes[0].is_standby
    assert board.nodes[0].standby_reason == "r: start failed (1: error)"
    item = unpack(failed(OnFail.BLOCK)).items["r"]
    assert (item.is_blocked, item.is_managed, item.is_failed) == (True, False, False)
    item = unpack(failed(OnFail.RESTART)).items["r"]
    assert (item.is_failed, item.is_managed) == (True, True)
    assert not unpack(failed(OnFail.DEMOTE)).items["r"].is_failed


def test_what_is_stopped_need_not_stop_again() -> None:
    assert not unpack(failed(OnFail.RESTART, role=Role.STOPPED)).items["r"].is_failed


def test_a_failure_on_a_node_that_will_be_fenced_has_no_effect_of_its_own() -> None:
    lost = Node("n1", is_online=False, fence_reason="lost")
    for on_fail in (OnFail.BLOCK, OnFail.RESTART, OnFail.STANDBY):
        board = unpack(failed(on_fail, node=lost))
        item = board.items["r"]
        assert not item.is_blocked
        assert not item.is_failed
        assert not board.nodes[0].is_standby


def test_maintenance_of_a_node_takes_what_is_active_there_out_of_management() -> None:
    problem = Problem(
        nodes(2, n1=Node("n1", is_maintenance=True)),
        (primitive("r"), primitive("s")),
        observed=(active("r", "n1"), active("s", "n2")),
    )
    board = unpack(problem)
    assert (board.items["r"].is_managed, board.items["s"].is_managed) == (False, True)


def test_a_resource_active_twice_can_be_blocked_with_its_group() -> None:
    meta = Meta(requires=Requires.QUORUM, multiple_active=MultipleActive.BLOCK)
    group = Resource("g", Kind.GROUP, meta, (primitive("a", meta), primitive("b", meta)))
    problem = Problem(nodes(2), (group,), observed=(active("a", "n1"), active("a", "n2")))
    board = unpack(problem)
    assert board.items["a"].is_blocked
    assert board.items["b"].is_blocked


def test_only_clean_nodes_count_where_fencing_is_not_required() -> None:
    lost = Node("n2", is_online=False, fence_reason="lost")
    for requires, blocked in ((Requires.QUORUM, False), (Requires.FENCING, True)):
        meta = Meta(requires=requires, multiple_active=MultipleActive.BLOCK)
        seen = (active("a", "n1"), active("a", "n2"))
        problem = Problem(nodes(2, n2=lost), (primitive("a", meta),), observed=seen)
        assert unpack(problem).items["a"].is_blocked is blocked


def test_fail_counts_of_anonymous_instances_are_the_nodes() -> None:
    seen = (
        Observed("r", "n1", is_known=False, fail_count=2, promotion_score=7),
        Observed("r:3", "n2", is_known=False, fail_count=1),
    )
    board = unpack(Problem(nodes(2), (clone(2, primitive("r")),), observed=seen))
    assert board.fail_counts == {"r": {0: 2, 1: 1}}
    assert board.promotion_scores == {"r": {0: 7}}
    assert board.filed(board.items["r:1"]) == "r"


def test_fail_counts_of_unique_instances_are_their_own() -> None:
    seen = (Observed("r:1", "n1", is_known=False, fail_count=2),)
    board = unpack(Problem(nodes(2), (clone(2, primitive("r"), unique=True),), observed=seen))
    assert board.fail_counts == {"r:1": {0: 2}}
    assert board.filed(board.items["r:1"]) == "r:1"
