"""Planted faults in the arithmetic of leases."""

import pytest

from ha_core.coordinator import roster
from ha_core.coordinator.lead import Lead
from ha_core.coordinator.record import Record
from ha_core.effects import Send
from ha_core.ids import Millis, NodeName
from ha_core.membership.lease import RunLease
from ha_core.messages import LeaseGrant
from ha_core.replication.machine import Replication
from ha_core.timers import RaftTimers


def lease_runs_half_again_as_long(patch: pytest.MonkeyPatch) -> None:
    """A run lease of 1.5 R: the old owner lives on after the takeover."""
    granted = RunLease.granted

    def longer(self: RunLease, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        usual_ms, self.run_lease_ms = self.run_lease_ms, self.run_lease_ms * 3 // 2
        result = granted(self, request_ms, age_ms, now_ms)
        self.run_lease_ms = usual_ms
        return result

    patch.setattr(RunLease, "granted", longer)


def lease_runs_from_the_arrival_of_the_grant(patch: pytest.MonkeyPatch) -> None:
    """A lease dated by when the grant came instead of when it was asked for."""
    granted = RunLease.granted

    def late(self: RunLease, request_ms: Millis, age_ms: Millis, now_ms: Millis) -> bool:
        return granted(self, now_ms, 0, now_ms)

    patch.setattr(RunLease, "granted", late)


def grants_do_not_say_how_old_their_round_is(patch: pytest.MonkeyPatch) -> None:
    """A lease dated by its request, though the round that a majority answered is older."""
    grant = Lead._grant

    def ageless(self: Lead, node: NodeName, now_ms: Millis) -> object:
        output = grant(self, node, now_ms)
        return [
            Send(item.to, _without_age(item.message))
            if isinstance(item, Send) and isinstance(item.message, LeaseGrant)
            else item
            for item in output
        ]

    patch.setattr(Lead, "_grant", ageless)


def _without_age(grant: LeaseGrant) -> LeaseGrant:
    return LeaseGrant(
        grant.term,
        grant.request_ms,
        grant.admission,
        grant.wanted_report_id,
        0,
        grant.generation,
        grant.dead_after_ms,
    )


def inherited_leases_are_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    """A new coordinator, and the old one, take over without waiting for leases to run out."""
    silence = roster.Roster._silence

    def hasty(self: roster.Roster, record: Record, silent: Millis, now: Millis) -> Millis:
        record.lease_bound_ms = 0
        return silence(self, record, silent, now) * 3

    patch.setattr(roster.Roster, "_silence", hasty)


def nodes_count_as_lost_after_half_the_time(patch: pytest.MonkeyPatch) -> None:
    """The silence that makes a node lost is judged by D/2, and no lease is remembered."""
    check = roster.Roster.check

    def hasty(self: roster.Roster, silent_ms, starting, *more):  # type: ignore[no-untyped-def]
        for record in self.records.values():
            record.lease_bound_ms = 0
        return check(self, {k: v * 2 for k, v in silent_ms.items()}, starting, *more)

    silence = roster.Roster._silence

    def doubled(self: roster.Roster, record: Record, silent: Millis, now: Millis) -> Millis:
        return 2 * silence(self, record, silent, now)

    patch.setattr(roster.Roster, "check", hasty)
    patch.setattr(roster.Roster, "_silence", doubled)


def coordinator_acts_for_a_whole_d(patch: pytest.MonkeyPatch) -> None:
    """The coordinator's lease runs for D, longer than voters are bound."""

    def longer(self: Replication) -> Millis:
        if not self.is_established:
            return 0
        return self.acked_round_ms + self._timers.dead_after_ms

    patch.setattr(Replication, "lease_until_ms", property(longer))


def rounds_count_when_they_are_sent(patch: pytest.MonkeyPatch) -> None:
    """The coordinator's lease is dated by the newest round, answered or not."""

    def hopeful(self: Replication) -> None:
        self.acked_round_ms = max(self.acked_round_ms, self._election.heard_ms)

    patch.setattr(Replication, "_count_round", hopeful)


def new_coordinators_inherit_no_lease(patch: pytest.MonkeyPatch) -> None:
    """The leases of a predecessor are taken for over at once, and nobody is given time to ask."""
    first = roster.Roster._first_record

    def forgetful(self: roster.Roster, name: NodeName, wall_ms: Millis) -> Record:
        record = first(self, name, wall_ms)
        record.lease_bound_ms = 0
        return record

    def silent(self: roster.Roster, record: Record, seen: Millis, now: Millis) -> Millis:
        if record.requested_ms is not None:
            return now - record.requested_ms
        return self.timers.dead_after_ms

    patch.setattr(roster.Roster, "_first_record", forgetful)
    patch.setattr(roster.Roster, "_silence", silent)
    patch.setattr(RaftTimers, "inherited_lease_ms", lambda self: 0)
