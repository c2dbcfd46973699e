"""Placement beside a slow, obvious version of itself, where there is one."""

from hypothesis import assume, given, settings, strategies as st

from ha_core.ids import INFINITY
from tests.core.policy import case

NODES = ("n1", "n2", "n3")
_SCORE = st.sampled_from((-INFINITY, -50, 0, 10, 100, INFINITY))
_WISH = st.sampled_from((-INFINITY, 0, 10, 100, INFINITY))
"""A member with a finite dislike stays away from its group; that is no matter of sums."""


def _sum(values: list[int]) -> int:
    if -INFINITY in values:
        return -INFINITY
    return INFINITY if INFINITY in values else sum(values)


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[list[int]], list[str], list[int]]:
    """Return each member's location score per node, where it runs, and its stickiness."""
    size = draw(st.integers(1, 4))
    scores = [[draw(_WISH) for _ in NODES] for _ in range(size)]
    homes = [draw(st.sampled_from((*NODES, ""))) for _ in range(size)]
    return scores, homes, [draw(st.sampled_from((0, 1, 100))) for _ in range(size)]


def _text(scores: list[list[int]], homes: list[str], stickiness: list[int]) -> str:
    names = "abcd"[: len(scores)]
    lines = ["nodes n1 n2 n3"]
    lines += [f"primitive {n} stickiness={s}" for n, s in zip(names, stickiness, strict=True)]
    lines.append(f"group g {' '.join(names)}")
    for name, row in zip(names, scores, strict=True):
        lines += [f"location {name} {node} {s}" for node, s in zip(NODES, row, strict=True)]
    lines += [f"on {home} {n} started" for n, home in zip(names, homes, strict=True) if home]
    return "\n".join(lines)


@settings(max_examples=300, deadline=None)
@given(groups())
def test_group_goes_where_the_sum_over_its_members_is_highest(
    drawn: tuple[list[list[int]], list[str], list[int]],
) -> None:
    scores, homes, stickiness = drawn
    totals = {
        node: _sum(
            [row[i] for row in scores]
            + [s for s, home in zip(stickiness, homes, strict=True) if home == node]
        )
        for i, node in enumerate(NODES)
    }
    best = max(totals.values())
    assume(best >= 0)
    plan = case.read(_text(*drawn)).plan()
    places = {decision.node for decision in plan.decisions}
    assert len(places) == 1
    assert totals[places.pop() or ""] == best


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.tuples(_SCORE, _SCORE, _SCORE), st.sampled_from(NODES)), max_size=5))
def test_primitives_that_know_nothing_of_each_other_each_get_their_best_node(
    drawn: list[tuple[tuple[int, ...], str]],
) -> None:
    lines = ["nodes n1 n2 n3"]
    for number, (row, home) in enumerate(drawn):
        lines += [f"primitive r{number}", f"on {home} r{number} started"]
        lines += [f"location r{number} {n} {s}" for n, s in zip(NODES, row, strict=True)]
    decisions = case.read("\n".join(lines)).plan().decisions
    for (row, home), decision in zip(drawn, decisions, strict=True):
        totals = {n: _sum([s, 1] if n == home else [s]) for n, s in zip(NODES, row, strict=True)}
        best = max(totals.values())
        if best < 0:
            assert decision.node is None
        else:
            assert totals[decision.node or ""] == best
