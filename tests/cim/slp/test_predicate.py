"""Filters: what they demand of attributes, and what is no filter."""

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from cim_provider.slp.predicate import CHARS_MAX, DEPTH_MAX, PredicateError, parse

ATTRIBUTES = {
    "name": ("Beat  Keeper",),
    "namespace": ("root/cimv2", "interop"),
    "port": ("5989",),
    "sign": ("a*b",),
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("  ", True),
        ("(name=beat keeper)", True),
        ("(NAME=BEAT KEEPER)", True),
        ("(name=beat)", False),
        ("(name=*)", True),
        ("(nothing=*)", False),
        ("(name=b*r)", True),
        ("(name=*keep*)", True),
        ("(name=*keep)", False),
        ("(name=beat*beat*)", False),
        ("(namespace=interop)", True),
        ("(port>=5989)", True),
        ("(port>=59890)", False),
        ("(port<=600)", False),
        ("(port<=10000)", True),
        ("(name<=c)", True),
        ("(name~=beat keeper)", True),
        (r"(sign=a\2ab)", True),
        (r"(sign=\2a)", False),
        ("(&(name=*)(port=5989))", True),
        ("(&(name=*)(port=1))", False),
        ("(|(port=1)(port=5989))", True),
        ("(!(port=1))", True),
        ("( & (name=*) (!(|(port=1)(port=2))) )", True),
        ("(&)", True),
        ("(|)", False),
    ],
)
def test_filter_says_whether_attributes_fit(text: str, fits: bool) -> None:
    assert parse(text)(ATTRIBUTES) is fits


@pytest.mark.parametrize(
    "text",
    [
        "name=x",
        "(name)",
        "(name=x",
        "(=x)",
        "(&(a=1)",
        "(!)",
        "(!(a=1)(b=1))",
        "(a=1)(b=2)",
        "(a=1) more",
        "(" * 2_000,
        "(&" * (DEPTH_MAX + 2) + ")" * (DEPTH_MAX + 2),
        f"(a={'x' * CHARS_MAX})",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(PredicateError):
        parse(text)


@given(st.text(alphabet="()&|!=*<>~ ab1\\", max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    with suppress(PredicateError):
        assert parse(text)(ATTRIBUTES) in (True, False)
