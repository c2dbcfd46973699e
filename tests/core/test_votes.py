"""Majorities: any two have a member in common, also across one change of the voters."""

from itertools import combinations

import pytest
from hypothesis import given, strategies as st

from ha_core.ids import NodeName
from ha_core.quorum.votes import has_majority, majority_value, step_fault, votes_needed

NAMES = [NodeName(letter) for letter in "abcdefg"]
VOTERS = st.sets(st.sampled_from(NAMES), min_size=1)


@pytest.mark.parametrize(
    ("votes", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)]
)
def test_more_than_half_is_needed(votes: int, needed: int) -> None:
    assert votes_needed(votes) == needed


def test_no_votes_are_a_bug_and_never_quorate() -> None:
    assert not has_majority(NAMES, [])
    with pytest.raises(AssertionError):
        votes_needed(0)


def test_strangers_do_not_count() -> None:
    assert not has_majority(NAMES[3:], NAMES[:3])
    assert has_majority([*NAMES[1:]], NAMES[:3])


@given(VOTERS, st.data())
def test_majorities_before_and_after_a_permitted_step_share_a_voter(
    old: set[NodeName], data: st.DataObject
) -> None:
    changed = data.draw(st.sampled_from(NAMES))
    new = old ^ {changed}
    assert bool(step_fault(old, new)) is not bool(new)
    for one in combinations(sorted(old), votes_needed(len(old))):
        for other in combinations(sorted(new), votes_needed(len(new)) if new else 9):
            assert set(one) & set(other)


def test_two_changed_votes_are_named() -> None:
    assert step_fault(NAMES[:3], NAMES[1:4]) == (
        "the votes of a, d would change at once: change one voter at a time"
    )


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 50)), VOTERS)
def test_majority_value_is_the_greatest_that_a_majority_reached(
    values: dict[NodeName, int], voters: set[NodeName]
) -> None:
    found = majority_value(values, voters)
    reached = [name for name in voters if values.get(name, 0) >= found]
    beyond = [name for name in voters if values.get(name, 0) > found]
    assert has_majority(reached, voters)
    assert not has_majority(beyond, voters)


def test_majority_of_nobody_has_reached_nothing() -> None:
    assert majority_value({NAMES[0]: 5}, []) == 0
