"""Timers: the inequalities on which the leases rest, for every dead time that is allowed."""

import pytest
from hypothesis import example, given, strategies as st

from ha_core.timers import (
    DEAD_AFTER_MS_MAX,
    DEAD_AFTER_MS_MIN,
    DRIFT_PERMILLE,
    RaftTimers,
    timers,
    with_drift,
)

DEAD_AFTER = st.integers(DEAD_AFTER_MS_MIN, DEAD_AFTER_MS_MAX)


def at(interval_ms: int, permille: int) -> float:
    """Return how long the interval lasts on a clock that is so much slow."""
    return interval_ms * (1000 + permille) / 1000


@given(DEAD_AFTER)
@example(DEAD_AFTER_MS_MIN)
@example(DEAD_AFTER_MS_MAX)
def test_leases_end_in_time_even_on_a_slow_clock(dead_after_ms: int) -> None:
    found = timers(dead_after_ms)
    slow = DRIFT_PERMILLE
    assert at(found.coordinator_lease_ms, slow) < found.election_ms
    assert at(found.run_lease_ms, slow) < found.dead_after_ms
    waits_ms = found.election_ms + found.inherited_lease_ms()
    assert waits_ms > at(found.run_lease_ms + found.guard_late_ms(), slow)
    assert found.lease_bound_ms() <= found.dead_after_ms


@given(DEAD_AFTER)
def test_several_rounds_fit_into_every_lease(dead_after_ms: int) -> None:
    found = timers(dead_after_ms)
    assert 3 * found.beat_ms <= found.coordinator_lease_ms
    assert found.election_ms + found.election_spread_ms < found.run_lease_ms
    assert 10 <= found.beat_ms <= 1000


@given(st.integers(0, DEAD_AFTER_MS_MAX))
def test_drift_never_rounds_down(interval_ms: int) -> None:
    assert with_drift(interval_ms) >= at(interval_ms, DRIFT_PERMILLE)


@pytest.mark.parametrize("dead_after_ms", [0, DEAD_AFTER_MS_MIN - 1, DEAD_AFTER_MS_MAX + 1])
def test_dead_time_out_of_range_is_a_bug(dead_after_ms: int) -> None:
    with pytest.raises(AssertionError):
        timers(dead_after_ms)


def test_default_is_as_the_documentation_shows_it() -> None:
    assert timers(1000) == RaftTimers(1000, 100, 500, 100, 450, 900)
