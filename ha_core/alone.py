"""What a node knows of the others while no coordinator tells it: what it hears itself.

Owns: the last view, corrected by silence. Of a node that is silent nothing is
known any more, and what ran there may have ended or moved: that it was started
once is no news of today. Concludes nothing; only a coordinator may.
"""

from collections.abc import Callable
from dataclasses import replace

from ha_core.ids import Millis, NodeName
from ha_core.status import Instance, InstanceState, NodeState, NodeStatus


def seen_alone(
    view: tuple[NodeStatus, ...],
    own: NodeStatus,
    silent_ms: Callable[[NodeName], Millis],
    dead_after_ms: Millis,
) -> tuple[NodeStatus, ...]:
    """Return the last view, sorted by name: ourselves as we are, the silent unknown."""
    others = [
        _unknown(node) if silent_ms(node.name) >= dead_after_ms else node
        for node in view
        if node.name != own.name
    ]
    return tuple(sorted([*others, own], key=lambda node: node.name))


def _unknown(node: NodeStatus) -> NodeStatus:
    if node.state in (NodeState.LOST, NodeState.LEFT):
        return node
    instances = tuple(_unseen(item) for item in node.instances)
    return replace(node, state=NodeState.SUSPECT, instances=instances)


def _unseen(item: Instance) -> Instance:
    if item.state is InstanceState.STOPPED and not item.pending:
        return item
    return replace(item, state=InstanceState.UNKNOWN, pending="")
