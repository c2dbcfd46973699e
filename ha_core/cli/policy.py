"""`ha policy`: what the policy engine decides for a CIB, without any cluster.

Owns: files and lines in and out; what is printed is made by `planned`.
"""

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from ha_core.cli.options import Options, verb
from ha_core.cli.planned import planned, told
from ha_core.errors import HaError
from ha_core.policy.engine.problem import Options as Choices


@click.command()
@click.option(
    "--cib",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The CIB to plan for, as XML.",
)
@click.option("--server", is_flag=True, help="Read paths of CIBs, one a line; answer in JSON.")
@click.option(
    "--placement",
    type=click.Choice(("greedy", "exact")),
    default="greedy",
    show_default=True,
    help="exact: search a place for what the greedy order leaves stopped.",
)
@click.option(
    "--like",
    type=click.Choice(("2.1.5",)),
    help="Follow this release of Pacemaker where a newer one decides otherwise.",
)
@verb
def policy(
    options: Options, file: Path | None, server: bool, placement: str, like: str | None
) -> None:
    """Say what the policy engine decides for a CIB: one transition, and where it leads.

    The present time is the CIB's execution-date, if it has one.
    """
    if server == (file is not None):
        raise click.UsageError("give either --cib FILE or --server")
    gc.disable()  # a plan makes no cycles worth a search, and much that would be searched
    is_exact = placement == "exact"

    def set_up(found: Choices) -> Choices:
        return replace(found, is_exact=is_exact, is_like_2_1_5=like is not None)

    if file is None:
        _serve(set_up)
        return
    click.echo(told(planned(str(file), set_up), as_json=options.as_json))


def _serve(set_up: Callable[[Choices], Choices]) -> None:
    for line in sys.stdin:
        path = line.strip()
        if not path:
            continue
        try:
            answer = planned(path, set_up).as_value()
        except HaError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        gc.collect()
