"""A voter that has lost its disk is another one: it knows of no promise that was made from it."""

from ha_core.effects import Send
from ha_core.ids import NodeName
from ha_core.messages import (
    AppendReply,
    Beat,
    BeatReply,
    InstallSnapshot,
    VoteReply,
    VoteRequest,
)
from ha_core.replication.election import Role
from tests.core.replication.bench import TIMERS, Bench, configuration, name
from tests.core.replication.test_hostile import LATE_MS, wipe
from tests.core.replication.test_machine import THREE, elected, named

TWO = configuration(1, 2)


def parted() -> tuple[Bench, int, int, int]:
    """Return members whose old leader is cut off and has a successor; and old, new, third."""
    bench = elected()
    old = bench.leader()
    bench.cut = {name(old)}
    heads: list[int] = []
    while not heads:
        bench.run(10)
        heads = [n for n in (1, 2, 3) if n != old and bench[n].is_established]
    (third,) = {1, 2, 3} - {old, heads[0]}
    assert bench[old].role is Role.LEADER, "it has not noticed yet: D is not over"
    assert bench[old].lease_until_ms <= bench.now_ms, "but its lease is over, as it should be"
    return bench, old, heads[0], third


def others(bench: Bench) -> tuple[int, int, int]:
    """Return the leader of three, and the other two."""
    leader = bench.leader()
    first, second = (n for n in (1, 2, 3) if n != leader)
    return leader, first, second


def give_back(bench: Bench, leader: int, *members: int) -> None:
    """Take the votes that are of lost disks and give them to the new ones, one by one."""
    lost = [int(who[1:]) for who in sorted(bench[leader].lost_disks())]
    left = tuple(n for n in members if n not in lost)
    bench.propose(leader, configuration(*left, learners=tuple(lost)))
    bench.run(TIMERS.dead_after_ms)
    bench.propose(leader, configuration(*members))
    bench.run(TIMERS.dead_after_ms)


def test_two_coordinators_never_act_at_once_though_a_voter_loses_its_disk() -> None:
    """S3: the bench itself asserts that two leases never overlap."""
    bench, old, new, third = parted()
    assert bench[new].lease_until_ms > bench.now_ms
    wipe(bench, third)
    bench.letters.clear()
    bench.cut = {name(new)}
    bench.run(2 * TIMERS.beat_ms)
    assert bench[third].leader == name(old), "it follows, and that counts for nothing"
    assert not bench[old].may_act(bench.now_ms)


def test_what_was_final_survives_a_lost_disk_though_an_old_leader_is_left() -> None:
    """S2: the disks of the two others are whole."""
    bench, old, new, third = parted()
    bench.propose(new, named(THREE, "final"))
    bench.settle()
    assert bench[new].configuration.name == "final"
    wipe(bench, third)
    bench.letters.clear()
    bench.cut = {name(new)}
    for _ in range(3):
        bench.run(TIMERS.beat_ms)
    bench.propose(old, named(THREE, "fork"))
    bench.run(LATE_MS)
    bench.cut = set()
    bench.run(LATE_MS)
    assert all(bench[n].configuration.name == "final" for n in (1, 2, 3))


def test_old_snapshot_under_way_makes_no_voter_of_an_empty_disk() -> None:
    """S2: what was final is on the leader's disk, which is off for a while, and was on this one."""
    bench = elected()
    leader, holder, lacking = others(bench)
    old = InstallSnapshot(bench[leader].term, bench[leader]._log.current_snapshot())
    bench.cut = {name(lacking)}
    for text in "ab":
        bench.propose(leader, named(THREE, text))
        bench.settle()
    assert bench[leader].configuration.name == "b"
    wipe(bench, holder)
    bench.cut = {name(leader)}
    bench.perform(name(holder), bench[holder].receive(name(leader), old, bench.now_ms))
    bench.restart(holder)
    bench.run(LATE_MS)
    assert {bench[n].role for n in (holder, lacking)} <= {Role.FOLLOWER, Role.PRECANDIDATE}
    bench.cut = set()
    bench.run(LATE_MS)
    assert all(bench[n].configuration.name == "b" for n in (1, 2, 3))


def test_vote_that_was_given_to_the_new_disk_counts_again() -> None:
    bench = elected()
    leader, lost, other = others(bench)
    wipe(bench, lost)
    bench.run(TIMERS.dead_after_ms)
    assert bench[leader].lost_disks() == {name(lost)}
    assert not bench[lost].deadline_ms(), "it does not campaign"
    give_back(bench, leader, 1, 2, 3)
    assert not bench[leader].lost_disks()
    bench.restart(lost)
    bench.cut = {name(other)}
    bench.propose(leader, named(THREE, "by its word"))
    bench.run(TIMERS.beat_ms)
    assert bench[leader].configuration.name == "by its word"
    bench.cut = {name(leader)}
    bench.run(LATE_MS)
    assert bench.leader() in (lost, other)


def test_each_loss_of_a_disk_takes_the_vote_again() -> None:
    """What gave it back names the disk: the next one does not find its own vote in the log."""
    bench = elected()
    leader, lost, other = others(bench)
    wipe(bench, lost)
    bench.run(TIMERS.dead_after_ms)
    give_back(bench, leader, 1, 2, 3)
    wipe(bench, lost)
    bench.run(TIMERS.dead_after_ms)
    assert bench[lost].configuration == bench[leader].configuration, "it has been given all"
    bench.cut = {name(other)}
    commit = bench[leader].commit
    bench.propose(leader, named(THREE, "x"))
    bench.run(TIMERS.beat_ms)
    assert bench[leader].commit == commit
    bench.cut = {name(leader)}
    bench.run(LATE_MS)
    assert bench[other].role is not Role.LEADER


def test_leader_of_three_goes_on_with_the_other_whole_disk() -> None:
    bench = elected()
    leader, lost, _ = others(bench)
    wipe(bench, lost)
    bench.run(LATE_MS)
    bench.propose(leader, named(THREE, "x"))
    bench.run(TIMERS.beat_ms)
    assert all(bench[n].configuration.name == "x" for n in (1, 2, 3))
    bench.cut = {name(leader)}
    bench.run(LATE_MS)
    bench.cut = set()
    bench.run(LATE_MS)
    assert bench.leader() != lost


def test_leader_of_two_goes_on_though_the_other_disk_is_lost() -> None:
    """Every majority of two contains it: nobody can have got further."""
    bench = elected(TWO)
    leader = bench.leader()
    wipe(bench, 3 - leader)
    bench.run(LATE_MS)
    assert bench.leader() == leader
    give_back(bench, leader, 1, 2)
    assert not bench[leader].lost_disks()
    bench.cut = {name(leader)}
    bench.run(LATE_MS)
    bench.restart(leader)
    bench.cut = set()
    bench.run(LATE_MS)
    assert bench.leader(), "either of them can lead by the other's vote"


def test_leader_that_makes_two_of_three_does_not_count_an_empty_disk_among_them() -> None:
    """By what was final before, the other two may have elected a successor: two are not yet two."""
    bench, old, new, third = parted()
    wipe(bench, third)
    bench.letters.clear()
    bench.cut = {name(new)}
    commit = bench[old].commit
    bench.propose(old, configuration(*sorted((old, third)), learners=(new,)))
    bench.run(TIMERS.beat_ms)
    assert bench[old].commit == commit
    assert not bench[old].may_act(bench.now_ms)


def test_all_disks_lost_is_the_end_of_the_cluster() -> None:
    bench = elected()
    for number in (1, 2, 3):
        wipe(bench, number)
    bench.run(LATE_MS)
    assert all(bench[n].deadline_ms() is None for n in (1, 2, 3))


def test_answer_of_a_lost_disk_that_arrives_late_counts_for_nothing() -> None:
    bench = elected()
    leader, lost, other = others(bench)
    machine = bench[leader]
    wipe(bench, lost)
    bench.run(TIMERS.beat_ms)
    bench.cut = {name(other)}
    bench.run(TIMERS.beat_ms)
    until_ms = machine.lease_until_ms
    late = BeatReply(machine.term, bench.now_ms, machine.commit, 1)
    machine.receive(name(lost), late, bench.now_ms)
    assert machine.lease_until_ms == until_ms


def test_vote_is_asked_of_the_disk_whose_it_is() -> None:
    bench = elected()
    leader, lost, _ = others(bench)
    wipe(bench, lost)
    bench.run(TIMERS.dead_after_ms)
    late_ms = bench.now_ms + LATE_MS
    commit, term = bench[leader].commit, bench[leader].term

    def answers(disk: int) -> list[NodeName]:
        ask = VoteRequest(term + 1, True, commit, term, disk)
        out = bench[lost].receive(name(leader), ask, late_ms)
        return [e.to for e in out if isinstance(e, Send) and isinstance(e.message, VoteReply)]

    assert not answers(0)
    assert answers(bench.members[name(lost)].disk.generation) == [name(leader)]


def test_late_acknowledgement_of_a_lost_disk_is_not_one_of_the_next_disk() -> None:
    """The next one lacks what the old one has acknowledged."""
    five = configuration(1, 2, 3, 4, 5)
    bench = elected(five)
    leader = bench.leader()
    lost, other, *away = (n for n in (1, 2, 3, 4, 5) if n != leader)
    bench.cut = {name(n) for n in away}
    bench.propose(leader, named(five, "x"))
    for letter in [item for item in bench.letters if item.receiver == name(lost)]:
        bench.letters.remove(letter)
        bench.deliver(letter)
    late = next(item for item in bench.letters if isinstance(item.message, AppendReply))
    bench.letters.clear()
    wipe(bench, lost)
    bench.now_ms += 1
    beat = Beat(bench[leader].term, bench.now_ms, bench[leader].commit)
    bench.perform(name(lost), bench[lost].receive(name(leader), beat, bench.now_ms))
    reply = next(item for item in bench.letters if item.sender == name(lost))
    bench.letters.clear()
    bench.deliver(reply)
    bench.letters.clear()
    index = bench[leader].commit + 1
    bench.deliver(late)
    assert bench[leader].match_of(name(lost)) == 0, "the new disk holds nothing"
    bench.letters.clear()
    answer = AppendReply(bench[leader].term, True, index)
    bench.perform(name(leader), bench[leader].receive(name(other), answer, bench.now_ms))
    assert bench[leader].commit < index, "it is on two disks of five"
