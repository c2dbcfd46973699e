"""`ha resource`: start, stop, move and mend resources."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias, TypeVar

import click

from ha_core import commands
from ha_core.cli import goals
from ha_core.cli.change import give, give_from
from ha_core.cli.lasting import expiry, for_time, now_ms
from ha_core.cli.names import complete_nodes, resource_argument
from ha_core.cli.options import Options, Waiting, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.cli.view import end_of
from ha_core.config.model import TargetRole
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.snapshot import ClusterSnapshot, Commanded

FC = TypeVar("FC", bound=Callable[..., Any])  # as click has it: what a decorator gets and gives
_Given: TypeAlias = commands.SetTargetRole | commands.Move | commands.Ban
_reason = click.option("--reason", default="", help="Why; kept in the history.")

OPERATIONS: Final = (
    "monitor",
    "start",
    "stop",
    "promote",
    "demote",
    "notify",
    "reload",
    "migrate_to",
    "migrate_from",
)
"""What can fail of a resource."""


def _on(told: str, *words: str, required: bool = False) -> Callable[[FC], FC]:
    """Return the option that names a node; what it means here is told."""
    return click.option(
        *(words or ("--node", "--on")),
        "node",
        metavar="NODE",
        shell_complete=complete_nodes,
        required=required,
        help=told,
    )


def _with_end(resource: str, goal: goals.Goal) -> goals.Goal:
    """Return the goal that, once reached, also tells when the move or ban is over."""

    def told(snapshot: ClusterSnapshot) -> goals.Progress:
        progress = goal(snapshot)
        ends = [end_of(item, now_ms()) for item in _commanded(snapshot, resource)]
        if not progress.reached or not ends:
            return progress
        return replace(progress, text=f"{progress.text}; this holds {ends[-1]}")

    return told


def _commanded(snapshot: ClusterSnapshot, resource: str) -> list[Commanded]:
    """Return the moves and bans that hold for the resource, by itself or by what it is in."""
    names = {ResourceId(resource)}
    for whole in (snapshot.configuration.group_of, snapshot.configuration.clone_of):
        found = whole(ResourceId(resource))
        if found is not None:
            names.add(found.id)
    return [item for item in snapshot.commanded if item.resource in names]


def _give(
    options: Options,
    waiting: Waiting,
    trial: Trial,
    command: _Given,
    goal: goals.Goal,
) -> None:
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, lambda _: goal)


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
    _give(options, waiting, trial, command, goals.started(resource))


@resource.command()
@resource_argument
@_reason
@can_be_tried
@verb
@waits
def stop(options: Options, waiting: Waiting, trial: Trial, resource: str, reason: str) -> None:
    """Want RESOURCE stopped, and wait until it is."""
    command = commands.SetTargetRole(ResourceId(resource), TargetRole.STOPPED, reason)
    _give(options, waiting, trial, command, goals.stopped(resource))


@resource.command()
@resource_argument
@_on("Where it is to be promoted; without it, where the cluster finds best.")
@for_time
@_reason
@can_be_tried
@verb
@waits
def promote(
    options: Options,
    waiting: Waiting,
    trial: Trial,
    resource: str,
    node: str | None,
    lifetime_ms: int | None,
    reason: str,
) -> None:
    """Want RESOURCE promoted, and wait until it is.

    On a node that is named it is until that is lost or stops, after --for TIME, or with 'ha
    resource clear'.
    """
    _give(options, waiting, trial, *_in_role(resource, True, node, lifetime_ms, reason))


@resource.command()
@resource_argument
@_on("Where it may not be promoted; without it, nowhere.")
@for_time
@_reason
@can_be_tried
@verb
@waits
def demote(
    options: Options,
    waiting: Waiting,
    trial: Trial,
    resource: str,
    node: str | None,
    lifetime_ms: int | None,
    reason: str,
) -> None:
    """Want RESOURCE to run, but not promoted, and wait until it is so.

    On a node that is named this holds until that is lost or stops, with 'ha resource clear', or,
    with --for TIME, only then.
    """
    _give(options, waiting, trial, *_in_role(resource, False, node, lifetime_ms, reason))


def _in_role(
    resource: str, promoted: bool, node: str | None, lifetime_ms: int | None, reason: str
) -> tuple[_Given, goals.Goal]:
    """Return what wants it promoted or not, anywhere or on a node, and when that is so."""
    name = ResourceId(resource)
    if node is None:
        if lifetime_ms is not None:
            raise click.UsageError("--for needs a node: say --on NODE, too")
        role = TargetRole.PROMOTED if promoted else TargetRole.UNPROMOTED
        return commands.SetTargetRole(name, role, reason), goals.promoted(resource, promoted)
    held = commands.Move if promoted else commands.Ban
    command = held(name, NodeName(node), expiry(lifetime_ms), reason, promoted=True)
    return command, _with_end(resource, goals.promoted_on(resource, node, promoted))


@resource.command()
@resource_argument
@can_be_tried
@verb
@waits
def restart(options: Options, waiting: Waiting, trial: Trial, resource: str) -> None:
    """Stop RESOURCE once and start it again. What depends on it does so, too."""
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
@_on("Where to; without it, where it would run if not where it is.", "--to", "--on")
@click.option(
    "--no-live", is_flag=True, help="Stop and start it, though 'allow_migrate' lets it go live."
)
@for_time
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
    no_live: bool,
    lifetime_ms: int | None,
    reason: str,
) -> None:
    """Move RESOURCE to a node, or to the next best one.

    The move is over when that node is lost or stops, after --for TIME, or with 'ha resource clear'.
    """
    target = None if node is None else NodeName(node)
    end_ms = expiry(lifetime_ms)
    command = commands.Move(ResourceId(resource), target, end_ms, reason, live=not no_live)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return

    def goal(before: ClusterSnapshot) -> goals.Goal:
        if node is not None:
            return _with_end(resource, goals.left(resource, None, node))
        here = [name for item in goals.members(before, resource) for name in item.nodes]
        return _with_end(resource, goals.left(resource, here[0] if here else None))

    give(options, waiting, command, goal)


@resource.command()
@resource_argument
@_on("Where it may not run.", required=True)
@for_time
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
    """Forbid RESOURCE a node.

    The ban is over when that node is lost or stops, with 'ha resource clear', or, with --for TIME,
    only then. What is to hold for good stands in the configuration: 'never_on'.
    """
    command = commands.Ban(ResourceId(resource), NodeName(node), expiry(lifetime_ms), reason)
    _give(options, waiting, trial, command, _with_end(resource, goals.banned(resource, node)))


@resource.command()
@resource_argument
@verb
@waits
def clear(options: Options, waiting: Waiting, resource: str) -> None:
    """Undo every move and ban of RESOURCE."""

    def goal(before: ClusterSnapshot) -> goals.Goal:
        reached = goals.cleared(resource)
        if _commanded(before, resource):
            return reached

        def told(snapshot: ClusterSnapshot) -> goals.Progress:
            progress = reached(snapshot)
            text = f"{resource} has no move and no ban that could be ended; {progress.text}"
            return replace(progress, text=text)

        return told

    give(options, waiting, commands.Clear(ResourceId(resource)), goal)


@resource.command()
@resource_argument
@_on("Only there; wherever it runs without it.")
@_reason
@verb
@waits
def fail(options: Options, waiting: Waiting, resource: str, node: str | None, reason: str) -> None:
    """Take RESOURCE as failed, and wait until that is mended.

    It counts as if its monitor had said so. To try what the cluster does; 'ha whatif resource
    RESOURCE fails' only tells it.
    """
    target = None if node is None else NodeName(node)
    command = commands.Fail(ResourceId(resource), target, reason)
    give(options, waiting, command, lambda before: goals.failed_since(before, resource, node))


@resource.command()
@resource_argument
@_on("Only there; everywhere without it.")
@click.option(
    "--operation",
    metavar="NAME",
    type=click.Choice(OPERATIONS),
    default=None,
    help=f"Only where that failed last: {', '.join(OPERATIONS)}.",
)
@verb
@waits
def cleanup(
    options: Options, waiting: Waiting, resource: str, node: str | None, operation: str | None
) -> None:
    """Forget the failures of RESOURCE and look at it again."""
    target = None if node is None else NodeName(node)
    command = commands.Cleanup(ResourceId(resource), target, operation or "")
    give(options, waiting, command, lambda _: goals.cleaned(resource, node, operation or ""))


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
