"""Golden cases of what has instances, roles, tickets and capacities: places, actions, reasons."""

from pathlib import Path

import pytest

from tests import datadriven
from tests.core.policy import case

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("path", datadriven.paths(CASES), ids=lambda path: path.stem)
def test_plan_is_as_written(path: Path, request: pytest.FixtureRequest) -> None:
    datadriven.check(path, lambda text: case.show(case.read(text).plan()), request)
