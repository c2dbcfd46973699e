"""`ha node fence`: cut a node off by its devices, now, because a person says so."""

import click

from ha_core import commands
from ha_core.cli import goals
from ha_core.cli.change import give
from ha_core.cli.goals import Goal, Progress
from ha_core.cli.names import node_argument
from ha_core.cli.options import Options, Waiting, verb, waits
from ha_core.config.model import FenceAction
from ha_core.ids import NodeName
from ha_core.snapshot import ClusterSnapshot


@click.command()
@node_argument
@click.option("--off", "wanted", flag_value="off", help="Leave it off.")
@click.option("--reboot", "wanted", flag_value="reboot", help="Switch it on again.")
@click.option("--reason", required=True, help="Why; kept with the verdict in the log.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@verb
@waits
def fence(
    options: Options, waiting: Waiting, node: str, wanted: str | None, reason: str, yes: bool
) -> None:
    """Cut NODE off by its fence devices, whatever it does just now.

    What runs there ends without being stopped, and starts elsewhere. Without --off or --reboot
    its devices decide, as they are configured.
    """
    if not yes:
        question = f"{node} will lose power now, with all that runs there. Type its name"
        answer = click.prompt(question, err=True, default="", show_default=False)
        if answer != node:
            raise click.Abort
    action = FenceAction(wanted) if wanted else None
    command = commands.FenceNode(NodeName(node), reason, action)
    give(options, waiting, command, lambda before: _cut_off(before, node))


def _cut_off(before: ClusterSnapshot, name: str) -> Goal:
    """The start of the node that was there before is proved to be off."""
    earlier = next((item.generation for item in before.nodes if item.name == name), 0)
    begun: list[bool] = []

    def goal(snapshot: ClusterSnapshot) -> Progress:
        node = next((item for item in snapshot.nodes if item.name == name), None)
        if node is None:
            return Progress(False, f"{name} is {goals.GONE}")
        is_back = node.generation > earlier
        if node.fenced_by or is_back:
            by = f"by {node.fenced_by}" if node.fenced_by else "and is back"
            return Progress(True, f"{name} was cut off {by}")
        under_way = [item for item in snapshot.fencing if item.node == name]
        if under_way:
            begun.append(True)
            item = under_way[0]
            through = f" by {item.device} through {item.executor}" if item.device else ""
            return Progress(False, f"{name} is being cut off{through}")
        text = f"{name} could not be cut off" if begun else f"{name} is to be cut off"
        return Progress(False, f"{text}; see 'ha fence history {name}'", bool(begun))

    return goal
