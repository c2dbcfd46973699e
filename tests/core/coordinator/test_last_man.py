"""Last man standing: whose vote is taken when, never below three, and given back."""

from random import Random

import pytest

from ha_core.config.model import Configuration, Link, Options
from ha_core.ids import NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member


class Shrinking(Cluster):
    """Voters that die one by one."""

    def __init__(self, names: str, after_ms: int = 3000) -> None:
        super().__init__(*names)
        first = Configuration(
            nodes=tuple(member(name) for name in names),
            links=(Link(LINK),),
            options=Options(last_man_standing_ms=after_ms),
        )
        snapshot = Snapshot(1, 1, (ConfigurationChange(1, first, "test", "first", 0),))
        for name in self.nodes:
            self.nodes[name] = Node(name, Recovered(1, snapshot=snapshot), Random(1), self.now_ms)
        self.run(2000)

    def voters(self) -> str:
        """Return who votes, as the living see it."""
        living = [node for name, node in self.nodes.items() if name not in self.dead]
        return "".join(living[-1].configuration.voters())

    def kill(self, name: str, then_ms: int = 8000) -> None:
        """Let a node fall silent, and time pass."""
        self.dead.add(NodeName(name))
        self.run(then_ms)

    @property
    def is_quorate(self) -> bool:
        """Whether a living node leads."""
        return any(n.is_coordinator for k, n in self.nodes.items() if k not in self.dead)


def test_five_that_shrink_one_by_one_keep_a_majority_down_to_two_of_three() -> None:
    cluster = Shrinking("abcde")
    for name, voters in (("a", "bcde"), ("b", "cde"), ("c", "cde")):
        cluster.kill(name)
        assert cluster.voters() == voters
        assert cluster.is_quorate
    cluster.kill("d")
    assert not cluster.is_quorate


def test_without_the_option_every_vote_stays() -> None:
    cluster = Shrinking("abcde", after_ms=0)
    cluster.kill("a")
    assert cluster.voters() == "abcde"


def test_two_lost_at_once_of_five_lose_their_votes_one_after_the_other() -> None:
    cluster = Shrinking("abcde")
    cluster.dead.add(NodeName("a"))
    cluster.kill("b")
    assert cluster.voters() == "cde"
    assert cluster.is_quorate


def test_majority_lost_at_once_is_no_reason_to_go_on() -> None:
    cluster = Shrinking("abcde")
    for name in "abc":
        cluster.dead.add(NodeName(name))
    cluster.run(10_000)
    assert not cluster.is_quorate
    assert cluster.voters() == "abcde"


def test_voter_that_is_back_gets_its_vote_back() -> None:
    cluster = Shrinking("abcd")
    cluster.kill("b")
    assert cluster.voters() == "acd"
    cluster.dead.clear()
    cluster.run(3000)
    assert cluster.voters() == "abcd"


@pytest.mark.parametrize("pause_ms", [1000, 2500])
def test_short_absence_costs_no_vote(pause_ms: int) -> None:
    cluster = Shrinking("abcd")
    cluster.kill("b", pause_ms)
    cluster.dead.clear()
    cluster.run(6000)
    assert cluster.voters() == "abcd"
