"""Connectivity from node to coordinator: dampened for all at once, kept by a successor."""

from ha_core.config.model import Ping, PingTarget
from ha_core.events import PingAnswered, PingRefused
from ha_core.ids import NodeName
from ha_core.status import Connectivity
from tests.core.test_node_asymmetric import Mesh

A, B, C = (NodeName(name) for name in "abc")
HOST = "192.0.2.1"
PING = Ping((PingTarget("gateway", (HOST,)),), interval_ms=100, timeout_ms=400, dampen_ms=500)
UP, DOWN = Connectivity(("gateway",), ()), Connectivity((), ("gateway",))


class Town(Mesh):
    """Three nodes, of which some reach the gateway."""

    def __init__(self) -> None:
        super().__init__(3, ping=PING)
        self.reaching = set(self.names)

    def live(self, seconds: float) -> None:
        """Let time pass, with an answer of the gateway at every interval."""
        for _ in range(round(seconds * 10)):
            for name in sorted(self.reaching):
                self._give(name, PingAnswered(HOST))
            self.run(0.1)

    def counted(self, by: NodeName | None = None) -> dict[NodeName, Connectivity | None]:
        """Return what counts of each node, as the coordinator or another node sees it."""
        where = by or self.coordinators()[0]
        statuses = self.nodes[where].snapshot(self.now_ms).instances
        return {status.name: status.connectivity for status in statuses}


def kinds(town: Town) -> list[tuple[str, str]]:
    """Return kind and text of the events of connectivity."""
    return [(e.kind, e.text) for e in town.events if e.kind.startswith("connectivity")]


def test_every_node_sees_what_all_reach() -> None:
    town = Town()
    town.live(5)
    for name in town.names:
        assert town.counted(name) == dict.fromkeys(town.names, UP)
    assert kinds(town) == [], "that all is well is no event"


def test_lost_target_counts_after_time_out_and_dampening_and_is_told_once() -> None:
    town = Town()
    town.live(5)
    town.reaching.discard(B)
    town.live(0.8)
    assert town.counted()[B] == UP
    town.live(0.4)
    assert town.counted() == {A: UP, B: DOWN, C: UP}
    town.reaching.add(B)
    town.live(1)
    assert town.counted()[B] == UP
    assert kinds(town) == [
        ("connectivity-lost", "b reaches 0 of 1 ping targets, not gateway"),
        ("connectivity-restored", "b reaches 1 of 1 ping targets"),
    ]


def test_gateway_that_dies_counts_for_all_nodes_in_one_moment() -> None:
    town = Town()
    town.live(5)
    town.reaching.discard(A)
    town.live(0.3)
    town.reaching.discard(B)
    town.live(0.3)
    town.reaching.clear()
    seen = []
    for _ in range(20):
        town.live(0.1)
        seen.append(frozenset(str(value) for value in town.counted().values()))
    assert frozenset([str(DOWN)]) in seen
    assert all(len(values) == 1 for values in seen), "never one before the others"


def test_new_coordinator_knows_what_counted_and_is_told_again() -> None:
    town = Town()
    town.live(5)
    town.reaching.discard(C)
    town.live(2)
    old = town.coordinators()[0]
    assert old != C
    town.sever(*(f"{old}-{name}" for name in town.names if name != old))
    town.live(0.9)
    (new,) = [name for name in town.coordinators() if name != old]
    assert town.counted(new)[C] == DOWN, "at once, from the last view"
    town.reaching.add(C)
    town.live(2)
    assert town.counted(new)[C] == UP


def test_node_that_may_not_ping_is_told_with_its_reason() -> None:
    town = Town()
    town.reaching.discard(B)
    town._give(B, PingRefused("the group may not"))
    town.live(5)
    assert town.counted()[B] == Connectivity(fault="the group may not")
    assert kinds(town) == [("connectivity-unknown", "b cannot ping: the group may not")]


def test_without_targets_nothing_is_known() -> None:
    plain = Mesh(3)
    plain.run(5)
    statuses = plain.nodes[plain.coordinators()[0]].snapshot(plain.now_ms).instances
    assert [status.connectivity for status in statuses] == [None] * 3
