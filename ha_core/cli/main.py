"""The `ha` command: which verbs there are, and where each one lives.

Owns: the list of verbs. A verb's module is imported when the verb is used, so
that `ha status` does not pay for the simulator.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from ha_core.cli import options
from ha_core.errors import HaError

_VERBS: Final = {
    "init": "ha_core.cli.admission:init",
    "token": "ha_core.cli.admission:token",
    "join": "ha_core.cli.admission:join",
    "start": "ha_core.cli.admission:start",
    "stop": "ha_core.cli.admission:stop",
    "leave": "ha_core.cli.admission:leave",
    "status": "ha_core.cli.show:status",
    "events": "ha_core.cli.show:events",
    "why": "ha_core.cli.show:why",
    "apply": "ha_core.cli.edit:apply",
    "export": "ha_core.cli.edit:export",
    "diff": "ha_core.cli.edit:diff",
    "verify": "ha_core.cli.edit:verify",
    "resource": "ha_core.cli.resource:resource",
    "node": "ha_core.cli.node:node",
    "import": "ha_core.cli.bring:bring",
    "lab": "ha_core.lab.commands:lab",
    "sim": "ha_core.cli.simulate:sim",
    "completion": "ha_core.cli.completion:completion",
}


class Verbs(click.Group):
    """A group whose commands are found by name and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in the order in which a newcomer meets them."""
        return [name for name, target in _VERBS.items() if _is_there(target)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb's command, or None."""
        target = _VERBS.get(cmd_name)
        if target is None or not _is_there(target):
            return None
        module, _, attribute = target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; our own errors end it in one sentence and a documented code."""
        try:
            return super().invoke(ctx)
        except HaError as error:
            options.fail(error)


def _is_there(target: str) -> bool:
    module = target.partition(":")[0]
    package = module.rpartition(".")[0]
    return find_spec(package) is not None and find_spec(module) is not None


_EPILOG: Final = "Exit codes: " + "; ".join(
    f"{code} {meaning}" for code, meaning in options.EXIT_CODES.items()
)


@click.group(
    cls=Verbs, epilog=_EPILOG + ".", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="beatkeeper", prog_name="ha")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Directory of a node (its etc, lib, run); also ${options.ROOT_VARIABLE}.",
)
def ha(root: Path | None) -> None:
    """Show a Beatkeeper cluster and change it, from any of its nodes.

    Every verb takes --json, and --root to speak to another node of this machine.
    """
    options.choose_root(root)


def main() -> None:
    """Run the command line."""
    ha.main(prog_name="ha")
