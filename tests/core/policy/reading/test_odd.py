"""What a CIB has and the engine cannot use is left out with its place; the rest is planned."""

import pytest

from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.plan import plan
from ha_core.policy.engine.problem import Problem, Role
from tests.core.policy.reading.cibs import (
    cib,
    history,
    meta,
    node_state,
    operation,
    pairs,
    primitive,
    read,
)

BUNDLE = (
    '<bundle id="web"><docker image="x" replicas="2"/><network ip-range-start="10.0.0.1"/>'
    f"{primitive('httpd')}</bundle>"
)


def placed(problem: Problem) -> dict[str, str]:
    found = plan(problem).as_value()["placement"]
    assert isinstance(found, dict)
    return {name: place["node"] for name, place in found.items()}


def test_a_bundle_is_left_out_with_all_that_is_in_it() -> None:
    parts = history("httpd:0", operation("httpd", "start")) + history(
        "web-docker-0", operation("web-docker-0", "start")
    )
    problem = read(
        BUNDLE + primitive("a"),
        '<rsc_colocation id="c" rsc="a" with-rsc="web" score="INFINITY"/>',
        histories={"n1": parts},
    )
    assert [item.id for item in problem.resources] == ["a"]
    assert '<bundle id="web"> in line 1: not supported: bundle' in problem.left_out
    told = "<rsc_colocation id=\"c\"> in line 1: not supported: a constraint with 'web'"
    assert told in problem.left_out
    assert placed(problem) == {"a": "n1"}


def test_a_guest_node_takes_its_group_with_it() -> None:
    guest = primitive("vm", meta(remote_node="guest"))
    problem = read(f'<group id="g">{guest}{primitive("b")}</group>' + primitive("a"))
    assert [item.id for item in problem.resources] == ["a"]
    assert problem.left_out == ('<primitive id="vm"> in line 1: not supported: guest node',)


def test_what_runs_on_a_remote_node_is_left_as_it_is() -> None:
    remote = '<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>'
    state = node_state(
        3, "far", history("a", operation("a", "start")), 'remote_node="true" node_fenced="0"'
    )
    problem = read(remote + primitive("a") + primitive("b"), status=state)
    assert placed(problem) == {"b": "n1"}
    assert any("'far'" in line and '"a"' in line for line in problem.left_out)


def test_references_to_nothing_are_told_and_left_out() -> None:
    constraints = (
        '<rsc_location id="l1" rsc="nobody" node="n1" score="1"/>'
        '<rsc_location id="l2" rsc="a" node="n9" score="1"/>'
        '<rsc_colocation id="c" rsc="a" with-rsc="nobody" score="INFINITY"/>'
        '<rsc_order id="o" first="nobody" then="a"/>'
        '<rsc_ticket id="t" rsc="nobody" ticket="x"/>'
        '<rsc_order id="s"><resource_set id="s1"><resource_ref id="a"/>'
        '<resource_ref id="nobody"/></resource_set></rsc_order>'
    )
    problem = read(primitive("a"), constraints)
    assert len(problem.left_out) == 6
    assert "<rsc_location id=\"l2\"> in line 1: there is no node 'n9'" in problem.left_out
    assert sum("there is no resource 'nobody'" in line for line in problem.left_out) == 5
    assert placed(problem) == {"a": "n1"}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('<expression id="e" attribute="x" operation="like" value="1"/>', "operation is 'like'"),
        ('<expression id="e" operation="defined"/>', "no attribute"),
        ('<date_expression id="e" operation="gt" start="soon"/>', "'soon' is no date"),
        ('<date_expression id="e" operation="around" start="2023-01-01"/>', "'around'"),
        ('<date_expression id="e" operation="in_range"/>', "neither start nor end"),
        ('<date_expression id="e" operation="date_spec"/>', "no <date_spec>"),
        (
            '<date_expression id="e" operation="date_spec"><date_spec id="d" hours="9to5"/>'
            "</date_expression>",
            "hours is '9to5'",
        ),
        ("", "no expression"),
    ],
)
def test_a_rule_that_cannot_be_understood_does_not_hold(rule: str, told: str) -> None:
    text = f'<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY">{rule}</rule>'
    problem = read(primitive("a"), text + "</rsc_location>")
    assert problem.locations == ()
    assert len(problem.left_out) == 1
    assert told in problem.left_out[0]


def test_scores_and_options_that_cannot_be_read_are_told() -> None:
    problem = read(
        primitive("a", meta(resource_stickiness="much", target_role="Running")),
        '<rsc_location id="l" rsc="a" node="n1" score="high"/>',
        options={"maintenance-mode": "perhaps", "placement-strategy": "fair"},
    )
    text = "\n".join(problem.left_out)
    assert "resource-stickiness is 'much', allowed: a score; its default holds instead" in text
    assert "target-role is 'Running', allowed: Stopped, Started" in text
    assert "score is 'high', which is no score" in text
    assert "option maintenance-mode is 'perhaps', allowed: true or false" in text
    assert "option placement-strategy is 'fair', allowed: default, utilization" in text
    assert placed(problem) == {"a": "n1"}


def test_cycles_of_colocations_end() -> None:
    names = [f"r{number}" for number in range(20)]
    constraints = "".join(
        f'<rsc_colocation id="c{one}{two}" rsc="{one}" with-rsc="{two}" score="{score}"/>'
        for score in ("INFINITY", "10")
        for one, two in zip(names, names[1:] + names[:1], strict=True)
    )
    problem = read("".join(map(primitive, names)), constraints)
    assert len(problem.colocations) == 40
    assert set(placed(problem)) <= set(names)


def test_cycles_of_orderings_end() -> None:
    names = [f"r{number}" for number in range(20)]
    constraints = "".join(
        f'<rsc_order id="o{one}" first="{one}" then="{two}"/>'
        for one, two in zip(names, names[1:] + names[:1], strict=True)
    )
    value = plan(read("".join(map(primitive, names)), constraints)).as_value()
    assert isinstance(value["actions"], list)


def test_contradictions_keep_a_resource_down() -> None:
    constraints = (
        '<rsc_colocation id="c1" rsc="a" with-rsc="b" score="INFINITY"/>'
        '<rsc_colocation id="c2" rsc="a" with-rsc="b" score="-INFINITY"/>'
        '<rsc_location id="l1" rsc="b" node="n1" score="INFINITY"/>'
        '<rsc_location id="l2" rsc="b" node="n1" score="-INFINITY"/>'
    )
    assert placed(read(primitive("a") + primitive("b"), constraints)) == {"b": "n2"}


def test_thousands_of_constraints_on_one_resource_are_planned() -> None:
    constraints = "".join(
        f'<rsc_location id="l{number}" rsc="a" node="n2" score="1"/>'
        f'<rsc_colocation id="c{number}" rsc="b" with-rsc="a" score="1"/>'
        f'<rsc_order id="o{number}" first="a" then="b"/>'
        for number in range(2000)
    )
    problem = read(primitive("a") + primitive("b"), constraints)
    assert len(problem.locations) + len(problem.colocations) + len(problem.orderings) == 6000
    assert placed(problem)["a"] == "n2"


def test_remarks_are_bounded() -> None:
    constraints = "".join(
        f'<rsc_location id="l{number}" rsc="x" node="n1" score="1"/>' for number in range(3000)
    )
    problem = read(primitive("a"), constraints)
    assert len(problem.left_out) == 1001
    assert problem.left_out[-1] == "more is left out than is told here"


def test_an_entry_of_a_resource_that_is_gone_belongs_to_a_removed_one() -> None:
    problem = read(primitive("a"), histories={"n2": history("old", operation("old", "start"))})
    assert [(item.id, item.is_removed) for item in problem.resources] == [
        ("a", False),
        ("old", True),
    ]
    assert placed(problem) == {"a": "n1"}


def test_a_state_of_an_unknown_node_is_told() -> None:
    problem = read_cib(cib(primitive("a"), status=node_state(9, "n9")))
    assert problem.left_out == ("<node_state id=\"9\"> in line 1: there is no node 'n9'",)


def test_a_reference_to_a_block_that_is_not_there_is_told() -> None:
    problem = read(primitive("a", '<meta_attributes id-ref="nothing"/>'))
    assert "id-ref names 'nothing'" in problem.left_out[0]


def test_a_block_can_be_shared_by_reference() -> None:
    problem = read(
        primitive("a", meta("m", target_role="Stopped"))
        + primitive("b", '<meta_attributes id-ref="m"/>')
    )
    assert [item.meta.target_role for item in problem.resources] == [Role.STOPPED] * 2


def test_pairs_of_one_kind_are_read_without_a_score() -> None:
    problem = read(primitive("a", pairs("utilization", {"cpu": "2", "memory": "x"})))
    assert problem.resources[0].demand == (("cpu", 2), ("memory", 0))


@pytest.mark.parametrize(
    ("inner", "constraint", "text"),
    [
        (
            "",
            '<rsc_colocation id="k" score="INFINITY"><resource_set id="s"/></rsc_colocation>',
            '<resource_set id="s"> in line 1: it names no resource',
        ),
        ("", '<rsc_order id="o" first="a"/>', '<rsc_order id="o"> in line 1: it names no resource'),
        (
            '<meta_attributes id="m"><nvpair id="p" name="resource-stickiness"/></meta_attributes>',
            "",
            '<nvpair id="p"> in line 1: resource-stickiness has no value',
        ),
    ],
)
def test_what_says_nothing_is_told_with_its_place(inner: str, constraint: str, text: str) -> None:
    problem = read(primitive("a", inner), constraint)
    assert problem.left_out[0].startswith(text)


def test_an_ocf_agent_without_provider_is_told() -> None:
    problem = read('<primitive id="a" class="ocf" type="Dummy"/>')
    assert problem.left_out == (
        '<primitive id="a"> in line 1: class ocf needs a provider, such as heartbeat',
    )


def test_of_a_clone_without_end_a_thousand_instances_are_planned() -> None:
    problem = read(f'<clone id="k">{meta("km", clone_max="INFINITY")}{primitive("a")}</clone>')
    assert problem.left_out == ('<clone id="k"> in line 1: instances beyond 1000 are not planned',)
    assert sorted(placed(problem).values()) == ["n1", "n2"]


def test_two_constraints_with_one_id_both_count_and_are_told() -> None:
    written = [
        f'<rsc_location id="l" rsc="a" node="{name}" score="{score}"/>'
        for name, score in (("n1", 5), ("n2", 50))
    ]
    problem = read(primitive("a"), "".join(written))
    assert placed(problem) == {"a": "n2"}
    told = "<rsc_location id=\"l\"> in line 1: another constraint has the id 'l', too: both count"
    assert problem.left_out == (told,)
