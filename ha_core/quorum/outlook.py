"""What the votes mean for people: who is missing, and what one more loss would do.

Owns: these sentences. Pure.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from ha_core.config.limits import VOTERS_MAX
from ha_core.config.model import Configuration, TwoNode
from ha_core.ids import NodeName
from ha_core.quorum.held_back import is_held_back
from ha_core.quorum.votes import votes_needed


@dataclass(frozen=True, slots=True)
class Outlook:
    """`text` is one sentence; with `is_tight` it is worth a notice: nothing may be lost."""

    missing: tuple[NodeName, ...]
    text: str
    is_tight: bool


def outlook(configuration: Configuration, present: Set[NodeName], *, quorate: bool) -> Outlook:
    """Return what the votes mean; `present` are the nodes that are there."""
    voters = configuration.voters()
    missing = tuple(name for name in voters if name not in present)
    if not voters:
        return Outlook((), "no configuration is known yet", False)
    count, expected, needed = len(voters) - len(missing), len(voters), votes_needed(len(voters))
    if not quorate:
        return Outlook(missing, _without(missing, count, expected, needed), False)
    if expected == 1:
        others = [node for node in configuration.nodes if node.name not in voters]
        text = f"{voters[0]} alone votes: its loss stops the cluster"
        if all(node.witness for node in others) and others:
            text += (
                f"; {others[0].name} only helps once a second node votes ('ha token' here, 'ha join"
                " TOKEN' there), and until then its loss stops nothing"
            )
        return Outlook(missing, text, bool(others))
    spare = count - needed
    if spare > 0:
        witness = _witness(configuration, present)
        more = "one more vote may be lost" if spare == 1 else f"{spare} more votes may be lost"
        hint = f"; {witness} only votes, and its loss alone stops nothing" if witness else ""
        return Outlook(missing, f"{_there(count, expected, needed)}: {more}{hint}", False)
    return Outlook(missing, _tight(configuration, missing, count, expected, needed), True)


def waiting(
    configuration: Configuration,
    will_vote: Iterable[NodeName],
    present: Set[NodeName],
    *,
    none_alone: bool,
) -> tuple[str, ...]:
    """Return what each node waits for that is to vote and does not yet, one sentence each.

    `none_alone`: it is final that neither of two voters goes on alone (docs/protocols/quorum.md).
    """
    return tuple(_wait(configuration, name, present, none_alone) for name in will_vote)


def _wait(
    configuration: Configuration, name: NodeName, present: Set[NodeName], none_alone: bool
) -> str:
    voters = configuration.voters()
    if len(voters) >= VOTERS_MAX:
        return f"{name} has no vote: {VOTERS_MAX} vote, which is the most; it is next if one leaves"
    if is_held_back(configuration, name):
        return f"{name} has no vote: as a witness it gets it once a second node votes"
    if name not in present:
        return f"{name} has no vote: it gets it when it is back and has caught up"
    if len(voters) != 2 or configuration.options.two_node is not TwoNode.FENCING:
        return f"{name} has no vote yet: it gets it as soon as it has caught up"
    if none_alone:
        return (
            f"{name} has no vote yet: it gets it as soon as it has caught up, and until then"
            f" neither {voters[0]} nor {voters[1]} goes on without the other"
        )
    return (
        f"{name} has no vote yet: first both {voters[0]} and {voters[1]} must have it on disk that"
        " neither goes on without the other ('two_node: fencing')"
    )


def _without(missing: tuple[NodeName, ...], count: int, expected: int, needed: int) -> str:
    if count >= needed:
        return f"{_there(count, expected, needed)}: a coordinator is being elected"
    lacking = needed - count
    what = "one of" if lacking == 1 < len(missing) else f"{lacking} of" if lacking > 1 else ""
    names = f"{what} {', '.join(missing)}".strip()
    return f"{_there(count, expected, needed)}: {names} must come back before anything starts"


def _tight(
    configuration: Configuration,
    missing: tuple[NodeName, ...],
    count: int,
    expected: int,
    needed: int,
) -> str:
    if expected == 2 and _witness(configuration, set(configuration.voters())):
        return (
            "one node and a witness: the loss of either stops the node, until the witness has given"
            " its vote back, which happens by itself"
        )
    if expected == 2 and configuration.options.two_node is TwoNode.FENCING:
        return (
            "two nodes with fencing: if one is lost, the other goes on once a fence device has"
            " proved that it is off; a witness ('ha witness add TOKEN' on a third machine) would"
            " make that quicker"
        )
    if expected == 2:
        return (
            "two nodes and nothing that decides between them: the loss of either stops both; add a"
            " witness ('ha witness add TOKEN' on a third machine), or fence devices and"
            " 'two_node: fencing'"
        )
    cure = "bring back the voters that are missing" if missing else "add a voter or a witness"
    return (
        f"the next loss of a vote stops the cluster: {count} of {expected} votes are there,"
        f" and {needed} are needed; {cure}"
    )


def _there(count: int, expected: int, needed: int) -> str:
    return f"{count} of {expected} votes are there, and {needed} are needed"


def _witness(configuration: Configuration, present: Set[NodeName]) -> str:
    found = (node.name for node in configuration.nodes if node.witness and node.voter)
    return next((name for name in found if name in present), "")
