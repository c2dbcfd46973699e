"""What the end of a node means for the others, said before it is too late."""

from dataclasses import replace

import pytest

from ha_core.cli import votes
from ha_core.snapshot import ClusterSnapshot
from tests.fake_cluster import configuration, snapshot


def cluster(nodes: int, present: int, *, needed: int | None = None) -> ClusterSnapshot:
    base = configuration()
    return replace(
        snapshot(),
        configuration=replace(base, nodes=base.nodes[:nodes]),
        votes=present,
        votes_expected=nodes,
        votes_needed=nodes // 2 + 1 if needed is None else needed,
    )


@pytest.mark.parametrize(
    ("nodes", "present", "text"),
    [
        (1, 1, ""),
        (3, 3, ""),
        (2, 2, "the other nodes have 1 vote of 2, 2 needed: they stop their services until n1"),
        (3, 2, "the other nodes have 1 vote of 3, 2 needed: they stop their services until n1"),
    ],
)
def test_stop_that_takes_the_quorum_with_it_says_so(nodes: int, present: int, text: str) -> None:
    told = votes.when_stopped(cluster(nodes, present))
    assert told.startswith(text)
    assert bool(told) is bool(text)


@pytest.mark.parametrize(("nodes", "present", "is_told"), [(2, 2, False), (3, 2, True)])
def test_leaving_takes_the_vote_along(nodes: int, present: int, *, is_told: bool) -> None:
    assert bool(votes.when_removed(cluster(nodes, present))) is is_told


def test_cluster_that_would_wait_for_ever_is_not_forgotten() -> None:
    assert "'ha leave' without --force" in votes.when_forgotten(cluster(2, 2))
    assert votes.when_forgotten(cluster(3, 3)) == ""


def test_without_quorum_there_is_nothing_to_lose() -> None:
    lost = replace(cluster(2, 0), quorate=False)
    assert votes.when_stopped(lost) == votes.when_forgotten(lost) == ""


def test_two_nodes_are_told_to_take_a_third_vote() -> None:
    assert "a third node join" in votes.when_two(cluster(2, 2))
    assert votes.when_two(cluster(3, 3)) == ""


def test_witness_beside_a_single_node_is_told_that_its_vote_waits_for_a_second_one() -> None:
    pair = cluster(2, 2)
    one, other = pair.configuration.nodes
    nodes = (one, replace(other, witness=True))
    lone = replace(pair, configuration=replace(pair.configuration, nodes=nodes))
    assert "its vote counts once a second node votes" in votes.when_two(lone)
