"""`ha why` on golden cases: every sentence as a person would read it."""

from pathlib import Path

import pytest

from ha_core.cli import reasons
from tests import datadriven
from tests.cli.picture import snapshot_of
from tests.core.policy import case

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
