"""Fixtures that several areas share: a fake cluster behind a real control socket."""

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fake_cluster import FakeCluster, served

# Whoever runs the tests in the background may have had SIGINT ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long drawing takes says more of the machine's other work than of the test.
settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run rewrite the expected halves of cases; the difference is then reviewed."""
    parser.addoption("--rewrite", action="store_true", help="rewrite expected results of cases")


@pytest.fixture(autouse=True)
def garbage_collector_is_on() -> Iterator[None]:
    """Undo what a verb does that plans: it switches it off for its process, here the tests."""
    yield
    gc.enable()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the directory of a node that does not run yet."""
    return tmp_path / "node"


@pytest.fixture
def cluster(root: Path) -> Iterator[FakeCluster]:
    """Serve a fake cluster below `root` and return it."""
    fake = FakeCluster()
    with served(root, fake):
        yield fake
