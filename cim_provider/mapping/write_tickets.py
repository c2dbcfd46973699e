"""Who creates and deletes HA_Ticket: tickets that are there though nothing may need them yet.

Owns: what is refused of it. What a ticket allows is granted by its methods alone.
"""

from dataclasses import dataclass

from cim_provider.edits import AddTicket, RemoveTicket
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.settings_tickets import TICKET_CLASS, ticket_ref
from cim_provider.mapping.world import World
from cim_provider.mapping.write_desk import Desk, key, required
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status

_USERS_SHOWN_MAX = 20
_BY_METHOD = {"Granted": "Grant", "IsStandby": "RequestStateChange"}


@dataclass(frozen=True, slots=True)
class TicketWriter:
    """Writes HA_Ticket."""

    desk: Desk

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        return ticket_ref(required(given, TICKET_CLASS, "Id", "Name", "ElementName"))

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`: it is not granted by that."""
        for name, method in _BY_METHOD.items():
            if given.get(name):
                text = f"{TICKET_CLASS}.{name} is changed by its method {method}"
                refuse(Status.NOT_SUPPORTED, text)
        name = key(ref, "Id")
        await self.desk.give((AddTicket(name),), f"ticket {name} made over WBEM", author, given)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        text = "a ticket is changed by its methods Grant, Revoke and RequestStateChange"
        refuse(Status.NOT_SUPPORTED, text)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`: one that something needs, or that is granted, stays."""
        name = key(ref, "Id")
        settings = (await self.desk.view()).settings
        needed = [each for each in settings.ticket_constraints if each.ticket == name]
        if needed:
            told = ", ".join(f"{each.resource} ({each.id})" for each in needed[:_USERS_SHOWN_MAX])
            refuse(Status.FAILED, f"ticket {name} is needed by {told}: delete these first")
        known = settings.ticket.get(name)
        if known is not None and known.is_granted:
            refuse(Status.FAILED, f"ticket {name} is granted here: Revoke it first")
        await self.desk.give((RemoveTicket(name),), f"ticket {name} deleted over WBEM", author)
