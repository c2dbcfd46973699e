"""Tickets: the right of this site to run what depends on them, kept in the replicated log.

Owns: how a ticket stands on the shelf, and what a command makes of it. A ticket that was never
heard of is not granted. Source: Pacemaker Explained, "Multi-Site Clusters and Tickets".
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ha_core.errors import RefusedError
from ha_core.ids import Index, Millis
from ha_core.replication.shelf import Shelf, ShelfChange, ShelfCondition, ShelfPut
from ha_core.status import Ticket

PREFIX: Final = "ticket/"
"""Keys of the shelf that are the cluster's own: no program may write them."""


@dataclass(frozen=True, slots=True)
class TicketWord:
    """A ticket with who changed it last, and what they said."""

    ticket: Ticket
    author: str = ""
    reason: str = ""
    granted_wall_ms: Millis = 0
    """When it was granted last, whatever came after; 0: never, or before that was kept."""


class Tickets:
    """Reads tickets off a shelf, once for each of its revisions."""

    def __init__(self) -> None:
        self._read: tuple[Index, tuple[TicketWord, ...]] = (-1, ())

    def words(self, shelf: Shelf) -> tuple[TicketWord, ...]:
        """Return all tickets of which anything is known, by name."""
        if self._read[0] != shelf.revision:
            items = [item for item in shelf.items if item.key.startswith(PREFIX)]
            found = tuple(_word(item.key.removeprefix(PREFIX), item.text) for item in items)
            self._read = (shelf.revision, found)
        return self._read[1]


def change(
    shelf: Shelf,
    wanted: TicketWord,
    granted: bool | None,
    standby: bool | None,
    request_id: str,
) -> ShelfChange:
    """Return the write that changes a ticket, if it still is as it was looked at.

    `wanted` names ticket, author, reason and time; what is None stays as it is.

    Raises: RefusedError: `invalid`: it is so already, or a grant has no reason.
    """
    name = wanted.ticket.name
    known = {item.key: item for item in shelf.items}.get(PREFIX + name)
    word = _word(name, known.text) if known else TicketWord(Ticket(name))
    before = word.ticket
    if granted and not wanted.reason.strip():
        text = f"ticket {name}: a grant needs a reason: say how you know that no other site has it"
        raise RefusedError("invalid", text)
    after = Ticket(
        name,
        before.granted if granted is None else granted,
        before.standby if standby is None else standby,
        wanted.ticket.changed_wall_ms,
    )
    if (after.granted, after.standby) == (before.granted, before.standby):
        raise RefusedError("invalid", f"ticket {name} {state_of(before)} already")
    is_new = after.granted and not before.granted
    granted_ms = after.changed_wall_ms if is_new else word.granted_wall_ms
    text = _text(TicketWord(after, wanted.author, wanted.reason, granted_ms))
    condition = ShelfCondition(PREFIX + name, known.revision if known else 0)
    return ShelfChange((ShelfPut(PREFIX + name, text),), (condition,), request_id)


def refuse_granted(name: str, known: Iterable[Ticket]) -> None:
    """Refuse to forget a ticket while it is granted here. Raises RefusedError `unsafe`."""
    if any(item.name == name and item.granted for item in known):
        text = f"ticket {name} is granted here: 'ha ticket revoke {name}' first"
        raise RefusedError("unsafe", text)


def news(shelf: Shelf, change: ShelfChange, index: Index) -> tuple[tuple[str, str, str, str], ...]:
    """Return kind, ticket, sentence and reason of each ticket that a final write has changed."""
    result = shelf.result(change.request_id)
    if result is None or result.code or result.revision != index:
        return ()
    puts = [put for put in change.puts if put.key.startswith(PREFIX)]
    return tuple(_told(_word(put.key.removeprefix(PREFIX), put.text or "{}")) for put in puts)


def _told(word: TicketWord) -> tuple[str, str, str, str]:
    ticket = word.ticket
    kind = "ticket-granted" if ticket.granted and not ticket.standby else "ticket-lost"
    if ticket.granted and ticket.standby:
        kind = "ticket-standby"
    return (
        kind,
        ticket.name,
        f"ticket {ticket.name} {state_of(ticket)}, by {word.author}",
        word.reason,
    )


def state_of(ticket: Ticket) -> str:
    """Say how a ticket stands: what follows its name."""
    if not ticket.granted:
        return "is not granted"
    return "is granted, but in standby" if ticket.standby else "is granted"


def _text(word: TicketWord) -> str:
    ticket = word.ticket
    value = {"granted": ticket.granted, "standby": ticket.standby, "at": ticket.changed_wall_ms}
    said = {"author": word.author, "reason": word.reason, "granted_at": word.granted_wall_ms}
    return json.dumps(value | said)


def _word(name: str, text: str) -> TicketWord:
    value = json.loads(text)
    at_ms: Millis = int(value.get("at", 0))
    ticket = Ticket(name, bool(value.get("granted")), bool(value.get("standby")), at_ms)
    granted_ms = int(value.get("granted_at", 0))
    return TicketWord(
        ticket, str(value.get("author", "")), str(value.get("reason", "")), granted_ms
    )
