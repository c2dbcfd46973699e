"""The ladder of deadlines: whatever pauses come, what a lease chooses ends before the lease."""

import math
from dataclasses import dataclass, field

from hypothesis import given, strategies as st

from ha_core.membership.ladder import CLOSED, STEPS, Ladder

MARGIN_MS = 10
LATE_MS = 8.0
"""A kernel with a tick of 4 ms drops an element at most two ticks late."""
LEASE_MS = 450
PAUSES = st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 3 * LEASE_MS))


@dataclass
class Machine:
    """A kernel with late timers, and a daemon that can be paused between any two steps."""

    now: float = 1000.25
    ladder: Ladder = field(default_factory=lambda: Ladder(MARGIN_MS))
    ends: dict[int, float] = field(default_factory=dict)
    """When each armed token really ends."""

    def clock_ms(self) -> int:
        return math.floor(self.now)

    def arm(self, until_ms: int, pauses: tuple[float, float, float], late: float) -> None:
        """Read the clock, plan, have the kernel arm, read the clock again; paused in between."""
        read_ms = self.clock_ms()
        self.now += pauses[0]
        rungs = self.ladder.plan(until_ms, read_ms)
        self.now += pauses[1]
        for rung in rungs:
            assert rung.token not in self.ends, "a token is used once"
            self.ends[rung.token] = self.now + rung.timeout_ms + late
        self.now += pauses[2]
        self.ladder.armed(rungs, self.clock_ms())

    def chosen_end(self, until_ms: int, pause: float) -> float:
        """Return when the gate really closes if this lease is given."""
        read_ms = self.clock_ms()
        self.now += pause
        token = self.ladder.choose(until_ms, read_ms)
        return 0.0 if token == CLOSED else self.ends[token]


@given(
    st.lists(
        st.tuples(
            st.integers(-50, LEASE_MS),
            st.tuples(PAUSES, PAUSES, PAUSES),
            st.floats(0, LATE_MS),
            PAUSES,
            PAUSES,
        ),
        max_size=12,
    )
)
def test_no_pause_makes_a_chosen_token_outlive_its_lease(
    rounds: list[tuple[int, tuple[float, float, float], float, float, float]],
) -> None:
    machine = Machine()
    for left_ms, pauses, late, pause, beat in rounds:
        until_ms = machine.clock_ms() + left_ms
        machine.arm(until_ms, pauses, late)
        assert machine.chosen_end(until_ms, pause) <= until_ms
        machine.now += beat


@given(st.integers(100, 60_000), st.floats(0.0, 0.05))
def test_steady_renewals_lose_no_more_than_a_rung_and_the_margin(lease_ms: int, age: float) -> None:
    machine = Machine()
    beat_ms = max(lease_ms // 9, 10)
    for _ in range(30):
        until_ms = machine.clock_ms() + lease_ms - round(age * lease_ms)
        lost_ms = until_ms - machine.chosen_end(until_ms, 0)
        machine.arm(until_ms, (0, 0.2, 0.1), 0)
        machine.now += beat_ms
    assert lost_ms <= max(lease_ms // STEPS, 2) + MARGIN_MS + 2


def test_steady_renewals_keep_what_is_armed_bounded() -> None:
    machine = Machine()
    for _ in range(500):
        machine.arm(machine.clock_ms() + LEASE_MS, (0, 0, 0), 0)
        machine.chosen_end(machine.clock_ms() + LEASE_MS, 0)
        machine.now += 50
    alive = [end for end in machine.ends.values() if end > machine.now]
    assert len(alive) <= 2 * STEPS


def test_shorter_lease_chooses_a_lower_rung() -> None:
    machine = Machine()
    until_ms = machine.clock_ms() + LEASE_MS
    machine.arm(until_ms, (0, 0, 0), 0)
    shorter_ms = until_ms - 200
    assert shorter_ms - 30 <= machine.chosen_end(shorter_ms, 0) <= shorter_ms


def test_lease_that_is_given_up_closes() -> None:
    machine = Machine()
    machine.arm(machine.clock_ms() + LEASE_MS, (0, 0, 0), 0)
    assert machine.ladder.choose(0, machine.clock_ms()) == CLOSED


def test_lease_that_is_over_arms_nothing() -> None:
    machine = Machine()
    assert machine.ladder.plan(machine.clock_ms(), machine.clock_ms()) == ()


def test_rung_that_was_not_acknowledged_is_never_chosen() -> None:
    ladder = Ladder(MARGIN_MS)
    assert ladder.plan(1450, 1000)
    assert ladder.choose(1450, 1000) == CLOSED


def test_kernel_that_lost_its_tables_is_climbed_anew() -> None:
    ladder = Ladder(MARGIN_MS)
    ladder.armed(ladder.plan(1450, 1000), 1000)
    ladder.forget()
    assert ladder.choose(1450, 1000) == CLOSED
    assert len(ladder.plan(1450, 1000)) >= STEPS
