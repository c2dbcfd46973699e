"""Promotion, demotion and notifications of clones."""

import pytest

from ha_core.policy.engine.problem import Observed, OnFail, Ordering, Resource, Role, Task
from tests.core.policy.engine.acting import (
    active,
    answer,
    clone,
    nodes,
    primitive,
    question,
)

UNPROMOTED = Role.UNPROMOTED
PROMOTED = Role.PROMOTED


def promotable(size: int = 2, **changes: object) -> Resource:
    return clone("c", primitive("r"), size, is_promotable=True, **changes)


def scored(name: str, node: str, role: Role, score: int, **changes: object) -> object:
    return active(name, node, role, promotion_score=score, **changes)


def test_a_promotion_follows_the_start_of_all_instances() -> None:

    seen = (Observed("r", "n1", promotion_score=10), Observed("r", "n2", promotion_score=5))
    got = answer(question(nodes(2), promotable(), observed=seen))
    promote = next(line for line in got.does() if line.startswith("promote"))
    assert promote.endswith("on n1")
    starts = [line for line in got.does() if line.startswith("start")]
    assert len(starts) == 2
    assert all(got.before(start, promote) for start in starts)


def test_a_move_of_the_promoted_role_demotes_before_it_promotes() -> None:
    seen = (scored("r", "n1", PROMOTED, 5), scored("r", "n2", UNPROMOTED, 10))
    got = answer(question(nodes(2), promotable(), observed=seen))
    assert [line.split()[0] for line in got.does()] == ["demote", "promote"]
    demote, promote = got.does()
    assert demote.endswith("n1")
    assert promote.endswith("n2")
    assert got.before(demote, promote)


def test_a_promoted_resource_is_demoted_before_it_stops() -> None:
    seen = (scored("r", "n1", PROMOTED, 5),)
    stopped = clone("c", primitive("r", target_role=Role.STOPPED), 1, is_promotable=True)
    got = answer(question(nodes(1), stopped, observed=seen))
    assert got.does() == ["demote r:0 on n1", "stop r:0 on n1"]
    assert got.before("demote r:0 on n1", "stop r:0 on n1")


@pytest.mark.parametrize(("role", "first"), [(PROMOTED, ["demote a on n1"]), (UNPROMOTED, [])])
def test_what_is_no_longer_promotable_starts_anew_without_a_role(
    role: Role, first: list[str]
) -> None:
    got = answer(question(nodes(1), primitive("a"), observed=(active("a", "n1", role),)))
    assert got.does() == [*first, "start a on n1", "stop a on n1"]
    assert got.before("stop a on n1", "start a on n1")
    assert got.where() == {"a": "n1"}


def test_a_failed_promoted_resource_goes_down_and_up_again() -> None:
    seen = (scored("r", "n1", PROMOTED, 5, failed=OnFail.RESTART),)
    got = answer(question(nodes(1), promotable(1), observed=seen))
    assert got.does() == [
        "demote r:0 on n1",
        "promote r:0 on n1",
        "start r:0 on n1",
        "stop r:0 on n1",
    ]
    assert got.where() == {"r:0": "n1 promoted"}


def test_a_failure_with_on_fail_demote_is_demoted_and_promoted_only() -> None:
    seen = (scored("r", "n1", PROMOTED, 5, failed=OnFail.DEMOTE),)
    got = answer(question(nodes(1), promotable(1), observed=seen))
    assert got.does() == ["demote r:0 on n1", "promote r:0 on n1"]


def test_what_follows_a_promotion_waits_for_it() -> None:
    after = (Ordering("o", "c", "b", first_task=Task.PROMOTE),)
    seen = (scored("r", "n1", UNPROMOTED, 5),)
    got = answer(question(nodes(1), promotable(1), primitive("b"), orderings=after, observed=seen))
    assert got.before("promote r:0 on n1", "start b on n1")


def test_what_follows_a_promotion_that_cannot_be_does_not_start() -> None:
    after = (Ordering("o", "c", "b", first_task=Task.PROMOTE),)
    seen = (scored("r", "n1", UNPROMOTED, -5),)
    got = answer(question(nodes(1), promotable(1), primitive("b"), orderings=after, observed=seen))
    assert got.does() == []


# --- notifications -----------------------------------------------------------------------------


def test_active_instances_are_told_before_and_after_a_start() -> None:
    got = answer(
        question(
            nodes(2), clone("c", primitive("r"), 2, notify=True), observed=(active("r", "n1"),)
        )
    )
    told = [line for line in got.does() if line.startswith("notify")]
    assert sorted(line.split(" on ")[1] for line in told) == ["n1", "n1", "n2"]


def test_a_stopping_instance_is_told_before_and_the_others_after() -> None:
    small = clone("c", primitive("r"), 1, notify=True)
    got = answer(question(nodes(2), small, observed=(active("r", "n1"), active("r", "n2"))))
    told = [
        (action.note, action.node)
        for action in got.graph.actions
        if action.task is Task.NOTIFY and action.happens
    ]
    stopping = next(
        action.node
        for action in got.graph.actions
        if action.task is Task.STOP and action.item is not None
        if not action.item.children and action.happens
    )
    staying = 1 - (stopping or 0)
    assert sorted(told) == sorted([("pre-stop", 0), ("pre-stop", 1), ("post-stop", staying)])


def test_nobody_is_told_of_nothing() -> None:
    quiet = clone("c", primitive("r"), 1, notify=True)
    assert answer(question(nodes(1), quiet, observed=(active("r", "n1"),))).does() == []


def test_what_follows_a_clone_waits_until_its_instances_were_told() -> None:
    got = answer(
        question(
            nodes(1),
            clone("c", primitive("r"), 1, notify=True),
            primitive("b"),
            orderings=(Ordering("o", "c", "b"),),
        )
    )
    assert got.before("notify r:0 on n1", "start b on n1")
