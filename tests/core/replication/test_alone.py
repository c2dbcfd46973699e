"""One of two voters goes on alone: only after proof, only in step, and the log never forks."""

from dataclasses import replace
from random import Random

import pytest

from ha_core.config.model import Configuration, Options, TwoNode
from ha_core.ids import NodeName
from ha_core.messages import Beat, VoteRequest
from ha_core.replication.election import Role
from ha_core.replication.entries import Verdict
from ha_core.replication.machine import Replication
from tests.core.replication.bench import LONG_MS, TIMERS, Bench, change, configuration, name


def two(*learners: int, mode: TwoNode = TwoNode.FENCING) -> Configuration:
    """Return two voters under that mode, and learners."""
    plain = configuration(1, 2, learners=learners)
    return replace(plain, options=Options(two_node=mode))


def proof(machine: Replication, off: int) -> Verdict:
    """Return the word of a device that a node is off."""
    return Verdict(name(off), 1, "fenced:pdu", machine.name, "", 0)


def go_alone(bench: Bench, number: int) -> None:
    """Let one voter go on, the other being off."""
    machine, other = bench[number], 3 - number
    verdict = proof(machine, other)
    change = machine.change_alone(verdict, 0)
    bench.perform(name(number), machine.go_alone(change, verdict, bench.now_ms))


def led(config: Configuration) -> tuple[Bench, int, int]:
    """Return a bench with a leader of two in step, the leader's number and the other's."""
    bench = Bench(config)
    bench.run(LONG_MS)
    leader = bench.leader()
    return bench, leader, 3 - leader


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_voter_in_step_goes_on_alone_and_takes_the_others_vote(role: str) -> None:
    bench, leader, follower = led(two())
    here, there = (leader, follower) if role == "leader" else (follower, leader)
    bench.cut.add(name(there))
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench[here].role is not Role.LEADER
    assert bench[here].alone_fault(bench.now_ms) == ""
    go_alone(bench, here)
    bench.run(LONG_MS)
    assert bench.leader() == here
    assert bench[here].configuration.voters() == (name(here),)
    assert bench[here].revisions[-1].will_vote == (name(there),)


def test_voter_that_has_just_started_never_goes_on_alone() -> None:
    bench, leader, follower = led(two())
    bench.cut.add(name(leader))
    bench.restart(follower)
    bench.run(LONG_MS)
    fault = bench[follower].alone_fault(bench.now_ms)
    assert fault == "it has not seen the other voter since it started"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (two(mode=TwoNode.WAIT), "the option is off"),
        (replace(configuration(1, 2, 3), options=two().options), "three vote"),
        (replace(configuration(1), options=two().options), "one votes"),
    ],
)
def test_only_one_of_two_that_may_goes_on_alone(config: Configuration, why: str) -> None:
    bench = Bench(config)
    bench.run(LONG_MS)
    leader = bench.leader()
    bench.cut |= {name(n) for n in (1, 2, 3) if n != leader}
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench[leader].other_of_two is None, why


def test_change_of_voters_under_way_keeps_both_from_going_on_alone() -> None:
    bench, leader, follower = led(two())
    bench.cut.add(name(leader))
    bench.run(2 * TIMERS.dead_after_ms)
    go_alone(bench, follower)
    bench.propose(follower, two())
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench[follower].configuration.voters() == (name(follower),)
    assert bench[follower].role is not Role.LEADER
    assert bench[follower].other_of_two is None


def marked(bench: Bench, leader: int) -> None:
    """Let the leader append that neither goes on alone, for a third vote is to come."""
    wished = replace(change(2, two(3)), none_alone=True)
    assert not bench[leader].may_propose(wished)
    bench.perform(name(leader), bench[leader].propose(wished, None, bench.now_ms))


def told(bench: Bench, leader: int, follower: int) -> None:
    """Let the follower have that word and say so, and not hear that it is final."""
    marked(bench, leader)
    for here, there in ((follower, leader), (leader, follower)):
        letters = [item for item in bench.letters if item.receiver == name(here)]
        bench.letters = [item for item in bench.letters if item not in letters]
        for letter in letters:
            if letter.sender == name(there):
                bench.deliver(letter)
    assert bench[follower].commit < bench[follower]._log.last_index


def test_leader_goes_on_alone_if_that_none_does_was_its_own_word_and_never_final() -> None:
    bench, leader, follower = led(two(3))
    bench.cut.add(name(follower))
    marked(bench, leader)
    bench.run(3 * TIMERS.dead_after_ms)
    assert bench[leader].alone_fault(bench.now_ms) == ""
    go_alone(bench, leader)
    bench.run(LONG_MS)
    assert bench[leader].configuration.voters() == (name(leader),)
    assert not bench[leader].revisions[-1].none_alone
    assert bench[leader].revisions[-1].will_vote == (name(follower),)


def test_follower_cannot_know_whether_a_third_votes_by_now_and_waits() -> None:
    bench, leader, follower = led(two(3))
    told(bench, leader, follower)
    bench.letters.clear()
    bench.cut.add(name(leader))
    bench.run(3 * TIMERS.dead_after_ms)
    why = "the votes were about to change, and only the other voter may know how far that is"
    assert bench[follower].alone_fault(bench.now_ms) == why


def test_leader_that_gave_its_vote_away_since_waits_too() -> None:
    bench, leader, follower = led(two(3))
    bench.cut.add(name(follower))
    marked(bench, leader)
    bench.run(3 * TIMERS.dead_after_ms)
    assert bench[leader].alone_fault(bench.now_ms) == ""
    ask = VoteRequest(bench[leader].term + 1, False, 10_000, bench[leader].term)
    bench.perform(name(leader), bench[leader].receive(name(follower), ask, bench.now_ms))
    bench.now_ms += TIMERS.dead_after_ms
    assert bench[leader].alone_fault(bench.now_ms).startswith("the votes were about to change")


def test_voter_whose_leader_may_still_lead_is_bound() -> None:
    bench, _, follower = led(two())
    assert bench[follower].alone_fault(bench.now_ms) == "the other voter may still lead"


def test_voter_that_was_cut_off_comes_back_as_a_learner_and_takes_the_survivors_log() -> None:
    bench, leader, follower = led(two())
    bench.cut.add(name(leader))
    bench.run(2 * TIMERS.dead_after_ms)
    go_alone(bench, follower)
    bench.propose(follower, bench[follower].configuration)
    bench.restart(leader)
    bench.cut.clear()
    bench.run(LONG_MS)
    assert bench.leader() == follower
    assert bench[leader].applied == bench[follower].applied
    assert bench[leader].configuration.voters() == (name(follower),)


class Storm:
    """Machines, a switch that ends one, and whoever may go on alone doing so; votes come and go."""

    def __init__(self, seed: int, *learners: int) -> None:
        self.random = Random(seed)
        self.bench = Bench(two(*learners), seed=seed)
        self.numbers = (1, 2, *learners)
        self.off: set[int] = set()
        self.alone = 0
        self.widened = 0

    def step(self) -> None:
        """Do one thing that can happen."""
        deed = self.random.choice(
            (*["time"] * 6, *["deliver"] * 12, "lose", "link", "fence", "power", "propose", "vote")
        )
        getattr(self, f"_{deed}")()

    def living(self) -> list[int]:
        """Return the machines that are on."""
        return sorted(set(self.numbers) - self.off)

    def _time(self) -> None:
        bench = self.bench
        bench.now_ms += self.random.randrange(1, TIMERS.dead_after_ms // 3)
        while len(bench.letters) > 20:
            # Any of them: old ones that come late are what this is about.
            bench.letters.pop(self.random.randrange(len(bench.letters)))
        for number in self.living():
            due_ms = bench[number].deadline_ms()
            if due_ms is not None and due_ms <= bench.now_ms:
                bench.tick(number)

    def _deliver(self) -> None:
        letters = self.bench.letters
        if letters:
            letter = letters.pop(self.random.randrange(len(letters)))
            if letter.receiver not in {name(n) for n in self.off}:
                self.bench.deliver(letter)

    def _lose(self) -> None:
        del self.bench.letters[: self.random.randrange(8)]

    def _link(self) -> None:
        cut = {name(self.random.choice(self.numbers))}
        self.bench.cut = set() if self.bench.cut else cut

    def _fence(self) -> None:
        here = self.random.choice(self.living() or [0])
        machine = self.bench[here] if here else None
        if machine is None or machine.alone_fault(self.bench.now_ms):
            return
        other = machine.other_of_two
        assert other is not None
        self.off.add(int(other[1:]))
        verdict = proof(machine, int(other[1:]))
        change = machine.change_alone(verdict, 0)
        self.bench.perform(name(here), machine.go_alone(change, verdict, self.bench.now_ms))
        self.alone += 1

    def _power(self) -> None:
        number = self.random.choice(self.numbers)
        if number in self.off or self.random.random() < 0.2:
            self.bench.restart(number)
            self.off.discard(number)

    def leaders(self) -> list[int]:
        """Return who leads and may change something now."""
        machines = ((n, self.bench[n]) for n in self.living())
        return [
            n
            for n, machine in machines
            if machine.role is Role.LEADER and machine.is_established and not machine.is_changing
        ]

    def _propose(self) -> None:
        for number in self.leaders():
            self.bench.propose(number, self.bench[number].configuration)

    def _vote(self) -> None:
        """As the clerk does: give a learner that has caught up its vote; now and then take one."""
        for number in self.leaders():
            machine = self.bench[number]
            voters = set(machine.configuration.voters())
            others = [name(n) for n in self.numbers if n != number]
            ready = [n for n in others if n not in voters and machine.match_of(n) >= machine.commit]
            wanted = voters | set(ready[:1])
            if wanted == voters and len(voters) == 3:
                wanted = voters - {self.random.choice(others)}
            self._change_votes(number, machine, wanted)

    def _change_votes(self, number: int, machine: Replication, wanted: set[NodeName]) -> None:
        config = machine.configuration
        nodes = tuple(replace(node, voter=node.name in wanted) for node in config.nodes)
        wished = change(machine.revisions[-1].revision + 1, replace(config, nodes=nodes))
        if wished.configuration == config:
            return
        if machine.must_agree_first(wished):
            wished = replace(wished, configuration=config, none_alone=True)
        if not machine.may_propose(wished):
            self.widened += len(wished.configuration.voters()) == 3
            self.bench.perform(name(number), machine.propose(wished, None, self.bench.now_ms))


@pytest.mark.parametrize("learners", [(), (3,)], ids=["two", "three"])
@pytest.mark.parametrize("seed", range(60))
def test_no_storm_of_losses_fencing_and_restarts_forks_the_log(
    seed: int, learners: tuple[int, ...]
) -> None:
    storm = Storm(seed, *learners)
    for _ in range(1500):
        storm.step()
    # Everything is mended: both are on, and agree.
    for number in sorted(storm.off):
        storm.bench.restart(number)
    storm.off.clear()
    storm.bench.cut.clear()
    storm.bench.run(LONG_MS)
    leader = storm.bench.leader()
    for number in storm.numbers:
        assert storm.bench[number].applied == storm.bench[leader].applied


def test_storms_go_alone_often_enough_to_mean_something() -> None:
    storms = [Storm(seed, 3) for seed in range(1, 13)]
    for storm in storms:
        for _ in range(6000):
            storm.step()
    assert sum(storm.alone for storm in storms) >= 10
    assert sum(storm.widened for storm in storms) >= 2


def test_old_words_of_a_leader_that_has_gone_alone_since_put_nobody_in_step() -> None:
    bench, leader, follower = led(two())
    bench.propose(leader, two())
    old = [letter for letter in bench.letters if letter.receiver == name(follower)]
    bench.run(TIMERS.dead_after_ms // 2)
    bench.cut.add(name(follower))
    bench.run(3 * TIMERS.dead_after_ms)
    go_alone(bench, leader)
    term = bench[leader].term
    bench.restart(follower)
    heard = Beat(term - 1, 1, bench[follower]._log.last_index)
    for message in (*(letter.message for letter in old), heard, heard):
        bench.perform(name(follower), bench[follower].receive(name(leader), message, bench.now_ms))
    bench.now_ms += 3 * TIMERS.dead_after_ms
    assert bench[follower].commit == bench[follower]._log.last_index
    fault = bench[follower].alone_fault(bench.now_ms)
    assert fault == "it has not seen the other voter since it started"


def test_voter_that_is_in_step_by_an_old_log_would_fork_it() -> None:
    """The rule is needed: without it a returning node leads with what it had."""
    bench, leader, follower = led(two())
    bench.cut.add(name(leader))
    bench.run(2 * TIMERS.dead_after_ms)
    go_alone(bench, follower)
    bench.propose(follower, bench[follower].configuration)
    bench.restart(leader)
    bench.run(LONG_MS)
    assert bench[leader].alone_fault(bench.now_ms) != ""
    bench[leader]._is_in_step = True
    with pytest.raises(AssertionError, match=r"was final in term|both lead"):
        go_alone(bench, leader)


def test_follower_that_did_not_wait_would_fork_the_log() -> None:
    """The rule is needed: by then the leader and the third one may have gone on without it."""
    bench, leader, follower = led(two(3))
    told(bench, leader, follower)
    bench.cut.add(name(follower))
    three = replace(configuration(1, 2, 3), options=two().options)
    bench.perform(name(leader), bench[leader].propose(change(9, three), None, bench.now_ms))
    bench.run(TIMERS.dead_after_ms)
    assert bench[leader].configuration.voters() == three.voters()
    bench.propose(leader, three)
    bench.run(2 * TIMERS.dead_after_ms)
    assert bench[follower].alone_fault(bench.now_ms)
    bench[follower]._sole_since = 0
    bench.cut.clear()
    bench.letters.clear()
    with pytest.raises(AssertionError, match=r"was final in term|both lead"):
        go_alone(bench, follower)


@pytest.mark.parametrize("later", [configuration(1, 2, 3), configuration(1, learners=(2,))])
def test_votes_of_two_do_not_change_while_one_may_go_on_alone(later: Configuration) -> None:
    bench, leader, _ = led(two(3))
    wished = replace(later, options=Options(two_node=TwoNode.WAIT))
    fault = bench[leader].may_propose(change(2, wished))
    assert "apply 'two_node: wait' first" in fault
    bench.propose(leader, two(3, mode=TwoNode.WAIT))
    bench.run(LONG_MS)
    assert bench[leader].may_propose(change(3, wished)) == ""
