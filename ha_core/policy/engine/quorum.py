"""What the loss of quorum leaves of a placement.

Owns: what the policies stop, freeze, demote and fence say of each primitive, once everything has
its place. It keeps that place: the actions that need quorum cannot run (`making`), and what
cannot start again stops. Source: Pacemaker Explained, "Cluster Options", no-quorum-policy.
"""

from ha_core.policy.engine.items import Board, Item, Reason
from ha_core.policy.engine.problem import Kind, NoQuorum, Requires, Role


def limit(board: Board, item: Item) -> None:
    """Take back nodes and roles that need quorum, and settle what is to be stopped."""
    for child in item.children:
        limit(board, child)
    if item.kind is not Kind.PRIMITIVE:
        return
    options = board.problem.options
    if not options.has_quorum and options.no_quorum is not NoQuorum.IGNORE:
        _limit_primitive(item, options.no_quorum)
    if item.next_role is Role.STOPPED and item.is_managed:
        item.node = None
    elif item.node is None:
        item.next_role = Role.STOPPED


def _limit_primitive(item: Item, policy: NoQuorum) -> None:
    if item.meta.requires is Requires.NOTHING or not item.is_managed or item.node is None:
        return
    if policy is NoQuorum.FREEZE:
        if item.next_role > max(item.role, Role.STARTED) or not item.roles:
            item.reasons.append(Reason("no_quorum", "without quorum it stays as it is"))
        return
    if policy is NoQuorum.DEMOTE and item.role in (Role.PROMOTED, Role.UNPROMOTED):
        if item.next_role > Role.UNPROMOTED:
            item.next_role = Role.UNPROMOTED
            item.reasons.append(Reason("no_quorum", "without quorum it is demoted"))
        return
    item.reasons.append(Reason("no_quorum", "without quorum it is stopped"))
