"""Where finite scores decide the reason says by how much, and a little more turns the scales."""

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ha_core.config.model import Configuration
from ha_core.ids import INFINITY, ResourceId
from ha_core.policy.balance import Weight, weighed
from ha_core.policy.picture import Picture
from ha_core.policy.transition import Decision
from tests.core.policy import case
from tests.core.policy.strategies import cases


def weights_of(made: case.Case, decision: Decision) -> tuple[Weight, ...]:
    """Return what was weighed for a decision; empty where something else decided."""
    if decision.reasons[0].code != "best-score":
        return ()
    scores = dict(decision.scores)
    picture = Picture(made.configuration, made.status, made.at_wall_ms)
    able = [name for name in picture.nodes if name not in picture.closed and scores[name] >= 0]
    return weighed(scores, decision.reasons[1:], able) if len(able) > 1 else ()


def stands_alone(configuration: Configuration, resource: ResourceId) -> str:
    """Return what a location for the primitive is said of; empty if others pull it, too."""
    group = configuration.group_of(resource)
    names = {resource} if group is None else {group.id, *group.members}
    bound = any({c.resource, c.with_resource} & names for c in configuration.colocations)
    if bound or (group is not None and group.members[0] != resource):
        return ""
    return resource if group is None else group.id


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(cases())
def test_a_little_more_for_another_node_than_is_told_turns_the_scales(text: str) -> None:
    made = case.read(text)
    tried = 0
    for decision in made.plan().decisions:
        weights = weights_of(made, decision)
        name = stands_alone(made.configuration, decision.resource)
        if not weights or not name or weights[0].score >= INFINITY:
            continue
        best, rival = weights[:2]
        assert best.node == decision.node
        tried += 1
        for more, goes in ((1, rival.node), (-1, best.node)):
            score = best.score - rival.score + more
            changed = case.read(f"{text}location {name} {rival.node} {score}\n")
            found = changed.plan().decision(decision.resource)
            assert found is not None
            assert found.node == goes, (decision.reasons[0].text, score)
    assume(tried)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_what_is_told_of_each_node_is_its_score_and_names_what_counts_most(text: str) -> None:
    made = case.read(text)
    for decision in made.plan().decisions:
        weights = weights_of(made, decision)
        said = decision.reasons[0].text
        if not weights or not said.startswith("it prefers n"):
            continue
        for weight in weights:
            assert any(f"{weight.node} by {told}" in said for told in (weight.score, "INFINITY"))
        causes = [r for r in weights[0].reasons if (r.score or 0) > 0]
        assert causes
        assert max(causes, key=lambda reason: reason.score or 0).text in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "location a n1 100\nlocation a n2 50\n",
            "it prefers n1 by 100, n2 by 50: location constraint c1 gives n1 100;"
            " location constraint c2 gives n2 50",
        ),
        (
            "location a n2 100\non n1 a started\n",
            "it prefers n2 by 100, n1 by 1: location constraint c1 gives n2 100;"
            " it runs on n1 (stickiness 1)",
        ),
        (
            "says resources.a.prefers n1=100 n2=50\n",
            "it prefers n1 (resources.a.prefers): n1 by 100, n2 by 50",
        ),
    ],
)
def test_wishes_that_compete_are_told_with_what_each_counts(text: str, said: str) -> None:
    made = case.read(f"nodes n1 n2\nprimitive a\n{text}")
    assert made.plan().decisions[0].reasons[0].text == said


def test_of_many_nodes_the_best_are_told() -> None:
    wishes = "".join(f"location a n{number} {10 - number}\n" for number in range(1, 7))
    made = case.read(f"nodes n1 n2 n3 n4 n5 n6\nprimitive a\n{wishes}")
    said = made.plan().decisions[0].reasons[0].text
    assert said.startswith("it prefers n1 by 9, n2 by 8, n3 by 7 and 3 more by 6 or less: ")


def test_of_equal_nodes_it_is_said_whether_work_decides_or_the_name() -> None:
    made = case.read("nodes n1 n2\nprimitive a\nprimitive b\n")
    assert [found.reasons[0].text for found in made.plan().decisions] == [
        "n1 is as good as others (score 0) and is the first of them by name",
        "n2 is as good as others (score 0) and has less to do",
    ]
