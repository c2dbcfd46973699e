"""The fleet of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.fleet import Fleet, Nobody, fleet


@pytest.fixture(name="fleet")
def _fleet(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path) as made:
        yield made


@pytest.fixture
def nobody() -> Nobody:
    """Return the command line as an ordinary user runs it."""
    return Nobody.found()
