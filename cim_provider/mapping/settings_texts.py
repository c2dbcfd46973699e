"""How settings are said in a few words: captions, and sentences for consoles.

Owns: these texts. Knows nothing of rows.
"""

from typing import Final

from cim_provider.mapping.cluster import score_text
from cim_provider.views.settings import (
    ColocationView,
    LocationView,
    OrderView,
    TicketConstraintView,
)

CAPTION_MAX: Final = 64
"""Source: DMTF CIM Schema 2.41 (Final), CIM_ManagedElement.Caption."""


def caption(text: str) -> str:
    """Return a caption, cut to what the schema allows."""
    return text[:CAPTION_MAX]


def order_text(item: OrderView) -> str:
    """Return what an order says."""
    then = f"{item.then_action} of {item.then}"
    first = f"{item.first_action} of {item.first}"
    if item.kind == "serialize":
        return f"{first} and {then} never at once"
    link = "after" if item.kind == "mandatory" else "if both are due, after"
    return f"{then} {link} {first}"


def colocation_text(item: ColocationView) -> str:
    """Return what a colocation says."""
    resource, other = (
        _in_role(item.resource, item.role),
        _in_role(item.with_resource, item.with_role),
    )
    where = f" in the same {item.node_attribute}" if item.node_attribute else ""
    word = "away from" if item.score < 0 else "with"
    return f"{resource} {word} {other}{where}, score {score_text(item.score)}"


def location_text(item: LocationView) -> str:
    """Return what a location says."""
    score = item.score_attribute if item.score is None else score_text(item.score)
    where = f"on {item.node}" if item.node else "where its rule holds"
    by = "" if item.origin == "administrator" else f", by a {item.origin}"
    return f"{_in_role(item.resource, item.role)} {where}, score {score}{by}"


def ticket_text(item: TicketConstraintView) -> str:
    """Return what needs a ticket, and what becomes of it without."""
    what = _in_role(item.resource, item.role)
    return f"{what} needs ticket {item.ticket}; without it: {item.loss_policy}"


def _in_role(resource: str, role: str) -> str:
    return f"{resource} ({role})" if role else resource
