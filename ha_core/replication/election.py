"""Roles, and when a voter may vote and campaigns: all that elections know of time.

Owns: the last sign of life of a leader, the time of the next campaign. The
order of campaigns and the retries are ours; that a voter is bound for
`election_ms` after it heard its leader is what makes the leader's lease safe.
"""

from enum import StrEnum
from random import Random
from typing import Final

from ha_core.ids import Millis, NodeName
from ha_core.timers import RaftTimers

LISTEN_BEATS: Final = 3
"""A node that alone votes listens for so many rounds before it leads: one or two may be lost."""


class Role(StrEnum):
    """What this node is in the current term."""

    FOLLOWER = "follower"
    PRECANDIDATE = "precandidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


class Election:
    """Times of one voter. A start counts as a sign of life: we may have forgotten one."""

    def __init__(self, name: NodeName, timers: RaftTimers, random: Random, now_ms: Millis) -> None:
        self.timers = timers
        self.heard_ms = now_ms
        self.campaign_ms = now_ms
        self._favours: NodeName | None = None
        self._favours_until_ms: Millis = 0
        self._name = name
        self._random = random

    def is_bound(self, now_ms: Millis) -> bool:
        """Return whether a leader that we heard may still hold its lease."""
        return now_ms - self.heard_ms < self.timers.election_ms

    def be_patient(
        self, voters: tuple[NodeName, ...], leader: NodeName | None, now_ms: Millis
    ) -> None:
        """Campaign after silence only; voters one after another, so that they do not split the
        vote.
        """
        others = [name for name in voters if name != leader]
        rank = others.index(self._name) if self._name in others else 0
        step_ms = self.timers.election_spread_ms // max(len(others), 1)
        jitter_ms = self._random.randrange(max(step_ms // 4, 1))
        # The leader's last words may have reached others a little later, who are bound as long.
        later_ms = self.timers.election_spread_ms // 10
        self.campaign_ms = now_ms + self.timers.election_ms + later_ms + rank * step_ms + jitter_ms

    def retry(self, now_ms: Millis) -> None:
        """Asking who would vote costs nothing, and others may have been bound for a moment longer:
        ask again soon, for the leases of the dead leader run.
        """
        spread_ms = self.timers.election_spread_ms
        self.campaign_ms = now_ms + self._random.randrange(spread_ms // 4, spread_ms) + 1

    def let_vote(self, now_ms: Millis) -> None:
        """A vote is on its way through two disks: a campaign meanwhile would only undo it."""
        spread_ms = self.timers.election_spread_ms
        self.campaign_ms = now_ms + self._random.randrange(2 * spread_ms, 4 * spread_ms) + 1

    def make_way(self, successor: NodeName, now_ms: Millis) -> None:
        """Our leader has made way for that voter: it campaigns as soon as nobody is bound, we only
        if it does not, and until then we vote for nobody else.

        Without the latter a voter that did not hear our leader, and asks all the time, wins.
        """
        election_ms, spread_ms = self.timers.election_ms, self.timers.election_spread_ms
        self._favours, self._favours_until_ms = successor, now_ms + election_ms + 3 * spread_ms
        self.campaign_ms = now_ms + election_ms + 2 * spread_ms
        if successor == self._name:
            self.campaign_ms = self.heard_ms + election_ms + spread_ms // 10 + 1

    def refuses(self, candidate: NodeName, now_ms: Millis) -> bool:
        """Return whether another voter has been promised our vote, for a moment."""
        return now_ms < self._favours_until_ms and candidate != self._favours

    def listen_only(self, now_ms: Millis) -> None:
        """Nobody else can hold a lease, unless our disk is older than others that vote: a leader
        of theirs, which knows us, would be heard by the time that we campaign.
        """
        self.heard_ms = now_ms - self.timers.election_ms
        self.campaign_ms = now_ms + LISTEN_BEATS * self.timers.beat_ms
