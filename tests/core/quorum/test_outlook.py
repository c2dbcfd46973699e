"""What the votes mean in one sentence, case by case."""

from dataclasses import replace

import pytest

from ha_core.config.model import Configuration, Node, Options, TwoNode
from ha_core.ids import NodeName
from ha_core.quorum.held_back import settled
from ha_core.quorum.outlook import outlook, waiting
from ha_core.quorum.votes import votes_needed

CASES = [
    # voters, those that are there, quorate, missing, sentence
    ("a b c", "a b c", True, "", "3 of 3 votes are there, and 2 are needed: one more vote may be"),
    ("a b c d e", "a b c d e", True, "", "2 more votes may be lost"),
    ("a b c", "a b", True, "c", "the next loss of a vote stops the cluster: 2 of 3 votes"),
    ("a b c d", "a b c d", True, "", "4 of 4 votes are there, and 3 are needed: one more vote"),
    ("a", "a", True, "", "a alone votes: its loss stops the cluster"),
    ("a b", "a b", True, "", "two nodes and nothing that decides between them"),
    ("a b c", "a", False, "b c", "one of b, c must come back before anything starts"),
    ("a b", "a", False, "b", "1 of 2 votes are there, and 2 are needed: b must come back"),
    ("a b c d e", "a", False, "b c d e", "2 of b, c, d, e must come back"),
    ("a b c", "a b", False, "c", "a coordinator is being elected"),
    ("", "", False, "", "no configuration is known yet"),
]


def cluster(voters: str, *, witness: str = "", mode: TwoNode = TwoNode.WAIT) -> Configuration:
    """Return a cluster of these voters."""
    nodes = tuple(Node(NodeName(n), (), witness=n == witness) for n in voters.split())
    return Configuration(nodes=nodes, options=Options(two_node=mode))


def there(names: str) -> set[NodeName]:
    """Return who is there."""
    return {NodeName(name) for name in names.split()}


@pytest.mark.parametrize(("voters", "present", "quorate", "missing", "sentence"), CASES)
def test_sentence_says_who_is_missing_and_what_one_more_loss_would_do(
    voters: str, present: str, quorate: bool, missing: str, sentence: str
) -> None:
    found = outlook(cluster(voters), there(present), quorate=quorate)
    assert " ".join(found.missing) == missing
    assert sentence in found.text


def test_witness_is_named_as_what_may_be_lost_alone() -> None:
    found = outlook(cluster("a b w", witness="w"), there("a b w"), quorate=True)
    assert found.text.endswith("w only votes, and its loss alone stops nothing")
    assert not found.is_tight


def test_two_nodes_hear_of_their_cure_and_of_what_fencing_does() -> None:
    plain = outlook(cluster("a b"), there("a b"), quorate=True)
    assert plain.is_tight
    assert "ha witness add TOKEN" in plain.text
    fenced = outlook(cluster("a b", mode=TwoNode.FENCING), there("a b"), quorate=True)
    assert "once a fence device has proved that it is off" in fenced.text


def test_one_node_and_a_witness_are_no_two_nodes() -> None:
    found = outlook(cluster("a w", witness="w"), there("a w"), quorate=True)
    assert found.is_tight
    assert found.text.startswith("one node and a witness: the loss of either stops the node")
    assert "ha witness add" not in found.text


def test_one_voter_of_two_nodes_is_worth_a_notice() -> None:
    config = cluster("a b")
    alone = replace(config, nodes=(config.nodes[0], replace(config.nodes[1], voter=False)))
    assert outlook(alone, there("a b"), quorate=True).is_tight
    assert not outlook(cluster("a"), there("a"), quorate=True).is_tight


@pytest.mark.parametrize("count", range(1, 8))
@pytest.mark.parametrize("lost", range(8))
def test_notice_stands_exactly_where_nothing_may_be_lost(count: int, lost: int) -> None:
    names = [f"n{number}" for number in range(count)]
    present = there(" ".join(names[lost:]))
    quorate = len(present) >= votes_needed(count)
    found = outlook(cluster(" ".join(names)), present, quorate=quorate)
    assert found.is_tight == (quorate and count > 1 and len(present) == votes_needed(count))


@pytest.mark.parametrize(
    ("voters", "present", "mode", "none_alone", "sentence"),
    [
        ("a b", "a b c", TwoNode.WAIT, False, "c has no vote yet: it gets it as soon as it has"),
        ("a b", "a b", TwoNode.FENCING, False, "c has no vote: it gets it when it is back and"),
        ("a b", "a b c", TwoNode.FENCING, False, "first both a and b must have it on disk that"),
        ("a b", "a c", TwoNode.FENCING, True, "until then neither a nor b goes on without the ot"),
        ("t u v w x y z", "z c", TwoNode.WAIT, False, "7 vote, which is the most; it is next if"),
        ("a", "a c", TwoNode.FENCING, False, "c has no vote yet: it gets it as soon as it has"),
        ("a w", "a w c", TwoNode.WAIT, False, "c has no vote yet: it gets it as soon as it has"),
    ],
)
def test_node_that_waits_for_its_vote_is_told_of_with_what_it_waits_for(
    voters: str, present: str, mode: TwoNode, none_alone: bool, sentence: str
) -> None:
    configuration = cluster(voters, mode=mode)
    (found,) = waiting(configuration, [NodeName("c")], there(present), none_alone=none_alone)
    assert sentence in found


def test_witness_beside_a_single_node_is_no_loss_and_told_to_wait_for_a_second_one() -> None:
    config = cluster("a w", witness="w")
    lone = replace(config, nodes=(config.nodes[0], replace(config.nodes[1], voter=False)))
    found = outlook(lone, there("a"), quorate=True)
    assert found.text.startswith("a alone votes: its loss stops the cluster; w only helps once")
    assert found.is_tight
    assert settled(config) == lone
    (told,) = waiting(lone, [NodeName("w")], there("a"), none_alone=False)
    assert told == "w has no vote: as a witness it gets it once a second node votes"


def test_nobody_waits_where_nobody_is_to_vote() -> None:
    assert waiting(cluster("a b"), [], there("a b"), none_alone=False) == ()
