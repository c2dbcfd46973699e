"""The exact search finds what the greedy order misses, breaks nothing, and else changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from hypothesis import given, settings, strategies as st

from ha_core.ids import INFINITY
from ha_core.policy.engine.exact import Box, offered, plan_exactly
from ha_core.policy.engine.plan import Plan, plan, solve
from ha_core.policy.engine.problem import (
    Colocation,
    Location,
    Meta,
    Node,
    Observed,
    Options,
    Ordering,
    Problem,
    Resource,
    Role,
    Strategy,
)
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

EXACT = Options(fencing_enabled=False, is_exact=True)
TIGHT = replace(EXACT, strategy=Strategy.UTILIZATION)
EXAMPLES = 120
BOX = 2_000_000
"""Enough for every question of that size."""

Places = dict[str, str | None]


def places(made: Plan) -> dict[str, str]:
    """Return where everything runs after the plan."""
    names = [spot.node.name for spot in made.board.nodes]
    return {
        name: ",".join(names[node] for node in roles) for name, roles in made.outcome.roles.items()
    }


def greedily(question: Problem) -> dict[str, str]:
    """Return where everything runs after the greedy plan."""
    return places(solve(question))


def roomy(*sizes: int) -> tuple[Node, ...]:
    """Return nodes n1, n2, … with so much room."""
    return tuple(Node(f"n{n}", capacity=(("cpu", size),)) for n, size in enumerate(sizes, 1))


# --- what the greedy order misses -----------------------------------------------------------------


def test_the_small_one_makes_room_for_the_large_one() -> None:
    question = problem(
        roomy(4, 8), *(primitive(name, demand=need) for name, need in (("a", 3), ("b", 6))),
        locations=[prefers("a", "n2", 100)], options=TIGHT,
    )  # fmt: skip
    assert greedily(question) == {"a": "n2"}
    made = plan(question)
    assert places(made) == {"a": "n1", "b": "n2"}
    assert made.exact is not None
    assert (made.exact.gained, made.exact.moved, made.exact.lost) == (("b",), ("a",), ())
    assert made.exact.is_complete
    assert made.board.items["a"].reasons[-1].code == "exact"


def test_a_look_is_left_out_where_weighing_colocations_would_take_too_long() -> None:
    question = problem(
        roomy(4, 8), *(primitive(name, demand=need) for name, need in (("a", 3), ("b", 6))),
        locations=[prefers("a", "n2", 100)], options=TIGHT,
    )  # fmt: skip
    box = Box(100)
    assert offered(solve(question), box) is not None
    many = tuple(Colocation(f"c{n}", "a", "b", 0) for n in range(10_000))
    box = Box(100)
    assert offered(solve(replace(question, colocations=many)), box) is None
    assert box.left == 100


def test_what_avoids_another_gets_the_node_that_only_it_may_have() -> None:
    question = problem(
        nodes("n1", "n2"), primitive("a"), primitive("b"),
        locations=[prefers("a", "n1", 10), prefers("b", "n2", -INFINITY)],
        colocations=[together("b", "a", -INFINITY, influence=False)],
        observed=at("a", "n1"), options=EXACT,
    )  # fmt: skip
    assert greedily(question) == {"a": "n1"}
    assert places(plan(question)) == {"a": "n2", "b": "n1"}


def test_more_followers_count_more_than_the_first_one() -> None:
    question = problem(
        nodes("n1", "n2"), *map(primitive, ("p", "a", "b", "c")),
        locations=[
            prefers("a", "n2", -INFINITY), prefers("b", "n1", -INFINITY),
            prefers("c", "n1", -INFINITY),
        ],
        colocations=[together(name, "p") for name in ("a", "b", "c")],
        options=EXACT,
    )  # fmt: skip
    assert greedily(question) == {"p": "n1", "a": "n1"}
    assert places(plan(question)) == {"p": "n2", "b": "n2", "c": "n2"}


def test_one_important_follower_counts_more_than_two_others() -> None:
    question = problem(
        nodes("n1", "n2"), primitive("p", priority=5), primitive("a", priority=1),
        primitive("b"), primitive("c"),
        locations=[
            prefers("a", "n2", -INFINITY), prefers("b", "n1", -INFINITY),
            prefers("c", "n1", -INFINITY),
        ],
        colocations=[together(name, "p") for name in ("a", "b", "c")],
        options=EXACT,
    )  # fmt: skip
    made = plan(question)
    assert places(made) == {"p": "n1", "a": "n1"}
    assert made.exact is not None
    assert not made.exact.is_better
    assert made.exact.is_complete


def test_what_waits_for_a_stopped_one_is_not_counted_as_running() -> None:
    question = problem(
        nodes("n1", "n2"), *map(primitive, ("p", "a", "b", "c", "first")),
        locations=[
            prefers("a", "n2", -INFINITY), prefers("b", "n1", -INFINITY),
            prefers("c", "n1", -INFINITY), prefers("first", "n1", -INFINITY),
            prefers("first", "n2", -INFINITY),
        ],
        colocations=[together(name, "p") for name in ("a", "b", "c")],
        orderings=(Ordering("o", "first", "b"), Ordering("o2", "first", "c")),
        options=EXACT,
    )  # fmt: skip
    assert places(plan(question)) == {"p": "n1", "a": "n1"}


def test_a_clone_of_one_instance_goes_where_its_follower_can_be() -> None:
    question = problem(
        nodes("n1", "n2"), clone("c", primitive("i"), 1), primitive("x"),
        locations=[prefers("x", "n1", -INFINITY)],
        colocations=[together("x", "c", influence=False)],
        observed=at("i", "n1"), options=EXACT,
    )  # fmt: skip
    assert greedily(question) == {"i:0": "n1"}
    assert places(plan(question)) == {"i:0": "n2", "x": "n2"}


def test_a_group_goes_where_all_of_it_can_be() -> None:
    question = problem(
        roomy(2, 4), group("g", primitive("a", demand=1), primitive("b", demand=3)),
        primitive("x", demand=2),
        locations=[prefers("x", "n2", 100)], options=TIGHT,
    )  # fmt: skip
    made = plan(question)
    assert places(made) == {"a": "n2", "b": "n2", "x": "n1"}


# --- what it leaves alone -------------------------------------------------------------------------


def test_where_everything_runs_the_greedy_plan_stands() -> None:
    question = problem(
        nodes("n1", "n2"), primitive("a"), primitive("b"),
        colocations=[together("b", "a", -INFINITY)], observed=at("a", "n2"), options=EXACT,
    )  # fmt: skip
    made = plan(question)
    assert made.as_value()["actions"] == solve(question).as_value()["actions"]
    assert made.exact is not None
    assert not made.exact.is_better


def test_without_the_option_there_is_no_search() -> None:
    question = problem(roomy(4), primitive("a", demand=5), options=replace(TIGHT, is_exact=False))
    assert plan(question).exact is None


def test_a_search_whose_box_is_empty_says_that_it_is_not_complete() -> None:
    question = problem(
        roomy(4, 8), primitive("a", demand=3), primitive("b", demand=6),
        locations=[prefers("a", "n2", 100)], options=TIGHT,
    )  # fmt: skip
    for box in (Box(0), Box(is_cancelled=lambda: True)):
        made = plan_exactly(question, box)
        assert places(made) == {"a": "n2"}
        assert made.exact is not None
        assert not made.exact.is_complete


def test_a_resource_that_has_no_node_at_all_is_not_searched_for() -> None:
    question = problem(
        nodes("n1", "n2"), primitive("a"), primitive("b"),
        locations=[prefers("a", "n1", -INFINITY), prefers("a", "n2", -INFINITY)],
        colocations=[together("b", "a")], options=EXACT,
    )  # fmt: skip
    made = plan_exactly(question, Box(1))  # for finding that out
    assert made.exact is not None
    assert made.exact.is_complete


def test_what_a_move_by_hand_leads_to_stays_there_whatever_else_could_run() -> None:
    moved = problem(
        roomy(4, 8), *(primitive(name, demand=need) for name, need in (("a", 3), ("b", 6))),
        locations=[prefers("a", "n2", INFINITY)], observed=(*at("a", "n1"), *at("b", "n2")),
        options=TIGHT,
    )  # fmt: skip
    made = plan(moved)
    assert places(made) == {"a": "n2"}
    assert made.exact is not None
    assert not made.exact.is_better
    unbound = replace(moved, locations=(prefers("a", "n2", 100),))
    assert places(plan(unbound)) == {"a": "n1", "b": "n2"}


def test_what_is_never_to_move_makes_no_room() -> None:
    question = problem(
        roomy(4, 8), primitive("a", demand=3, stickiness=INFINITY), primitive("b", demand=6),
        observed=at("a", "n2"), options=TIGHT,
    )  # fmt: skip
    assert places(plan(question)) == {"a": "n2"}


# --- against brute force --------------------------------------------------------------------------


@st.composite
def questions(draw: st.DrawFn) -> Problem:
    """Draw a small question of primitives that get in one another's way."""
    names = [f"n{n}" for n in range(1, draw(st.integers(1, 4)) + 1)]
    ids = [f"r{n}" for n in range(draw(st.integers(1, 5)))]
    has_room = draw(st.booleans())
    resources = tuple(
        Resource(
            name,
            meta=Meta(
                priority=draw(st.sampled_from((0, 0, 0, 5))),
                stickiness=draw(st.sampled_from((0, 0, 10))),
            ),
            demand=(("cpu", draw(st.integers(1, 4))),) if has_room else (),
        )
        for name in ids
    )
    locations = tuple(
        Location(
            f"l{n}",
            draw(st.sampled_from(ids)),
            ((draw(st.sampled_from(names)), draw(st.sampled_from((-INFINITY, -INFINITY, 5, 20)))),),
        )
        for n in range(draw(st.integers(0, 8)))
    )
    pairs = [(one, two) for place, one in enumerate(ids) for two in ids[:place]]
    colocations = tuple(
        Colocation(
            f"k{n}",
            *draw(st.sampled_from(pairs)),
            draw(st.sampled_from((-INFINITY, -INFINITY, INFINITY))),
            influence=draw(st.sampled_from((None, False))),
        )
        for n in range(draw(st.integers(0, 4)) if pairs else 0)
    )
    observed = tuple(
        Observed(name, draw(st.sampled_from(names)), Role.STARTED)
        for name in ids
        if draw(st.booleans())
    )
    return Problem(
        tuple(Node(name, capacity=(("cpu", draw(st.integers(2, 6))),)) for name in names),
        resources,
        Options(
            fencing_enabled=False,
            is_exact=True,
            strategy=Strategy.UTILIZATION if has_room else Strategy.DEFAULT,
        ),
        locations=locations,
        colocations=colocations,
        observed=observed,
    )


def totals(question: Problem) -> dict[tuple[str, str], int]:
    """Return what each node counts for each resource; left out where it must not be."""
    found = {}
    for resource in question.resources:
        for node in question.nodes:
            given = [
                score
                for location in question.locations
                if location.resource == resource.id
                for name, score in location.scores
                if name == node.name
            ]
            if -INFINITY in given:
                continue
            stays = Observed(resource.id, node.name, Role.STARTED) in question.observed
            found[resource.id, node.name] = sum(given) + stays * resource.meta.stickiness
    return found


def is_lawful(question: Problem, where: Places) -> bool:
    """Whether this breaks no mandatory constraint and fits."""
    allowed = totals(question)
    if any(node is not None and (name, node) not in allowed for name, node in where.items()):
        return False
    for link in question.colocations:
        one, two = where[link.dependent], where[link.primary]
        if one is not None and (one == two) is not (link.score > 0):
            return False
    if question.options.strategy is Strategy.DEFAULT:
        return True
    for node in question.nodes:
        taken = sum(
            amount
            for resource in question.resources
            if where[resource.id] == node.name
            for _, amount in resource.demand
        )
        if taken > dict(node.capacity)["cpu"]:
            return False
    return True


def every_way(question: Problem) -> Iterator[Places]:
    """Yield every lawful placement."""
    names = [resource.id for resource in question.resources]
    choices = (None, *(node.name for node in question.nodes))
    for chosen in product(choices, repeat=len(names)):
        where = dict(zip(names, chosen, strict=True))
        if is_lawful(question, where):
            yield where


def runs(question: Problem, where: Places) -> tuple[int, int]:
    """Return how many important, and how many other resources run."""
    found = [r.meta.priority for r in question.resources if where[r.id] is not None]
    return found.count(5), found.count(0)


def worth(question: Problem, where: Places) -> tuple[int, int]:
    """Return the sum of scores and the number of moves, negated."""
    allowed = totals(question)
    score = sum(allowed[name, node] for name, node in where.items() if node is not None)
    moves = sum(where[seen.resource] != seen.node for seen in question.observed)
    return score, -moves


def where_of(question: Problem, made: Plan) -> Places:
    """Return a plan's placement, the stopped ones too."""
    found: Places = dict.fromkeys([resource.id for resource in question.resources])
    found.update(places(made))
    return found


@settings(max_examples=EXAMPLES, deadline=None)
@given(questions())
def test_it_runs_as_much_as_can_run_by_brute_force(question: Problem) -> None:
    made = plan_exactly(question, Box(BOX))
    assert made.exact is not None
    assert made.exact.is_complete
    where = where_of(question, made)
    assert is_lawful(question, where)
    best = max(runs(question, way) for way in every_way(question))
    assert runs(question, where) == best
    before = where_of(question, solve(question))
    if runs(question, before) == best and not made.exact.is_better:
        assert where == before


@settings(max_examples=EXAMPLES, deadline=None)
@given(questions())
def test_of_what_runs_as_much_it_takes_the_best_scores_and_the_fewest_moves(
    question: Problem,
) -> None:
    made = plan_exactly(question, Box(BOX))
    if made.exact is None or not made.exact.gained:
        return  # the greedy plan stands, whatever its scores
    where = where_of(question, made)
    most = runs(question, where)
    best = max(worth(question, way) for way in every_way(question) if runs(question, way) == most)
    assert worth(question, where) == best


@settings(max_examples=EXAMPLES, deadline=None)
@given(questions())
def test_a_second_plan_on_its_outcome_changes_nothing(question: Problem) -> None:
    made = plan_exactly(question, Box(BOX))
    where = places(made)
    after = replace(
        question, observed=tuple(Observed(name, at, Role.STARTED) for name, at in where.items())
    )
    if made.exact is not None and made.exact.is_better:
        assert places(plan_exactly(after, Box(BOX))) == where


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(questions())
def test_the_same_question_has_the_same_answer(question: Problem) -> None:
    assert plan(question).as_value() == plan(question).as_value()
