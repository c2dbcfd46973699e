"""Votes that come and go by themselves: above all that of a witness beside a single node."""

from random import Random

import pytest

from ha_core.commands import AddNode, Apply, Command, Outcome, RemoveNode, SetStandby
from ha_core.config.model import Configuration, FenceDevice, Link, Node as Member, Options, TwoNode
from ha_core.effects import CommandAnswered, Effect
from ha_core.events import CommandGiven, Event, StopAsked
from ha_core.ids import NodeName
from ha_core.node import Node
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Snapshot
from tests.core.coordinator.test_admission import LINK, Cluster, member

A, B, W = (NodeName(name) for name in "abw")


class Watched(Cluster):
    """A cluster that notes answers; `w` is a witness wherever it is a member."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.answers: list[Outcome] = []

    def begin(self, first: Configuration, *, knows_most: NodeName) -> None:
        """Start all anew with this configuration; who knows most is elected."""
        change = ConfigurationChange(1, first, "test", "first", 0)
        for name in self.nodes:
            snapshot = Snapshot(2 if name == knows_most else 1, 1, (change,))
            recovered = Recovered(1, snapshot=snapshot)
            self.nodes[name] = Node(name, recovered, Random(1), self.now_ms)

    def follows(self, sender: NodeName, effect: Effect) -> list[tuple[NodeName, Event]]:
        if isinstance(effect, CommandAnswered):
            self.answers.append(effect.outcome)
        return super().follows(sender, effect)

    def ask(self, command: Command, by: NodeName = A) -> Outcome:
        """Return the answer to a command."""
        before = len(self.answers)
        self.give(by, CommandGiven(f"c{before}", "test", command))
        self.run(1500)
        (found,) = self.answers[before:]
        return found

    def voters(self, by: NodeName = A) -> tuple[NodeName, ...]:
        """Return who votes, as a node knows it."""
        return self.nodes[by].configuration.voters()

    def loses(self, *names: NodeName) -> bool:
        """Let nodes die for long; return whether the first node never missed its lease."""
        self.dead.update(names)
        for _ in range(300):
            self.run(10)
            if self.nodes[A].run_lease_until_ms <= self.now_ms:
                return False
        return True


def judge(*, voter: bool = True) -> Member:
    """Return the witness of a configuration."""
    return Member(W, member("w").addresses, voter=voter, witness=True)


def lone(*, mode: TwoNode = TwoNode.WAIT) -> Configuration:
    """Return one node and a witness that both vote, as clusters had it before."""
    devices = (FenceDevice("pdu", "fence:x", targets=(A, W)),)
    return Configuration(
        nodes=(member("a"), judge()),
        links=(Link(LINK),),
        fence_devices=devices if mode is TwoNode.FENCING else (),
        options=Options(two_node=mode),
    )


def with_witness(*names: str) -> Watched:
    """Return a cluster of nodes to which a witness was added first."""
    cluster = Watched(*names, "w")
    cluster.run(1000)
    assert cluster.ask(AddNode(W, member("w").addresses, witness=True)).ok
    for name in names[1:]:
        assert cluster.ask(AddNode(NodeName(name), member(name).addresses)).ok
        cluster.run(2000)
    return cluster


def test_witness_beside_a_single_node_has_no_vote_and_its_loss_touches_nothing() -> None:
    cluster = with_witness("a")
    assert cluster.voters() == (A,)
    assert cluster.nodes[A].replication.revisions[-1].will_vote == (W,)
    assert cluster.loses(W)
    shown = cluster.nodes[A].snapshot(cluster.now_ms)
    assert shown.quorate


def test_cluster_that_only_holds_a_vote_back_comes_to_rest() -> None:
    cluster = with_witness("a")
    before = cluster.nodes[A].revision
    cluster.run(10_000)
    assert cluster.nodes[A].revision == before


def test_second_node_votes_first_and_the_witness_at_once_after_it() -> None:
    cluster = with_witness("a", "b")
    assert cluster.voters() == (A, B, W)
    assert cluster.nodes[A].replication.revisions[-1].will_vote == ()
    steps = [change.configuration.voters() for change in cluster.nodes[A].replication.revisions]
    assert list(dict.fromkeys(steps)) == [(A,), (A, B), (A, B, W)]
    assert cluster.loses(W)


@pytest.mark.parametrize("mode", list(TwoNode))
@pytest.mark.parametrize("leader", [A, W])
def test_vote_that_a_witness_has_beside_a_single_node_is_taken_whoever_leads(
    mode: TwoNode, leader: NodeName
) -> None:
    cluster = Watched("a", "w")
    cluster.begin(lone(mode=mode), knows_most=leader)
    cluster.run(8000)
    assert cluster.voters() == (A,)
    assert cluster.nodes[A].is_coordinator
    assert cluster.loses(W)


def test_vote_of_the_witness_goes_with_that_of_the_second_node() -> None:
    cluster = with_witness("a", "b")
    assert cluster.ask(SetStandby(B, True)).ok
    assert cluster.ask(RemoveNode(B)).ok
    assert cluster.voters() == (A,)
    newest = cluster.nodes[A].replication.revisions[-1]
    assert newest.reason == "w is a witness: it has no vote until a second node votes"
    assert cluster.loses(W)


def test_second_node_is_not_removed_while_the_witness_is_away() -> None:
    cluster = with_witness("a", "b")
    assert cluster.ask(SetStandby(B, True)).ok
    cluster.dead.add(W)
    cluster.run(3000)
    said = cluster.ask(RemoveNode(B))
    assert said.code == "unsafe"
    assert said.text == (
        "only a, w would vote, and without w they are no majority: everything would stop; bring w"
        " back first, or remove it first ('ha node remove w')"
    )
    assert cluster.voters() == (A, B, W)
    assert cluster.ask(RemoveNode(W)).ok
    assert cluster.ask(RemoveNode(B)).ok
    assert cluster.voters() == (A,)


def test_single_node_is_not_removed_from_beside_its_witness() -> None:
    cluster = with_witness("a")
    assert cluster.ask(SetStandby(A, True)).ok
    said = cluster.ask(RemoveNode(A))
    assert (said.code, said.text) == ("invalid", "nobody would vote: let another node join first")


def test_second_node_that_died_can_be_removed_and_the_witness_loses_its_vote_after_that() -> None:
    cluster = with_witness("a", "b")
    cluster.give(B, StopAsked())
    cluster.run(2000)
    cluster.dead.add(B)
    assert cluster.loses(B)
    assert cluster.ask(RemoveNode(B)).ok
    assert cluster.voters() == (A,)
    assert cluster.loses(W)


def test_witness_whose_vote_is_held_back_stays_wanted_whatever_is_applied() -> None:
    cluster = with_witness("a")
    known = cluster.nodes[A].configuration
    changed = Configuration(nodes=known.nodes, links=known.links, name="renamed")
    assert cluster.ask(Apply(changed)).ok
    assert cluster.nodes[A].replication.revisions[-1].will_vote == (W,)
    wished = Configuration(nodes=(member("a"), judge()), links=known.links, name="again")
    assert cluster.ask(Apply(wished)).ok
    assert cluster.voters() == (A,)
    assert cluster.nodes[A].replication.revisions[-1].will_vote == (W,)
