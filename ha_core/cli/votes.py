"""What the end of one node means for the votes of the rest, in one sentence.

Owns: the warnings of `ha stop`, `leave`, `join` and `witness add`. Pure.
"""

from ha_core.quorum.votes import votes_needed
from ha_core.snapshot import ClusterSnapshot


def when_stopped(snapshot: ClusterSnapshot) -> str:
    """Return what the cluster loses with this node's vote; empty if the others can go on."""
    left, needed = _left(snapshot), snapshot.votes_needed
    if not _is_last_straw(snapshot, left, needed):
        return ""
    return (
        f"the other nodes have {_votes(left)} of {snapshot.votes_expected}, {needed} needed: they"
        f" stop their services until {snapshot.local} is back ('ha start') or another node"
    )


def when_removed(snapshot: ClusterSnapshot) -> str:
    """Return what the others lack once this node is no member any more; empty if nothing."""
    expected = snapshot.votes_expected - _own(snapshot)
    left, needed = _left(snapshot), votes_needed(expected) if expected else 0
    if not _is_last_straw(snapshot, left, needed):
        return ""
    return (
        f"the other nodes have {_votes(left)} of {expected}, {needed} needed: they stop their"
        " services until another node is back"
    )


def when_forgotten(snapshot: ClusterSnapshot) -> str:
    """Return why this node must not forget its cluster, which would still count on its vote."""
    left, needed = _left(snapshot), snapshot.votes_needed
    if not _is_last_straw(snapshot, left, needed):
        return ""
    return (
        f"the other nodes would have {_votes(left)} of {snapshot.votes_expected}, {needed} needed,"
        f" and wait for {snapshot.local} for ever: 'ha leave' without --force takes its vote out"
        " first"
    )


def when_two(snapshot: ClusterSnapshot) -> str:
    """Return what a cluster of two nodes cannot do; empty if it has more, or one."""
    if len(snapshot.configuration.nodes) != 2:
        return ""
    if any(node.witness for node in snapshot.configuration.nodes):
        return (
            "beside a single node a witness cannot help: its vote counts once a second node votes"
            " ('ha token' on the first, 'ha join TOKEN' there)"
        )
    return (
        "with two votes the loss of either node stops both: let a third node join, or a small"
        " machine that only votes ('ha witness add TOKEN' there)"
    )


def _own(snapshot: ClusterSnapshot) -> int:
    return int(snapshot.local in snapshot.configuration.voters())


def _left(snapshot: ClusterSnapshot) -> int:
    return snapshot.votes - _own(snapshot)


def _is_last_straw(snapshot: ClusterSnapshot, left: int, needed: int) -> bool:
    is_alone = len(snapshot.configuration.nodes) == 1
    return snapshot.quorate and not is_alone and left < needed


def _votes(count: int) -> str:
    return f"{count} vote" if count == 1 else f"{count} votes"
