"""Raft against lost disks, stale peers and peers with a fault: safe, and never stuck."""

from dataclasses import replace

import msgspec
import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.effects import Send
from ha_core.ids import ResourceId
from ha_core.messages import Append, AppendReply, Beat, BeatReply, VoteRequest
from ha_core.replication.election import Role
from ha_core.replication.entries import ADMITTED, LEFT, Entry, Verdict, size_of
from ha_core.replication.log import BYTES_MAX, Log
from ha_core.sim.disk import Disk
from tests.core.replication.bench import TIMERS, Bench, change, configuration, name
from tests.core.replication.test_machine import ELECTION_MS, THREE, elected, named

LATE_MS = 10 * TIMERS.dead_after_ms


def wipe(bench: Bench, number: int) -> None:
    """Give a member an empty disk, as after a repair."""
    member = bench.members[name(number)]
    member.disk = Disk(None, member.disk.number + 1)
    bench.restart(number)


def test_voter_that_lost_its_disk_does_not_vote_before_it_knows_what_is_final() -> None:
    bench = elected()
    wipe(bench, 3)
    late_ms = bench.now_ms + LATE_MS
    for pre in (True, False):
        out = bench[3].receive(name(1), VoteRequest(99, pre, 1, 1), late_ms)
        assert not [item for item in out if isinstance(item, Send)]


def test_what_was_final_survives_a_lost_disk_and_the_leaders_crash() -> None:
    bench = elected()
    leader = bench.leader()
    holder, lacking = (n for n in (1, 2, 3) if n != leader)
    bench.cut = {name(lacking)}
    bench.propose(leader, named(THREE, "final"))
    bench.settle()
    wipe(bench, holder)
    bench.cut = {name(leader)}
    bench.run(LATE_MS)
    assert bench[lacking].role is not Role.LEADER
    bench.cut = set()
    bench.run(LATE_MS)
    assert all(bench[n].configuration.name == "final" for n in (1, 2, 3))


def test_voter_that_lost_its_disk_catches_up_under_the_same_leader() -> None:
    bench = elected()
    leader = bench.leader()
    for text in "abc":
        bench.propose(leader, named(THREE, text))
        bench.run(TIMERS.dead_after_ms)
    follower = next(n for n in (1, 2, 3) if n != leader)
    wipe(bench, follower)
    bench.propose(leader, named(THREE, "d"))
    bench.run(TIMERS.dead_after_ms)
    assert bench.leader() == leader
    assert bench[follower].configuration.name == "d"
    assert bench[leader].match_of(name(follower)) == bench[leader].commit


def test_last_voter_waits_for_the_lease_of_a_leader_that_removes_itself() -> None:
    bench = elected(configuration(1, 2))
    leader = bench.leader()
    other = 3 - leader
    bench.propose(leader, configuration(other))
    letter = next(item for item in bench.letters if isinstance(item.message, Append))
    bench.deliver(letter)
    bench.restart(other)
    bench.tick(other)  # the bench checks that two leases never overlap
    assert bench[other].role is not Role.LEADER
    bench.letters.clear()
    bench.cut = {name(leader)}
    bench.run(ELECTION_MS)
    assert bench[other].role is Role.LEADER


def test_leader_that_was_cut_off_while_it_removed_itself_brings_the_removal_to_its_end() -> None:
    """Source: Ongaro, section 4.2.2: the two would refuse each other for ever."""
    bench = elected(configuration(1, 2))
    leader = bench.leader()
    other = 3 - leader
    bench.cut = {name(leader)}
    bench.propose(leader, configuration(other))
    bench.settle()
    bench.restart(leader)
    bench.restart(other)
    bench.cut = set()
    bench.run(LATE_MS)
    assert bench.leader() == other
    assert bench[other].configuration.voters() == (name(other),)


def test_answer_to_a_round_that_was_never_sent_gives_no_longer_lease() -> None:
    bench = elected()
    leader = bench.leader()
    machine = bench[leader]
    for number in {1, 2, 3} - {leader}:
        reply = BeatReply(machine.term, bench.now_ms + 1_000_000, 1)
        machine.receive(name(number), reply, bench.now_ms)
    assert machine.lease_until_ms <= bench.now_ms + TIMERS.coordinator_lease_ms


@pytest.mark.parametrize(
    "entries",
    [
        (Entry(9, 5),),
        (Entry(9, 2), Entry(9, 4)),
        (Entry(9, 3), Entry(9, 2)),
        (Entry(99, 2),),
    ],
    ids=["gap", "hole", "order", "term"],
)
def test_entries_that_do_not_follow_on_change_nothing(entries: tuple[Entry, ...]) -> None:
    bench = Bench(THREE)
    machine = bench[3]
    machine.receive(name(1), Append(9, 1, 1, entries, 9), bench.now_ms)
    assert machine.commit == 1
    good = Append(9, 1, 1, (Entry(9, 2),), 1)
    out = machine.receive(name(1), good, bench.now_ms)
    assert out[-1] == Send(name(1), AppendReply(9, True, 2))


def test_stale_refusal_costs_a_repetition_and_takes_nothing_back() -> None:
    bench = elected()
    leader = bench.leader()
    machine = bench[leader]
    commit = machine.commit
    follower = name(next(n for n in (1, 2, 3) if n != leader))
    bench.perform(
        name(leader),
        machine.receive(follower, AppendReply(machine.term, False, 0), bench.now_ms),
    )
    bench.settle()
    assert machine.commit == commit
    assert machine.match_of(follower) == commit


def test_term_of_a_peer_is_followed_upwards_only() -> None:
    bench = elected()
    leader = bench.leader()
    follower = next(n for n in (1, 2, 3) if n != leader)
    term = bench[follower].term
    out = bench[follower].receive(name(9), Beat(term - 1, 1, 9), bench.now_ms)
    assert out == [Send(name(9), AppendReply(term, False, 0))]
    assert bench[follower].leader == name(leader)


@pytest.mark.parametrize(("late", "stands"), [(6, ADMITTED), (7, LEFT), (8, LEFT)])
def test_word_on_an_earlier_start_never_replaces_the_word_on_a_later_one(
    late: int, stands: str
) -> None:
    log = Log(Disk(None).recover())
    words = (
        Verdict(name(1), 7, ADMITTED, "cluster", "", 0),
        Verdict(name(1), late, LEFT, "cluster", "", 0),
    )
    log.append(tuple(Entry(1, at, verdict=word) for at, word in enumerate(words, 1)))
    log.apply_through(2)
    assert [item.method for item in log.verdicts] == [stands]


def test_start_that_the_log_names_is_known_before_that_is_final() -> None:
    """Else who has just started would listen to a copy of a disk that is older than that start."""
    bench = elected()
    leader = bench.leader()
    follower = next(n for n in (1, 2, 3) if n != leader)
    word = Verdict(name(9), 7, ADMITTED, "cluster", "", 0)
    bench.perform(name(leader), bench[leader].propose(None, word, bench.now_ms))
    bench.settle()
    bench.cut = {name(leader)}
    bench.restart(follower)
    assert bench[follower].verdict_on(name(9)) is None
    assert bench[follower].is_outdated(name(9), 6)
    assert not bench[follower].is_outdated(name(9), 7)
    assert not bench[follower].is_outdated(name(8), 1)


# --- large configurations ----------------------------------------------------------------


def large(text: str) -> Configuration:
    """Return a configuration of some 2 MB."""
    primitives = tuple(
        Primitive(ResourceId(f"r{at}"), AgentRef(AgentClass.PROCESS), (("command", "x" * 400),))
        for at in range(800)
    )
    return replace(THREE, name=text, primitives=primitives)


def test_history_of_large_configurations_fits_into_what_a_frame_holds() -> None:
    log = Log(Disk(None).recover())
    changes = tuple(change(number, large(str(number))) for number in range(1, 11))
    log.append(tuple(Entry(1, item.revision, item) for item in changes))
    log.apply_through(10)
    kept = log.current_snapshot().revisions
    assert kept == changes[-len(kept) :]
    assert 1 < len(kept) < 10
    assert sum(len(msgspec.json.encode(item)) for item in kept) < BYTES_MAX


def test_large_entries_travel_a_few_at_a_time_and_one_always_does() -> None:
    log = Log(Disk(None).recover())
    changes = tuple(change(number, large(str(number))) for number in range(1, 11))
    log.append(tuple(Entry(1, item.revision, item) for item in changes))
    assert 1 < len(log.slice(1, 64)) < 10
    huge = replace(THREE, primitives=large("x").primitives * 10)
    alone = Log(Disk(None).recover())
    alone.append((Entry(1, 1, change(1, huge)), Entry(1, 2, change(2, huge))))
    assert len(alone.slice(1, 64)) == 1
    alone.apply_through(2)
    assert len(alone.revisions) == 1


def test_a_size_is_rather_too_large_than_too_small() -> None:
    configuration = large("é" * 10)
    assert len(msgspec.json.encode(change(1, configuration))) <= size_of(change(1, configuration))
