"""`ha ticket`: which tickets this site holds, and the words that grant and revoke them."""

from dataclasses import replace

import click

from ha_core import commands
from ha_core.cli.change import current, give
from ha_core.cli.goals import Goal, Progress
from ha_core.cli.names import ticket_argument
from ha_core.cli.options import Options, Waiting, run, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.cli.view import ticket_text, ticket_value
from ha_core.snapshot import ClusterSnapshot

_reason = click.option("--reason", default="", help="Why; kept with the ticket.")


@click.group()
def ticket() -> None:
    """Grant and revoke the right of this site to run what needs a ticket."""


@ticket.command("list")
@verb
def show(options: Options) -> None:
    """Show every ticket, who changed it last and why, and what needs it."""
    found = run(current(options)).tickets
    value = {item.name: ticket_value(item) for item in found}
    options.show(value, "\n".join(map(ticket_text, found)) or "no resource needs a ticket")


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
    _give(options, waiting, trial, commands.SetTicket(ticket, granted=True, reason=reason))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def revoke(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Take TICKET from this site; what needs it goes as its loss policy says, and is waited for."""
    _give(options, waiting, trial, commands.SetTicket(ticket, granted=False, reason=reason))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def standby(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """Stop in good order what needs TICKET, and keep it."""
    _give(options, waiting, trial, commands.SetTicket(ticket, standby=True, reason=reason))


@ticket.command()
@ticket_argument
@_reason
@can_be_tried
@verb
@waits
def activate(options: Options, waiting: Waiting, trial: Trial, ticket: str, reason: str) -> None:
    """End the standby of TICKET."""
    _give(options, waiting, trial, commands.SetTicket(ticket, standby=False, reason=reason))


def _give(options: Options, waiting: Waiting, trial: Trial, command: commands.SetTicket) -> None:
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, lambda _: settled(command))


def settled(command: commands.SetTicket) -> Goal:
    """Return the goal that the ticket is as wanted, and nothing is under way any more."""

    def goal(snapshot: ClusterSnapshot) -> Progress:
        found = next((item for item in snapshot.tickets if item.name == command.ticket), None)
        if found is None:
            return Progress(False, f"ticket {command.ticket} is not there yet")
        wanted = replace(
            found,
            granted=found.granted if command.granted is None else command.granted,
            standby=found.standby if command.standby is None else command.standby,
        )
        text = f"ticket {ticket_text(found)}"
        if snapshot.pending:
            text = f"{text}; under way: {', '.join(snapshot.pending[:3])}"
        return Progress(found == wanted and not snapshot.pending, text)

    return goal
