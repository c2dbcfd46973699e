"""Every timer, derived from the one number that a user sets, `dead_after_ms` (D).

Owns: the arithmetic that makes leases safe; docs/protocols/leases.md has the
proof. In short: all leases are dated by the newest coordinator's round that a
majority answered, sent at s. The coordinator's own lease ends at s + L, every
run lease it granted at s + R at the latest. A voter that answered the round
refuses votes until E after it *heard* it, so nobody is elected before s + E:

* L < E: two coordinators never act at the same time;
* a new coordinator waits R - E (for drifting clocks and guardians that are not
  scheduled at once: a little more) after its election, then every lease of its
  predecessor has run out;
* E is half of D, so that a new coordinator is elected, and has renewed the run
  leases, before they run out: the loss of a coordinator costs no service.

`drift_permille` is the largest difference in the rates of two nodes' clocks.
"""

from dataclasses import dataclass
from typing import Final

from ha_core.ids import Millis

DRIFT_PERMILLE: Final = 10
GUARD_LATE_MS: Final = 30
"""A guardian has priority; its deputy strikes 25 ms later, and killing takes a moment."""
ROUNDING_MS: Final = 3
"""What whole milliseconds of three clocks may cost: an age, a sign of life and an election may each
be dated almost 1 ms too early.
"""
DEAD_AFTER_MS_MIN: Final = 100
DEAD_AFTER_MS_MAX: Final = 600_000


@dataclass(frozen=True, slots=True)
class RaftTimers:
    """All intervals in milliseconds; make them with `timers`."""

    dead_after_ms: Millis
    """D: silence after which a node counts as lost."""
    beat_ms: Millis
    """Interval of the coordinator's rounds."""
    election_ms: Millis
    """E: a voter refuses votes for so long after it heard its leader, and campaigns after it."""
    election_spread_ms: Millis
    """Campaigns of different voters begin within so long of each other, in order of rank."""
    coordinator_lease_ms: Millis
    """L: the coordinator may act for so long after sending a round that a majority answered."""
    run_lease_ms: Millis
    """R: a node may keep exclusive resources for so long after such a round."""

    def guard_late_ms(self) -> Millis:
        """Return by how much those who end what runs under a lease may be late; less where D is
        below 400 ms.
        """
        room_ms = self.dead_after_ms * 1000 // (1000 + DRIFT_PERMILLE) - self.run_lease_ms - 3
        return min(GUARD_LATE_MS, room_ms)

    def lease_bound_ms(self) -> Millis:
        """Return how long after a round, by another's clock, what was granted by it has ended."""
        return with_drift(self.run_lease_ms + self.guard_late_ms()) + ROUNDING_MS

    def inherited_lease_ms(self) -> Millis:
        """Return how long after an election leases granted by the predecessor may still run."""
        return self.lease_bound_ms() - self.election_ms


def with_drift(interval_ms: Millis) -> Millis:
    """Return the longest that another node's clock may take for an interval of ours."""
    return interval_ms * (1000 + DRIFT_PERMILLE) // 1000 + 1


def timers(dead_after_ms: Millis) -> RaftTimers:
    """Derive all timers from D (100..600000 ms)."""
    assert DEAD_AFTER_MS_MIN <= dead_after_ms <= DEAD_AFTER_MS_MAX, dead_after_ms
    result = RaftTimers(
        dead_after_ms=dead_after_ms,
        beat_ms=min(max(dead_after_ms // 10, 10), 1000),
        election_ms=dead_after_ms // 2,
        election_spread_ms=max(dead_after_ms // 10, 20),
        coordinator_lease_ms=dead_after_ms * 45 // 100,
        run_lease_ms=dead_after_ms * 9 // 10,
    )
    assert with_drift(result.coordinator_lease_ms) < result.election_ms
    assert result.lease_bound_ms() <= result.dead_after_ms
    return result
