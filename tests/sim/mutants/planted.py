"""The list of planted faults: a name, what it breaks, and how to plant it.

Each function takes pytest's monkeypatch and changes one rule of the shipped core.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ha_core.agents import registry
from ha_core.coordinator import roster
from ha_core.effects import Persist
from ha_core.ids import Millis
from ha_core.membership.lease import RunLease
from ha_core.replication.election import Election
from ha_core.replication.machine import Replication
from ha_core.sim.disk import Disk

Plant = Callable[[pytest.MonkeyPatch], None]


def lease_runs_half_again_as_long(patch: pytest.MonkeyPatch) -> None:
    """A run lease of 1.5 R: the old owner lives on after the takeover."""
    granted = RunLease.granted

    def longer(self: RunLease, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        return granted(self, request_ms + self.run_lease_ms // 2, age_ms, now_ms)

    patch.setattr(RunLease, "granted", longer)


def lease_runs_from_the_arrival_of_the_grant(patch: pytest.MonkeyPatch) -> None:
    """A lease dated by when the grant came instead of when it was asked for."""
    granted = RunLease.granted

    def late(self: RunLease, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        return granted(self, now_ms, 0, now_ms)

    patch.setattr(RunLease, "granted", late)


def voters_forget_that_they_heard_a_leader(patch: pytest.MonkeyPatch) -> None:
    """Votes are given while a leader's lease may run."""
    patch.setattr(Election, "is_bound", lambda self, now_ms: False)


def terms_and_votes_are_not_stored(patch: pytest.MonkeyPatch) -> None:
    """A restarted voter votes a second time in one term."""
    patch.setattr(Replication, "_save_hard_state", lambda self: None)


def every_resource_counts_as_guarded(patch: pytest.MonkeyPatch) -> None:
    """A takeover without proof: nothing ends an unguarded service of a lost node."""
    guard = registry.Guard("guardian", "", True)
    patch.setattr(roster, "guard_of", lambda primitive: guard)


def inherited_leases_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    """A new coordinator, and the old one, take over without waiting for leases to run out."""
    silence = roster.Roster._silence

    def hasty(self: roster.Roster, record: roster.Record, silent: Millis, now: Millis) -> Millis:
        record.lease_bound_ms = 0
        return silence(self, record, silent, now) * 3

    patch.setattr(roster.Roster, "_silence", hasty)


def log_entries_are_lost_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    """The store acknowledges appended entries and does not keep them."""
    commit = Disk.commit

    def forgetful(self: Disk, record: Persist) -> None:
        commit(self, replace(record, append=(), truncate_from=None))

    patch.setattr(Disk, "commit", forgetful)


PLANTED: tuple[Plant, ...] = (
    lease_runs_half_again_as_long,
    lease_runs_from_the_arrival_of_the_grant,
    voters_forget_that_they_heard_a_leader,
    terms_and_votes_are_not_stored,
    every_resource_counts_as_guarded,
    inherited_leases_are_not_waited_for,
    log_entries_are_lost_in_a_crash,
)
