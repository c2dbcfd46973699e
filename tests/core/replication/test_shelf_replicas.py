"""The shelf on several replicas: after lag, snapshots, restarts and changes of the leader."""

from random import Random

import pytest

from ha_core.ids import Index
from ha_core.replication.election import Role
from ha_core.replication.log import COMPACT_EVERY
from ha_core.replication.shelf import ShelfChange, ShelfCondition, ShelfPut
from ha_core.replication.signals import SnapshotInstalled
from tests.core.replication.bench import LONG_MS, TIMERS, Bench, configuration, name

THREE = configuration(1, 2, 3)


def put(bench: Bench, number: int, change: ShelfChange) -> None:
    """Let a leader append a write."""
    out = bench[number].propose(None, None, bench.now_ms, change)
    bench.perform(name(number), out)


def simple(key: str, text: str) -> ShelfChange:
    """Return a write without a condition."""
    return ShelfChange((ShelfPut(key, text),))


def test_a_follower_that_lags_gets_the_shelf_with_the_snapshot_and_keeps_it() -> None:
    bench = Bench(THREE)
    bench.run(LONG_MS)
    leader = bench.leader()
    lonely = next(number for number in (1, 2, 3) if number != leader)
    bench.cut = {name(lonely)}
    for number in range(COMPACT_EVERY + 10):
        put(bench, leader, simple(f"k{number % 7}", f"text {number}"))
        bench.settle()
    put(bench, leader, ShelfChange((ShelfPut("k0", None),)))
    bench.settle()
    bench.cut = set()
    bench.run(TIMERS.dead_after_ms)
    assert bench.members[name(lonely)].said(SnapshotInstalled) == 1
    assert bench[lonely].shelf.items == bench[leader].shelf.items
    assert bench[lonely].shelf.revision == bench[leader].shelf.revision
    assert len(bench[lonely].shelf.items) == 6
    bench.restart(lonely)
    bench.run(LONG_MS)
    assert bench[lonely].shelf.items == bench[bench.leader()].shelf.items


class Counter:
    """A text that counts under a condition: of two that read the same number one is refused."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.asked = 0
        self.acknowledged: dict[str, tuple[Index, int]] = {}

    def raise_it(self, number: int) -> None:
        """As the leader, propose the next number by what this replica shows."""
        machine = self._bench[number]
        if machine.role is not Role.LEADER or machine.may_propose(None):
            return
        items = {item.key: item for item in machine.shelf.items}
        known = items.get("count")
        count = int(known.text) if known is not None else 0
        revision = known.revision if known is not None else 0
        self.asked += 1
        puts = (ShelfPut("count", str(count + 1)), ShelfPut(f"mark{(count + 1) % 5}", "x"))
        conditions = (ShelfCondition("count", revision),)
        put(self._bench, number, ShelfChange(puts, conditions, f"r{self.asked}"))

    def look(self) -> None:
        """Note what any replica says of a write: all must say the same."""
        for member in self._bench.members.values():
            shelf = member.machine.shelf
            for request in range(1, self.asked + 1):
                result = shelf.result(f"r{request}")
                if result is not None and not result.code:
                    known = self.acknowledged.setdefault(f"r{request}", (result.revision, 0))
                    assert known[0] == result.revision


@pytest.mark.parametrize("seed", range(12))
def test_a_count_under_conditions_loses_nothing_whatever_happens(seed: int) -> None:
    bench, rng = Bench(THREE, seed=seed), Random(seed)
    counter = Counter(bench)
    for _ in range(60):
        for _ in range(rng.randrange(4)):
            counter.raise_it(rng.choice((1, 2, 3)))
        match rng.randrange(6):
            case 0:
                bench.cut = {name(rng.choice((1, 2, 3)))}
            case 1:
                bench.cut = set()
            case 2:
                bench.letters = [letter for letter in bench.letters if rng.random() < 0.7]
            case 3:
                bench.restart(rng.choice((1, 2, 3)))
            case _:
                bench.run(rng.randrange(2 * TIMERS.dead_after_ms))
        counter.look()
    bench.cut = set()
    bench.run(LONG_MS)
    counter.look()
    counts = {number: bench[number].shelf.items for number in (1, 2, 3)}
    assert counts[1] == counts[2] == counts[3]
    shown = {item.key: item.text for item in counts[1]}
    # Every write that was done raised it by one, and no other did.
    assert int(shown.get("count", "0")) == len(counter.acknowledged) > 5
