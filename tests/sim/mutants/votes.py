"""Planted faults in elections and the counting of votes."""

import pytest

from ha_core.coordinator import ballots
from ha_core.ids import Millis, NodeName
from ha_core.messages import VoteReply, VoteRequest
from ha_core.quorum import votes
from ha_core.replication.election import Election
from ha_core.replication.machine import Replication


def voters_forget_that_they_heard_a_leader(patch: pytest.MonkeyPatch) -> None:
    """Votes are given while a leader's lease may run."""
    patch.setattr(Election, "is_bound", lambda self, now_ms: False)


def half_of_the_votes_is_a_majority(patch: pytest.MonkeyPatch) -> None:
    """Two of four, or one of two, decide: so do the two others."""
    patch.setattr(votes, "votes_needed", lambda expected_votes: (expected_votes + 1) // 2)


def witnesses_vote_beside_a_single_node(patch: pytest.MonkeyPatch) -> None:
    """No vote of a witness is held back: its loss stops the one node that it is beside."""
    patch.setattr(ballots, "is_held_back", lambda configuration, name: False)
    patch.setattr(ballots, "to_hold_back", lambda configuration, waiting: None)


def refusals_count_as_votes(patch: pytest.MonkeyPatch) -> None:
    """Whoever answers has voted, whatever it said."""
    reply = Replication._vote_reply

    def counted(self: Replication, sender: NodeName, message: VoteReply, now_ms: Millis) -> None:
        term = self.term + 1 if message.pre else self.term
        reply(self, sender, VoteReply(term, message.pre, True), now_ms)

    patch.setattr(Replication, "_vote_reply", counted)


def candidates_need_not_know_what_is_final(patch: pytest.MonkeyPatch) -> None:
    """A vote does not ask how new the candidate's log is."""
    request = Replication._vote_request

    def trusting(self: Replication, sender: NodeName, message: VoteRequest, now_ms: Millis) -> None:
        newest = VoteRequest(message.term, message.pre, 1 << 40, 1 << 40)
        request(self, sender, newest, now_ms)

    patch.setattr(Replication, "_vote_request", trusting)
