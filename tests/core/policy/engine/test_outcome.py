"""The final state, and that a second plan on it has nothing to do."""

import os
import subprocess
import sys
from dataclasses import replace

from hypothesis import given, settings, strategies as st

from ha_core.ids import INFINITY
from ha_core.policy.engine.graph import orders
from ha_core.policy.engine.outcome import make_json
from ha_core.policy.engine.problem import (
    Colocation,
    Location,
    MultipleActive,
    Observed,
    OnFail,
    Options,
    Ordering,
    OrderKind,
    Problem,
    Resource,
    Role,
)
from tests.core.policy.engine.acting import (
    Answer,
    active,
    answer,
    clone,
    group,
    nodes,
    primitive,
    question,
)


def afterwards(got: Answer) -> Problem:
    """Return the question that the final state poses."""
    problem = got.board.problem
    gone = {got.board.nodes[node].node.name for node in got.plan.outcome.fenced}
    seen = []
    for name, roles in got.plan.outcome.roles.items():
        item = got.board.items[name]
        filed = got.board.filed(item)
        seen += [
            Observed(filed, got.board.nodes[node].node.name, role) for node, role in roles.items()
        ]
    where = tuple(
        replace(node, is_online=False, fence_reason="") if node.name in gone else node
        for node in problem.nodes
    )
    return replace(problem, nodes=where, observed=tuple(seen))


def places(got: Answer) -> list[tuple[str, str]]:
    """Return who is where; the numbers of a clone's instances mean nothing."""
    return sorted((name.partition(":")[0], place) for name, place in got.where().items())


def test_a_fenced_node_has_nothing_left() -> None:

    lost = {"is_online": False, "fence_reason": "it is lost"}
    got = answer(
        question(
            nodes(1, n1=lost),
            primitive("a"),
            observed=(active("a", "n1"),),
            options=Options(can_fence=True),
        )
    )
    assert got.where() == {}
    assert got.plan.outcome.fenced == [0]


def test_the_plan_in_plain_lists_names_everything() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a"),
            observed=(active("a", "n1"),),
            locations=(Location("l", "a", (("n2", 10),)),),
        )
    )
    value = make_json(got.board, got.graph, got.plan.outcome)
    assert value == {
        "placement": {"a": {"node": "n2", "role": "Started"}},
        "actions": [
            {"op": "stop", "resource": "a", "node": "n1"},
            {"op": "start", "resource": "a", "node": "n2"},
        ],
        "order": [[0, 1]],
        "fenced": [],
        "blocked": [],
        "held_up": [],
    }


def test_what_is_held_up_names_what_it_waits_for() -> None:
    got = answer(
        question(
            nodes(1),
            primitive("a", target_role=Role.STOPPED),
            primitive("b"),
            orderings=(Ordering("o", "a", "b"),),
        )
    )
    assert make_json(got.board, got.graph, got.plan.outcome)["held_up"] == [
        {
            "op": "start",
            "resource": "b",
            "node": "n1",
            "why": "the start of a cannot be: its target-role is Stopped",
            "waits_for": {"op": "start", "resource": "a", "node": None},
        }
    ]


def test_what_was_dropped_to_break_a_circle_is_said() -> None:
    circle = (Ordering("o", "a", "b"), Ordering("p", "b", "a"))
    got = answer(question(nodes(1), primitive("a"), primitive("b"), orderings=circle))
    assert got.plan.as_value()["left_out"] == got.graph.dropped


def test_a_sequence_of_too_many_pairs_is_not_listed() -> None:
    many = [clone(f"k{number}", primitive(f"r{number}"), 40) for number in range(180)]
    chain = tuple(Ordering(f"o{n}", f"k{n}", f"k{n + 1}") for n in range(179))
    got = answer(question(nodes(40), *many, orderings=chain))
    value = make_json(got.board, got.graph, got.plan.outcome)
    assert value["order"] is None
    assert len(got.does()) == 180 * 40


# --- properties --------------------------------------------------------------------------------

NAMES = "abcde"
SCORES = st.sampled_from([INFINITY, -INFINITY, 100, 10, 1, -1, -100])


@st.composite
def resources(draw: st.DrawFn) -> tuple[Resource, ...]:
    """Return a few primitives, perhaps a group and a clone of some of them."""
    wishes = st.sampled_from([Role.PROMOTED, Role.PROMOTED, Role.STOPPED])
    count = draw(st.integers(1, 5))
    size = draw(st.integers(0, count))
    made = [
        primitive(
            name,
            stickiness=draw(st.sampled_from([1, 100])),
            # A member that stops still pulls the others to where it is, until it has stopped.
            target_role=draw(wishes) if number >= size else Role.PROMOTED,
            priority=draw(st.integers(0, 2)),
            allow_migrate=draw(st.booleans()),
        )
        for number, name in enumerate(NAMES[:count])
    ]
    tops = made[size:]
    if size:
        tops.append(group("g", *made[:size]))
    if draw(st.booleans()):
        tops.append(
            clone(
                "k",
                primitive("r"),
                draw(st.integers(1, 3)),
                interleave=draw(st.booleans()),
                notify=draw(st.booleans()),
            )
        )
    return tuple(tops)


@st.composite
def questions(draw: st.DrawFn, *, has_colocations: bool = True) -> Problem:
    """Return a small question with constraints, some things running and some of them failed."""
    tops = draw(resources())
    names = [top.id for top in tops]
    where = nodes(draw(st.integers(1, 3)))
    hosts = [node.name for node in where]
    pairs = [(one, two) for i, one in enumerate(names) for two in names[i + 1 :]]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=3)) if pairs else []
    kinds = st.sampled_from([OrderKind.MANDATORY, OrderKind.OPTIONAL])
    orderings = tuple(
        Ordering(f"o{i}", one, two, kind=draw(kinds)) for i, (one, two) in enumerate(chosen)
    )
    size = 2 if has_colocations and pairs else 0
    drawn = draw(st.lists(st.sampled_from(pairs), max_size=size)) if size else []
    colocations = tuple(
        Colocation(f"c{i}", two, one, draw(SCORES)) for i, (one, two) in enumerate(drawn)
    )
    locations = tuple(
        Location(f"l{i}", draw(st.sampled_from(names)), ((draw(st.sampled_from(hosts)), score),))
        for i, score in enumerate(draw(st.lists(SCORES, max_size=3)))
    )
    seen = [
        active(
            item.id,
            draw(st.sampled_from(hosts)),
            failed=draw(st.sampled_from([None, OnFail.RESTART])),
        )
        for top in tops
        for item in top.primitives()
        if draw(st.booleans())
    ]
    return question(
        where,
        *tops,
        orderings=orderings,
        colocations=colocations,
        locations=locations,
        observed=tuple(seen),
    )


@settings(max_examples=200, deadline=None)
@given(questions(has_colocations=False))
def test_a_second_plan_on_the_outcome_is_empty(problem: Problem) -> None:
    got = answer(problem)
    again = answer(afterwards(got))
    assert again.does() == []
    assert places(again) == places(got)


@settings(max_examples=200, deadline=None)
@given(questions())
def test_plans_come_to_rest(problem: Problem) -> None:
    """A preference that only stickiness brings about may need a second plan, but ends."""
    got = answer(problem)
    for _ in range(3):
        got = answer(afterwards(got))
    assert got.does() == []


@settings(max_examples=200, deadline=None)
@given(questions())
def test_what_happens_has_a_sequence(problem: Problem) -> None:
    graph = answer(problem).graph
    happening = {action for action in graph.actions if action.happens}
    ready = [a for a in happening if not any(t.first in happening and orders(t) for t in a.before)]
    done = set()
    while ready:
        action = ready.pop()
        done.add(action)
        ready += [
            tie.then
            for tie in action.after
            if tie.then in happening
            and tie.then not in done
            and all(
                t.first in done or t.first not in happening or not orders(t)
                for t in tie.then.before
            )
        ]
    assert done == happening


@settings(max_examples=200, deadline=None)
@given(questions())
def test_what_cannot_run_says_why(problem: Problem) -> None:
    for action in answer(problem).graph.actions:
        if not action.can_run and action.item is not None and not action.item.children:
            assert action.hindrance or action.waits_for is not None


@settings(max_examples=200, deadline=None)
@given(questions())
def test_mandatory_orderings_hold_in_the_outcome(problem: Problem) -> None:
    got = answer(problem)
    found = got.plan.outcome.roles
    pairs = [(one.first, one.then) for one in problem.orderings]
    for ordering in problem.orderings:
        if pairs.count((ordering.first, ordering.then)) > 1:
            continue
        first, then = (got.board.items[name] for name in (ordering.first, ordering.then))
        if ordering.kind is not OrderKind.MANDATORY or first.children or then.children:
            continue
        if then.id in found:
            assert first.id in found


HASHED = """
import json
from tests.core.policy.engine.acting import *
from tests.core.policy.engine.test_outcome import sample
print(json.dumps(answer(sample()).plan.as_value()))
"""


def sample() -> Problem:
    """Return a question with something of everything."""
    return question(
        nodes(3),
        group("g", primitive("a"), primitive("b")),
        clone("k", primitive("r"), 3, notify=True),
        primitive("c", allow_migrate=True),
        is_known=False,
        orderings=(Ordering("o", "g", "k"), Ordering("p", "k", "c")),
        observed=(active("c", "n1"), active("r", "n2"), active("r", "n3", failed=OnFail.RESTART)),
        locations=(Location("l", "c", (("n3", INFINITY),)),),
    )


def test_the_plan_is_the_same_under_every_hash_seed() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "7")
    }
    assert len(told) == 1


def test_what_was_blocked_for_being_active_twice_is_not_once_it_is_active_once() -> None:
    options = Options(can_fence=True)
    a = primitive("a", multiple_active=MultipleActive.BLOCK)
    seen = (active("a", "n1"), active("a", "n2"))
    bad = {"fence_reason": "it is bad"}
    other = primitive("b")
    got = answer(question(nodes(2, n2=bad), a, other, observed=seen, options=options))
    assert got.where()["a"] == "n1"
    assert got.plan.outcome.blocked == []
    got = answer(question(nodes(2), a, other, observed=seen, options=options))
    assert got.plan.outcome.blocked == ["a"]
