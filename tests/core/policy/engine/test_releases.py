"""Where releases of Pacemaker differ the newer one is followed, and 2.1.5 if that is asked for."""

from dataclasses import replace

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import Observed, Problem, Role
from ha_core.policy.engine.unpack import unpack
from tests.core.policy.engine.placing import (
    at,
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
THREE = nodes("n1", "n2", "n3")


def as_before(question: Problem) -> Problem:
    """Return the question put to release 2.1.5."""
    return replace(question, options=replace(question.options, is_like_2_1_5=True))


@pytest.mark.parametrize(
    ("question", "newer", "older"),
    [
        pytest.param(
            problem(
                TWO,
                primitive("a"),
                primitive("b"),
                locations=[prefers("a", "n2", -INFINITY)],
                colocations=[together("a", "b", -INFINITY)],
            ),
            ["a n1", "b n2"],
            ["b n1"],
            id="what avoids it has one node left",
        ),
        pytest.param(
            problem(
                TWO,
                primitive("a"),
                primitive("b"),
                primitive("c"),
                locations=[prefers("a", "n1", 10), prefers("b", "n1", 10)],
                colocations=[together("c", "a", -1), together("c", "b")],
            ),
            ["a n1", "b n1", "c n1"],
            ["a n1", "b n1"],
            id="a mandatory colocation beside one that would rather not",
        ),
        pytest.param(
            problem(
                TWO,
                primitive("a"),
                primitive("b"),
                primitive("c"),
                locations=[
                    prefers("b", "n2", 200),
                    prefers("c", "n1", 1000),
                    prefers("c", "n2", 1),
                ],
                colocations=[together("b", "a", 100), together("c", "b", INFINITY)],
            ),
            ["a n2", "b n1", "c n1"],
            ["a n1", "b n1", "c n1"],
            id="a long chain draws with the product of its parts",
        ),
        pytest.param(
            problem(
                TWO,
                primitive("a"),
                primitive("b"),
                locations=[prefers("a", "n2", -INFINITY), prefers("b", "n1", 100)],
                colocations=[together("a", "b", -500)],
            ),
            ["a n1", "b n2"],
            ["a n1", "b n1"],
            id="what rather avoids it has one node left",
        ),
        pytest.param(
            problem(
                TWO,
                primitive("b"),
                group("h", primitive("x")),
                observed=at("b", "n1"),
                locations=[prefers("h", "n2", -INFINITY)],
                colocations=[together("h", "b", -INFINITY)],
            ),
            ["b n2", "x n1"],
            ["b n1"],
            id="a group that avoids it has one node left",
        ),
        pytest.param(
            problem(
                TWO,
                clone("c", group("g", primitive("r", stickiness=1)), 2),
                observed=at("r", "n1", "n2"),
                locations=[prefers("c", "n2", 100)],
            ),
            ["r n1", "r n2"],
            ["r n2", "r n2"],
            id="both instances of a cloned group would rather have one node",
        ),
        pytest.param(
            problem(
                TWO,
                clone("d", primitive("s"), 1),
                clone("c", primitive("r"), 2, is_promotable=True),
                observed=[
                    *at("s", "n1"),
                    Observed("r", "n1", Role.UNPROMOTED, promotion_score=5),
                    Observed("r", "n2", Role.UNPROMOTED, promotion_score=9),
                ],
                colocations=[together("c", "d", -INFINITY, dependent_role=Role.UNPROMOTED)],
            ),
            ["r n1 promoted", "r n2 unpromoted", "s n1"],
            ["r n2 promoted", "s n1"],
            id="apart in a role that is not decided yet",
        ),
    ],
)
def test_the_newer_release_is_followed_unless_the_older_is_asked_for(
    question: Problem, newer: list[str], older: list[str]
) -> None:
    assert spread(question) == newer
    assert spread(as_before(question)) == older


def test_the_instance_that_comes_first_keeps_its_node_while_another_one_moves() -> None:
    question = problem(
        THREE,
        clone("c", primitive("r", stickiness=1), 2),
        observed=at("r", "n2", "n3"),
        locations=[prefers("c", "n1", 2)],
    )
    assert places(question) == {"r:0": "n2", "r:1": "n1"}
    assert places(as_before(question)) == {"r:0": "n1", "r:1": "n3"}


def test_a_finite_colocation_of_the_promoted_role_counts() -> None:
    question = problem(
        TWO,
        clone("c", primitive("m", stickiness=1), 2, is_promotable=True),
        primitive("x"),
        observed=[
            Observed("m", "n1", Role.UNPROMOTED, promotion_score=5),
            Observed("m", "n2", Role.UNPROMOTED, promotion_score=10),
        ],
        locations=[prefers("x", "n1")],
        colocations=[together("c", "x", 6, dependent_role=Role.PROMOTED)],
    )
    assert spread(question) == ["m n1 promoted", "m n2 unpromoted", "x n1"]


def test_nothing_is_drawn_apart_by_a_wish_within_a_group_alone() -> None:
    question = problem(
        TWO,
        primitive("z"),
        group("g", primitive("a"), primitive("b")),
        locations=[prefers("g", "n1", -100)],
        colocations=[together("b", "z")],
    )
    assert spread(question) == ["a n2", "b n2", "z n2"]


def test_of_equally_urgent_colocations_of_a_clone_the_last_counts_first() -> None:
    # Checked with crm_simulate 3.0.0 and 2.1.5: what counts first leaves one instance its partner.
    both = [together("c", "d"), together("c", "d", -INFINITY)]
    found = {}
    for order in (both, both[::-1]):
        question = problem(
            TWO,
            clone("d", primitive("s"), 2),
            clone("c", primitive("r"), 2, interleave=True),
            colocations=order,
        )
        found[order[0].score] = (spread(question), spread(as_before(question)))
    nowhere, beside = ["s n1", "s n2"], ["r n2", "s n1", "s n2"]
    assert found == {INFINITY: (beside, nowhere), -INFINITY: (nowhere, beside)}


def test_an_entry_of_what_is_stopped_speaks_of_the_lowest_instance_not_active_before_it() -> None:
    # Checked with crm_simulate 2.1.5: what nothing is known of may be promoted by any score.
    found = {}
    for order in (TWO, TWO[::-1]):
        board = unpack(
            problem(
                order,
                clone("c", primitive("r"), 2),
                observed=at("r", "n2"),
                found_stopped=(("r", ("n1",)),),
            )
        )
        names = [spot.node.name for spot in board.nodes]
        known = {name: {names[node] for node in board.items[name].known} for name in ("r:0", "r:1")}
        found[order[0].name] = known
    assert found["n1"] == {"r:0": {"n1", "n2"}, "r:1": set()}
    assert found["n2"] == {"r:0": {"n2"}, "r:1": {"n1"}}
