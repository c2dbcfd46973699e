"""For whom a coordinator steps aside: a larger circle, with a majority, that lasts."""

from ha_core.config.model import Configuration, Node as Member, Options
from ha_core.coordinator.handover import FIRST, HOLD, Handover
from ha_core.coordinator.record import Record
from ha_core.ids import NodeName
from ha_core.status import NodeState

A, B, C, D, E = (NodeName(name) for name in "abcde")
ALL = (A, B, C, D, E)
DEAD_MS = 1000
BEGIN_MS = 10_000
LATER_MS = BEGIN_MS + FIRST * DEAD_MS


class Bench:
    """A coordinator a of five, and what it knows of the others."""

    def __init__(self, witness: NodeName | None = None) -> None:
        members = tuple(Member(name, (), witness=name == witness) for name in ALL)
        self.configuration = Configuration(options=Options(DEAD_MS), nodes=members)
        self.records = {name: Record(name, NodeState.ONLINE) for name in ALL}
        self.fit = frozenset(ALL[1:])
        self.handover = Handover(A, BEGIN_MS)
        self.asking = set(ALL)

    def hears(self, node: NodeName, *peers: NodeName) -> None:
        """Let a node have reported whom it can talk to."""
        self.records[node].hears = peers

    def lose(self, *nodes: NodeName) -> None:
        """Let nodes ask no more."""
        for node in nodes:
            self.asking.discard(node)
            self.records[node].state = NodeState.LOST
            self.records[node].requested_ms = None

    def look(self, now_ms: int) -> NodeName | None:
        """Return for whom it steps aside at that time."""
        for node in self.asking:
            self.records[node].requested_ms = now_ms
        found = self.handover.look(self.records, self.configuration, self.fit, now_ms)
        return found.voter if found else None


def cut() -> Bench:
    """Return a bench where a serves b and c alone, and b can talk to all."""
    bench = Bench()
    bench.lose(D, E)
    bench.hears(B, A, C, D, E)
    bench.hears(C, A, B)
    return bench


def test_it_steps_aside_when_the_other_circle_has_been_larger_for_a_while() -> None:
    bench = cut()
    assert bench.look(LATER_MS) is None
    assert bench.handover.spared == {D, E}
    assert bench.look(LATER_MS + HOLD * DEAD_MS - 1) is None
    assert bench.look(LATER_MS + HOLD * DEAD_MS) == B


def test_it_keeps_its_place_at_first_and_among_equals() -> None:
    bench = cut()
    bench.look(BEGIN_MS)
    assert bench.look(LATER_MS - 1) is None
    assert bench.look(LATER_MS) == B
    equal = cut()
    equal.hears(B, A, C)
    equal.look(LATER_MS)
    assert equal.look(LATER_MS + 100 * DEAD_MS) is None
    assert equal.handover.spared == frozenset()


def test_circle_that_is_larger_for_a_moment_counts_anew() -> None:
    bench = cut()
    bench.look(LATER_MS)
    bench.hears(B, A, C)
    bench.look(LATER_MS + DEAD_MS)
    bench.hears(B, A, C, D)
    assert bench.look(LATER_MS + HOLD * DEAD_MS) is None
    assert bench.look(LATER_MS + (2 * HOLD) * DEAD_MS) == B


def test_nobody_follows_who_is_not_fit_or_has_no_majority() -> None:
    for spoil in ("log", "leaving", "witness", "minority"):
        bench = Bench(witness=B if spoil == "witness" else None)
        bench.lose(D, E)
        bench.hears(B, A, C, D, E)
        if spoil == "log":
            bench.fit = frozenset((C,))
        elif spoil == "leaving":
            bench.records[B].is_leaving = True
        elif spoil == "minority":
            bench.lose(C)
            bench.asking = {A}
            bench.records[B].requested_ms = None
            bench.hears(B, A)
        bench.look(LATER_MS)
        assert bench.look(LATER_MS + 100 * DEAD_MS) is None, spoil
