"""Mandatory colocations that a plan does not keep, in words.

Owns: finding them after placement. Where colocations go round in a circle one of them is not
looked at, as in the reference; that is told, and changes nothing.
"""

from ha_core.ids import INFINITY
from ha_core.policy.engine.items import Board, Item
from ha_core.policy.engine.problem import Colocation, Role

_UNAME = "#uname"


def unkept(board: Board) -> list[str]:
    """Return a sentence for each colocation that must be, of what runs once, and is not kept."""
    found = []
    for tie in board.problem.colocations:
        dependent, primary = board.find(tie.dependent), board.find(tie.primary)
        if dependent is None or primary is None or not _must_be(tie):
            continue
        if not (_runs_once(dependent) and _runs_once(primary)):
            continue
        one, other = _ends(dependent, primary)
        if one.node is None or other.node is None or not (one.is_managed and other.is_managed):
            continue
        if (one.node == other.node) is not (tie.score > 0):
            found.append(_told(board, tie, one.node, other.node))
    return found


def _runs_once(item: Item) -> bool:
    return item.clone is None and item.number is None


def _must_be(tie: Colocation) -> bool:
    any_role = (None, Role.STARTED)
    is_plain = tie.dependent_role in any_role and tie.primary_role in any_role
    return is_plain and abs(tie.score) >= INFINITY and tie.node_attribute == _UNAME


def _ends(dependent: Item, primary: Item) -> tuple[Item, Item]:
    """Return the primitives that stand for groups: the first of one, the last of the other."""
    first = dependent.children[0] if dependent.children else dependent
    return first, primary.children[-1] if primary.children else primary


def _told(board: Board, tie: Colocation, one: int, other: int) -> str:
    here, there = (board.nodes[node].node.name for node in (one, other))
    wanted = f"keeps {tie.dependent} {'with' if tie.score > 0 else 'apart from'} {tie.primary}"
    places = f"both are to run on {here}"
    if one != other:
        places = f"{tie.dependent} is to run on {here}, {tie.primary} on {there}"
    text = f"colocation {tie.id} is not kept: it {wanted}, and {places}"
    if _reaches(board, tie.primary, tie.dependent):
        text += "; the colocations go round in a circle: take one of them away"
    return text


def _reaches(board: Board, begin: str, end: str) -> bool:
    ahead: dict[str, list[str]] = {}
    for tie in board.problem.colocations:
        ahead.setdefault(tie.dependent, []).append(tie.primary)
    seen, queue = {begin}, [begin]
    while queue:
        for name in ahead.get(queue.pop(), ()):
            if name == end:
                return True
            if name not in seen:
                seen.add(name)
                queue.append(name)
    return False
