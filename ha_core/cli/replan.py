"""`ha replan`: let the coordinator forget its plan and make it anew."""

import click

from ha_core import commands
from ha_core.cli import goals
from ha_core.cli.change import give
from ha_core.cli.options import Options, Waiting, verb, waits


@click.command()
@verb
@waits
def replan(options: Options, waiting: Waiting) -> None:
    """Let everything be planned anew from what is now, and wait until all is in its place.

    The cluster does so by itself whenever something changes: this is for doubt whether it did.
    What is under way ends first, and nothing is configured otherwise.
    """
    give(options, waiting, commands.Replan(), goals.placed_since)
