"""Two voters that part go by the same name or one of them by none, whatever was on its way."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest

from ha_core.config.model import AgentClass, AgentRef, Configuration, Meta, Primitive
from ha_core.coordinator.race import OPEN_D, RACE_D, Race, wait_ms, weightier
from ha_core.coordinator.record import Record
from ha_core.ids import NodeName, ResourceId
from ha_core.status import Instance, InstanceState, NodeState, NodeStatus

A, B = NodeName("a"), NodeName("b")
WEB, MAIL = ResourceId("web"), ResourceId("mail")
PROCESS = AgentRef(AgentClass.PROCESS)
BOTH = Configuration(
    primitives=(Primitive(WEB, PROCESS), Primitive(MAIL, PROCESS, meta=Meta(priority=2)))
)


def running(**resources: str) -> list[NodeStatus]:
    """Return what runs where, by node."""
    return [
        NodeStatus(
            name,
            NodeState.ONLINE,
            1,
            tuple(
                Instance(ResourceId(item), InstanceState.STARTED)
                for item in resources.get(name, "").split()
            ),
        )
        for name in (A, B)
    ]


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [("", "", A), ("web", "", A), ("", "web", B), ("web", "mail", B), ("web mail", "", A)],
)
def test_weightier_is_who_runs_more_by_number_and_priority_and_of_equals_the_first_name(
    a: str, b: str, first: NodeName
) -> None:
    assert weightier((A, B), running(a=a, b=b), BOTH) == first
    assert weightier((B, A), running(a=a, b=b), BOTH) == first


@dataclass
class Part:
    """One of the two: what it goes by as a follower, and its race while it leads."""

    first: NodeName | None = None
    seen: tuple[int, int] = (0, 0)
    """Term and version of its view."""
    race: Race | None = None

    def goes_by(self) -> NodeName | None:
        """Return by what name it would go if they parted now."""
        return self.race.agreed if self.race is not None else self.first


@dataclass
class Duel:
    """Both, with views and requests that are late, lost and out of order."""

    random: Random
    parts: dict[NodeName, Part] = field(default_factory=lambda: {A: Part(), B: Part()})
    term: int = 0
    version: int = 0
    acked: int = 0
    nodes: list[NodeStatus] = field(default_factory=running)
    views: list[tuple[NodeName, int, int, NodeName | None]] = field(default_factory=list)
    requests: list[tuple[NodeName, int, int]] = field(default_factory=list)
    met: set[tuple[NodeName | None, NodeName | None]] = field(default_factory=set)

    def leader(self) -> NodeName:
        """Return who leads."""
        return next((name for name, part in self.parts.items() if part.race is not None), A)

    def step(self) -> None:
        """Do one thing that can happen."""
        deeds = (self.elect, *[self.share] * 6, *[self.move] * 2, *[self.deliver] * 9, self.restart)
        self.random.choice(deeds)()
        self.met.add((self.parts[A].goes_by(), self.parts[B].goes_by()))

    def elect(self) -> None:
        """Have one of the two lead anew; the one before goes by what it knew to be known."""
        for part in self.parts.values():
            if part.race is not None:
                part.first, part.seen = part.race.agreed, (self.term, self.version)
                part.race = None
        self.term, self.version, self.acked = self.term + 1, 0, 0
        name = self.random.choice((A, B))
        self.parts[name].race = Race(name)

    def share(self) -> None:
        """Let the leader look, and tell the other one, who asks with what it has."""
        name = self.leader()
        race, other = self.parts[name].race, B if name == A else A
        if race is None:
            return
        before = race.told
        records = {other: Record(other, NodeState.ONLINE, 1, view_version=self.acked)}
        race.look(other, BOTH, records, self.nodes, self.version + 1)
        self.version += race.told != before or self.random.random() < 0.5
        self.views.append((other, self.term, self.version, race.told))
        term, version = self.parts[other].seen
        self.requests.append((name, self.term, version if term == self.term else 0))

    def move(self) -> None:
        """Have something run elsewhere."""
        self.nodes = running(**{self.random.choice("ab"): self.random.choice(("web", "mail"))})

    def deliver(self) -> None:
        """Bring or lose any letter."""
        for box in (self.views, self.requests):
            if box and self.random.random() < 0.3:
                box.pop(self.random.randrange(len(box)))
        if self.views:
            to, term, version, first = self.views.pop(self.random.randrange(len(self.views)))
            part = self.parts[to]
            if part.race is None and (term, version) > part.seen and term == self.term:
                part.first, part.seen = first, (term, version)
        if self.requests:
            to, term, version = self.requests.pop(self.random.randrange(len(self.requests)))
            if to == self.leader() and term == self.term:
                self.acked = version

    def restart(self) -> None:
        """Have the one that follows begin anew."""
        name = B if self.leader() == A else A
        self.parts[name] = Part()
        self.acked = 0


def test_no_two_names_meet_whatever_was_on_its_way_when_the_two_parted() -> None:
    met = set()
    for seed in range(150):
        duel = Duel(Random(seed))
        for _ in range(300):
            duel.step()
        met |= duel.met
    assert met == {(A, A), (B, B), (None, None), (A, None), (B, None), (None, A), (None, B)}


def test_waits_of_what_can_meet_are_far_enough_apart_for_a_shot() -> None:
    for mine in (A, B, None):
        for others in {mine, None} if mine is not None else {A, B, None}:
            waits = sorted((wait_ms(A, B, mine, 1000), wait_ms(B, A, others, 1000)))
            assert all(later - sooner >= 3000 for sooner, later in pairwise(waits))


def test_loser_waits_no_longer_than_the_winner_needs() -> None:
    assert wait_ms(A, B, A, 1000) == 0
    assert wait_ms(B, A, A, 1000) == RACE_D * 1000
    assert RACE_D < OPEN_D[0] < OPEN_D[1]


def test_race_that_was_over_and_is_on_again_has_a_step_to_take() -> None:
    race, nodes = Race(A), running(a="web")
    records = {B: Record(B, NodeState.ONLINE, 1)}

    def look(other: NodeName | None, seen: int, next_version: int) -> tuple[NodeName | None, bool]:
        records[B].view_version = seen
        race.look(other, BOTH, records, nodes, next_version)
        return race.told, race.is_settled

    assert race.is_settled, "there is no race yet"
    assert look(B, 0, 1) == (A, False)
    assert look(B, 1, 2) == (A, True)
    assert look(None, 1, 2) == (None, True), "a third one votes"
    assert look(B, 1, 3) == (None, False), "what the other one goes by is an old name still"
    assert look(B, 2, 3) == (A, False)
    assert look(B, 3, 4) == (A, True)
