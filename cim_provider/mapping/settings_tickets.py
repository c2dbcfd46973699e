"""HA_Ticket: the right of this site to run what needs it.

Owns: its path, its properties and its states. What needs a ticket is `settings_constraints`'s,
what changes one the methods'. A ticket's Id is its name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.rows import ClassRow, Column, Ref, Value, class_row, unfilled
from cim_provider.mapping.settings_texts import caption
from cim_provider.mapping.states import ENABLED_COLUMNS, State, elsewhere, plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.settings import TicketView

TICKET_CLASS: Final = "HA_Ticket"
STATES: Final = (2, 3, 6)
"""What RequestStateChange carries out: grant, revoke, standby."""
TICKET_STATES: Final = {
    "granted": State((2,), 5, 2, "granted: this site may run what needs it"),
    "standby": State((2, 15), 5, 6, "granted, in standby: what needs it is stopped"),
    "revoked": State((10,), 5, 3, "not granted: this site may not run what needs it"),
}
"""States of a ticket."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    world: World
    view: TicketView
    state: State


def ticket_ref(name: str) -> Ref:
    """Return the name of a ticket."""
    return Ref(TICKET_CLASS, (("Id", name),))


def _made(world: World, view: TicketView) -> _Ticket:
    situation = "standby" if view.is_standby else "granted"
    state = TICKET_STATES[situation if view.is_granted else "revoked"]
    return _Ticket(world, view, elsewhere(world) or state)


def _tickets(world: World) -> Iterator[_Ticket]:
    return (_made(world, view) for view in world.view.settings.tickets)


def _ticket(world: World, identity: tuple[str, ...]) -> _Ticket | None:
    view = world.view.settings.ticket.get(identity[0])
    return None if view is None else _made(world, view)


def _live(name: str, source: str, read: Callable[[_Ticket], Value]) -> Column[_Ticket]:
    """Return a property that only a cluster that runs can tell."""
    return Column(name, source, lambda t: read(t) if t.world.running else None)


_COLUMNS: Final[tuple[Column[_Ticket], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name != "TimeOfLastStateChange"),
    Column("Name", "name of the ticket", lambda t: t.view.name),
    Column("ElementName", "name of the ticket", lambda t: t.view.name),
    Column("Caption", "Ticket. and the name", lambda t: caption(f"Ticket.{t.view.name}")),
    Column(
        "Description",
        "what needs it",
        lambda t: f"needed by {', '.join(t.view.resources) or 'nothing'}",
    ),
    Column("RequestedState", "EnabledState", lambda t: t.state.enabled if t.world.running else 5),
    Column("EnabledDefault", "always 3: nobody has it by itself", lambda _: 3),
    Column(
        "AvailableRequestedStates",
        "none if the cluster does not run",
        lambda t: STATES if t.world.running else (),
    ),
    Column(
        "TimeOfLastStateChange",
        "when it changed last",
        lambda t: cim_datetime(t.view.changed_wall_ms),
    ),
    _live("Granted", "whether this site has it", lambda t: t.view.is_granted),
    _live("IsStandby", "whether it is in standby", lambda t: t.view.is_standby),
    Column("SiteName", "name of the cluster", lambda t: t.world.view.name or None),
    _live(
        "Owner",
        "name of the cluster, if it is granted here",
        lambda t: t.world.view.name if t.view.is_granted else None,
    ),
    Column(
        "LastGranted",
        "when it was granted last",
        lambda t: cim_datetime(t.view.granted_wall_ms),
    ),
    Column("LastChanged", "when it changed last", lambda t: cim_datetime(t.view.changed_wall_ms)),
    Column("LastChangeAuthor", "who changed it last", lambda t: plain(t.view.author) or None),
    Column("LastChangeReason", "the words for that", lambda t: plain(t.view.reason) or None),
    Column("Resources", "what needs it", lambda t: t.view.resources),
    *unfilled("InstanceID", "Expires", "Term", "BoothState", "BaseRevision"),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        TICKET_CLASS,
        ("Id",),
        _tickets,
        lambda t: ticket_ref(t.view.name),
        _COLUMNS,
        find=_ticket,
    ),
)
"""The class of this module."""
