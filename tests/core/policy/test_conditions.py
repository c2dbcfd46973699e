"""Conditions of rules hold as those of CIBs do, and count for placement in the daemon's plan."""

from datetime import UTC
from typing import Final

import pytest
from hypothesis import given, settings, strategies as st

from ha_core.config.cib.form import Ids, make
from ha_core.config.cib.write_rules import fill
from ha_core.config.model import Comparison, Condition, Configuration, Join, ValueFrom
from ha_core.config.parse import parse_text
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.conditions import Question, has_times, holds
from ha_core.policy.schedule import schedule
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from tests.core.config.draw_kinds import conditions

MONDAY_NOON_MS: Final = 1_767_614_400_000
"""2026-01-05T12:00:00Z."""
attributes = st.dictionaries(
    st.sampled_from(["rack", "#uname", "a.b", "connectivity"]),
    st.sampled_from(["a", "A B", "1", "1.0", "-2.5", "1.2.3", "n1"]),
).map(lambda found: {"#uname": "n1", **found})
moments_s = st.integers(0, 4_000_000_000)


@settings(max_examples=300)
@given(conditions, attributes, moments_s)
def test_condition_holds_when_the_rule_that_it_is_in_a_cib_holds(
    condition: Condition, of_node: dict[str, str], now_s: int
) -> None:
    rule = make("rule", {"id": "r", "boolean-op": "and"})
    fill(rule, condition, Ids())
    facts = Facts(of_node, {"a": "1"}, {"a": "A"})
    source = Source(make("cib", {}), now_s, UTC)
    judged = Rules(source).holds(rule, facts)
    assert holds(condition, Question.of(facts, now_s * 1000)) == judged


PLACE = """
links: {ring0: }
nodes:
  n1: {addresses: {ring0: n1}, attributes: {rack: a, free: "50"}}
  n2: {addresses: {ring0: n2}, attributes: {rack: B, free: "70"}}
  n3: {addresses: {ring0: n3}}
resources: {web: {agent: lsb:web, parameters: {site: b}}}
constraints: {r: {rule: web, %s}}
"""


def place(rule: str, at_ms: int = MONDAY_NOON_MS) -> str:
    """Return where web starts with that rule; n1 if the rule says nothing."""
    configuration = parse_text(PLACE % rule, "c.yaml")
    (decision,) = schedule(configuration, status(configuration), at_ms).decisions
    return str(decision.node)


def status(configuration: Configuration) -> ClusterStatus:
    """Return a status in which all nodes are there and nothing runs."""
    stopped = tuple(Instance(p.id, InstanceState.STOPPED) for p in configuration.primitives)
    nodes = (NodeStatus(n.name, NodeState.ONLINE, 1, stopped) for n in configuration.nodes)
    return ClusterStatus(tuple(nodes), True, (), ())


@pytest.mark.parametrize(
    ("rule", "node"),
    [
        ("when: {attribute: rack, operation: eq, value: b}, score: 5", "n2"),
        ("when: {attribute: rack, operation: eq, value: b, value_from: parameter}, score: 5", "n1"),
        ("when: {attribute: rack, operation: eq, value: site, value_from: parameter}", "n2"),
        ("when: {hours: 9-16, weekdays: 1-5}, score: -INFINITY", "None"),
        ("when: {all: [{hours: 12}, {attribute: '#uname', operation: eq, value: n3}]}", "n3"),
        ("when: {all: [{hours: 13}, {attribute: '#uname', operation: eq, value: n3}]}", "n1"),
        (
            "when: {any: [{after: 2027-01-01T00:00:00Z}, "
            "{attribute: rack, operation: not_defined}]}, score: 9",
            "n3",
        ),
        ("attribute: free, operation: defined, score_attribute: free", "n2"),
        ("when: {before: 2026-01-05T12:00:00Z}, score: -INFINITY", "n1"),
        ("when: {from: 2026-01-05T12:00:00Z}, score: -INFINITY", "None"),
    ],
)
def test_rule_with_a_condition_counts_where_and_when_it_holds(rule: str, node: str) -> None:
    assert place(rule) == node


def test_rule_that_has_expired_gives_nothing() -> None:
    rule = "when: {to: 2026-01-05T12:00:00Z}, score: -INFINITY"
    assert place(rule) == "None"
    assert place(rule, MONDAY_NOON_MS + 1_000) == "n1"


def test_only_what_time_can_change_asks_for_a_new_plan() -> None:
    still = Condition(attribute="a", operation=Comparison.DEFINED)
    timed = Condition(calendar=(("hours", "9"),))
    assert not has_times(Condition(Join.ANY, (still,)))
    assert has_times(Condition(Join.ANY, (still, timed)))


def test_option_of_the_resource_is_asked_for_by_its_name_in_pacemaker() -> None:
    condition = Condition(
        attribute="k",
        operation=Comparison.EQUAL,
        value="target-role",
        value_from=ValueFrom.OPTION,
    )
    question = Question.of(Facts({"k": "started"}, {}, {"target-role": "Started"}), 0)
    assert holds(condition, question)
