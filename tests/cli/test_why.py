"""`ha why` on golden cases: every sentence as a person would read it; and on made-up ones."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ha_core.cli import reasons
from ha_core.ids import ConstraintId
from ha_core.policy.blockers import Blocker, BlockerKind
from tests import datadriven
from tests.cli.picture import snapshot_of
from tests.core.policy import case
from tests.core.policy.strategies import cases

CASES = Path(__file__).parent / "why"


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
