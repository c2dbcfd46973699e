"""Power that people ask for: whether a node can be cut off, and whether one may be switched on.

Owns: these refusals, and which devices switch a node on. Pure.
"""

from collections.abc import Mapping

from ha_core.commands import FenceNode
from ha_core.config.change import no_node
from ha_core.config.model import Configuration
from ha_core.coordinator.record import GONE, Record
from ha_core.errors import RefusedError
from ha_core.fencing import rules
from ha_core.ids import NodeName
from ha_core.replication.entries import Verdict
from ha_core.status import InstanceState, NodeState


def refuse_fencing(configuration: Configuration, node: NodeName) -> None:
    """Raise RefusedError where no fence device could end, or switch on, the node's machine."""
    if not configuration.options.fencing:
        text = "fencing is off: set 'options: {fencing: true}' first"
        raise RefusedError("unsafe", text)
    if not rules.can_fence(configuration, node, power=True):
        text = (
            f"no fence device ends node '{node}': give one 'targets: [{node}]' under"
            " fence_devices (unfence: false)"
        )
        raise RefusedError("invalid", text)


def to_cut(
    configuration: Configuration, records: Mapping[NodeName, Record], command: FenceNode
) -> Record:
    """Return the record of a node that a person wants cut off.

    Raises RefusedError: there is none, nothing can, it has started again, or no reason is given.
    """
    record = records.get(command.node)
    if record is None:
        raise no_node(configuration, command.node)
    refuse_fencing(configuration, command.node)
    if command.generation not in (0, record.generation):
        text = f"node '{command.node}' has started again since: look again, then repeat it"
        raise RefusedError("unsafe", text)
    if not command.reason.strip():
        raise RefusedError("invalid", "say why: the reason is kept with the verdict")
    return record


def off(configuration: Configuration, records: Mapping[NodeName, Record], node: NodeName) -> Record:
    """Return the record of a node that runs nothing any more.

    Raises RefusedError: it is there, it may still run something, or no device is for it.
    """
    record = records.get(node)
    if record is None:
        raise no_node(configuration, node)
    refuse_fencing(configuration, node)
    if record.state not in GONE:
        raise RefusedError(
            "invalid", f"{node} is {record.state}: only a node that is off is switched on"
        )
    doubtful = [i.resource for i in record.instances if i.state is InstanceState.UNCERTAIN]
    if record.state is NodeState.LOST and doubtful:
        cure = f"'ha node fence {node}' cuts it off first"
        raise RefusedError("unsafe", f"{node} is lost and may still run {doubtful[0]}: {cure}")
    return record


def devices_for(
    configuration: Configuration, record: Record, verdict: Verdict | None
) -> tuple[str, ...]:
    """Return the devices that switch a node on: those that cut it off, else its first level."""
    levels = rules.levels_of(configuration, record.name)
    ends = [level for level in levels if rules.is_power(level)]
    names = [tuple(item.id for item in level if not item.unfence) for level in ends]
    is_of_it = verdict is not None and verdict.generation == record.generation
    if verdict is not None and is_of_it and verdict.method.startswith(rules.FENCED):
        used = tuple(verdict.method.removeprefix(rules.FENCED).split("+"))
        if used in names:
            return used
    return names[0]
