"""`ha why` on golden cases: every sentence as a person would read it; and on made-up ones."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ha_core.cli import reasons
from ha_core.ids import ConstraintId, NodeName
from ha_core.policy.blockers import Blocker, BlockerKind
from ha_core.status import FencingStatus
from tests import datadriven
from tests.cli.picture import snapshot_of
from tests.core.policy import case
from tests.core.policy.strategies import cases

CASES = Path(__file__).parent / "why"
N1, N2 = NodeName("n1"), NodeName("n2")


def _answer(text: str) -> str:
    """Return the answers to the questions `? RESOURCE [on NODE]` of a case."""
    lines = text.splitlines()
    made = case.read("\n".join(line for line in lines if line[:1] != "?"))
    snapshot = snapshot_of(made)
    parts = []
    for line in lines:
        if line.startswith("?"):
            words = line.split()
            node = words[3] if len(words) == 4 else None
            found = reasons.explain(snapshot, words[1], node, made.at_wall_ms)
            parts += [line.removeprefix("? ") + ":", *map(reasons.text, found), ""]
    return "\n".join(parts)


@pytest.mark.parametrize("path", datadriven.paths(CASES), ids=lambda path: path.stem)
def test_answer_is_as_written(path: Path, request: pytest.FixtureRequest) -> None:
    datadriven.check(path, _answer, request)


def test_what_may_run_on_a_lost_node_says_how_far_its_fence_devices_are() -> None:
    made = case.read("node n1 lost\nnode n2\nprimitive web\non n1 web uncertain\n")
    failed = FencingStatus(N1, 1, "resting", "pdu", N2, "it is lost", "pdu through n2: it hung")
    beside = FencingStatus(N2, 1, "resting", "pdu", N1, "it is lost", "another matter")
    again = replace(failed, stage="cutting")

    def because(*fencing: FencingStatus) -> tuple[str, ...]:
        return reasons.explain(replace(snapshot_of(made), fencing=fencing), "web")[0].reasons

    assert because(failed, beside)[1:] == (
        "n1 could not be cut off (pdu through n2: it hung), and is tried again",
    )
    assert because(again)[1:] == (
        "pdu is cutting off n1 through n2; before that, pdu through n2: it hung",
    )
    assert because(replace(again, fault=""))[1:] == ("pdu is cutting off n1 through n2",)
    assert len(because()) == 1


def test_wishes_that_decide_are_told_as_data() -> None:
    nodes = "nodes n1 n2\nnode n3 standby\nprimitive web stickiness=100\n"
    made = case.read(f"{nodes}location web n2 50\nlocation web n3 70\non n1 web started\n")
    (found,) = reasons.explain(snapshot_of(made), "web")
    assert reasons.value(found)["wishes"] == (
        {"node": "n1", "score": 100, "reasons": (_told("stickiness", found.sentence, "n1", 100),)},
        {"node": "n2", "score": 50, "reasons": (_told("location", found.sentence, "n2", 50),)},
    )
    (alone,) = reasons.explain(snapshot_of(case.read("node n1\nprimitive web\n")), "web")
    assert alone.wishes == ()


def _told(code: str, sentence: str, node: str, score: int) -> dict[str, object]:
    """Return a reason as data; its text is one of those of the sentence."""
    texts = ("it runs on n1 (stickiness 100)", "location constraint c1 gives n2 50")
    text = next(text for text in texts if text in sentence and f" {node} " in text)
    return {"code": code, "text": text, "node": node, "score": score, "cure": ""}


def test_member_of_a_group_names_the_later_one_that_would_have_to_stop_first() -> None:
    nodes = "node n1\nnode n2 maintenance\n"
    made = case.read(f"{nodes}primitive a\nprimitive b\ngroup g a b\non n2 b started\n")
    (found,) = reasons.explain(snapshot_of(made), "a")
    assert found.sentence == (
        "a is blocked: it waits for b: the cluster only watches it, because of maintenance;"
        " it runs on n2"
    )


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases())
def test_a_single_blocker_is_spoken_of_before_its_cure(text: str) -> None:
    # Where nothing is allowed unless it is listed, that alone is said of a node.
    assume("options opt-in" not in text)
    made = case.read(text)
    snapshot = snapshot_of(made)
    for primitive in made.configuration.primitives[:2]:
        for node in made.configuration.nodes:
            answer = reasons.explain(snapshot, primitive.id, node.name)[0]
            found = answer.way_out.with_move
            words = " ".join((answer.sentence, *answer.reasons))
            if len(found) == 1:
                assert _is_spoken_of(found[0], made, words), answer


_SIGNS = {
    BlockerKind.FAILURE: ("fail", "cannot succeed"),
    BlockerKind.TARGET: ("wanted stopped",),
    BlockerKind.UNMANAGED: ("watches", "alone"),
}


def _is_spoken_of(blocker: Blocker, made: case.Case, words: str) -> bool:
    """Return whether the words name the blocker: its id, or what it is about."""
    signs = _SIGNS.get(blocker.kind)
    if signs is not None:
        return any(sign in words for sign in signs)
    pairs = {item.id: item.with_resource for item in made.configuration.colocations}
    pairs |= {item.id: item.first for item in made.configuration.orderings}
    names = (blocker.subject, pairs.get(ConstraintId(blocker.subject), blocker.subject))
    return any(name in words for name in names)
