"""Where a move without a target leads: to the node that the plan would choose otherwise.

Owns: that choice. A move thus always names a node, with which it can end; a ban on where the
resource is would stand in the way of the next failover. Pure.
"""

from dataclasses import replace

from ha_core.commands import Clear, Move
from ha_core.config.change import apply_command
from ha_core.config.model import Configuration, Location, Origin
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, Millis, NodeName, ResourceId
from ha_core.policy.schedule import schedule
from ha_core.status import ClusterStatus, InstanceState


def aimed(
    configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis, command: Move
) -> Move:
    """Return the move with the node to which it leads.

    Raises: RefusedError: the resource runs nowhere, can run nowhere else, or is cloned.
    """
    if command.node is not None:
        return command
    # Earlier moves and bans end with this one; it also refuses what does not exist.
    cleared = apply_command(configuration, Clear(command.resource))
    clone = configuration.clone(command.resource) or configuration.clone_of(command.resource)
    if clone is not None:
        text = f"{clone.id} has instances on several nodes: name the node that is to have one"
        raise RefusedError("invalid", text)
    group = configuration.group(command.resource) or configuration.group_of(command.resource)
    name = group.id if group is not None else command.resource
    members = group.members if group is not None else (command.resource,)
    active = _active(status, members)
    if not active:
        raise RefusedError("invalid", f"{name} runs nowhere: name the node to move it to")
    away = tuple(
        Location(ConstraintId(f"away-{node}"), name, node, -INFINITY, Origin.MOVE)
        for node in active
    )
    tried = replace(cleared, locations=(*cleared.locations, *away))
    decision = schedule(tried, status, at_wall_ms).decision(members[0])
    if decision is None or decision.node is None or decision.node in active:
        text = f"{name} can run nowhere but on {', '.join(active)} now"
        raise RefusedError("invalid", f"{text}: 'ha why {name} --on NODE' says why")
    return replace(command, node=decision.node)


def _active(status: ClusterStatus, members: tuple[ResourceId, ...]) -> tuple[NodeName, ...]:
    return tuple(
        node.name
        for node in status.nodes
        if any(i.resource in members and i.state is InstanceState.STARTED for i in node.instances)
    )
