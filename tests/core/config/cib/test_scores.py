"""Scores in a CIB: words of health are written out, what is no score is told with its place."""

import pytest

from tests.core.config.cib.test_import import cib, options, taken, told

HEALTH = options(node_health_yellow="-7", node_health_green="3")
RULE = "<expression id='e' attribute='k' operation='defined'/>"
PLACES = {
    "<rsc_location id='l' rsc='a' node='n1' score='{}'/>": "l",
    f"<rsc_location id='l' rsc='a'><rule id='r' score='{{}}'>{RULE}</rule></rsc_location>": "r",
    "<rsc_colocation id='l' rsc='a' with-rsc='b' score='{}'/>": "l",
}
SET = (
    "<rsc_colocation id='l' score='5'><resource_set id='s' score='{}'>"
    "<resource_ref id='a'/><resource_ref id='b'/></resource_set></rsc_colocation>"
)


@pytest.mark.parametrize(("text", "place"), PLACES.items())
@pytest.mark.parametrize(
    ("word", "score"), [("red", "-INFINITY"), ("yellow", "-7"), ("Green", "3")]
)
def test_word_of_health_is_the_value_that_it_has_now(
    text: str, place: str, word: str, score: str
) -> None:
    found = cib(text.format(word), options=HEALTH)
    assert taken(found) == taken(cib(text.format(score), options=HEALTH))
    name = word.lower()
    want = f"{place}: its score {name} is written out: {score}, as node-health-{name} says"
    assert f"cib.xml:1: {want}" in told(found)


@pytest.mark.parametrize("text", PLACES)
def test_what_is_no_score_is_told_with_its_place_and_what_is_allowed(text: str) -> None:
    notes = told(cib(text.format("high")))
    allowed = "a whole number, INFINITY, -INFINITY, red, yellow or green"
    assert f"is left out: its score is 'high'; allowed: {allowed}" in notes
    assert notes.startswith("cib.xml:1: ")


def test_score_of_a_set_may_be_a_word_and_is_nothing_if_it_is_none() -> None:
    (found,) = taken(cib(SET.format("yellow"), options=HEALTH)).colocations
    assert {found.resource, found.with_resource, found.score} == {"a", "b", -7}
    wrong = cib(SET.format("high"))
    assert not taken(wrong).colocations
    assert "cib.xml:1: s: its score is 'high'; allowed: a whole number" in told(wrong)
