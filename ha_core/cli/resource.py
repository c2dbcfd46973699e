"""`ha resource`: start, stop, move and mend resources."""

import time
from typing import Final

import click

from ha_core import commands
from ha_core.cli import goals
from ha_core.cli.change import give, give_from
from ha_core.cli.names import complete_nodes, resource_argument
from ha_core.cli.options import Options, Waiting, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.config.model import TargetRole
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.snapshot import ClusterSnapshot

_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_reason = click.option("--reason", default="", help="Why; kept in the history.")


class _Duration(click.ParamType[int]):
    """A time such as 30s, 10m, 2h, 1d; a bare number is seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return milliseconds."""
        text = str(value)
        number = text.rstrip("msdh")
        factor = _UNITS.get(text[len(number) :] or "s")
        if factor is None or not number.isdecimal() or not int(number):
            self.fail(f"{text!r} is no time; write it as 30s, 10m, 2h or 1d", param, ctx)
        return int(number) * factor


_lifetime = click.option(
    "--lifetime",
    "lifetime_ms",
    type=_Duration(),
    help="Forget it by itself after 30s, 10m, 2h, 1d.",
)


def _expiry(lifetime_ms: int | None) -> int | None:
    return None if lifetime_ms is None else round(time.time() * 1000) + lifetime_ms


@click.group()
def resource() -> None:
    """Start, stop, move and mend resources and groups."""


@resource.command()
@resource_argument
@_reason
@can_be_tried
@verb
@waits
def start(options: Options, waiting: Waiting, trial: Trial, resource: str, reason: str) -> None:
    """Want RESOURCE to run, and wait until it does."""
    command = commands.SetTargetRole(ResourceId(resource), TargetRole.STARTED, reason)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, lambda _: goals.started(resource))


@resource.command()
@resource_argument
@_reason
@can_be_tried
@verb
@waits
def stop(options: Options, waiting: Waiting, trial: Trial, resource: str, reason: str) -> None:
    """Want RESOURCE stopped, and wait until it is."""
    command = commands.SetTargetRole(ResourceId(resource), TargetRole.STOPPED, reason)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, lambda _: goals.stopped(resource))


@resource.command()
@resource_argument
@can_be_tried
@verb
@waits
def restart(options: Options, waiting: Waiting, trial: Trial, resource: str) -> None:
    """Stop RESOURCE once and start it again, with all that depends on it."""
    if trial.wanted:
        show_preview(options, trial, lambda before: _restart(before, resource))
        return
    give_from(
        options,
        waiting,
        lambda before: _restart(before, resource),
        lambda before: goals.restarted(before, resource),
    )


def _restart(snapshot: ClusterSnapshot, name: str) -> commands.Restart:
    """Return the command. Raises RefusedError where it would stop and start nothing."""
    items = goals.members(snapshot, name)
    for item in items:
        if obstacle := goals.watched(snapshot, item):
            raise RefusedError("failed", f"{goals.where((item,))}: {obstacle}")
    if items and not any(item.nodes for item in items):
        cure = f"'ha why {name}' says why"
        if any(item.state == "failed" for item in items):
            cure = f"'ha resource cleanup {name}' forgets the failures and tries again"
        elif any(item.target == "stopped" for item in items):
            cure = f"'ha resource start {name}' starts it"
        raise RefusedError("failed", f"{goals.where(items)}, nothing to restart; {cure}")
    return commands.Restart(ResourceId(name))


@resource.command()
@resource_argument
@click.option(
    "--to",
    "node",
    metavar="NODE",
    shell_complete=complete_nodes,
    help="Where to; without it, away from where it is.",
)
@_lifetime
@_reason
@can_be_tried
@verb
@waits
def move(
    options: Options,
    waiting: Waiting,
    trial: Trial,
    resource: str,
    node: str | None,
    lifetime_ms: int | None,
    reason: str,
) -> None:
    """Move RESOURCE to a node, or away from where it is; undo it with 'ha resource clear'."""
    target = None if node is None else NodeName(node)
    command = commands.Move(ResourceId(resource), target, _expiry(lifetime_ms), reason)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return

    def goal(before: ClusterSnapshot) -> goals.Goal:
        if node is not None:
            return goals.left(resource, None, node)
        here = [name for item in goals.members(before, resource) for name in item.nodes]
        return goals.left(resource, here[0] if here else None)

    give(options, waiting, command, goal)


@resource.command()
@resource_argument
@click.option(
    "--node",
    metavar="NODE",
    shell_complete=complete_nodes,
    required=True,
    help="Where it may not run.",
)
@_lifetime
@_reason
@can_be_tried
@verb
@waits
def ban(
    options: Options,
    waiting: Waiting,
    trial: Trial,
    resource: str,
    node: str,
    lifetime_ms: int | None,
    reason: str,
) -> None:
    """Forbid RESOURCE a node; undo it with 'ha resource clear'."""
    command = commands.Ban(ResourceId(resource), NodeName(node), _expiry(lifetime_ms), reason)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, lambda _: goals.banned(resource, node))


@resource.command()
@resource_argument
@verb
@waits
def clear(options: Options, waiting: Waiting, resource: str) -> None:
    """Undo every move and ban of RESOURCE."""
    give(options, waiting, commands.Clear(ResourceId(resource)), lambda _: goals.cleared(resource))


@resource.command()
@resource_argument
@click.option(
    "--node",
    metavar="NODE",
    shell_complete=complete_nodes,
    help="Only there; everywhere without it.",
)
@verb
@waits
def cleanup(options: Options, waiting: Waiting, resource: str, node: str | None) -> None:
    """Forget the failures of RESOURCE and look at it again."""
    target = None if node is None else NodeName(node)
    command = commands.Cleanup(ResourceId(resource), target)
    give(options, waiting, command, lambda _: goals.cleaned(resource, node))


@resource.command()
@resource_argument
@verb
@waits
def manage(options: Options, waiting: Waiting, resource: str) -> None:
    """Let the cluster act on RESOURCE again."""
    command = commands.SetManaged(ResourceId(resource), True)
    give(options, waiting, command, lambda _: goals.managed(resource, True))


@resource.command()
@resource_argument
@verb
@waits
def unmanage(options: Options, waiting: Waiting, resource: str) -> None:
    """Only watch RESOURCE; the cluster neither starts nor stops it."""
    command = commands.SetManaged(ResourceId(resource), False)
    give(options, waiting, command, lambda _: goals.managed(resource, False))
