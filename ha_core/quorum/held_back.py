"""Witnesses beside a single node: their votes are held back until a second node votes.

Owns: whose vote has to wait, and whose is to be taken. With one node and a
witness a majority is both, so the loss of the witness would stop the node, and
its help would be none: if the node is lost, nothing can run anywhere. Pure;
docs/protocols/quorum.md has the argument.
"""

from collections.abc import Iterable

from ha_core.config.model import Configuration
from ha_core.ids import NodeName

NODES_MIN = 2
"""So many nodes must vote before a witness does."""


def is_held_back(configuration: Configuration, name: NodeName) -> bool:
    """Return whether `name` is a witness that gets no vote before a second node has one."""
    node = configuration.node(name)
    return node is not None and node.witness and len(_voting(configuration)) < NODES_MIN


def to_hold_back(configuration: Configuration, waiting: Iterable[NodeName]) -> NodeName | None:
    """Return the witness whose vote is to be taken now; `waiting` are those that are to vote.

    None as long as a second node votes or is to: it may have lost its vote only for a while.
    """
    voting = _voting(configuration)
    names = set(waiting)
    to_vote = {node.name for node in configuration.nodes if node.name in names and not node.witness}
    if len(voting) != 1 or to_vote - voting:
        return None
    votes = (node.name for node in configuration.nodes if node.witness and node.voter)
    return min(votes, default=None)


def settled(configuration: Configuration) -> Configuration:
    """Return the configuration as it is once the votes that are held back are."""
    if len(_voting(configuration)) != 1:
        return configuration
    judges = [node.name for node in configuration.nodes if node.witness]
    return configuration.with_votes(judges, voter=False)


def _voting(configuration: Configuration) -> set[NodeName]:
    return {node.name for node in configuration.nodes if node.voter and not node.witness}
