"""What the order of a group's members makes of actions."""

from dataclasses import replace

import pytest

from ha_core.policy.engine.problem import (
    OnFail,
    Ordering,
    Task,
)
from tests.core.policy.engine.acting import (
    active,
    answer,
    group,
    nodes,
    primitive,
    question,
)


def test_a_group_starts_in_sequence() -> None:
    got = answer(question(nodes(1), group("g", primitive("a"), primitive("b"))))
    assert got.before("start a on n1", "start b on n1")


def test_a_failed_member_restarts_itself_and_all_after_it() -> None:
    members = [primitive(name) for name in "abc"]
    seen = [active("a", "n1"), active("b", "n1", failed=OnFail.RESTART), active("c", "n1")]
    got = answer(question(nodes(1), group("g", *members), observed=tuple(seen)))
    assert got.does() == ["start b on n1", "start c on n1", "stop b on n1", "stop c on n1"]
    assert got.before("stop c on n1", "stop b on n1")


def test_a_member_that_starts_anew_forces_later_ones_to_stop_first() -> None:
    members = [primitive(name) for name in "abc"]
    seen = (active("a", "n1"), active("c", "n1"))
    got = answer(question(nodes(1), group("g", *members), observed=seen))
    assert got.does() == ["start b on n1", "start c on n1", "stop c on n1"]
    assert got.before("stop c on n1", "start b on n1")


@pytest.mark.parametrize(("is_ordered", "does"), [(True, []), (False, ["start a on n1"])])
def test_a_member_does_not_start_while_a_later_one_runs_unmanaged(
    is_ordered: bool, does: list[str]
) -> None:
    # Checked with crm_simulate 3.0.0; one of 2.1.5 finds no transition then.
    members = (primitive("a"), primitive("b", is_managed=False))
    top = replace(group("g", *members), is_ordered=is_ordered)
    got = answer(question(nodes(1), top, observed=(active("b", "n1"),)))
    assert got.does() == does
    held = "b runs and would have to stop first: it is not managed"
    assert got.find("a", Task.START).hindrance == (held if is_ordered else "")


def test_a_member_does_not_start_while_a_later_one_is_blocked_where_it_runs() -> None:
    # Checked with crm_simulate 3.0.0 and 2.1.5, which starts it on the other node.
    blocked = active("b", "n1", failed=OnFail.BLOCK, failed_task="stop", bans_node=True)
    asked = question(nodes(2), group("g", primitive("a"), primitive("b")), observed=(blocked,))
    got = answer(asked)
    assert got.does() == []
    assert (
        got.find("a", Task.START).hindrance == "b runs and would have to stop first: it is blocked"
    )
    older = replace(asked, options=replace(asked.options, is_like_2_1_5=True))
    assert answer(older).does() == ["start a on n2"]


@pytest.mark.parametrize(
    ("runs", "does"),
    [
        ("..c", ["start a on n1"]),
        (".bc", []),
        ("...d", ["start a on n1", "start b on n1"]),
        (".b.d", ["start a on n1", "start b on n1", "stop b on n1"]),
    ],
)
def test_only_the_member_before_those_that_run_waits_for_an_unmanaged_one(
    runs: str, does: list[str]
) -> None:
    # Checked with crm_simulate 3.0.0: of all 240 groups of four that are stopped, run, are not
    # managed or are blocked it does the same. The last one starts anew in its place.
    names = "abcd"[: len(runs)]
    members = [primitive(name, is_managed=name != max(runs)) for name in names]
    seen = tuple(active(name, "n1") for name in runs if name != ".")
    got = answer(question(nodes(1), group("g", *members), observed=seen))
    assert got.does() == does


def test_a_group_without_order_starts_its_members_at_once() -> None:
    got = answer(question(nodes(1), group("g", primitive("a"), primitive("b"), is_ordered=False)))
    assert not got.before("start a on n1", "start b on n1")


def test_what_follows_a_group_waits_for_its_last_member() -> None:
    got = answer(
        question(
            nodes(1),
            group("g", primitive("a"), primitive("b")),
            primitive("c"),
            orderings=(Ordering("o", "g", "c"),),
        )
    )
    assert got.before("start b on n1", "start c on n1")
