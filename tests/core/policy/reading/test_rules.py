"""Rules: attributes, dates and resources; what holds is what the constraint or block gives."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.problem import OnFail, Problem
from ha_core.policy.engine.unpack import unpack
from tests.core.policy.reading.cibs import cib, meta, pairs, primitive, read

ATTRIBUTES = {
    "n1": pairs("instance_attributes", {"rack": "A", "size": "10", "v": "1.2.10"}),
    "n2": pairs("instance_attributes", {"rack": "b", "size": "9.5"}),
}


def located(rule: str, **rule_attributes: str) -> Problem:
    head = {"score": "5", **{k.replace("_", "-"): v for k, v in rule_attributes.items()}}
    written = " ".join(f'{name}="{value}"' for name, value in head.items() if value)
    text = f'<rsc_location id="l" rsc="a"><rule id="r" {written}>{rule}</rule></rsc_location>'
    return read_cib(cib(primitive("a"), text, inside=ATTRIBUTES), zone=UTC)


def nodes_of(problem: Problem) -> list[str]:
    return [name for location in problem.locations for name, _ in location.scores]


def expression(attribute: str, operation: str, value: str = "", kind: str = "") -> str:
    head = f'<expression id="e" attribute="{attribute}" operation="{operation}"'
    return head + (f' value="{value}"' if value else "") + (f' type="{kind}"/>' if kind else "/>")


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        (("rack", "eq", "a"), ["n1"]),
        (("rack", "ne", "a"), ["n2"]),
        (("size", "eq", "010"), []),
        (("size", "eq", "010", "number"), ["n1"]),
        (("size", "lt", "10"), ["n2"]),
        (("size", "gte", "9.5"), ["n1", "n2"]),
        (("size", "gt", "9", "integer"), ["n1"]),
        (("v", "lt", "1.10", "version"), ["n1"]),
        (("v", "defined"), ["n1"]),
        (("v", "not_defined"), ["n2"]),
        (("v", "ne", "x"), ["n1", "n2"]),
        (("nothing", "lt", "3"), []),
        (("#uname", "eq", "N2"), ["n2"]),
    ],
)
def test_attributes_are_compared_by_their_type(written: tuple[str, ...], holds: list[str]) -> None:
    assert nodes_of(located(expression(*written))) == holds


def test_a_rule_is_an_and_unless_it_says_or() -> None:
    parts = expression("rack", "eq", "a") + expression("#uname", "eq", "n2")
    assert nodes_of(located(parts)) == []
    assert nodes_of(located(parts, boolean_op="or")) == ["n1", "n2"]


def test_rules_nest_in_rules() -> None:
    inner = f'<rule id="i" boolean-op="or">{expression("rack", "eq", "z")}'
    parts = inner + expression("size", "defined") + "</rule>" + expression("#uname", "ne", "n1")
    assert nodes_of(located(parts)) == ["n2"]


def test_an_attribute_can_hold_the_score_and_a_node_without_it_gets_none() -> None:
    problem = located(expression("#uname", "defined"), score="", score_attribute="v")
    (found,) = problem.locations
    assert found.scores == (("n1", 1),)
    # Checked with crm_simulate 3.0.0, and 2.1.5 which bans such a node.
    assert found.unscored == ("n2",)
    like = replace(problem, options=replace(problem.options, is_like_2_1_5=True))
    (found,) = unpack(like).problem.locations
    assert found.scores == (("n1", 1), ("n2", -INFINITY))


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ('operation="gt" start="2023-11-14 22:13:19"', True),
        ('operation="gt" start="2023-11-14 22:13:20"', False),
        ('operation="lt" end="2023-11-14T22:13:21Z"', True),
        ('operation="lt" end="2023-11-14 22:13:20"', False),
        ('operation="in_range" start="2023-11-14 22:13:20" end="2023-11-14 22:13:20"', True),
        ('operation="in_range" end="2023-11-14 23:13:19+01:00"', False),
        ('operation="in_range" start="2023-318" end="2023-W47-1"', True),
        ('operation="in_range" start="20231115"', False),
    ],
)
def test_dates_include_the_ends_of_ranges_and_no_others(written: str, holds: bool) -> None:
    found = nodes_of(located(f'<date_expression id="d" {written}/>'))
    assert found == (["n1", "n2"] if holds else [])


@pytest.mark.parametrize(
    ("duration", "holds"),
    [('hours="1"', True), ('months="1" days="-1"', True), ('minutes="2"', False)],
)
def test_a_duration_counts_from_the_start(duration: str, holds: bool) -> None:
    start = '<date_expression id="d" operation="in_range" start="2023-11-14 22:00:00">'
    text = f'{start}<duration id="l" {duration}/></date_expression>'
    assert bool(nodes_of(located(text))) is holds


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ('hours="22"', True),
        ('hours="9-16"', False),
        ('weekdays="2" months="11-" years="-2023"', True),
        ('monthdays="14" yeardays="318" weeks="46" weekyears="2023"', True),
        ('minutes="13" seconds="20"', True),
        ('weekdays="6-7"', False),
    ],
)
def test_a_pattern_of_dates_holds_if_all_its_fields_do(fields: str, holds: bool) -> None:
    text = '<date_expression id="d" operation="date_spec">'
    text += f'<date_spec id="s" {fields}/></date_expression>'
    assert bool(nodes_of(located(text))) is holds


@pytest.mark.parametrize(
    ("fields", "told", "holds"),
    [
        ('hours="25-30"', "hours is '25-30', allowed: a number from 0 to 23", False),
        ('hours="20-30"', "hours is '20-30', allowed: a number from 0 to 23", True),
        ('hours="23-6"', "the lower one first", False),
        ('weekdays="0"', "weekdays is '0', allowed: a number from 1 to 7", False),
        ('months="13-"', "months is '13-', allowed: a number from 1 to 12", False),
        ('hour="3"', "hour is no part of the calendar, allowed: hours, minutes", True),
    ],
)
def test_a_field_that_no_moment_has_is_told(fields: str, told: str, holds: bool) -> None:
    text = '<date_expression id="d" operation="date_spec">'
    problem = located(text + f'<date_spec id="s" {fields}/></date_expression>')
    assert bool(nodes_of(problem)) is holds
    (found,) = problem.left_out
    assert found.startswith('<date_expression id="d"> in line ')
    assert told in found


@pytest.mark.parametrize("count", ["1x", "", "ten", "9999999999", "1.5"])
def test_a_duration_that_is_no_whole_number_does_not_hold_and_is_told(count: str) -> None:
    start = '<date_expression id="d" operation="in_range" start="2023-11-14 22:00:00">'
    problem = located(f'{start}<duration id="l" hours="{count}"/></date_expression>')
    assert not nodes_of(problem)
    (found,) = problem.left_out
    assert f"hours of the duration is '{count}', allowed: a whole number" in found


def test_words_of_health_are_scores_of_sets_and_attributes_too() -> None:
    problem = located(expression("#uname", "defined"), score="", score_attribute="mood")
    assert problem.locations[0].scores == ()
    attributes = {"n1": pairs("instance_attributes", {"mood": "Green"})}
    rule = '<rule id="r" score-attribute="mood">' + expression("#uname", "eq", "n1") + "</rule>"
    text = f'<rsc_location id="l" rsc="a">{rule}</rsc_location>'
    members = '<resource_ref id="a"/><resource_ref id="b"/>'
    text += f'<rsc_colocation id="c"><resource_set id="s" score="yellow">{members}</resource_set>'
    found = read(
        primitive("a") + primitive("b"),
        text + "</rsc_colocation>",
        inside=attributes,
        options={"node-health-green": "4", "node-health-yellow": "-9"},
    )
    assert found.locations[0].scores == (("n1", 4),)
    assert [item.score for item in found.colocations] == [-9]


def test_dates_are_local_time() -> None:
    east = timezone(timedelta(hours=3))
    rule = (
        '<date_expression id="d" operation="date_spec"><date_spec id="s" hours="1"/>'
        "</date_expression>"
        '<date_expression id="f" operation="gt" start="2023-11-15 01:13:19"/>'
    )
    text = f'<rsc_location id="l" rsc="a"><rule id="r" score="1">{rule}</rule></rsc_location>'
    assert nodes_of(read_cib(cib(primitive("a"), text), zone=east)) == ["n1", "n2"]
    assert nodes_of(read_cib(cib(primitive("a"), text), zone=UTC)) == []


def test_the_execution_date_is_the_present_and_the_clock_counts_without_it() -> None:
    rule = '<date_expression id="d" operation="gt" start="2030-01-01 00:00:00Z"/>'
    text = f'<rsc_location id="l" rsc="a"><rule id="r" score="1">{rule}</rule></rsc_location>'
    whole = cib(primitive("a"), text)
    later = 2_000_000_000
    assert nodes_of(read_cib(whole, later)) == []
    undated = whole.replace(b'execution-date="1700000000"', b"")
    assert nodes_of(read_cib(undated, later)) == ["n1", "n2"]


def test_defaults_can_be_for_some_agents_and_operations_only() -> None:
    resources = primitive("a") + primitive("b", agent="Stateful")
    rule = '<rule id="r"><rsc_expression id="e" class="ocf" type="Stateful"/></rule>'
    monitors = '<rule id="q"><op_expression id="f" name="monitor" interval="10s"/></rule>'
    block = meta("d", priority="7").replace(">", f">{rule}", 1)
    on_fail = pairs("meta_attributes", {"on-fail": "block"}, "o").replace(">", f">{monitors}", 1)
    operations = (
        '<operations><op id="o1" name="monitor" interval="10s"/>'
        '<op id="o2" name="monitor" interval="20s"/></operations>'
    )
    problem = read(
        resources + primitive("c", operations),
        more=f"<rsc_defaults>{block}</rsc_defaults><op_defaults>{on_fail}</op_defaults>",
    )
    assert [item.meta.priority for item in problem.resources] == [0, 7, 0]
    policies = [item.on_fail for item in problem.resources[2].operations]
    assert policies == [OnFail.BLOCK, None]


def test_of_several_blocks_the_higher_score_wins_then_the_later() -> None:
    low = meta("m1", priority="1", resource_stickiness="1")
    high = meta("m2", priority="2").replace("<meta_attributes", '<meta_attributes score="9"')
    last = meta("m3", priority="3", resource_stickiness="3")
    found = read(primitive("a", low + high + last)).resources[0].meta
    assert (found.priority, found.stickiness) == (2, 3)


def test_a_pattern_of_names_speaks_of_top_level_resources_and_can_be_inverted() -> None:
    group = f'<group id="web">{primitive("web1")}</group>'
    for pattern, names in (("^web", ["web"]), ("!^web", ["db"]), ("b$", ["web", "db"])):
        text = f'<rsc_location id="l" rsc-pattern="{pattern}" node="n1" score="1"/>'
        found = read(group + primitive("db"), text)
        assert [location.resource for location in found.locations] == names


def test_what_a_pattern_found_can_name_an_attribute() -> None:
    rule = f'<rule id="r" score="4">{expression("%1", "defined")}</rule>'
    text = f'<rsc_location id="l" rsc-pattern="^on-(.*)$">{rule}</rsc_location>'
    problem = read_cib(cib(primitive("on-rack") + primitive("on-v"), text, inside=ATTRIBUTES))
    found = {location.resource: location.scores for location in problem.locations}
    assert found == {"on-rack": (("n1", 4), ("n2", 4)), "on-v": (("n1", 4),)}
