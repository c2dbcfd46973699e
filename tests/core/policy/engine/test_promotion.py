"""Which instance of a promotable clone is promoted."""

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import (
    LossPolicy,
    NoQuorum,
    Observed,
    Options,
    Problem,
    Resource,
    Role,
    TicketConstraint,
)
from tests.core.policy.engine.placing import (
    clone,
    group,
    nodes,
    places,
    prefers,
    primitive,
    problem,
    spread,
    together,
)

TWO = nodes("n1", "n2")
ROLE = Role.PROMOTED


def promotable(size: int = 2, **meta: object) -> Resource:
    return clone("m", primitive("r", stickiness=1, **meta), size, is_promotable=True)


def score(node: str, value: int | None, role: Role = Role.UNPROMOTED) -> Observed:
    return Observed("r", node, role, promotion_score=value)


def scores(first: int | None, second: int | None) -> list[Observed]:
    return [score("n1", first), score("n2", second)]


def promoted(question: Problem) -> list[str]:
    return [
        where.split()[0]
        for where in places(question).values()
        if where.endswith("promoted") and not where.endswith("unpromoted")
    ]


def test_the_highest_score_is_promoted() -> None:
    assert spread(problem(TWO, promotable(), observed=scores(5, 10))) == [
        "r n1 unpromoted",
        "r n2 promoted",
    ]


@pytest.mark.parametrize(("value", "expected"), [(0, ["n1"]), (-1, []), (None, [])])
def test_a_score_below_zero_or_none_promotes_nothing(
    value: int | None, expected: list[str]
) -> None:
    assert promoted(problem(TWO, promotable(), observed=scores(value, None))) == expected


def test_a_location_for_the_promoted_role_is_enough() -> None:
    limit = prefers("m", "n2", 1, ROLE)
    question = problem(TWO, promotable(), observed=scores(None, None), locations=[limit])
    assert promoted(question) == ["n2"]


def test_an_ordinary_location_counts_for_the_promotion_too() -> None:
    question = problem(
        TWO, promotable(), observed=scores(5, 10), locations=[prefers("m", "n1", 100)]
    )
    assert promoted(question) == ["n1"]


@pytest.mark.parametrize(("other", "node"), [(6, "n1"), (5, "n2")])
def test_a_promoted_instance_has_no_bonus_but_wins_ties(other: int, node: str) -> None:
    seen = [score("n1", other), score("n2", 5, ROLE)]
    assert promoted(problem(TWO, promotable(), observed=seen)) == [node]


@pytest.mark.parametrize(("value", "node"), [(2, "n2"), (3, "n1")])
def test_wishes_of_what_goes_with_the_promoted_role_count_twice(value: int, node: str) -> None:
    question = problem(
        TWO,
        promotable(),
        primitive("x"),
        observed=scores(5, 10),
        colocations=[together("x", "m", primary_role=ROLE)],
        locations=[prefers("x", "n1", value)],
    )
    assert promoted(question) == [node]
    assert places(question)["x"] == node


def test_what_goes_with_the_promoted_role_can_keep_it_off_a_node() -> None:
    question = problem(
        TWO,
        promotable(),
        primitive("x"),
        observed=scores(5, 10),
        colocations=[together("x", "m", primary_role=ROLE)],
        locations=[prefers("x", "n2", -INFINITY)],
    )
    assert promoted(question) == ["n1"]


@pytest.mark.parametrize(("weight", "node"), [(INFINITY, "n1"), (6, "n1"), (4, "n2")])
def test_the_promoted_role_goes_where_it_is_to_be(weight: int, node: str) -> None:
    question = problem(
        TWO,
        primitive("x"),
        promotable(),
        observed=scores(5, 10),
        colocations=[together("m", "x", weight, dependent_role=ROLE)],
        locations=[prefers("x", "n1", 50)],
    )
    assert promoted(question) == [node]


def test_nothing_is_promoted_without_what_it_must_be_with() -> None:
    question = problem(
        TWO,
        primitive("x", target_role=Role.STOPPED),
        promotable(),
        observed=scores(5, 10),
        colocations=[together("m", "x", dependent_role=ROLE)],
    )
    assert promoted(question) == []


def test_target_role_unpromoted_promotes_none() -> None:
    item = promotable(target_role=Role.UNPROMOTED)
    assert spread(problem(TWO, item, observed=scores(5, 10))) == [
        "r n1 unpromoted",
        "r n2 unpromoted",
    ]


def test_a_failed_promotion_is_not_tried_again_at_once() -> None:
    failed = Observed("r", "n1", ROLE, is_not_promoted_again=True, promotion_score=10)
    assert promoted(problem(TWO, promotable(), observed=[failed, score("n2", 5)])) == ["n2"]


def test_without_the_ticket_for_the_role_nothing_is_promoted() -> None:
    ticket = TicketConstraint("t", "m", "T", role=ROLE, loss_policy=LossPolicy.DEMOTE)
    question = problem(TWO, promotable(), observed=scores(5, 10), ticket_constraints=(ticket,))
    assert spread(question) == ["r n1 unpromoted", "r n2 unpromoted"]


def test_a_frozen_partition_promotes_nothing() -> None:
    options = Options(fencing_enabled=False, has_quorum=False, no_quorum=NoQuorum.FREEZE)
    assert promoted(problem(TWO, promotable(), observed=scores(5, 10), options=options)) == []


def test_a_groups_score_is_the_sum_of_its_members() -> None:
    members = group("g", primitive("a"), primitive("b"))
    item = clone("m", members, 2, is_promotable=True)
    seen = [
        Observed(name, node, Role.UNPROMOTED, promotion_score=value)
        for name, node, value in (
            ("a", "n1", 10),
            ("b", "n1", 1),
            ("a", "n2", 5),
            ("b", "n2", 7),
        )
    ]
    assert set(promoted(problem(TWO, item, observed=seen))) == {"n2"}


def test_a_score_for_a_node_that_nobody_has_looked_at_counts_if_nothing_is_known_anywhere() -> None:
    unknown = Observed("r", "n2", is_known=False, promotion_score=5)
    assert promoted(problem(TWO, promotable(), observed=[unknown])) == ["n2"]
