"""Votes that the coordinator gives and takes by itself, one at a time, through the log.

Owns: learners that are to vote once they have caught up, voters that are gone for
long or have lost their disk, witnesses beside a single node. What a command does to
votes is the clerk's.
Source: docs/protocols/quorum.md.
"""

from dataclasses import replace
from typing import Final

from ha_core.config.limits import VOTERS_MAX
from ha_core.coordinator.last_man import LastMan
from ha_core.coordinator.roster import Roster
from ha_core.ids import Millis, NodeName
from ha_core.quorum.held_back import is_held_back, to_hold_back
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.machine import Output, Replication
from ha_core.status import NodeState

LAG_D: Final = 5
"""Neither of two goes on alone for so many D while a third one is to vote and lags a little."""


class Ballots:
    """The votes of one coordinator's term."""

    def __init__(self, raft: Replication, roster: Roster) -> None:
        self._raft = raft
        self._roster = roster
        self._last_man = LastMan()
        self._marked_ms: Millis | None = None
        """Since when `none_alone` stands."""

    @property
    def is_idle(self) -> bool:
        """Whether no vote is to be given or taken as soon as its time has come."""
        newest = self._newest()
        if newest is None:
            return True
        members = newest.configuration
        to_come = [name for name in newest.will_vote if not is_held_back(members, name)]
        is_open = to_come or to_hold_back(members, newest.will_vote) is not None
        is_open = is_open or bool(self._raft.lost_disks())
        return not is_open and not newest.none_alone

    def count(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Give or take a vote, if it is time for that."""
        output = self._retake(now_ms, wall_ms) or self._hold_back(now_ms, wall_ms)
        return [*output, *self._promote(now_ms, wall_ms), *self._shrink(now_ms, wall_ms)]

    def _newest(self) -> ConfigurationChange | None:
        return self._raft.revisions[-1] if self._raft.revisions else None

    def _retake(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Take the vote of a voter that has lost its disk; it gets one with what is final."""
        newest, lost = self._newest(), self._raft.lost_disks()
        if newest is None or self._raft.is_changing or not lost:
            return []
        name = min(lost)
        reason = f"{name} has lost its disk, and has no vote until it has caught up"
        change = self._without_vote(newest, name, reason, wall_ms)
        if self._raft.must_agree_first(change):
            return self._remark(newest, reason, True, now_ms, wall_ms)
        return self._proposed(change, now_ms)

    def _hold_back(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Take the vote of a witness that is left with a single node: its loss would stop that.

        Both are there, or this would not be the coordinator; the node's own vote then is enough.
        """
        newest = self._newest()
        if newest is None or self._raft.is_changing:
            return []
        name = to_hold_back(newest.configuration, newest.will_vote)
        if name is None:
            return []
        reason = f"{name} is a witness: it has no vote until a second node votes"
        change = self._without_vote(newest, name, reason, wall_ms)
        if self._raft.must_agree_first(change):
            return self._remark(newest, reason, True, now_ms, wall_ms)
        return self._proposed(change, now_ms)

    def _promote(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Make a learner that has caught up a voter, one at a time."""
        newest = self._newest()
        if newest is None or self._raft.is_changing:
            return []
        members = newest.configuration
        if len(members.voters()) >= VOTERS_MAX:
            return []
        if not newest.none_alone:
            self._marked_ms = None
        elif self._marked_ms is None:
            self._marked_ms = now_ms
        is_lagging = False
        for name in newest.will_vote:
            record = self._roster.records.get(name)
            if record is None or record.state is not NodeState.ONLINE:
                continue
            if is_held_back(members, name):
                continue
            if self._raft.match_of(name) < self._raft.commit:
                is_lagging = True
                continue
            changed = members.with_votes((name,), voter=True)
            waiting = tuple(other for other in newest.will_vote if other != name)
            reason = f"{name} has caught up and votes"
            change = ConfigurationChange(
                newest.revision + 1, changed, newest.author, reason, wall_ms, "", waiting
            )
            change = replace(change, taken=still_taken(newest.taken, waiting))
            if self._raft.must_agree_first(change):
                reason = f"{name} is to vote: neither of two goes on alone before"
                return self._remark(newest, reason, True, now_ms, wall_ms)
            if not self._raft.may_propose(change):
                return list(self._raft.propose(change, None, now_ms))
        lag_ms = LAG_D * members.options.dead_after_ms
        if is_lagging and self._marked_ms is not None and now_ms - self._marked_ms < lag_ms:
            return []  # the very revision that makes room for its vote is on its way to it
        if newest.none_alone:
            reason = "one of two may go on alone again"
            return self._remark(newest, reason, False, now_ms, wall_ms)
        return []

    def _shrink(self, now_ms: Millis, wall_ms: Millis) -> list[Output]:
        """Take the vote of a voter that is gone for long, if the options say so."""
        newest = self._newest()
        if newest is None or self._raft.is_changing:
            return []
        states = {name: record.state for name, record in self._roster.records.items()}
        gone = self._last_man.look(newest.configuration, states, now_ms)
        if gone is None:
            return []
        reason = f"{gone} is gone for long and has no vote until it is back"
        return self._proposed(self._without_vote(newest, gone, reason, wall_ms), now_ms)

    def _without_vote(
        self, newest: ConfigurationChange, name: NodeName, reason: str, wall_ms: Millis
    ) -> ConfigurationChange:
        """Return the revision by which it loses its vote until something lets it vote again."""
        changed = newest.configuration.with_votes((name,), voter=False)
        waiting = tuple(sorted({*newest.will_vote, name}))
        change = ConfigurationChange(
            newest.revision + 1, changed, "cluster", reason, wall_ms, "", waiting
        )
        return replace(change, taken=still_taken((*newest.taken, name), waiting))

    def _remark(
        self,
        newest: ConfigurationChange,
        reason: str,
        none_alone: bool,
        now_ms: Millis,
        wall_ms: Millis,
    ) -> list[Output]:
        """Change nothing but whether one of two voters may go on alone."""
        change = replace(
            newest,
            revision=newest.revision + 1,
            author="cluster",
            reason=reason,
            at_wall_ms=wall_ms,
            request_id="",
            none_alone=none_alone,
        )
        return self._proposed(change, now_ms)

    def _proposed(self, change: ConfigurationChange, now_ms: Millis) -> list[Output]:
        if self._raft.may_propose(change):
            return []
        return list(self._raft.propose(change, None, now_ms))


def still_taken(taken: tuple[NodeName, ...], waiting: tuple[NodeName, ...]) -> tuple[NodeName, ...]:
    """Return of the votes that were `taken` those that are still to come back (`waiting`)."""
    return tuple(sorted(set(taken) & set(waiting)))
