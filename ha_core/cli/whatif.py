"""`ha whatif`: what would follow if a node were lost, a resource failed, or a command were given.

Owns: the words of the question. It changes nothing, and needs no right but to look.
"""

import click

from ha_core import commands
from ha_core.cli.names import (
    complete_nodes,
    node_argument,
    resource_argument,
    ticket_argument,
)
from ha_core.cli.options import Options, verb
from ha_core.cli.plan import Trial, show_preview, supposes
from ha_core.config.model import TargetRole
from ha_core.ids import NodeName, ResourceId
from ha_core.preview.suppose import NodeLost, ResourceFails, Supposition


@click.group()
def whatif() -> None:
    """Show what would happen, and for how long services would be interrupted; change nothing."""


@whatif.command()
@node_argument
@click.argument("event", metavar="lost|standby", type=click.Choice(["lost", "standby"]))
@supposes
@verb
def node(options: Options, trial: Trial, node: str, event: str) -> None:
    """NODE is lost (power, network), or goes into standby."""
    what: Supposition = commands.SetStandby(NodeName(node), True)
    if event == "lost":
        what = NodeLost(NodeName(node))
    show_preview(options, trial, lambda _: what)


@whatif.command()
@resource_argument
@click.argument(
    "event",
    metavar="fails|stopped|started|moved",
    type=click.Choice(["fails", "stopped", "started", "moved"]),
)
@click.option(
    "--often", is_flag=True, help="It fails as often as its migration threshold, not once."
)
@click.option(
    "--to",
    "--on",
    "node",
    metavar="NODE",
    shell_complete=complete_nodes,
    help="Where it is moved to.",
)
@supposes
@verb
def resource(
    options: Options, trial: Trial, resource: str, event: str, often: bool, node: str | None
) -> None:
    """RESOURCE fails, is stopped, started or moved. It fails where it runs, the rest is by hand."""
    if often and event != "fails":
        raise click.UsageError("--often says how a resource 'fails'")
    if node is not None and event != "moved":
        raise click.UsageError("--to says where a resource is 'moved'")
    what = _supposition(ResourceId(resource), event, often, node)
    show_preview(options, trial, lambda _: what)


@whatif.command()
@ticket_argument
@click.argument(
    "event",
    metavar="revoked|granted|standby",
    type=click.Choice(["revoked", "granted", "standby"]),
)
@supposes
@verb
def ticket(options: Options, trial: Trial, ticket: str, event: str) -> None:
    """TICKET is revoked, or granted, or goes into standby."""
    what = commands.SetTicket(ticket, standby=True)
    if event != "standby":
        what = commands.SetTicket(ticket, granted=event == "granted")
    show_preview(options, trial, lambda _: what)


def _supposition(name: ResourceId, event: str, often: bool, node: str | None) -> Supposition:
    match event:
        case "fails":
            return ResourceFails(name, often)
        case "moved":
            return commands.Move(name, None if node is None else NodeName(node))
        case _:
            return commands.SetTargetRole(name, TargetRole(event))
