"""The cluster as it would be without a blocker.

Owns: one removal for each kind. What is ended by a command is ended as that command does it; what
is ended by the world (a node comes back, a failure had not been) is ended in the plainest way: the
node runs nothing, the resource runs on. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from ha_core import commands
from ha_core.commands import Command
from ha_core.config.change import apply_command, with_move
from ha_core.config.model import Configuration, Location, Meta, Node, TargetRole
from ha_core.config.units import plain, units
from ha_core.ids import ConstraintId, NodeName, ResourceId
from ha_core.policy.blockers import Blocker, BlockerKind, World
from ha_core.status import (
    Connectivity,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
    Ticket,
)

WISH: Final = ConstraintId("wish")


def without(world: World, blockers: Iterable[Blocker]) -> World:
    """Return the cluster as it would be without these."""
    for blocker in blockers:
        world = _REMOVALS[blocker.kind](world, blocker)
    return world


def wishing(world: World, resource: ResourceId, node: NodeName) -> World:
    """Return the cluster once somebody has moved the resource to the node by hand.

    As the command does it: earlier moves and bans of it end. Of a witness nothing comes.
    """
    desired = world[0].node(node)
    if desired is None or desired.witness:
        return world
    return with_move(world[0], resource, node), world[1]


# --- the cluster and its nodes -------------------------------------------------------------


def _quorum(world: World, blocker: Blocker) -> World:
    return world[0], replace(world[1], quorate=True)


def _awaited(world: World, blocker: Blocker) -> World:
    return world[0], replace(world[1], awaited=())


def _cluster_maintenance(world: World, blocker: Blocker) -> World:
    return _commanded_by(world, commands.SetMaintenance(None, False))


def _standby(world: World, blocker: Blocker) -> World:
    return _commanded_by(world, commands.SetStandby(NodeName(blocker.subject), False))


def _maintenance(world: World, blocker: Blocker) -> World:
    return _commanded_by(world, commands.SetMaintenance(NodeName(blocker.subject), False))


def _offline(world: World, blocker: Blocker) -> World:
    """The node comes back and runs nothing."""
    configuration, status = world
    name = NodeName(blocker.subject)
    known = status.node(name) or NodeStatus(name, NodeState.ONLINE)
    old = {item.resource: item for item in known.instances}
    instances = tuple(
        _stopped(old.get(item.id, Instance(item.id, InstanceState.STOPPED)))
        for item in sorted(units(configuration), key=lambda item: item.id)
    )
    back = replace(known, state=NodeState.ONLINE, instances=instances)
    others = [node for node in status.nodes if node.name != name]
    nodes = tuple(sorted((*others, back), key=lambda node: node.name))
    return configuration, replace(status, nodes=nodes)


def _waiting(world: World, blocker: Blocker) -> World:
    def change(node: NodeStatus) -> NodeStatus:
        return replace(node, state=NodeState.ONLINE) if node.name == blocker.subject else node

    return _with_statuses(world, change)


def _uncertain(world: World, blocker: Blocker) -> World:
    def is_meant(node: NodeStatus, item: Instance) -> bool:
        return node.name == blocker.subject and item.state is InstanceState.UNCERTAIN

    return _with_instances(world, is_meant, _stopped)


def _connectivity(world: World, blocker: Blocker) -> World:
    names = tuple(target.name for target in world[0].ping.targets)

    def change(node: NodeStatus) -> NodeStatus:
        if node.name != blocker.subject:
            return node
        return replace(node, connectivity=Connectivity(names))

    return _with_statuses(world, change)


def _ticket(world: World, blocker: Blocker) -> World:
    others = [item for item in world[1].tickets if item.name != blocker.subject]
    tickets = (*others, Ticket(blocker.subject, granted=True))
    kept = tuple(sorted(tickets, key=lambda item: item.name))
    return world[0], replace(world[1], tickets=kept)


def _stop_all(world: World, blocker: Blocker) -> World:
    options = replace(world[0].options, stop_all=False)
    return replace(world[0], options=options), world[1]


def _capacity(world: World, blocker: Blocker) -> World:
    """The node has room for everything."""
    amounts: dict[str, int] = {}
    for item in world[0].primitives:
        for name, amount in item.utilization:
            amounts[name] = amounts.get(name, 0) + max(amount, 0)

    def change(node: Node) -> Node:
        told = dict(node.capacity)
        room = {name: told.get(name, 0) + amount for name, amount in amounts.items()}
        return replace(node, capacity=tuple((told | room).items()))

    return _with_node(world, blocker.subject, change)


def _health(world: World, blocker: Blocker) -> World:
    def change(node: Node) -> Node:
        kept = tuple(pair for pair in node.attributes if not pair[0].startswith("#health-"))
        return replace(node, attributes=kept)

    return _with_node(world, blocker.subject, change)


def _instances(world: World, blocker: Blocker) -> World:
    clones = tuple(
        replace(clone, instances_max=None) if clone.id == blocker.subject else clone
        for clone in world[0].clones
    )
    return replace(world[0], clones=clones), world[1]


# --- resources -----------------------------------------------------------------------------


def _target(world: World, blocker: Blocker) -> World:
    command = commands.SetTargetRole(ResourceId(blocker.subject), TargetRole.STARTED)
    return _commanded_by(world, command)


def _unmanaged(world: World, blocker: Blocker) -> World:
    return _commanded_by(world, commands.SetManaged(ResourceId(blocker.subject), True))


def _resting(world: World, blocker: Blocker) -> World:
    return _with_any_meta(world, blocker.subject, lambda meta: replace(meta, maintenance=False))


def _failure(world: World, blocker: Blocker) -> World:
    """It had not failed: what a monitor found runs on, what a start or stop left behind is gone."""

    def mended(item: Instance) -> Instance:
        state = item.state
        if state in (InstanceState.FAILED, InstanceState.BLOCKED):
            is_monitor = item.failure is not None and item.failure.action == "monitor"
            state = InstanceState.STARTED if is_monitor else InstanceState.STOPPED
        return replace(item, state=state, fail_count=0, failure=None)

    return _with_instances(world, lambda _, item: plain(item.resource) == blocker.subject, mended)


def _commands(world: World, blocker: Blocker) -> World:
    return _commanded_by(world, commands.Clear(ResourceId(blocker.subject)))


def _not_listed(world: World, blocker: Blocker) -> World:
    configuration, status = world
    assert blocker.node is not None
    location = Location(WISH, ResourceId(blocker.subject), blocker.node, 0)
    return replace(configuration, locations=(*configuration.locations, location)), status


def _stickiness(world: World, blocker: Blocker) -> World:
    for name in _within(world[0], blocker.subject):
        world = _with_meta(world, name, lambda meta: replace(meta, stickiness=0))
    return world


def _priority(world: World, blocker: Blocker) -> World:
    return _with_any_meta(world, blocker.subject, lambda meta: replace(meta, priority=None))


def _within(configuration: Configuration, top: str) -> tuple[ResourceId, ...]:
    """Return the primitives of a top-level resource."""
    clone = configuration.clone(ResourceId(top))
    name = clone.member if clone is not None else ResourceId(top)
    group = configuration.group(name)
    return group.members if group is not None else (name,)


# --- constraints ---------------------------------------------------------------------------


def _location(world: World, blocker: Blocker) -> World:
    found = tuple(item for item in world[0].locations if item.id != blocker.subject)
    return replace(world[0], locations=found), world[1]


def _rule(world: World, blocker: Blocker) -> World:
    found = tuple(item for item in world[0].rules if item.id != blocker.subject)
    return replace(world[0], rules=found), world[1]


def _colocation(world: World, blocker: Blocker) -> World:
    found = tuple(item for item in world[0].colocations if item.id != blocker.subject)
    return replace(world[0], colocations=found), world[1]


def _ordering(world: World, blocker: Blocker) -> World:
    found = tuple(item for item in world[0].orderings if item.id != blocker.subject)
    return replace(world[0], orderings=found), world[1]


# --- mechanics -----------------------------------------------------------------------------


def _commanded_by(world: World, command: Command) -> World:
    return apply_command(world[0], command), world[1]


def _with_node(world: World, name: str, change: Callable[[Node], Node]) -> World:
    nodes = tuple(change(node) if node.name == name else node for node in world[0].nodes)
    return replace(world[0], nodes=nodes), world[1]


def _with_any_meta(world: World, name: str, change: Callable[[Meta], Meta]) -> World:
    """Change the options of the primitive, group or clone of that name."""
    configuration, status = world
    groups = tuple(
        replace(group, meta=change(group.meta)) if group.id == name else group
        for group in configuration.groups
    )
    clones = tuple(
        replace(clone, meta=change(clone.meta)) if clone.id == name else clone
        for clone in configuration.clones
    )
    return _with_meta((replace(configuration, groups=groups, clones=clones), status), name, change)


def _with_meta(world: World, name: str, change: Callable[[Meta], Meta]) -> World:
    configuration, status = world
    primitives = tuple(
        replace(item, meta=change(item.meta)) if item.id == name else item
        for item in configuration.primitives
    )
    return replace(configuration, primitives=primitives), status


def _with_statuses(world: World, change: Callable[[NodeStatus], NodeStatus]) -> World:
    configuration, status = world
    return configuration, replace(status, nodes=tuple(map(change, status.nodes)))


def _with_instances(
    world: World,
    is_meant: Callable[[NodeStatus, Instance], bool],
    change: Callable[[Instance], Instance],
) -> World:
    def changed(node: NodeStatus) -> NodeStatus:
        instances = tuple(change(item) if is_meant(node, item) else item for item in node.instances)
        return replace(node, instances=instances)

    return _with_statuses(world, changed)


def _stopped(item: Instance) -> Instance:
    return replace(item, state=InstanceState.STOPPED, pending="", free_after_ms=0, role=None)


_REMOVALS: Final[dict[BlockerKind, Callable[[World, Blocker], World]]] = {
    BlockerKind.QUORUM: _quorum,
    BlockerKind.AWAITED: _awaited,
    BlockerKind.CLUSTER_MAINTENANCE: _cluster_maintenance,
    BlockerKind.OFFLINE: _offline,
    BlockerKind.WAITING: _waiting,
    BlockerKind.UNCERTAIN: _uncertain,
    BlockerKind.STANDBY: _standby,
    BlockerKind.MAINTENANCE: _maintenance,
    BlockerKind.CONNECTIVITY: _connectivity,
    BlockerKind.TARGET: _target,
    BlockerKind.UNMANAGED: _unmanaged,
    BlockerKind.RESTING: _resting,
    BlockerKind.FAILURE: _failure,
    BlockerKind.COMMANDED: _commands,
    BlockerKind.NOT_LISTED: _not_listed,
    BlockerKind.LOCATION: _location,
    BlockerKind.RULE: _rule,
    BlockerKind.COLOCATION: _colocation,
    BlockerKind.ORDERING: _ordering,
    BlockerKind.TICKET: _ticket,
    BlockerKind.STOP_ALL: _stop_all,
    BlockerKind.CAPACITY: _capacity,
    BlockerKind.HEALTH: _health,
    BlockerKind.INSTANCES: _instances,
    BlockerKind.STICKINESS: _stickiness,
    BlockerKind.PRIORITY: _priority,
}
assert set(_REMOVALS) == set(BlockerKind)
