"""`ha policy`: what the policy engine decides for a CIB, without any cluster.

Owns: files and lines in and out; what is printed is made by `policy_text` and the engine.
"""

import gc
import json
import sys
import time
from pathlib import Path

import click

from ha_core.cli.options import Options, verb
from ha_core.errors import ConfigError, HaError
from ha_core.policy.cib.read import read_cib
from ha_core.policy.engine.plan import Plan, plan


@click.command()
@click.option(
    "--cib",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The CIB to plan for, as XML.",
)
@click.option("--server", is_flag=True, help="Read paths of CIBs, one a line; answer in JSON.")
@verb
def policy(options: Options, file: Path | None, server: bool) -> None:
    """Say what the policy engine decides for a CIB: one transition, and where it leads.

    The present time is the CIB's execution-date, if it has one.
    """
    if server == (file is not None):
        raise click.UsageError("give either --cib FILE or --server")
    gc.disable()  # a plan makes no cycles worth a search, and much that would be searched
    if file is None:
        _serve()
        return
    made = _planned(file)
    if options.as_json:
        click.echo(json.dumps(made.as_value(), ensure_ascii=False))
        return
    from ha_core.cli.policy_text import plan_lines  # programs want the JSON, and at once

    click.echo("\n".join(plan_lines(made)))


def _serve() -> None:
    for line in sys.stdin:
        path = line.strip()
        if not path:
            continue
        try:
            answer = _planned(Path(path)).as_value()
        except HaError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        gc.collect()


def _planned(path: Path) -> Plan:
    try:
        text = path.read_bytes()
    except OSError as fault:
        raise ConfigError(f"cannot read {path}: {fault.strerror}") from fault
    try:
        problem = read_cib(text, int(time.time()))
    except ConfigError as fault:
        raise ConfigError(f"{path}: {fault}") from fault
    return plan(problem)
