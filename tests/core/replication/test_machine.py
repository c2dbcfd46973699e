"""Raft as this cluster uses it: one leader a term, what is final stays, leases never overlap."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from ha_core.config.model import Configuration
from ha_core.effects import Persist, Send
from ha_core.messages import (
    Append,
    AppendReply,
    Beat,
    BeatReply,
    InstallSnapshot,
    VoteReply,
    VoteRequest,
)
from ha_core.replication.election import Role
from ha_core.replication.entries import Entry, Snapshot
from ha_core.replication.log import COMPACT_EVERY, REVISIONS_KEPT
from ha_core.replication.machine import ENTRIES_PER_APPEND
from ha_core.replication.signals import Deposed, Elected, SnapshotInstalled
from tests.core.replication.bench import TIMERS, Bench, change, configuration, name

THREE = configuration(1, 2, 3)
ELECTION_MS = TIMERS.election_ms + 10 * TIMERS.election_spread_ms


def elected(config: Configuration = THREE, *strangers: int) -> Bench:
    """Return members that have a leader."""
    bench = Bench(config, *strangers)
    bench.run(ELECTION_MS)
    bench.leader()
    return bench


def named(config: Configuration, text: str) -> Configuration:
    """Return the configuration under another name: a change that changes no vote."""
    return replace(config, name=text)


# --- election ----------------------------------------------------------------------------


def test_one_leader_is_elected_and_says_so_once() -> None:
    bench = elected()
    leader = bench.leader()
    assert bench.members[name(leader)].said(Elected) == 1
    assert all(bench[number].leader == name(leader) for number in (1, 2, 3))
    bench.run(20 * TIMERS.dead_after_ms)
    assert bench.leader() == leader
    assert len(bench.leaders) == 1


def test_only_voter_leads_as_soon_as_any_other_leader_would_have_been_heard() -> None:
    bench = Bench(configuration(1))
    bench.run(3 * TIMERS.beat_ms - 1)
    assert not bench.leaders
    bench.run(1)
    assert bench.leader() == 1
    assert bench[1].lease_until_ms > bench.now_ms


def test_voters_campaign_only_after_silence() -> None:
    bench = Bench(THREE)
    start_ms = bench.now_ms
    bench.run(TIMERS.election_ms - 1)
    assert not bench.leaders
    assert all(bench[n].deadline_ms() is not None for n in (1, 2, 3))
    assert min(bench[n].deadline_ms() or 0 for n in (1, 2, 3)) >= start_ms + TIMERS.election_ms


def test_learner_never_campaigns_and_its_vote_does_not_count() -> None:
    bench = elected(configuration(1, 2, learners=(3,)))
    assert bench[3].deadline_ms() is None
    bench.cut = {name(bench.leader())}
    bench.run(5 * TIMERS.dead_after_ms)
    (other,) = {1, 2} - {int(who[1:]) for who in bench.cut}
    assert bench[other].role is not Role.LEADER


def test_successor_is_elected_and_the_old_leader_follows_it() -> None:
    bench = elected()
    old = bench.leader()
    bench.cut = {name(old)}
    bench.run(ELECTION_MS)
    new = bench.leader()
    assert new != old
    bench.cut = set()
    bench.run(TIMERS.dead_after_ms)
    assert bench[old].role is Role.FOLLOWER
    assert bench[old].leader == name(new)
    assert bench.members[name(old)].said(Deposed) == 1


def test_vote_is_given_once_a_term_even_across_a_restart() -> None:
    bench = Bench(THREE)
    bench.now_ms += TIMERS.election_ms
    request = VoteRequest(5, False, 1, 1)
    first = bench[3].receive(name(1), request, bench.now_ms)
    bench.perform(name(3), first)
    bench.restart(3)
    bench.now_ms += TIMERS.election_ms
    second = bench[3].receive(name(2), request, bench.now_ms)
    again = bench[3].receive(name(1), request, bench.now_ms)
    assert [item for item in first if isinstance(item, Send)] == [
        Send(name(1), VoteReply(5, False, True))
    ]
    assert second == [Send(name(2), VoteReply(5, False, False))]
    assert again == [Send(name(1), VoteReply(5, False, True))]


def test_vote_is_on_disk_before_it_is_told() -> None:
    bench = Bench(THREE)
    out = bench[3].receive(name(1), VoteRequest(5, False, 1, 1), bench.now_ms + 500)
    kinds = [type(item) for item in out]
    assert kinds.index(Send) > max(at for at, kind in enumerate(kinds) if kind is Persist)


@pytest.mark.parametrize(("index", "term"), [(1, 1), (0, 1), (9, 0)])
def test_candidate_with_an_older_log_gets_no_vote(index: int, term: int) -> None:
    bench = elected()
    follower = next(n for n in (1, 2, 3) if n != bench.leader())
    late_ms = bench.now_ms + TIMERS.election_ms
    out = bench[follower].receive(name(9), VoteRequest(99, False, index, term), late_ms)
    assert Send(name(9), VoteReply(99, False, False)) in out


def test_restarted_voter_refuses_votes_until_old_leases_are_over() -> None:
    bench = elected()
    follower = next(n for n in (1, 2, 3) if n != bench.leader())
    bench.restart(follower)
    for pre in (True, False):
        out = bench[follower].receive(name(9), VoteRequest(99, pre, 50, 50), bench.now_ms)
        assert [type(item) for item in out] == [Send]
        assert bench[follower].term < 99


# --- pre-vote and check-quorum -----------------------------------------------------------


def test_node_that_was_cut_off_does_not_disturb_when_it_returns() -> None:
    bench = elected()
    leader, term = bench.leader(), bench[bench.leader()].term
    lonely = next(n for n in (1, 2, 3) if n != leader)
    bench.cut = {name(lonely)}
    bench.run(20 * TIMERS.dead_after_ms)
    assert bench[lonely].term == term, "pre-votes raise no term"
    bench.cut = set()
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench.leader() == leader
    assert bench[leader].term == term


def test_pre_vote_is_refused_while_the_leader_is_heard() -> None:
    bench = elected()
    follower = next(n for n in (1, 2, 3) if n != bench.leader())
    term = bench[follower].term
    out = bench[follower].receive(name(9), VoteRequest(term + 1, True, 99, 99), bench.now_ms)
    assert out == [Send(name(9), VoteReply(term, True, False))]


def test_leader_without_a_majority_steps_down_after_dead_time() -> None:
    bench = elected()
    leader = bench.leader()
    bench.cut = {name(leader)}
    bench.run(TIMERS.coordinator_lease_ms + TIMERS.beat_ms)
    assert bench[leader].lease_until_ms <= bench.now_ms, "it must not act any more"
    bench.run(TIMERS.dead_after_ms + TIMERS.beat_ms)
    assert bench[leader].role is not Role.LEADER
    assert bench.members[name(leader)].said(Deposed) == 1


# --- lease -------------------------------------------------------------------------------


def test_lease_runs_from_the_sending_time_of_the_answered_round() -> None:
    bench = elected()
    leader = bench.leader()
    machine, peer = bench[leader], next(n for n in (1, 2, 3) if n != bench.leader())
    before_ms = machine.acked_round_ms
    bench.now_ms += TIMERS.beat_ms
    sent_ms = bench.now_ms
    bench.tick(leader)
    bench.letters.clear()
    bench.now_ms += 50
    machine.receive(name(peer), BeatReply(machine.term, before_ms, 1), bench.now_ms)
    assert machine.acked_round_ms == before_ms, "an answer to an older round dates nothing anew"
    machine.receive(name(peer), BeatReply(machine.term, sent_ms, 1), bench.now_ms)
    assert machine.lease_until_ms == sent_ms + TIMERS.coordinator_lease_ms


def test_answers_of_another_term_or_a_stranger_do_not_extend_the_lease() -> None:
    bench = elected()
    machine, peer = bench[bench.leader()], next(n for n in (1, 2, 3) if n != bench.leader())
    until_ms = machine.lease_until_ms
    machine.receive(name(peer), BeatReply(machine.term - 1, bench.now_ms + 9, 1), bench.now_ms)
    machine.receive(name(9), BeatReply(machine.term, bench.now_ms + 9, 1), bench.now_ms)
    assert machine.lease_until_ms == until_ms


def test_follower_has_no_lease() -> None:
    bench = elected()
    assert [bench[n].lease_until_ms for n in (1, 2, 3) if n != bench.leader()] == [0, 0]


# --- log ---------------------------------------------------------------------------------


def test_change_reaches_everyone_and_survives_restarts() -> None:
    bench = elected()
    bench.propose(bench.leader(), named(THREE, "second"))
    bench.run(TIMERS.dead_after_ms)
    for number in (1, 2, 3):
        assert bench[number].configuration.name == "second"
        bench.restart(number)
    bench.run(ELECTION_MS)
    bench.run(TIMERS.dead_after_ms)
    assert {bench[number].configuration.name for number in (1, 2, 3)} == {"second"}


def test_late_follower_learns_what_is_final_with_its_own_answer_not_with_the_next_round() -> None:
    bench = elected()
    bench.propose(bench.leader(), named(THREE, "second"))
    # The first follower's answer makes it final before the other one has it at all.
    bench.settle()
    assert {bench[number].configuration.name for number in (1, 2, 3)} == {"second"}


def test_nothing_is_final_without_a_majority() -> None:
    bench = elected()
    leader = bench.leader()
    commit = bench[leader].commit
    bench.cut = {name(leader)}
    bench.propose(leader, named(THREE, "lost"))
    bench.settle()
    assert bench[leader].commit == commit
    assert bench[leader].configuration.name != "lost"


def test_entries_that_were_never_final_are_overwritten() -> None:
    bench = elected()
    old = bench.leader()
    bench.cut = {name(old)}
    bench.propose(old, named(THREE, "lost"))
    bench.run(ELECTION_MS)
    new = bench.leader()
    for text in ("kept", "kept too"):
        bench.propose(new, named(THREE, text))
        bench.run(TIMERS.beat_ms)
    bench.cut = set()
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench[old].configuration.name == "kept too"
    assert [item.configuration.name for item in bench[old].revisions[1:]] == ["kept", "kept too"]
    disk = bench.members[name(old)].disk.recover()
    mine = bench.members[name(new)].disk.recover()
    assert disk.entries == mine.entries


def test_entry_of_an_earlier_term_becomes_final_only_with_one_of_the_new_term() -> None:
    """Source: Ongaro, figure 3.7."""
    bench = Bench(THREE)
    machine = bench[1]
    bench.now_ms += ELECTION_MS
    old = Entry(2, 2)
    bench.perform(name(1), machine.receive(name(2), Append(2, 1, 1, (old,), 1), bench.now_ms))
    bench.now_ms += ELECTION_MS
    bench.tick(1)
    bench.letters.clear()
    bench.perform(name(1), machine.receive(name(3), VoteReply(3, True, True), bench.now_ms))
    bench.letters.clear()
    bench.perform(name(1), machine.receive(name(3), VoteReply(3, False, True), bench.now_ms))
    assert machine.role is Role.LEADER
    bench.perform(name(1), machine.receive(name(3), AppendReply(3, True, 2), bench.now_ms))
    assert machine.commit == 1
    bench.perform(name(1), machine.receive(name(3), AppendReply(3, True, 3), bench.now_ms))
    assert machine.commit == 3


def test_restarted_follower_learns_what_is_final_with_no_new_entry() -> None:
    bench = elected()
    bench.propose(bench.leader(), named(THREE, "second"))
    bench.run(TIMERS.dead_after_ms)
    follower = next(n for n in (1, 2, 3) if n != bench.leader())
    bench.restart(follower)
    assert bench[follower].configuration.name != "second"
    bench.run(5 * TIMERS.beat_ms)
    assert bench[follower].configuration.name == "second"


def test_acknowledgement_comes_after_the_entry_is_on_disk() -> None:
    bench = Bench(THREE)
    out = bench[3].receive(name(1), Append(2, 1, 1, (Entry(2, 2),), 1), bench.now_ms)
    assert [type(item) for item in out][-2:] == [Persist, Send]
    assert out[-1] == Send(name(1), AppendReply(2, True, 2))


def test_repeated_or_late_append_removes_nothing() -> None:
    bench = Bench(THREE)
    entries = tuple(Entry(2, index) for index in (2, 3, 4))
    bench.perform(name(3), bench[3].receive(name(1), Append(2, 1, 1, entries, 1), bench.now_ms))
    for late in (Append(2, 1, 1, entries[:1], 1), Append(2, 1, 1, (), 1)):
        out = bench[3].receive(name(1), late, bench.now_ms)
        assert out == [Send(name(1), AppendReply(2, True, 4))]


def test_beat_makes_nothing_final_that_may_differ_from_the_leaders_log() -> None:
    bench = Bench(THREE)
    entries = (Entry(2, 2), Entry(2, 3))
    bench.perform(name(3), bench[3].receive(name(1), Append(2, 1, 1, entries, 1), bench.now_ms))
    out = bench[3].receive(name(2), Beat(3, 7, 3), bench.now_ms)
    bench.perform(name(3), out)
    assert bench[3].commit == 1
    start = bench.members[name(3)].disk.generation
    assert Send(name(2), BeatReply(3, 7, 1, start)) in out


def test_message_of_an_earlier_term_is_answered_with_ours() -> None:
    bench = elected()
    follower = next(n for n in (1, 2, 3) if n != bench.leader())
    term = bench[follower].term
    for message in (Beat(term - 1, 5, 99), Append(term - 1, 0, 0, (), 99)):
        out = bench[follower].receive(name(9), message, bench.now_ms)
        assert out == [Send(name(9), AppendReply(term, False, 0))]


def test_follower_far_behind_catches_up_in_bounded_messages() -> None:
    bench = elected()
    leader = bench.leader()
    lonely = next(n for n in (1, 2, 3) if n != leader)
    bench.cut = {name(lonely)}
    for number in range(3 * ENTRIES_PER_APPEND):
        bench.propose(leader, named(THREE, f"c{number}"))
        bench.settle()
    bench.cut = set()
    bench.run(TIMERS.dead_after_ms)
    assert bench[lonely].commit == bench[leader].commit
    assert bench.members[name(lonely)].said(SnapshotInstalled) == 0


# --- snapshots ---------------------------------------------------------------------------


def test_follower_below_the_logs_beginning_gets_a_snapshot() -> None:
    bench = elected()
    leader = bench.leader()
    lonely = next(n for n in (1, 2, 3) if n != leader)
    bench.cut = {name(lonely)}
    for number in range(COMPACT_EVERY + 10):
        bench.propose(leader, named(THREE, f"c{number}"))
        bench.settle()
    bench.cut = set()
    bench.run(TIMERS.dead_after_ms)
    assert bench.members[name(lonely)].said(SnapshotInstalled) == 1
    assert bench[lonely].configuration == bench[leader].configuration
    assert bench[lonely].revisions == bench[leader].revisions
    assert len(bench[leader].revisions) == REVISIONS_KEPT
    for number in (leader, lonely):
        found = bench.members[name(number)].disk.recover()
        assert len(found.entries) < COMPACT_EVERY
        bench.restart(number)
        assert bench[number].configuration.name == f"c{COMPACT_EVERY + 9}" or found.entries


def test_snapshot_replaces_entries_that_differ() -> None:
    bench = Bench(THREE)
    entries = tuple(Entry(2, index) for index in range(2, 9))
    bench.perform(name(3), bench[3].receive(name(1), Append(2, 1, 1, entries, 1), bench.now_ms))
    snapshot = Snapshot(5, 3, (change(4, named(THREE, "fourth")),))
    out = bench[3].receive(name(2), InstallSnapshot(3, snapshot), bench.now_ms)
    bench.perform(name(3), out)
    assert bench[3].commit == 5
    found = bench.members[name(3)].disk.recover()
    assert (found.snapshot, found.entries) == (snapshot, ())
    again = bench[3].receive(name(2), InstallSnapshot(3, snapshot), bench.now_ms)
    assert again == [Send(name(2), AppendReply(3, True, 5))]


def test_snapshot_keeps_entries_that_agree_with_it() -> None:
    bench = Bench(THREE)
    entries = tuple(Entry(2, index) for index in range(2, 9))
    bench.perform(name(3), bench[3].receive(name(1), Append(2, 1, 1, entries, 1), bench.now_ms))
    snapshot = Snapshot(5, 2, (change(1, THREE),))
    bench.perform(name(3), bench[3].receive(name(1), InstallSnapshot(2, snapshot), bench.now_ms))
    found = bench.members[name(3)].disk.recover()
    assert [entry.index for entry in found.entries] == [6, 7, 8]


# --- membership --------------------------------------------------------------------------


def test_new_node_waits_is_given_everything_and_then_votes() -> None:
    bench = elected(THREE, 4)
    assert bench[4].deadline_ms() is None
    leader = bench.leader()
    bench.propose(leader, configuration(1, 2, 3, learners=(4,)))
    bench.run(2 * TIMERS.dead_after_ms)
    bench.propose(leader, configuration(1, 2, 3, 4))
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench[4].configuration == configuration(1, 2, 3, 4)
    bench.cut = {name(next(n for n in (1, 2, 3) if n != leader))}
    commit = bench[leader].commit
    bench.propose(leader, named(configuration(1, 2, 3, 4), "x"))
    bench.run(TIMERS.dead_after_ms)
    assert bench[leader].commit == commit + 1, "three of four are enough"


def test_votes_change_one_at_a_time() -> None:
    bench = elected()
    machine = bench[bench.leader()]
    assert "the votes of n4, n5 would change at once" in machine.may_propose(
        change(2, configuration(1, 2, 3, 4, 5))
    )
    bench.cut = {name(n) for n in (1, 2, 3) if n != bench.leader()}
    bench.propose(bench.leader(), configuration(1, 2, 3, 4))
    refused = machine.may_propose(change(3, configuration(1, 2, 3, 4)))
    assert refused == "another change of the configuration is under way: try again"


def test_last_voter_cannot_be_removed() -> None:
    bench = elected(configuration(1))
    assert bench[1].may_propose(change(2, configuration())) == "no voter would be left"


def test_new_majority_counts_as_soon_as_the_change_is_written() -> None:
    bench = elected(configuration(1, 2), 3)
    leader = bench.leader()
    bench.cut = {name(n) for n in (1, 2, 3) if n != leader}
    bench.propose(leader, configuration(leader))
    bench.settle()
    assert bench[leader].configuration.voters() == (name(leader),)


def test_leader_that_removes_itself_leads_to_the_end_and_then_leaves() -> None:
    bench = elected()
    leader = bench.leader()
    others = tuple(n for n in (1, 2, 3) if n != leader)
    bench.propose(leader, configuration(*others))
    bench.settle()
    assert bench[leader].role is Role.FOLLOWER
    bench.run(2 * ELECTION_MS)
    assert bench.leader() in others
    assert bench[bench.leader()].configuration.voters() == tuple(name(n) for n in others)


def test_follower_may_not_propose() -> None:
    bench = elected()
    follower = next(n for n in (1, 2, 3) if n != bench.leader())
    refused = bench[follower].may_propose(None)
    assert refused == f"n{follower} is not the coordinator"


# --- anything may happen -----------------------------------------------------------------

STEP = st.tuples(st.integers(0, 99), st.integers(0, 10_000), st.integers(0, 700))


def step(bench: Bench, what: int, which: int, span_ms: int) -> None:
    """Do one random thing: mostly deliver, else lose, repeat, wait, restart, propose."""
    numbers = [int(who[1:]) for who in sorted(bench.members)]
    number = numbers[which % len(numbers)]
    at = which % len(bench.letters) if bench.letters else 0
    if what < 55 and bench.letters:
        bench.deliver(bench.letters.pop(at))
    elif what < 60 and bench.letters:
        bench.letters.pop(at)
    elif what < 65 and bench.letters:
        bench.deliver(bench.letters[at])
    elif what < 90:
        bench.now_ms += span_ms // (1 if what > 80 else 20)
        bench.tick(number)
    elif what < 94:
        bench.restart(number)
    else:
        voters = set(numbers[: 2 + which % 4])
        proposal = change(1, configuration(*sorted(voters)))
        if bench[number].role is Role.LEADER and not bench[number].may_propose(proposal):
            bench.propose(number, proposal.configuration)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, min_size=20, max_size=250), st.integers(0, 1000))
def test_whatever_happens_is_safe_and_ends_in_agreement(
    steps: list[tuple[int, int, int]], seed: int
) -> None:
    """The bench checks one leader a term, one lease at a time, and that final stays final."""
    bench = Bench(THREE, 4, 5, seed=seed)
    bench.run(ELECTION_MS)
    for what, which, span_ms in steps:
        step(bench, what, which, span_ms)
    bench.letters.clear()
    bench.run(20 * TIMERS.dead_after_ms)
    leader = bench[bench.leader()]
    for voter in leader.configuration.voters():
        machine = bench.members[voter].machine
        assert (machine.commit, machine.revisions) == (leader.commit, leader.revisions)
