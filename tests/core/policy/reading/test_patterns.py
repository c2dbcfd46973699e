"""Patterns of names mean what they mean elsewhere, and no pattern is slow."""

import re

import pytest
from hypothesis import given, strategies as st

from ha_core.policy.cib.patterns import Pattern, PatternError

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "a|b"])


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    counted = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{1,}"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, counted).map(lambda pair: f"({pair[0]}){pair[1]}"),
        inner.map(lambda part: f"^{part}"),
        inner.map(lambda part: f"{part}$"),
    )


@given(st.recursive(ATOMS, _longer, max_leaves=6), st.text("abc", max_size=6))
def test_a_name_matches_where_pythons_does(text: str, name: str) -> None:
    assert (Pattern(text).search(name) is None) == (re.search(text, name) is None)


def test_groups_are_told() -> None:
    assert Pattern("^([a-z]+)-([[:digit:]]{1,2})").search("web-12")[:3] == ("web-12", "web", "12")  # type: ignore[index]  # it matches


def test_a_pattern_that_others_try_for_ages_is_quick() -> None:
    assert Pattern("^(a+)+$").search("a" * 500 + "b") is None
    assert Pattern("((a|a)*)*b").search("a" * 500) is None


@pytest.mark.parametrize(
    "text", ["(", ")", "[", "[[:no:]]", "a{", "a{2,1}", "a{999}", "*", "a\\", "a" + "*" * 99]
)
def test_what_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern(text)


def test_size_and_depth_are_bounded() -> None:
    for text in ("((((a{200}){200}){200}))", "(" * 99 + ")" * 99):
        with pytest.raises(PatternError):
            Pattern(text)
