"""Fencing, case by case: who is cut off by what through whom, and what proves it."""

from pathlib import Path

import pytest

from tests import datadriven
from tests.core.fencing.case import ErrandCase, MachineCase, lines_of

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", datadriven.paths(HERE / "machine"), ids=lambda path: path.stem)
def test_coordinator_sends_and_concludes_as_the_case_says(
    path: Path, request: pytest.FixtureRequest
) -> None:
    def answer(question: str) -> str:
        lines = lines_of(question)
        return MachineCase(lines).run(lines)

    datadriven.check(path, answer, request)


@pytest.mark.parametrize("path", datadriven.paths(HERE / "errands"), ids=lambda path: path.stem)
def test_node_calls_and_reports_as_the_case_says(
    path: Path, request: pytest.FixtureRequest
) -> None:
    def answer(question: str) -> str:
        lines = lines_of(question)
        return ErrandCase(lines).run(lines)

    datadriven.check(path, answer, request)
