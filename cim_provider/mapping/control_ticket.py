"""What the methods of tickets mean.

Owns: the verbs of HA_Ticket, and what each RequestedState of it asks for.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cim_provider.commands import SetTicket
from cim_provider.mapping.codes import Code
from cim_provider.mapping.control_resource import MISSING
from cim_provider.mapping.job_records import Job
from cim_provider.mapping.verbs import Asked, Denial, Meaning, Plan, Verb
from cim_provider.views.settings import TicketView

TICKET_CLASS: Final = "HA_Ticket"
STATES: Final = (2, 3, 6)
"""What RequestStateChange of a ticket carries out: granted or out of standby, revoked, standby."""
_ASKED: Final = "granted over WBEM: no other site has it, says who asked"


def change_state(asked: Asked, state: int) -> Meaning:
    """Return what RequestStateChange of a ticket means."""
    name = _name(asked)
    if state not in STATES:
        return Denial(Code.NOT_SUPPORTED)
    if state == 3:
        return Plan((SetTicket(name, granted=False),), Job("revoke", name))
    if state == 6:
        return Plan((SetTicket(name, standby=True),), Job("ticket-standby", name))
    ticket = _ticket(asked)
    if ticket is not None and ticket.is_granted and ticket.is_standby:
        return Plan((SetTicket(name, standby=False),), Job("activate", name))
    return _granting(asked, _ASKED)


def _name(asked: Asked) -> str:
    return str(asked.keys["Id"])


def _ticket(asked: Asked) -> TicketView | None:
    """Return the ticket as it is now; None: nobody has said anything of it yet."""
    tickets = asked.world.view.settings.tickets
    return next((each for each in tickets if each.name == _name(asked)), None)


def _granting(asked: Asked, reason: str) -> Plan:
    """Return what grants a ticket, so that it is used: a standby ends with that."""
    name, ticket = _name(asked), _ticket(asked)
    standby = False if ticket is not None and ticket.is_standby else None
    return Plan((SetTicket(name, True, standby, reason),), Job("grant", name))


def _grant(asked: Asked) -> Meaning:
    reason = asked.text("Reason")
    if not reason and asked.given.get("Force") is not True:
        words = MISSING.format("how you know that no other site has the ticket, or Force")
        return Denial(Code.INVALID_PARAMETER, f"Reason {words}")
    return _granting(asked, reason or _ASKED)


def _revoke(asked: Asked) -> Meaning:
    name = _name(asked)
    command = SetTicket(name, granted=False, reason=asked.text("Reason"))
    return Plan((command,), Job("revoke", name))


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {(TICKET_CLASS, "Grant"): _grant, (TICKET_CLASS, "Revoke"): _revoke}
)
"""What each method of a ticket means."""
