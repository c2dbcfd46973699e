"""The garbage collector waits while a node decides, and looks afterwards."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from ha_core.runtime.collector import collector_waits

MANY = 20_000


@pytest.fixture
def looks() -> Iterator[list[str]]:
    found: list[str] = []

    def noted(phase: str, _info: dict[str, Any]) -> None:
        found.append(phase)

    gc.callbacks.append(noted)
    yield found
    gc.callbacks.remove(noted)


def test_nothing_is_looked_through_within_the_block_and_what_is_due_right_after_it(
    looks: list[str],
) -> None:
    with collector_waits():
        before = len(looks)
        kept = [[number] for number in range(MANY)]
        assert len(looks) == before
    kept += [[number] for number in range(MANY)]  # a single list may come from the free ones
    assert looks[before:]
    assert gc.isenabled()


def test_block_within_a_block_or_with_a_fault_leaves_the_collector_as_it_was() -> None:
    with collector_waits():
        with pytest.raises(ValueError, match="a fault"), collector_waits():
            raise ValueError("a fault")
        assert not gc.isenabled()
    assert gc.isenabled()
