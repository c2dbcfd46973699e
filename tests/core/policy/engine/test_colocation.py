"""What depends on what: where the primary goes, and where its dependents."""

from itertools import pairwise

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import Colocation, Resource, Role
from tests.core.policy.engine.placing import (
    at,
    group,
    nodes,
    placed,
    places,
    prefers,
    primitive,
    problem,
    together,
)

ONE = nodes("n1")
TWO = nodes("n1", "n2")
STOPPED = Role.STOPPED


def two(**meta: object) -> tuple[Resource, Resource]:
    return primitive("a", **meta), primitive("b", **meta)


def test_a_dependent_goes_where_its_primary_is() -> None:
    question = problem(
        TWO, *two(), colocations=[together("a", "b")], locations=[prefers("b", "n2", 5)]
    )
    assert places(question) == {"a": "n2", "b": "n2"}


def test_a_primary_goes_where_its_dependent_can_be() -> None:
    question = problem(
        TWO,
        *two(stickiness=INFINITY),
        observed=at("b", "n1"),
        colocations=[together("a", "b")],
        locations=[prefers("a", "n1", -INFINITY)],
    )
    assert places(question) == {"a": "n2", "b": "n2"}


@pytest.mark.parametrize(("own", "node"), [(499, "n2"), (501, "n1")])
def test_a_finite_wish_is_weighed_against_the_primarys_own(own: int, node: str) -> None:
    question = problem(
        TWO,
        *two(),
        colocations=[together("a", "b", 500)],
        locations=[prefers("a", "n1", -INFINITY), prefers("b", "n1", own)],
    )
    assert places(question)["b"] == node


def test_even_a_vanishing_wish_breaks_a_tie() -> None:
    chain = [primitive(name) for name in "abc"]
    question = problem(
        TWO,
        *chain,
        colocations=[together("c", "b", 100), together("b", "a", 100)],
        locations=[prefers("c", "n2", 10_000)],
    )
    assert places(question)["a"] == "n2"


def test_a_dependent_that_can_run_nowhere_does_not_drag_its_primary_down() -> None:
    question = problem(
        TWO,
        primitive("a", target_role=STOPPED),
        primitive("b"),
        colocations=[together("a", "b")],
    )
    assert places(question) == {"b": "n1"}


@pytest.mark.parametrize(("score", "runs"), [(INFINITY, False), (100, True)])
def test_without_its_primary_a_dependent_runs_only_if_it_need_not_be_with_it(
    score: int, runs: bool
) -> None:
    question = problem(
        TWO,
        primitive("a"),
        primitive("b", target_role=STOPPED),
        colocations=[together("a", "b", score)],
    )
    assert ("a" in places(question)) is runs


@pytest.mark.parametrize(("score", "expected"), [(-100, ["a", "b"]), (-INFINITY, ["b"])])
def test_on_one_node_two_that_avoid_each_other_share_it_only_if_they_may(
    score: int, expected: list[str]
) -> None:
    question = problem(ONE, *two(), colocations=[together("a", "b", score)])
    assert sorted(places(question)) == expected


def test_a_primary_makes_way_for_what_has_no_other_node() -> None:
    question = problem(
        TWO,
        *two(),
        colocations=[together("a", "b", -INFINITY)],
        locations=[prefers("a", "n2", -INFINITY)],
    )
    assert places(question) == {"a": "n1", "b": "n2"}


def test_a_primary_makes_way_even_against_its_own_smaller_preference() -> None:
    question = problem(
        TWO,
        *two(),
        colocations=[together("a", "b", -500)],
        locations=[prefers("a", "n2", -INFINITY), prefers("b", "n1", 100)],
    )
    assert places(question) == {"a": "n1", "b": "n2"}


def test_a_running_group_makes_way_for_one_that_has_no_other_node() -> None:
    running = group("g", primitive("g1"), primitive("g2"))
    question = problem(
        TWO,
        running,
        group("h", primitive("h1")),
        observed=at("g1", "n1") + at("g2", "n1"),
        colocations=[together("h", "g", -INFINITY)],
        locations=[prefers("h", "n2", -INFINITY)],
    )
    assert places(question) == {"g1": "n2", "g2": "n2", "h1": "n1"}


def test_a_sticky_primary_makes_no_way() -> None:
    question = problem(
        TWO,
        primitive("a"),
        primitive("b", stickiness=INFINITY),
        observed=at("b", "n1"),
        colocations=[together("a", "b", -INFINITY)],
        locations=[prefers("a", "n2", -INFINITY)],
    )
    assert places(question) == {"b": "n1"}


def test_two_wishes_for_different_nodes_cancel_out() -> None:
    three = [primitive("p"), primitive("a"), primitive("b")]
    wishes = [together("a", "p", INFINITY), together("b", "p", INFINITY)]

    def primary(score: int) -> str:
        limits = [prefers("a", "n1", 100), prefers("b", "n2", score)]
        return places(problem(TWO, *three, colocations=wishes, locations=limits))["p"]

    assert primary(100) == "n1"
    assert primary(101) == "n2"


def test_without_influence_a_running_primary_stays() -> None:
    question = problem(
        TWO,
        *two(),
        observed=at("b", "n1"),
        colocations=[together("a", "b", influence=False)],
        locations=[prefers("a", "n1", -INFINITY)],
    )
    assert places(question) == {"b": "n1"}


def test_a_node_attribute_makes_nodes_alike() -> None:
    racks = nodes("n1", "n2", attributes=(("rack", "x"),)) + nodes("n3")
    question = problem(
        racks,
        *two(),
        colocations=[together("a", "b", node_attribute="rack")],
        locations=[prefers("b", "n1"), prefers("a", "n3", 500)],
    )
    assert places(question) == {"a": "n2", "b": "n1"}


def test_an_undefined_attribute_is_like_an_undefined_one() -> None:
    question = problem(
        TWO,
        *two(),
        colocations=[together("a", "b", node_attribute="rack")],
        locations=[prefers("b", "n1"), prefers("a", "n2", 500)],
    )
    assert places(question) == {"a": "n2", "b": "n1"}


# --- groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("score", "node"), [(300, "n1"), (301, "n2")])
def test_a_groups_stickiness_is_the_sum_over_its_members(score: int, node: str) -> None:
    members = [primitive(name, stickiness=100) for name in "abc"]
    question = problem(
        TWO,
        group("g", *members),
        observed=at("a", "n1") + at("b", "n1") + at("c", "n1"),
        locations=[prefers("g", "n2", score)],
    )
    assert set(places(question).values()) == {node}


def test_a_member_that_can_run_nowhere_stops_what_follows() -> None:
    members = [primitive("a"), primitive("b", target_role=STOPPED), primitive("c")]
    assert places(problem(TWO, group("g", *members))) == {"a": "n1"}


def test_a_critical_member_moves_the_group_and_another_does_not() -> None:
    def where(critical: bool) -> dict[str, str]:
        members = primitive("a"), primitive("b", is_critical=critical)
        ban = prefers("b", "n1", -INFINITY)
        return places(
            problem(
                TWO,
                group("g", *members),
                observed=at("a", "n1") + at("b", "n1"),
                locations=[ban],
            )
        )

    assert where(critical=True) == {"a": "n2", "b": "n2"}
    assert where(critical=False) == {"a": "n1"}


@pytest.mark.parametrize(("score", "runs"), [(INFINITY, False), (100, True)])
def test_with_a_group_means_with_its_last_member_if_it_must(score: int, runs: bool) -> None:
    members = [primitive("a"), primitive("b", target_role=STOPPED)]
    question = problem(
        TWO, group("g", *members), primitive("x"), colocations=[together("x", "g", score)]
    )
    assert ("x" in places(question)) is runs


def test_members_of_a_group_that_is_not_colocated_are_spread() -> None:
    members = group("g", primitive("a"), primitive("b"), colocated=False)
    assert places(problem(TWO, members)) == {"a": "n1", "b": "n2"}


def test_an_inner_members_constraint_sees_where_the_group_would_not_be() -> None:
    question = problem(
        TWO,
        group("g", primitive("a"), primitive("b")),
        primitive("z"),
        colocations=[together("b", "z")],
        locations=[prefers("g", "n1", -100)],
    )
    assert places(question) == {"a": "n2", "b": "n2", "z": "n2"}


# --- odd ones ----------------------------------------------------------------------------------


def test_a_circle_of_colocations_ends_and_obeys_each() -> None:
    three = [primitive(name) for name in "abc"]
    circle = [together("a", "b"), together("b", "c"), together("c", "a")]
    assert len(set(places(problem(TWO, *three, colocations=circle)).values())) == 1


def test_a_colocation_with_itself_ends() -> None:
    assert places(problem(TWO, primitive("a"), colocations=[together("a", "a")])) == {"a": "n1"}


def test_a_colocation_with_nothing_is_not_reckoned_with() -> None:
    question = problem(TWO, primitive("a"), colocations=[together("a", "ghost")])
    assert places(question) == {"a": "n1"}


def test_a_long_chain_is_placed_on_one_node() -> None:
    names = [f"r{number}" for number in range(3000)]
    chain = [together(then, first) for first, then in pairwise(names)]
    question = problem(TWO, *map(primitive, names), colocations=chain)
    assert set(places(question).values()) == {"n1"}


def test_all_with_all_ends_and_says_that_not_every_wish_counts() -> None:
    names = [f"r{number}" for number in range(40)]
    pairs = [
        Colocation(f"{one}-{two}", one, two, 10)
        for place, one in enumerate(names)
        for two in names[:place]
    ]
    board = placed(
        problem(TWO, *map(primitive, names), colocations=pairs, locations=[prefers("r39", "n2", 9)])
    )
    assert all(item.node is not None for item in board.tops)
    assert any(why.code == "wishes_cut" for why in board.items["r0"].reasons)


def test_a_colocation_is_a_reason_for_both() -> None:
    question = problem(
        TWO, *two(), colocations=[together("a", "b")], locations=[prefers("a", "n2", 5)]
    )
    board = placed(question)
    assert [(why.code, why.other) for why in board.items["b"].reasons] == [("wish", "a")]
    assert ("colocation", "b") in [(why.code, why.other) for why in board.items["a"].reasons]


def test_what_hardly_avoids_another_does_not_drive_it_to_its_own_node() -> None:
    # Checked with crm_simulate 2.1.5.
    question = problem(
        nodes("n1", "n2"), primitive("b"), primitive("a"),
        locations=[prefers("a", "n1", -1)], colocations=[together("a", "b", -5)],
    )  # fmt: skip
    assert places(question) == {"b": "n1", "a": "n2"}
