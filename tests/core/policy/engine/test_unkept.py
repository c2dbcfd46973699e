"""Mandatory colocations that no plan keeps are told, and nothing else is."""

from ha_core.ids import INFINITY
from ha_core.policy.engine.plan import plan
from ha_core.policy.engine.problem import Problem
from tests.core.policy.engine.placing import (
    at,
    clone,
    group,
    nodes,
    prefers,
    primitive,
    problem,
    together,
)

TWO = nodes("n1", "n2")
A, B, C = (primitive(name) for name in "abc")


def told(question: Problem) -> list[str]:
    return plan(question).left_out()


def test_a_circle_of_colocations_that_contradict_each_other_is_told() -> None:
    ties = [together("a", "b"), together("b", "c"), together("c", "a", -INFINITY)]
    (text,) = told(problem(TWO, A, B, C, colocations=ties))
    assert ": it keeps c apart from a, and both are to run on n1" in text
    assert text.endswith("; the colocations go round in a circle: take one of them away")


def test_members_stand_for_their_group() -> None:
    ties = [together("b", "g"), together("g", "b", -INFINITY)]
    (text,) = told(problem(TWO, group("g", A, C), B, colocations=ties))
    assert "keeps b with g, and b is to run on n1, g on n2" in text


def test_a_circle_that_is_kept_is_not_told() -> None:
    ties = [together("a", "b"), together("b", "a")]
    assert told(problem(TWO, A, B, colocations=ties)) == []


def test_what_only_should_be_what_is_left_alone_and_what_runs_twice_is_not_told() -> None:
    ties = [together("a", "b"), together("b", "a", -100)]
    assert told(problem(TWO, A, B, colocations=ties)) == []
    free = [primitive("a", is_managed=False), primitive("b", is_managed=False)]
    running = (*at("a", "n1"), *at("b", "n2"))
    assert told(problem(TWO, *free, observed=running, colocations=[together("a", "b")])) == []
    twice = problem(
        TWO,
        clone("k", A, 2),
        B,
        colocations=[together("b", "k")],
        locations=[prefers("b", "n2", 5)],
    )
    assert told(twice) == []
