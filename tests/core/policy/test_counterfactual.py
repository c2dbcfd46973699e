"""What is told as a blocker is one, and what is not told is none: tried on made-up clusters.

Each named blocker is taken from the case's text, by an own reading of it, and the policy engine
is asked again until the cluster is at rest.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ha_core.ids import NodeName, ResourceId
from ha_core.policy.counterfactual import WayOut, way_out
from ha_core.policy.forecast import first_part
from ha_core.policy.kin import kin_of
from ha_core.policy.schedule import schedule
from ha_core.status import InstanceState
from tests.core.policy import case, outcome
from tests.core.policy.edits import Edit, edits, without, without_all
from tests.core.policy.strategies import cases

ROUNDS = 12
BY_LOAD = ("least-loaded", "stays")
bounded = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


numbers = st.integers(0, 59)
"""Which of the resources is asked about: every count of them up to five divides it evenly."""


def place(text: str, resource: str) -> str | None:
    """Return where the resource runs once the cluster is at rest.

    As in the daemon what waits for a probe is planned anew with its answer.
    """
    made = case.read(text)
    status = made.status
    for _ in range(ROUNDS):
        plan = schedule(made.configuration, status, made.at_wall_ms)
        if not plan.actions:
            break
        status = outcome.after(status, first_part(plan))
    for node in status.nodes:
        item = node.instance(ResourceId(resource))
        if item is not None and item.state is InstanceState.STARTED:
            return node.name
    return None


def moved(text: str, resource: str, node: str) -> str:
    """Return the case once the resource was moved there by hand."""
    group = case.read(text).configuration.group_of(ResourceId(resource))
    return f"{text}location {group.id if group else resource} {node} INFINITY move\n"


def asked(text: str, number: int) -> Iterator[tuple[str, str, WayOut]]:
    """Yield one of the resources, every node where it is not, and the answer."""
    made = case.read(text)
    primitive = made.configuration.primitives[number % len(made.configuration.primitives)]
    here = place(text, primitive.id)
    for node in made.configuration.nodes:
        if node.name != here:
            answer = way_out(
                made.configuration, made.status, made.at_wall_ms, primitive.id, node.name
            )
            yield primitive.id, node.name, answer


def unnamed(text: str, resource: str, named: set[tuple[str, str]]) -> Iterator[Edit]:
    """Yield what could be taken away and is not named.

    Of strangers only where nothing is decided by how much the nodes have to do.
    """
    made = case.read(text)
    kin = kin_of(made.configuration)[ResourceId(resource)]
    tops = {group.id for group in made.configuration.groups if kin & set(group.members)}
    heads = {d.resource: d.reasons[0].code for d in made.plan().decisions}
    by_load = any(heads[name] in BY_LOAD for name in kin)
    nodes = {node.name for node in made.configuration.nodes}
    for edit in edits(text):
        is_kin = edit.about in nodes or edit.about in kin or edit.about in tops
        if (edit.kind, edit.subject) not in named and (is_kin or not by_load):
            yield edit


@bounded
@given(cases(), numbers)
def test_without_a_named_blocker_the_resource_goes_there(text: str, number: int) -> None:
    for resource, node, answer in asked(text, number):
        for blocker in answer.alone:
            assert place(without(text, blocker), resource) == node, blocker
        for blocker in answer.with_move:
            assert place(moved(without(text, blocker), resource, node), resource) == node, blocker


@bounded
@given(cases(), numbers)
def test_a_move_by_hand_is_promised_where_it_succeeds_and_nowhere_else(
    text: str, number: int
) -> None:
    for resource, node, answer in asked(text, number):
        assert answer.movable is (place(moved(text, resource, node), resource) == node)


@bounded
@given(cases(), numbers)
def test_of_blockers_that_count_together_none_can_stay(text: str, number: int) -> None:
    for resource, node, answer in asked(text, number):
        whole = answer.together
        for rest in (whole, *(whole[:at] + whole[at + 1 :] for at in range(len(whole)))):
            changed = without_all(text, rest)
            if answer.needs_move:
                changed = moved(changed, resource, node)
            assert whole == () or (place(changed, resource) == node) is (rest == whole), rest


@bounded
@given(cases(), numbers)
def test_what_is_not_named_brings_the_resource_nowhere_else(text: str, number: int) -> None:
    for resource, node, answer in asked(text, number):
        named = {(str(b.kind), b.subject) for b in answer.alone}
        for edit in unnamed(text, resource, named):
            assert place(edit.text, resource) != node, edit
        if answer.alone or answer.movable:
            continue
        named = {(str(b.kind), b.subject) for b in answer.with_move}
        for edit in unnamed(text, resource, named):
            assert place(moved(edit.text, resource, node), resource) != node, edit


@bounded
@given(cases(), numbers)
def test_what_would_change_it_is_all_that_would_and_nothing_else(text: str, number: int) -> None:
    made = case.read(text)
    primitive = made.configuration.primitives[number % len(made.configuration.primitives)]
    here = place(text, primitive.id)
    answer = way_out(made.configuration, made.status, made.at_wall_ms, primitive.id)
    for blocker in answer.alone:
        assert place(without(text, blocker), primitive.id) not in (None, here), blocker
    if answer.together:
        assert place(without_all(text, answer.together), primitive.id) is not None
    named = {(str(b.kind), b.subject) for b in answer.alone}
    for edit in unnamed(text, primitive.id, named):
        assert place(edit.text, primitive.id) in (None, here), edit


def test_an_answer_says_whether_everything_was_tried() -> None:
    lines = [f"location a n1 {number}" for number in range(1, 30)]
    made = case.read("\n".join(["nodes n1 n2", "primitive a", *lines]))
    question = (made.configuration, made.status, 0, ResourceId("a"))
    assert way_out(*question, NodeName("n2")).is_complete
    assert not way_out(*question, NodeName("n2"), work_max=1).is_complete


WAYS = [
    ("node n1\nprimitive a\nlocation a n1 -INFINITY ban\n", None, "alone", ["commanded"]),
    (
        "node n1 lost\nnode n2\nprimitive a\non n1 a uncertain\n",
        None,
        "alone",
        ["uncertain", "offline"],
    ),
    ("quorum lost\nnode n1\nprimitive a\n", None, "alone", ["quorum"]),
    (
        "nodes n1 n2\noptions maintenance\nprimitive a\non n1 a started\n",
        "n2",
        "with_move",
        ["cluster-maintenance"],
    ),
    (
        "node n1\nnode n2 disk=slow\nprimitive a\nrule a -INFINITY disk eq slow\non n1 a started\n",
        "n2",
        "with_move",
        ["rule"],
    ),
    (
        "nodes n1 n2\nping gate\nprimitive a needs=connectivity stickiness=0\nlocation a n2 9\n"
        "reaches n1 gate\nreaches n2\non n1 a started\n",
        "n2",
        "alone",
        ["connectivity"],
    ),
    ("node n1\nnode n2 suspect\nprimitive a\non n1 a started\n", "n2", "with_move", ["waiting"]),
    ("node n1\nnode n2 witness\nprimitive a\non n1 a started\n", "n2", "with_move", []),
    (
        "nodes n1 n2\nprimitive a\non n1 a started\non n2 a stopped failure=monitor:5:restart\n",
        "n2",
        "with_move",
        ["failure"],
    ),
]


@pytest.mark.parametrize(("text", "node", "way", "kinds"), WAYS)
def test_every_kind_of_blocker_is_found(
    text: str, node: str | None, way: str, kinds: list[str]
) -> None:
    made = case.read(text)
    target = None if node is None else NodeName(node)
    answer = way_out(made.configuration, made.status, 0, ResourceId("a"), target)
    assert [str(blocker.kind) for blocker in getattr(answer, way)] == kinds


def test_voters_that_are_awaited_are_named() -> None:
    made = case.read("node n1\nprimitive a\n")
    status = replace(made.status, awaited=(NodeName("n2"),))
    answer = way_out(made.configuration, status, 0, ResourceId("a"))
    assert [blocker.sentence for blocker in answer.alone] == [
        "the cluster has just started, and has not seen n2 yet; start it, or, if it is down for"
        " sure: ha quorum release --reason TEXT"
    ]
