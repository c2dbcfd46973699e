"""`ha ticket`: which tickets this site holds, and the words that grant and revoke them."""

import click

from ha_core import commands
from ha_core.cli.asked import is_listed, settled
from ha_core.cli.change import current, give
from ha_core.cli.goals import Goal
from ha_core.cli.names import ticket_argument
from ha_core.cli.options import Options, Waiting, run, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.cli.view import ticket_text, ticket_value
from ha_core.preview.suppose import OfTickets

_reason = click.option("--reason", default="", help="Why; kept with the ticket.")


@click.group()
def ticket() -> None:
    """Grant and revoke the right of this site to run what needs a ticket."""


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def add(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Let there be TICKET, though nothing needs it yet. 'grant' grants it."""
    command = commands.AddTicket(ticket, reason)
    _give(options, waiting, trial, command, is_listed(ticket, there=True))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def remove(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Forget TICKET. Nothing may need it, and it may not be granted here."""
    command = commands.RemoveTicket(ticket, reason)
    _give(options, waiting, trial, command, is_listed(ticket, there=False))


@ticket.command("list")
@verb
def show(options: Options) -> None:
    """Show every ticket. Who changed it last, and why? What needs it?"""
    found = run(current(options)).tickets
    value = {item.name: ticket_value(item) for item in found}
    options.show(value, "\n".join(map(ticket_text, found)) or "there are no tickets")


@ticket.command()
@ticket_argument
@click.option(
    "--reason", required=True, help="How you know that no other site has it; kept with it."
)
@can_be_tried
@verb
@waits
def grant(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Let this site run what needs TICKET.

    Two sites that both hold it run the same things twice: make sure that no other one has it.
    """
    _set(options, waiting, trial, commands.SetTicket(ticket, granted=True, reason=reason))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def revoke(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Take TICKET from this site. What needs it goes as its loss policy says, and is waited for."""
    _set(options, waiting, trial, commands.SetTicket(ticket, granted=False, reason=reason))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def standby(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Stop in good order what needs TICKET, and keep it."""
    _set(options, waiting, trial, commands.SetTicket(ticket, standby=True, reason=reason))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def activate(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """End the standby of TICKET."""
    _set(options, waiting, trial, commands.SetTicket(ticket, standby=False, reason=reason))


def _set(options: Options, waiting: Waiting, trial: Trial, command: commands.SetTicket) -> None:
    _give(options, waiting, trial, command, settled(command))


def _give(options: Options, waiting: Waiting, trial: Trial, command: OfTickets, goal: Goal) -> None:
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
    else:
        give(options, waiting, command, lambda _: goal)
