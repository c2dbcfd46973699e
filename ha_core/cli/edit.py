"""`ha apply`, `export`, `diff` and `verify`: the configuration as a file."""

import json
from pathlib import Path

import click
import yaml

from ha_core import commands
from ha_core.cli import goals
from ha_core.cli.amounts import amount
from ha_core.cli.change import current_configuration, give_from
from ha_core.cli.options import Options, Waiting, read_text, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.config.cib import export_cib
from ha_core.config.difference import diff as differences
from ha_core.config.model import Configuration
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.config.schema import json_schema
from ha_core.errors import ConfigError
from ha_core.quorum.held_back import settled
from ha_core.quorum.outlook import outlook

_file = click.argument(
    "file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)


def _read(file: Path) -> Configuration:
    return parse_text(read_text(file), str(file))


@click.command()
@_file
@can_be_tried
@click.option("--reason", default="", help="Why; kept in the history.")
@click.option("--base", type=click.IntRange(0), help="Refuse if this is not the revision in force.")
@verb
@waits
def apply(
    options: Options, waiting: Waiting, trial: Trial, file: Path, reason: str, base: int | None
) -> None:
    """Make FILE (YAML; - for standard input) the configuration of the whole cluster."""
    wanted = _read(file)
    if trial.wanted:
        show_preview(options, trial, lambda _: commands.Apply(wanted, reason, base))
        return
    give_from(
        options,
        waiting,
        lambda before: commands.Apply(wanted, reason, before.revision if base is None else base),
        goals.placed_since,
    )


@click.command()
@click.option(
    "--cib",
    "target",
    metavar="[FILE|-]",
    is_flag=False,
    flag_value="-",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="As a Pacemaker CIB, printed or written to FILE.",
)
@click.option(
    "--from",
    "source",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="What FILE says instead of what is in force; needs no cluster.",
)
@verb
def export(options: Options, target: Path | None, source: Path | None) -> None:
    """Print the configuration in force, as YAML or (--json) JSON; 'ha apply' reads both."""
    configuration = current_configuration(options) if source is None else _read(source)
    if target is None:
        text = render(configuration)
        options.show(yaml.safe_load(text) if options.as_json else None, text.rstrip("\n"))
        return
    text = export_cib(configuration)
    if str(target) == "-":
        options.show({"cib": text}, text.rstrip("\n"))
        return
    try:
        target.touch(mode=0o600)  # a fence device's parameters may be secret
        target.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise ConfigError(f"cannot write {target}: {fault.strerror}") from fault
    done = f"{target} is a CIB of {amount(len(configuration.nodes), 'node')}"
    options.show({"code": "done", "text": done}, done)


@click.command()
@_file
@verb
def diff(options: Options, file: Path) -> None:
    """Show what 'ha apply FILE' would change."""
    changes = differences(current_configuration(options), _read(file))
    options.show(list(changes), "\n".join(changes) or "no difference")


@click.command()
@click.argument(
    "file",
    metavar="FILE",
    required=False,
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of such files, for editors.")
@verb
def verify(options: Options, file: Path | None, schema: bool) -> None:
    """Check FILE and name every fault; no cluster is needed."""
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return
    if file is None:
        raise click.UsageError("name the FILE to check, or give --schema")
    wanted = _read(file)
    resources = amount(len(wanted.primitives), "resource")
    text = f"{file} is valid: {amount(len(wanted.nodes), 'node')}, {resources}"
    members = settled(wanted)
    seen = outlook(members, frozenset(members.voters()), quorate=True)
    notes = [seen.text] if seen.is_tight else []
    value = {"code": "done", "text": text, "faults": [], "notes": notes}
    options.show(value, "\n".join((text, *(f"note: {note}" for note in notes))))
