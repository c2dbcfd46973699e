"""Reasons in words: said once for several nodes, short in events, cures apart."""

import pytest

from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.schedule import schedule
from ha_core.policy.transition import Decision, Reason, Transition
from ha_core.policy.wording import WHY_CHARACTERS_MAX, brief, listed, together
from tests.core.policy import case


def planned(text: str) -> Transition:
    made = case.read(text)
    return schedule(made.configuration, made.status, made.at_wall_ms)


def decision(text: str, resource: str = "a") -> Decision:
    found = planned(text).decision(ResourceId(resource))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_listed_as_people_do(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_what_holds_for_several_nodes_is_said_once() -> None:
    n1, n2, n10 = NodeName("n1"), NodeName("n2"), NodeName("n10")
    reasons = (
        Reason("standby", "n1 is in standby", n1, -INFINITY),
        Reason("x", "it broke on n1, not on n10", n1, -1),
        Reason("standby", "n2 is in standby", n2, -INFINITY),
        Reason("x", "it broke on n2, not on n10", n2, -1),
        Reason("x", "it broke on n10, not on n2", n10, -1),
        Reason("x", "it broke on n2.", n2, -2),
    )
    assert [(reason.text, reason.node) for reason in together(reasons)] == [
        ("n1 and n2 are in standby", None),
        ("it broke on n1 and n2, not on n10", None),
        ("it broke on n10, not on n2", n10),
        ("it broke on n2.", n2),
    ]


def test_failed_start_tells_the_agent_s_words_once_and_the_cure_apart() -> None:
    lines = "\n".join(
        f"on n{i} a stopped count=INFINITY failure=start:1:restart" for i in (1, 2, 3)
    )
    head = decision(f"nodes n1 n2 n3\nprimitive a\n{lines}").reasons[0]
    assert head.text == "no node may run it: it failed to start on n1, n2 and n3 (it broke)"
    assert head.cure == "'ha resource cleanup a' forgets that"


def test_chain_of_dependents_names_the_one_cause_once() -> None:
    text = "nodes n1 n2\nprimitives a b c\ngroup g a b c\nlocation g n1 -INFINITY\nnode n2 standby"
    for name, bond in (("b", "a"), ("c", "b, which must be with a")):
        assert decision(text, name).reasons[0].text == (
            f"it must be with {bond}, which runs nowhere:"
            " location constraint c1 forbids n1; n2 is in standby"
        )


def test_reason_against_a_node_names_that_node() -> None:
    text = "nodes n1 n2 n3\nprimitives a b\ncolocation a with b INFINITY\nlocation b n1 10"
    against = [r for r in decision(text).reasons if r.score is not None and r.score < 0]
    assert [(r.node, r.text) for r in against] == [
        (name, f"it may not run on {name}: it must be with b, which runs on n1")
        for name in ("n2", "n3")
    ]


def test_node_that_a_wish_alone_speaks_against_could_run_it() -> None:
    text = "nodes n1 n2\nprimitives a b\ncolocation a with b -100\non n1 b started"
    assert decision(text).reasons[0].text == (
        "n2 suits it best: it should avoid b, which runs on n1"
    )


def test_reason_of_an_action_is_short_and_without_cures() -> None:
    words = "very long words of an agent " * 14
    assert len(brief(words)) <= WHY_CHARACTERS_MAX
    assert brief(words).endswith("…")
    names = [f"a-node-with-a-long-name-{number}" for number in range(9)]
    banned = "\n".join(
        f"on {name} a stopped count={number + 1} failure=monitor:7:restart"
        for number, name in enumerate(names[:-1])
    )
    plan = planned(f"nodes {' '.join(names)}\nprimitive a threshold=1\n{banned}")
    (start,) = plan.actions
    assert len(start.reason) <= WHY_CHARACTERS_MAX
    assert "ha resource" not in start.reason
