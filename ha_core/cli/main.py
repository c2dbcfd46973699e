"""The `ha` command: which verbs there are, and where each one lives.

Owns: the list of verbs. A verb's module is imported when the verb is used, so
that `ha status` does not pay for the simulator.
"""

import errno
import gc
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from ha_core.cli import options, usage
from ha_core.errors import ConnectError, HaError

_VERBS: Final = {
    "init": ("admission:init", "Make a new cluster with this machine as its first node."),
    "token": ("admission:token", "Print a token with which one more machine can join."),
    "join": ("admission:join", "Make this machine a node of the cluster that printed TOKEN."),
    "start": ("admission:start", "Start this node's daemon in the background."),
    "stop": ("admission:stop", "Stop this node's daemon; its services move away first."),
    "leave": ("admission:leave", "Take this node out of its cluster for good."),
    "status": ("show:status", "Show nodes, resources, what is under way, and faults."),
    "events": ("show:events", "Show what happened, one line an event, oldest first."),
    "links": ("links:links", "Show over which links this node hears its peers, and how well."),
    "why": ("show:why", "Say why RESOURCE is where it is, and what would change that."),
    "whatif": ("whatif:whatif", "Show what a loss, a failure or a command would lead to."),
    "doctor": ("doctor:doctor", "Examine node and cluster; name what is wrong and what mends it."),
    "report": ("report:report", "Gather everything for a post-mortem in one file, secrets hidden."),
    "apply": ("edit:apply", "Make FILE the configuration of the whole cluster."),
    "export": ("edit:export", "Print the configuration in force."),
    "diff": ("edit:diff", "Show what 'ha apply FILE' would change."),
    "history": ("history:history", "Show who changed the configuration when, why and how."),
    "undo": ("history:undo", "Return to the configuration of an earlier revision."),
    "verify": ("edit:verify", "Check FILE and name every fault; no cluster is needed."),
    "replan": ("replan:replan", "Let everything be planned anew from what is now."),
    "resource": ("resource:resource", "Start, stop, move and mend resources and groups."),
    "node": ("node:node", "Take nodes out of service and bring them back."),
    "fence": ("fence:fence", "Rehearse fencing, and see what was cut off and why."),
    "quorum": ("quorum:quorum", "Show the votes and what one more loss would mean."),
    "ticket": ("ticket:ticket", "Grant and revoke the right of this site to run things."),
    "witness": ("witness:witness", "Vote in many clusters from one small machine."),
    "wbem": ("cim_provider.server.verbs:wbem", "Manage who may use this node's WBEM server."),
    "policy": ("policy:policy", "Say what the policy engine decides for a CIB."),
    "import": ("bring:bring", "Turn another cluster manager's configuration into ours."),
    "lab": ("ha_core.lab.commands:lab", "Make a cluster on this machine, break it, and remove it."),
    "sim": ("simulate:sim", "Run clusters in simulation, every invariant checked."),
    "completion": ("completion:completion", "Print the script for completion in your shell."),
}
"""Where each verb lives, and what it does in one line: the list of them imports none."""


_GARBAGE: Final = 100_000
"""A verb makes little that refers to itself: looking for that at every import costs more."""
_LAB_STATE: Final = "ha_core.lab.state"


class Verbs(click.Group):
    """A group whose commands are found by name and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in the order in which a newcomer meets them."""
        return [name for name in _VERBS if _is_there(_target(name))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb's command, or None."""
        if cmd_name not in _VERBS or not _is_there(_target(cmd_name)):
            return None
        module, _, attribute = _target(cmd_name).partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing them."""
        rows = [(name, _VERBS[name][1]) for name in self.list_commands(ctx)]
        with formatter.section("Verbs"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete verbs without importing them."""
        return [
            CompletionItem(name, help=_VERBS[name][1])
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb's command; of one that is not there, say which may have been meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            verbs = self.list_commands(ctx)
            hint = usage.similar(name, verbs) or f"verbs: {', '.join(verbs)}"
            ctx.fail(f"there is no verb {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the words before the verb; wrong ones are told in one sentence."""
        words = tuple(args)
        with usage.told_in_one_sentence(words):
            context = super().make_context(info_name, args, parent, **extra)
        context.obj = words
        return context

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; our own errors end it in one sentence and a documented code."""
        try:
            with usage.told_in_one_sentence(ctx.obj or ()):
                return super().invoke(ctx)
        except HaError as error:
            options.fail(_at_home(error))
        except OSError as fault:
            if fault.errno == errno.EPIPE:
                raise  # whoever read our output has gone; nobody needs to be told
            options.fail(HaError(f"{fault.filename or 'the system'}: {fault.strerror or fault}"))


def _at_home(error: HaError) -> HaError:
    """Return the error; where no node was named and there is none, with this user's lab."""
    if not isinstance(error, ConnectError) or options.is_root_named():
        return error
    if not _is_there(_LAB_STATE):
        return error
    files = sorted(import_module(_LAB_STATE).default_directory().glob("*/etc/node.yaml"))
    if not files:
        return error
    root = files[0].parents[1]
    return ConnectError(f"{error}; a lab runs in {root.parent}: --root {root} is its first node")


def _target(name: str) -> str:
    place = _VERBS[name][0]
    return place if "." in place.partition(":")[0] else f"ha_core.cli.{place}"


def _is_there(target: str) -> bool:
    module = target.partition(":")[0]
    package = module.rpartition(".")[0]
    return find_spec(package) is not None and find_spec(module) is not None


_EPILOG: Final = "Exit codes: " + "; ".join(
    f"{code} {meaning}" for code, meaning in options.EXIT_CODES.items()
)


@click.group(
    cls=Verbs,
    epilog=_EPILOG + ".",
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="beatkeeper", prog_name="ha")
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Directory of a node (its etc, lib, run); also ${options.ROOT_VARIABLE}.",
)
def ha(root: Path | None) -> None:
    """Show a Beatkeeper cluster and change it, from any of its nodes.

    A new cluster: 'ha init' on the first machine, then 'ha join TOKEN' on each other one. After
    that 'ha status' shows it, and 'ha apply FILE' gives it something to run.

    Every verb takes --json, and --root to speak to another node of this machine.
    """
    options.choose_root(root)
    if os.environ.get("NO_COLOR"):
        click.get_current_context().color = False


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_GARBAGE)
    ha.main(prog_name="ha")


if __name__ == "__main__":
    main()
