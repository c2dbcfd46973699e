"""Links that work in one direction, or between some nodes alone: who leads, who is served.

Real nodes on a network whose directions are cut one by one. The claim of
docs/protocols/detector.md: the coordinator's group gets at least as large as the
largest set of nodes that all hear one another, and then nothing changes any more.
"""

from itertools import combinations
from random import Random

import pytest

from ha_core.config.model import Address, Configuration, Link, Node as Member, Ping
from ha_core.effects import MAY_PASS_PERSIST, Journal, Send
from ha_core.events import Event, Received, Tick
from ha_core.ids import LinkName, NodeName
from ha_core.journal import JournalEvent
from ha_core.messages import Message
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.status import NodeState

LINK = LinkName("ring0")
NOTHING = Ping()
STEP_MS = 10
DEAD_MS = 1000


class Mesh:
    """Nodes a, b, c … with a way from each to each, until it is cut."""

    def __init__(
        self, size: int, seed: int = 1, ping: Ping = NOTHING, links: tuple[LinkName, ...] = (LINK,)
    ) -> None:
        self.names = [NodeName(name) for name in "abcdefg"[:size]]
        members = tuple(
            Member(name, tuple(Address(link, f"{name}.{link}.example") for link in links))
            for name in self.names
        )
        configured = Configuration(nodes=members, links=tuple(map(Link, links)), ping=ping)
        change = ConfigurationChange(1, configured, "", "", 0)
        first = Recovered(1, snapshot=Snapshot(1, 1, (change,)))
        self.now_ms = 1000
        self.cut: set[tuple[NodeName, NodeName]] = set()
        self.hanging: NodeName | None = None
        """Its disk hangs: greetings leave it, and nothing else."""
        self.nodes = {
            name: Node(name, first, Random(f"{seed}{name}"), self.now_ms) for name in self.names
        }
        self.letters: list[tuple[NodeName, NodeName, Message]] = []
        self.events: list[JournalEvent] = []

    def run(self, seconds: float) -> None:
        """Let time pass; every message takes one step."""
        for _ in range(round(seconds * 1000) // STEP_MS):
            self.now_ms += STEP_MS
            letters, self.letters = self.letters, []
            for sender, receiver, message in letters:
                if (sender, receiver) not in self.cut:
                    self._give(receiver, Received(sender, 1, LINK, message))
            for name in self.names:
                self._give(name, Tick())

    def _give(self, name: NodeName, event: Event) -> None:
        for effect in self.nodes[name].handle(event, self.now_ms):
            if isinstance(effect, Send):
                if name != self.hanging or isinstance(effect.message, MAY_PASS_PERSIST):
                    self.letters.append((name, effect.to, effect.message))
            elif isinstance(effect, Journal) and name == effect.event.node:
                self.events.append(effect.event)

    def sever(self, *ways: str) -> None:
        """Cut ways: `a>b` one direction, `a-b` both."""
        for way in ways:
            one, other = NodeName(way[0]), NodeName(way[2])
            self.cut.add((one, other))
            if way[1] == "-":
                self.cut.add((other, one))

    def coordinators(self) -> list[NodeName]:
        """Return the nodes that hold the coordinator's lease now."""
        return [
            name
            for name, node in self.nodes.items()
            if node.coordinator_lease_until_ms > self.now_ms
        ]

    def served(self) -> list[str]:
        """Return the nodes that the coordinator calls online."""
        (leader,) = self.coordinators()
        statuses = self.nodes[leader].snapshot(self.now_ms).instances
        return [status.name for status in statuses if status.state is NodeState.ONLINE]

    def terms(self) -> list[int]:
        """Return every node's term."""
        return [node.replication.term for node in self.nodes.values()]

    def talk(self, one: NodeName, other: NodeName) -> bool:
        """Return whether both directions between two nodes work."""
        return (one, other) not in self.cut and (other, one) not in self.cut

    def largest_group(self) -> int:
        """Return the size of the largest set of nodes that all hear one another."""
        for size in range(len(self.names), 1, -1):
            for group in combinations(self.names, size):
                if all(self.talk(one, other) for one, other in combinations(group, 2)):
                    return size
        return 1

    def largest_star(self) -> int:
        """Return with how many nodes, itself included, the best connected one can talk."""
        return max(
            1 + sum(self.talk(name, other) for other in self.names if other != name)
            for name in self.names
        )


def test_coordinator_of_a_bare_majority_makes_way_for_who_can_talk_to_all() -> None:
    mesh = Mesh(5)
    mesh.run(6)
    assert mesh.coordinators() == ["a"]
    mesh.sever("a-d", "a-e")
    mesh.run(8)
    assert mesh.coordinators() in (["b"], ["c"])
    assert mesh.served() == ["a", "b", "c", "d", "e"]
    told = [event.text for event in mesh.events if event.kind == "coordinator-hands-over"]
    assert told == ["a hands the coordination over to b, which can also talk to d, e"]


@pytest.mark.parametrize("size", [3, 5])
def test_node_whose_disk_hangs_does_not_send_the_coordination_to_and_fro(size: int) -> None:
    mesh = Mesh(size)
    mesh.run(8)
    mesh.hanging = mesh.names[-1]
    mesh.run(30)
    told = [event.text for event in mesh.events if event.kind == "coordinator-hands-over"]
    assert len(told) <= 1
    (leader,) = mesh.coordinators()
    statuses = mesh.nodes[leader].snapshot(mesh.now_ms).instances
    assert [s.name for s in statuses if s.state is NodeState.LOST] == [mesh.hanging]


def test_middle_of_a_chain_leads_it() -> None:
    mesh = Mesh(3)
    mesh.run(6)
    assert mesh.coordinators() == ["a"]
    mesh.sever("a-c")
    mesh.run(8)
    assert mesh.coordinators() == ["b"]
    assert mesh.served() == ["a", "b", "c"]


@pytest.mark.parametrize("way", ["a>c", "c>a"])
def test_one_dead_direction_counts_as_none(way: str) -> None:
    mesh = Mesh(3)
    mesh.run(6)
    mesh.sever(way)
    mesh.run(8)
    assert mesh.coordinators() == ["b"]
    assert mesh.served() == ["a", "b", "c"]


def test_larger_group_that_the_coordinator_has_no_part_in_takes_over() -> None:
    mesh = Mesh(5)
    mesh.run(6)
    mesh.sever("a-c", "a-d", "a-e", "b>a")
    mesh.run(8)
    assert mesh.served() == ["b", "c", "d", "e"]


def test_equal_groups_leave_the_coordinator_where_it_is() -> None:
    mesh = Mesh(4)
    mesh.run(6)
    assert mesh.coordinators() == ["a"]
    mesh.sever("a-d", "b-d")
    before = mesh.terms()
    mesh.run(30)
    assert (mesh.coordinators(), mesh.terms()) == (["c"], [before[0] + 1] * 4)
    mesh = Mesh(3)
    mesh.run(6)
    mesh.sever("a-c", "b-c")
    mesh.run(30)
    assert mesh.coordinators() == ["a"]
    assert mesh.served() == ["a", "b"]


@pytest.mark.parametrize("deaf", [True, False])
def test_coordinator_that_is_deaf_or_mute_is_replaced_once(deaf: bool) -> None:
    mesh = Mesh(3)
    mesh.run(6)
    term = max(mesh.terms())
    mesh.sever(*(("b>a", "c>a") if deaf else ("a>b", "a>c")))
    mesh.run(4)
    assert mesh.served() == ["b", "c"]
    mesh.run(30)
    assert mesh.served() == ["b", "c"]
    assert max(mesh.terms()) == term + 1


def test_coordinator_that_went_deaf_is_lost_as_soon_as_any_other_node() -> None:
    mesh = Mesh(3)
    mesh.run(6)
    mesh.sever("b>a", "c>a")
    mesh.run(1.7)
    (successor,) = mesh.coordinators()
    elected_ms = mesh.now_ms
    statuses = {s.name: s.state for s in mesh.nodes[successor].snapshot(elected_ms).instances}
    assert statuses["a"] is NodeState.PENDING
    mesh.run(DEAD_MS / 1000)
    statuses = {s.name: s.state for s in mesh.nodes[successor].snapshot(mesh.now_ms).instances}
    assert statuses["a"] is NodeState.LOST, "it is heard all the time"


def test_node_that_is_heard_and_hears_nobody_is_lost() -> None:
    mesh = Mesh(3)
    mesh.run(6)
    mesh.sever("a>c", "b>c")
    mesh.run(1.3)
    assert mesh.served() == ["a", "b"]
    mesh.run(30)
    assert mesh.coordinators() == ["a"]


def test_ring_of_single_directions_has_no_coordinator_and_no_elections() -> None:
    mesh = Mesh(3)
    mesh.run(6)
    mesh.sever("b>a", "c>b", "a>c")
    before = mesh.terms()
    mesh.run(60)
    assert (mesh.coordinators(), mesh.terms()) == ([], before)


@pytest.mark.parametrize("seed", range(12))
def test_any_cuts_end_with_a_group_as_large_as_the_largest_that_hears_itself(seed: int) -> None:
    random = Random(seed)
    mesh = Mesh(random.choice([3, 4, 5]), seed)
    mesh.run(6)
    ways = [(one, other) for one in mesh.names for other in mesh.names if one != other]
    mesh.cut = set(random.sample(ways, random.randrange(1, len(ways) * 2 // 3)))
    needed = len(mesh.names) // 2 + 1
    mesh.run(20)
    before = mesh.terms()
    if mesh.largest_star() < needed:
        assert mesh.coordinators() == []
        return
    assert len(mesh.coordinators()) == 1
    served = mesh.served()
    assert len(served) >= mesh.largest_group() or mesh.largest_group() < needed
    mesh.run(10)
    assert (mesh.terms(), mesh.served()) == (before, served), "elections without end"
    mesh.cut.clear()
    mesh.run(10)
    assert mesh.served() == mesh.names
