"""Several replication machines wired together by hand: the test decides what arrives and when.

Each has its simulated disk; effects are carried out in order, so that a restart
finds what a real one would.
"""

from dataclasses import dataclass, field
from random import Random

from ha_core.config.model import Configuration, Node
from ha_core.effects import Persist, Send
from ha_core.ids import Index, Millis, NodeName, Term
from ha_core.messages import Message
from ha_core.replication.election import Role
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.replication.machine import Output, Replication
from ha_core.replication.signals import Applied, Deposed, Elected, Signal, SnapshotInstalled
from ha_core.sim.disk import Disk
from ha_core.timers import timers

TIMERS = timers(1000)
LONG_MS = 100 * TIMERS.dead_after_ms


def name(number: int) -> NodeName:
    """Return n1, n2, ..."""
    return NodeName(f"n{number}")


def configuration(*voters: int, learners: tuple[int, ...] = ()) -> Configuration:
    """Return a configuration of voters and learners."""
    nodes = [Node(name(number), (), voter=True) for number in voters]
    nodes += [Node(name(number), (), voter=False) for number in learners]
    return Configuration(nodes=tuple(nodes))


def change(revision: int, config: Configuration) -> ConfigurationChange:
    """Return a revision."""
    return ConfigurationChange(revision, config, "admin", "", 0)


@dataclass
class Member:
    """One machine, its disk and what it said."""

    machine: Replication
    disk: Disk
    signals: list[Signal] = field(default_factory=list)
    committed: dict[Index, Term] = field(default_factory=dict)

    def said(self, kind: type[Signal]) -> int:
        """Return how often it gave that signal."""
        return sum(isinstance(item, kind) for item in self.signals)


@dataclass(frozen=True)
class Letter:
    """A message under way."""

    sender: NodeName
    receiver: NodeName
    message: Message


class Bench:
    """Members, letters under way and one clock."""

    def __init__(self, config: Configuration, *strangers: int, seed: int = 0) -> None:
        self.now_ms: Millis = 10_000
        self.random = Random(seed)
        self.letters: list[Letter] = []
        self.cut: set[NodeName] = set()
        self.members: dict[NodeName, Member] = {}
        self.leaders: dict[Term, NodeName] = {}
        self.final: dict[Index, Term] = {}
        first = Snapshot(1, 1, (change(1, config),))
        for node in config.nodes:
            self._boot(node.name, Disk(first))
        for number in strangers:
            self._boot(name(number), Disk(None))

    def __getitem__(self, number: int) -> Replication:
        return self.members[name(number)].machine

    def _boot(self, who: NodeName, disk: Disk) -> None:
        random = Random(self.random.random())
        machine = Replication(who, disk.recover(), TIMERS, random, self.now_ms)
        self.members[who] = Member(machine, disk)

    def restart(self, number: int) -> None:
        """Let a machine forget all that is not on its disk."""
        self._boot(name(number), self.members[name(number)].disk)

    def perform(self, who: NodeName, out: list[Output]) -> None:
        """Carry out effects in order."""
        member = self.members[who]
        for item in out:
            if isinstance(item, Persist):
                member.disk.commit(item)
            elif isinstance(item, Send):
                self.letters.append(Letter(who, item.to, item.message))
            elif isinstance(item, Applied):
                self._note_final(item.entry.index, item.entry.term)
            if isinstance(item, Applied | Deposed | Elected | SnapshotInstalled):
                member.signals.append(item)
        self._check(who)

    def _note_final(self, index: Index, term: Term) -> None:
        known = self.final.setdefault(index, term)
        assert known == term, f"entry {index} was final in term {known} and now is of {term}"

    def _check(self, who: NodeName) -> None:
        machine = self.members[who].machine
        if machine.role is Role.LEADER:
            first = self.leaders.setdefault(machine.term, who)
            assert first == who, f"{first} and {who} both lead in term {machine.term}"
        acting = [
            other
            for other, member in self.members.items()
            if member.machine.lease_until_ms > self.now_ms
        ]
        assert len(acting) <= 1, f"{acting} hold the coordinator's lease at once"

    def tick(self, number: int) -> None:
        """Let one machine see the time."""
        who = name(number)
        self.perform(who, self[number].tick(self.now_ms))

    def deliver(self, letter: Letter) -> None:
        """Hand one letter over unless either end is cut off."""
        if {letter.sender, letter.receiver} & self.cut or letter.receiver not in self.members:
            return
        machine = self.members[letter.receiver].machine
        out = machine.receive(letter.sender, letter.message, self.now_ms)
        self.perform(letter.receiver, out)

    def settle(self) -> None:
        """Deliver everything under way, and what follows from it."""
        for _ in range(10_000):
            if not self.letters:
                return
            self.deliver(self.letters.pop(0))
        raise AssertionError("the machines never stop talking")

    def run(self, span_ms: Millis) -> None:
        """Let time pass; everything arrives at once."""
        end_ms = self.now_ms + span_ms
        while True:
            due = [(m.machine.deadline_ms(), who) for who, m in sorted(self.members.items())]
            next_ms = min((at for at, _ in due if at is not None), default=end_ms)
            if next_ms > end_ms:
                self.now_ms = end_ms
                return
            self.now_ms = max(self.now_ms, next_ms)
            for at, who in due:
                if at is not None and at <= self.now_ms:
                    self.perform(who, self.members[who].machine.tick(self.now_ms))
            self.settle()
            if self.now_ms >= end_ms:
                return

    def propose(self, number: int, config: Configuration) -> None:
        """Let a leader append a change."""
        machine = self[number]
        revision = machine.revisions[-1].revision + 1
        out = machine.propose(change(revision, config), None, self.now_ms)
        self.perform(name(number), out)

    def leader(self) -> int:
        """Return the number of the one established leader that is not cut off."""
        found = [
            int(who[1:])
            for who, member in self.members.items()
            if member.machine.role is Role.LEADER
            and member.machine.is_established
            and who not in self.cut
        ]
        assert len(found) == 1, found
        return found[0]
