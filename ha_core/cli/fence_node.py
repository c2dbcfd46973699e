"""`ha node fence`: cut a node off by its devices, now, because a person says so."""

import click

from ha_core import commands
from ha_core.cli import confirm, goals
from ha_core.cli.change import current_configuration, give
from ha_core.cli.names import node_argument
from ha_core.cli.options import Options, Waiting, verb, waits
from ha_core.config.change import no_node
from ha_core.config.model import FenceAction
from ha_core.coordinator.power import refuse_fencing
from ha_core.ids import NodeName


@click.command()
@node_argument
@click.option("--off", "wanted", flag_value="off", help="Leave it off.")
@click.option("--reboot", "wanted", flag_value="reboot", help="Switch it on again.")
@click.option("--on", "wanted", flag_value="on", help="Cut nothing off: switch on what is off.")
@click.option("--reason", required=True, help="Why; kept with the verdict in the log.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@verb
@waits
def fence(
    options: Options, waiting: Waiting, node: str, wanted: str | None, reason: str, yes: bool
) -> None:
    """Cut NODE off by its fence devices, whatever it does.

    What runs there ends without being stopped, and starts elsewhere. Without --off or --reboot
    its devices decide, as they are configured.
    """
    if wanted == "on":
        on = commands.SwitchOn(NodeName(node), reason)
        give(options, waiting, on, lambda before: goals.back(before, node))
        return
    if not yes:
        configuration = current_configuration(options)
        if configuration.node(NodeName(node)) is None:
            raise no_node(configuration, node)
        refuse_fencing(configuration, NodeName(node))
        question = f"{node} will lose power now, with all that runs there. Type its name"
        confirm.repeated(question, node)
    action = FenceAction(wanted) if wanted else None
    command = commands.FenceNode(NodeName(node), reason, action)
    give(options, waiting, command, lambda before: goals.cut_off(before, node))
