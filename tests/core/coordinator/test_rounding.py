"""Whole milliseconds cost something: each clock may have been read almost 1 ms too early."""

from math import floor
from random import Random

import pytest

from ha_core.config.model import Configuration, Node as Member
from ha_core.coordinator.roster import Roster
from ha_core.ids import NodeName
from ha_core.membership.lease import Admission, RunLease
from ha_core.replication.election import Election
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import NodeState
from ha_core.timers import DRIFT_PERMILLE, timers

OLD, NEW, N = NodeName("old"), NodeName("new"), NodeName("n")


class Clock:
    """The clock of a machine, which shows whole milliseconds."""

    def __init__(self, rate: float, shows: float, at: float) -> None:
        self._rate, self._shows, self._at = rate, shows, at

    def ms(self, true: float) -> int:
        """Return what it shows at a true time."""
        return floor(self._shows + (true - self._at) * self._rate + 1e-9)

    def when(self, ms: int) -> float:
        """Return the true time from which on it shows at least that."""
        return self._at + (ms - self._shows) / self._rate


@pytest.mark.parametrize("dead_after_ms", [100, 300, 399, 400, 1000, 600_000])
def test_all_leases_of_a_predecessor_are_over_when_a_successor_takes_over(
    dead_after_ms: int,
) -> None:
    set_ = timers(dead_after_ms)
    fast = 1 + DRIFT_PERMILLE / 1000
    # True time 0: the round is sent, and heard by the voter.
    predecessor = Clock(1.0, 5000.0, 0.0)
    voter = Clock(fast, 7000.999, 0.0)
    election = Election(NEW, set_, Random(1), voter.ms(0.0))
    # The grant: nearly 2 ms later, of which the predecessor counts 1.
    grant_at = 1.999
    age_ms = predecessor.ms(grant_at) - 5000
    node = Clock(1.0, 3000.0, grant_at)
    lease = RunLease(set_.run_lease_ms, set_.dead_after_ms)
    lease.admit(Admission(OLD, 1, 1))
    assert lease.granted(node.ms(grant_at), age_ms, node.ms(grant_at))
    ended_at = node.when(lease.until_ms) + set_.guard_late_ms()
    # The vote: as soon as the voter is not bound; the candidate has asked all the time.
    vote_at = voter.when(election.heard_ms + set_.election_ms)
    assert not election.is_bound(voter.ms(vote_at))
    candidate = Clock(fast, 9000.999, vote_at)
    elected_ms = candidate.ms(vote_at)
    roster = Roster(NEW, 1, set_, (Verdict(N, 1, ADMITTED, "", "", 0),), (), elected_ms)
    roster.configure(Configuration(nodes=(Member(NEW, ()), Member(N, ()))), 0)
    now_ms = elected_ms
    while roster.records[N].state is not NodeState.LOST:
        now_ms += 1
        roster.check({N: 1_000_000}, set(), now_ms, 0)  # never heard here
    lost_at = candidate.when(now_ms)
    assert lost_at >= ended_at, (
        f"taken over {ended_at - lost_at:.2f} ms before the guard of the old owner need have acted"
    )
