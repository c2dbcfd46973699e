"""Room on nodes decides where primitives go."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import Node, Options, Strategy
from tests.core.policy.engine.placing import (
    at,
    clone,
    group,
    places,
    prefers,
    primitive,
    problem,
    together,
)


def room(first: int, second: int) -> tuple[Node, ...]:
    return Node("n1", capacity=(("cpu", first),)), Node("n2", capacity=(("cpu", second),))


def by(strategy: Strategy) -> Options:
    return Options(fencing_enabled=False, strategy=strategy)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.UTILIZATION, ["n1", "n2", "n1"]),
        (Strategy.MINIMAL, ["n1", "n1", "n2"]),
        (Strategy.BALANCED, ["n2", "n2", "n1"]),
        (Strategy.DEFAULT, ["n1", "n2", "n1"]),
    ],
)
def test_each_strategy_fills_nodes_in_its_way(strategy: Strategy, expected: list[str]) -> None:
    three = [primitive(name, demand=2) for name in "abc"]
    assert list(places(problem(room(4, 8), *three, options=by(strategy))).values()) == expected


def test_without_room_nothing_runs_unless_room_does_not_count() -> None:
    item = primitive("a", demand=9)
    assert places(problem(room(4, 8), item, options=by(Strategy.UTILIZATION))) == {}
    assert places(problem(room(4, 8), item)) == {"a": "n1"}


def test_what_runs_gets_room_before_what_is_new() -> None:
    both = primitive("a", demand=4), primitive("b", demand=4, stickiness=1)
    question = problem(room(6, 0), *both, observed=at("b", "n1"), options=by(Strategy.UTILIZATION))
    assert places(question) == {"b": "n1"}


def test_what_the_emptiest_node_likes_better_gets_room_first_where_it_is_balanced() -> None:
    two = [primitive(name, demand=3) for name in ("a", "b")]
    likes = [prefers("a", "n2", -INFINITY), prefers("a", "n1", 20), prefers("b", "n1", 10)]
    balanced = problem(room(4, 8), *two, locations=likes, options=by(Strategy.BALANCED))
    assert places(balanced) == {"b": "n1"}
    by_name = problem(room(4, 8), *two, locations=likes, options=by(Strategy.UTILIZATION))
    assert places(by_name) == {"a": "n1", "b": "n2"}


def test_of_the_nodes_of_a_clone_the_one_told_of_first_says_whether_it_gets_room_first() -> None:
    both = clone("c", primitive("a", demand=4), 2, is_unique=True), primitive("b", demand=4)
    likes = [prefers("c", "n1", -INFINITY), prefers("c", "n2", 10)]
    seen = [*at("a:1", "n1"), *at("a:0", "n2"), *at("b", "n2")]
    options = by(Strategy.UTILIZATION)
    question = problem(room(0, 4), *both, locations=likes, observed=seen, options=options)
    assert places(question) == {"b": "n2"}
    other = problem(room(0, 4), *both, locations=likes, observed=seen[1:], options=options)
    assert places(other) == {"a:0": "n2"}


def test_a_node_in_maintenance_may_be_the_one_that_counts_for_a_clone() -> None:
    nodes = Node("n1", capacity=(("cpu", 4),), is_maintenance=True), room(0, 4)[1]
    both = clone("c", primitive("a", demand=4), 2), primitive("b", demand=4)
    likes = [prefers("c", "n1", -INFINITY), prefers("c", "n2", 10), prefers("b", "n2", 20)]
    options = by(Strategy.UTILIZATION)
    first = problem(nodes, *both, locations=likes, observed=at("a", "n1", "n2"), options=options)
    assert places(first) == {"a:0": "n1", "b": "n2"}
    last = problem(nodes, *both, locations=likes, observed=at("a", "n2", "n1"), options=options)
    assert "b" not in places(last)


def test_what_is_not_managed_takes_its_room_before_what_is_new() -> None:
    options = by(Strategy.UTILIZATION)
    old = replace(primitive("old", is_managed=False), is_removed=True)
    question = problem(room(4, 4), primitive("a"), old, observed=at("old", "n1"), options=options)
    assert places(question) == {"a": "n2", "old": "n1"}
    both = primitive("a"), clone("c", primitive("b", is_managed=False), 1)
    question = problem(room(4, 4), *both, observed=at("b", "n1"), options=options)
    assert places(question) == {"a": "n2", "b:0": "n1"}


def test_a_higher_priority_gets_room_first() -> None:
    both = primitive("a", demand=4), primitive("b", demand=4, priority=5)
    assert places(problem(room(6, 0), *both, options=by(Strategy.UTILIZATION))) == {"b": "n1"}


def test_what_must_be_together_gets_room_together() -> None:
    both = primitive("a", demand=3), primitive("b", demand=3)
    question = problem(
        room(4, 8), *both, colocations=[together("a", "b")], options=by(Strategy.UTILIZATION)
    )
    assert places(question) == {"a": "n2", "b": "n2"}


def test_if_no_node_has_room_for_all_the_primary_alone_decides() -> None:
    both = primitive("a", demand=5), primitive("b", demand=5)
    question = problem(
        room(4, 8), *both, colocations=[together("a", "b")], options=by(Strategy.UTILIZATION)
    )
    assert places(question) == {"b": "n2"}


def test_room_is_worth_more_than_a_wish() -> None:
    question = problem(
        room(4, 8),
        primitive("a", demand=5),
        locations=[prefers("a", "n1", 100)],
        options=by(Strategy.UTILIZATION),
    )
    assert places(question) == {"a": "n2"}


def test_a_group_goes_where_all_its_members_have_room() -> None:
    members = group("g", primitive("a", demand=3), primitive("b", demand=3))
    assert set(places(problem(room(4, 8), members, options=by(Strategy.UTILIZATION))).values()) == {
        "n2"
    }


def test_what_asks_for_nothing_may_run_on_a_full_node() -> None:
    question = problem(
        room(1, 1),
        primitive("a", demand=1),
        primitive("b"),
        locations=[prefers("a", "n1", INFINITY), prefers("b", "n1", INFINITY)],
        options=by(Strategy.UTILIZATION),
    )
    assert places(question) == {"a": "n1", "b": "n1"}


def test_a_long_chain_gets_its_room_on_one_node() -> None:
    names = [f"r{number}" for number in range(500)]
    chain = [together(then, first) for first, then in pairwise(names)]
    question = problem(
        room(499, 500),
        *(primitive(name, demand=1) for name in names),
        colocations=chain,
        options=by(Strategy.UTILIZATION),
    )
    assert set(places(question).values()) == {"n2"}
