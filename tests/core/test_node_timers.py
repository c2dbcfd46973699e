"""A node whose `dead_after` changes: every machine counts in the new intervals at once."""

from dataclasses import replace

import pytest

from ha_core.commands import Apply
from ha_core.effects import Effect, HoldLease, RunOperation
from ha_core.events import CommandGiven, Event, OperationDone
from ha_core.ids import Millis, NodeName
from ha_core.timers import timers
from tests.core.coordinator.test_admission import Cluster
from tests.core.test_node_stop import DISK

A = NodeName("a")


class Single(Cluster):
    """A cluster of one that runs a resource; remembers what it told the guardian."""

    def __init__(self) -> None:
        super().__init__("a")
        self.active = False
        self.stops = 0
        self.held_until_ms: Millis = 0
        self.run(1000)
        wanted = replace(self.nodes[A].configuration, primitives=(DISK,))
        self.give("a", CommandGiven("1", "test", Apply(wanted)))
        self.run(1000)
        assert self.active

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, HoldLease):
            self.held_until_ms = effect.until_ms
        if not isinstance(effect, RunOperation):
            return super().follows(sender, effect)
        if effect.action == "stop":
            self.stops += 1
        if effect.action in ("start", "stop"):
            self.active = effect.action == "start"
        absent = effect.action == "monitor" and not self.active
        return [(sender, OperationDone(effect.operation_id, 7 if absent else 0))]

    def change(self, dead_after_ms: Millis) -> None:
        """Give the cluster another dead time."""
        before = self.nodes[A].configuration
        options = replace(before.options, dead_after_ms=dead_after_ms)
        command = Apply(replace(before, options=options))
        self.give("a", CommandGiven(f"to-{dead_after_ms}-{self.now_ms}", "test", command))


@pytest.mark.parametrize("steps", [(2000,), (500,), (4000, 300, 2000), (600_000, 100), (100, 5000)])
def test_one_node_keeps_what_it_runs_whatever_its_dead_time_becomes(steps: tuple[int, ...]) -> None:
    cluster = Single()
    for dead_after_ms in steps:
        term = cluster.nodes[A].replication.term
        cluster.change(dead_after_ms)
        for _ in range(min(3 * dead_after_ms, 6000) // 10):
            cluster.run(10)
            assert cluster.now_ms < cluster.held_until_ms, "the guardian would end everything"
            assert cluster.nodes[A].is_coordinator
        snapshot = cluster.nodes[A].snapshot(cluster.now_ms)
        assert snapshot.timers.dead_after_ms == dead_after_ms
        assert [item.state for item in snapshot.resources] == ["started"]
        assert cluster.nodes[A].replication.term == term, "nobody was elected anew"
    assert cluster.stops == 0


def test_lease_of_a_long_dead_time_ends_with_it() -> None:
    """A second node that is let in counts in the new one: it would not wait for the old lease."""
    cluster = Single()
    cluster.change(600_000)
    cluster.run(2000)
    cluster.change(500)
    bound_ms = timers(500).run_lease_ms
    assert cluster.nodes[A].run_lease_until_ms <= cluster.now_ms + bound_ms
    assert cluster.held_until_ms <= cluster.now_ms + bound_ms
