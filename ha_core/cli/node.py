"""`ha node`: take nodes out of service and bring them back."""

from dataclasses import replace

import click

from ha_core import commands
from ha_core.cli import confirm, goals
from ha_core.cli.asked import removal
from ha_core.cli.change import current, give, give_from
from ha_core.cli.fence_node import fence
from ha_core.cli.lasting import expiry, for_time, now_ms
from ha_core.cli.names import complete_nodes, node_argument
from ha_core.cli.options import Options, Waiting, run, verb, waits
from ha_core.cli.plan import Trial, can_be_tried, show_preview
from ha_core.cli.view import moment
from ha_core.config.change import no_node
from ha_core.errors import RefusedError
from ha_core.ids import NodeName
from ha_core.snapshot import ClusterSnapshot


@click.group()
def node() -> None:
    """Take nodes out of service and bring them back."""


@node.command()
@node_argument
@for_time
@can_be_tried
@verb
@waits
def standby(
    options: Options, waiting: Waiting, trial: Trial, node: str, lifetime_ms: int | None
) -> None:
    """Move everything away from NODE and keep it free.

    It is free until 'ha node online NODE', or for --for TIME.
    """
    end_ms = expiry(lifetime_ms)
    command = commands.SetStandby(NodeName(node), True, end_ms)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    is_free = goals.node_is(node, "standby", empty=True)
    give(options, waiting, command, lambda _: _until(is_free, end_ms))


def _until(goal: goals.Goal, end_ms: int | None) -> goals.Goal:
    """Return the goal that, once reached, also tells when that ends by itself."""

    def told(snapshot: ClusterSnapshot) -> goals.Progress:
        progress = goal(snapshot)
        if end_ms is None or not progress.reached:
            return progress
        return replace(
            progress, text=f"{progress.text}; this holds until {moment(end_ms, now_ms())}"
        )

    return told


@node.command()
@node_argument
@can_be_tried
@verb
@waits
def online(options: Options, waiting: Waiting, trial: Trial, node: str) -> None:
    """Let NODE run resources again."""
    command = commands.SetStandby(NodeName(node), False)
    if trial.wanted:
        show_preview(options, trial, lambda _: command)
        return
    give(options, waiting, command, lambda _: goals.node_is(node, "online", "maintenance"))


@node.command()
@click.argument("node", metavar="NODE", required=False, shell_complete=complete_nodes)
@click.option("--on/--off", "wanted", default=True, help="Begin (the default) or end it.")
@click.option("--all", "everywhere", is_flag=True, help="The whole cluster instead of one node.")
@verb
@waits
def maintenance(
    options: Options, waiting: Waiting, node: str | None, wanted: bool, everywhere: bool
) -> None:
    """Leave everything on NODE alone. With --off it is acted on again."""
    if (node is None) is not everywhere:
        raise click.UsageError("name a NODE, or say --all for the whole cluster")
    if node is None:
        command = commands.SetMaintenance(None, wanted)
        give(options, waiting, command, lambda _: goals.maintenance(wanted))
        return
    states = ("maintenance",) if wanted else ("online", "standby")
    command = commands.SetMaintenance(NodeName(node), wanted)
    give(options, waiting, command, lambda _: goals.node_is(node, *states))


@node.command()
@node_argument
@verb
@waits
def remove(options: Options, waiting: Waiting, node: str) -> None:
    """Forget NODE, whose machine is gone. One that runs leaves by 'ha leave' on itself."""
    give_from(
        options,
        waiting,
        lambda before: removal(before, node),
        lambda _: goals.node_is(node, goals.GONE),
    )


@node.command("confirm-down")
@node_argument
@click.option("--reason", required=True, help="How you know; kept in the cluster's events.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@verb
@waits
def confirm_down(options: Options, waiting: Waiting, node: str, reason: str, yes: bool) -> None:
    """State in writing that the lost NODE is down.

    Then its resources may start elsewhere. If it is not down, data can be destroyed: look at the
    machine first.
    """
    if not yes:
        _must_be_lost(run(current(options)), node)
        confirm.sure(f"Is {node} certainly powered off, or cut off from network and storage?")
    command = commands.ConfirmDown(NodeName(node), reason)
    give(options, waiting, command, lambda _: goals.clean(node))


def _must_be_lost(snapshot: ClusterSnapshot, name: str) -> None:
    """Refuse before anything is asked what the cluster would refuse."""
    found = next((item for item in snapshot.nodes if item.name == name), None)
    if found is None:
        raise no_node(snapshot.configuration, name)
    if found.state != "lost":
        text = f"{name} is {goals.in_words(found.state)}: only a lost node can be confirmed down"
        raise RefusedError("unsafe", text)


node.add_command(fence)
