"""What tickets that are not here allow and forbid.

Owns: the loss policies, before placement. Source: Pacemaker Explained, "Multi-Site Clusters and
Tickets".
"""

from collections.abc import Callable

from ha_core.policy.engine.items import Board, Item, Reason
from ha_core.policy.engine.problem import (
    LossPolicy,
    Role,
    Ticket,
    TicketConstraint,
)


def apply(board: Board, ban: Callable[[Item], None]) -> None:
    """Ban, freeze or fence what has lost its ticket; `ban(item)` rules out every node."""
    tickets = {ticket.name: ticket for ticket in board.problem.tickets}
    for constraint in board.problem.ticket_constraints:
        item = board.find(constraint.resource)
        if item is None:
            continue
        ticket = tickets.get(constraint.ticket) or Ticket(constraint.ticket)
        if not ticket.is_granted or ticket.is_standby:
            for primitive in item.primitives():
                _apply_one(board, primitive, constraint, ticket, ban)


def is_promotion_barred(board: Board, item: Item) -> str:
    """Return the ticket without which a clone may not be promoted, or nothing."""
    tickets = {ticket.name: ticket for ticket in board.problem.tickets}
    for constraint in board.problem.ticket_constraints:
        if constraint.role is not Role.PROMOTED or board.find(constraint.resource) is not item:
            continue
        ticket = tickets.get(constraint.ticket)
        if ticket is None or not ticket.is_granted or ticket.is_standby:
            return constraint.ticket
    return ""


def _apply_one(
    board: Board,
    item: Item,
    constraint: TicketConstraint,
    ticket: Ticket,
    ban: Callable[[Item], None],
) -> None:
    policy = constraint.loss_policy
    if policy is LossPolicy.FENCE and not board.problem.options.fencing_enabled:
        policy = LossPolicy.STOP
    is_here = bool(item.roles)
    is_gentle = ticket.is_granted
    if is_gentle or not is_here or policy in (LossPolicy.STOP, LossPolicy.DEMOTE):
        if constraint.role is not Role.PROMOTED or policy is LossPolicy.STOP:
            ban(item)
            item.reasons.append(_reason(constraint, "it may not run"))
        return
    if constraint.role is not None and item.role is not constraint.role:
        return
    if policy is LossPolicy.FREEZE:
        item.is_managed = False
        item.is_blocked = True
        item.reasons.append(_reason(constraint, "it is left as it is"))
        return
    ban(item)
    item.reasons.append(_reason(constraint, "its nodes are fenced"))
    for node in item.active:
        spot = board.nodes[node]
        spot.is_unclean = True
        spot.fence_reasons.append(f"ticket {ticket.name} was lost with {item.id} active")


def _reason(constraint: TicketConstraint, effect: str) -> Reason:
    return Reason(
        "ticket",
        f"ticket {constraint.ticket} is not here: {effect}",
        constraint=constraint.id,
        other=constraint.ticket,
    )
