"""The collector looks once at what stays, and still finds what nothing refers to any more."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cim_provider.server.tuning import SeenOnce


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def watched() -> Iterator[None]:
    gc.collect()
    gc.callbacks.append(SeenOnce(whole_looks=2, long_s=0.0))
    yield
    gc.callbacks.pop()
    gc.unfreeze()


def test_what_survives_a_full_collection_is_not_looked_at_again(watched: None) -> None:
    kept = [[number] for number in range(1000)]
    gc.collect()
    frozen = gc.get_freeze_count()
    assert frozen >= len(kept)
    assert gc.get_objects(generation=2) == []


def test_a_ring_that_came_to_stay_goes_with_the_next_look_at_everything(watched: None) -> None:
    ring = Ring()
    seen = weakref.ref(ring)
    gc.collect()
    del ring
    assert seen() is not None
    gc.collect()
    assert seen() is None


def test_what_never_came_to_stay_goes_with_any_collection(watched: None) -> None:
    seen = weakref.ref(Ring())
    gc.collect()
    assert seen() is None


def test_nothing_comes_to_stay_while_looks_are_short() -> None:
    gc.collect()
    gc.callbacks.append(SeenOnce(whole_looks=1_000_000, long_s=60.0))
    try:
        rings = [Ring() for _ in range(100)]
        seen = [weakref.ref(ring) for ring in rings]
        gc.collect()
        del rings
        gc.collect()
        assert not any(each() for each in seen)
    finally:
        gc.callbacks.pop()
