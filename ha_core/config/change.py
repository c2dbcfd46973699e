"""Edits of a configuration: what each command changes.

Owns: commands that edit, as functions from one value to the next. Whether the
result is acceptable is `check`'s; what follows from it is the policy engine's.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from ha_core import commands
from ha_core.commands import Command
from ha_core.config.faults import listed, shown
from ha_core.config.forbidden import against
from ha_core.config.model import (
    Address,
    Clone,
    Configuration,
    Group,
    Location,
    Node,
    Origin,
    Primitive,
    Role,
    TargetRole,
)
from ha_core.config.words import Ids, without_node
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, Generation, Millis, NodeName, ResourceId

_COMPARED_MAX = 100
"""Characters of a name that are compared with those there are: nothing is called by more."""
T = TypeVar("T", Primitive, Group, Clone)


def apply_command(
    configuration: Configuration,
    command: Command,
    starts: Mapping[NodeName, Generation] = MappingProxyType({}),
) -> Configuration:
    """Return the configuration after the command; moves and bans end with these starts of nodes.

    Raises:
        RefusedError: `not-found` names what does not exist, `invalid` what cannot be done.
    """
    match command:
        case commands.Apply():
            return command.configuration
        case commands.SetTargetRole():
            return _with_meta(configuration, command.resource, target_role=command.role)
        case commands.SetManaged():
            return _with_meta(configuration, command.resource, managed=command.managed)
        case commands.Move():
            return _moved(configuration, command, starts)
        case commands.Ban():
            return _banned(configuration, command, starts)
        case commands.Clear():
            return _cleared(configuration, command.resource)
        case commands.SetStandby():
            return _with_standby(configuration, command)
        case commands.SetMaintenance():
            return _with_maintenance(configuration, command)
        case commands.AddNode():
            return _with_new_node(configuration, command)
        case commands.RemoveNode():
            return _without_node(configuration, command.node)
        case commands.AddTicket():
            return with_ticket(configuration, command.ticket)
        case commands.RemoveTicket():
            return without_ticket(configuration, command.ticket)
        case _:
            return configuration


# --- resources -----------------------------------------------------------------------------


def _resource(configuration: Configuration, name: ResourceId) -> Primitive | Group | Clone:
    found = configuration.primitive(name) or configuration.group(name) or configuration.clone(name)
    if found is None:
        raise no_resource(configuration, name)
    return found


def no_resource(configuration: Configuration, name: str) -> RefusedError:
    """Return the refusal of a name that no resource, no group and no clone has."""
    ids = [*(p.id for p in configuration.primitives), *(g.id for g in configuration.groups)]
    ids += [clone.id for clone in configuration.clones]
    return _not_found("resource", name, ids)


def no_ticket(configuration: Configuration, name: str) -> RefusedError:
    """Return the refusal of a ticket that is neither listed nor needed."""
    return _not_found("ticket", name, configuration.all_tickets())


def no_node(configuration: Configuration, name: str) -> RefusedError:
    """Return the refusal of a name that no node has."""
    return _not_found("node", name, [node.name for node in configuration.nodes])


def _not_found(what: str, name: str, known: Sequence[str]) -> RefusedError:
    near = difflib.get_close_matches(name[:_COMPARED_MAX], known, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    text = f"there is no {what} {shown(name)}{hint}; configured: {listed(known)}"
    return RefusedError("not-found", text)


def _with_meta(configuration: Configuration, name: ResourceId, **changes: object) -> Configuration:
    """Set options of a resource; what is in it says nothing of these any more.

    What the whole is told now holds for all of it: single words of before end.
    """
    _resource(configuration, name)
    clone = configuration.clone(name)
    inside: set[ResourceId] = {clone.member} if clone else set()
    for group in configuration.groups:
        if group.id == name or group.id in inside:
            inside.update(group.members)
    cleared = dict.fromkeys(changes, None)

    def changed(item: T) -> T:
        if item.id == name:
            return replace(item, meta=replace(item.meta, **changes))  # type: ignore[arg-type]  # by name
        if item.id in inside:
            return replace(item, meta=replace(item.meta, **cleared))
        return item

    return replace(
        configuration,
        primitives=tuple(changed(item) for item in configuration.primitives),
        groups=tuple(changed(item) for item in configuration.groups),
        clones=tuple(changed(item) for item in configuration.clones),
    )


def whole(configuration: Configuration, name: ResourceId) -> ResourceId:
    """Return what is moved when `name` is: members of a group go with it, copies with the clone.

    Raises RefusedError: there is no such resource.
    """
    _resource(configuration, name)
    clone, group = configuration.clone_of(name), configuration.group_of(name)
    if clone is not None:
        return clone.id
    return group.id if group else name


def _moved(
    configuration: Configuration, command: commands.Move, starts: Mapping[NodeName, Generation]
) -> Configuration:
    name, node = whole(configuration, command.resource), command.node
    if command.promoted:
        configuration = _wanted_promoted(configuration, name)
    if node is None:
        raise RefusedError("invalid", f"nobody said where {name} is to move: name the node")
    if _node(configuration, node).witness:
        raise RefusedError("invalid", f"{node} is a witness and runs no resources")
    if words := against(configuration, name, node):
        cure = "'ha export' shows the configuration, 'ha apply' takes one without it"
        text = f"{name} may not run on {node}: {words}; {cure}"
        raise RefusedError("invalid", text)
    expires_wall_ms, start = command.expires_wall_ms, starts.get(node, 0)
    if not command.promoted:
        return with_move(configuration, name, node, expires_wall_ms, start, live=command.live)
    move = _move(name, node, expires_wall_ms, start)
    promotion = replace(move, id=ConstraintId(f"promote-{name}"), role=Role.PROMOTED)
    return _with_location(_cleared(configuration, name, promotions_only=True), promotion)


def _wanted_promoted(configuration: Configuration, name: ResourceId) -> Configuration:
    _refuse_roleless(configuration, name)
    return _with_meta(configuration, name, target_role=TargetRole.PROMOTED)


def _refuse_roleless(configuration: Configuration, name: ResourceId) -> None:
    clone = configuration.clone(name)
    if clone is None or not clone.promotable:
        text = f"{name} has no roles: only what is in a promotable clone can be promoted"
        raise RefusedError("invalid", text)


def with_move(
    configuration: Configuration,
    resource: ResourceId,
    node: NodeName,
    expires_wall_ms: Millis | None = None,
    generation: Generation = 0,
    *,
    live: bool = True,
) -> Configuration:
    """Return it with the move, whatever speaks against that; earlier moves and bans of it end."""
    name = whole(configuration, resource)
    move = replace(_move(name, node, expires_wall_ms, generation), live=live)
    return _with_location(_cleared(configuration, name), move)


def _move(
    name: ResourceId, node: NodeName, expires_wall_ms: Millis | None, start: Generation
) -> Location:
    named = ConstraintId(f"move-{name}")
    return Location(named, name, node, INFINITY, Origin.MOVE, expires_wall_ms, start)


def _banned(
    configuration: Configuration, command: commands.Ban, starts: Mapping[NodeName, Generation]
) -> Configuration:
    """Return it with the ban, which with a time of its own outlives its node."""
    name = whole(configuration, command.resource)
    if command.promoted:
        _refuse_roleless(configuration, name)
    _node(configuration, command.node)
    has_time = command.expires_wall_ms is not None
    word = "demote" if command.promoted else "ban"
    location = Location(
        ConstraintId(f"{word}-{name}-{command.node}"),
        name,
        command.node,
        -INFINITY,
        Origin.BAN,
        command.expires_wall_ms,
        0 if has_time else starts.get(command.node, 0),
        role=Role.PROMOTED if command.promoted else None,
    )
    return _with_location(configuration, location)


def _cleared(
    configuration: Configuration, name: ResourceId, *, promotions_only: bool = False
) -> Configuration:
    name = whole(configuration, name)
    kept = tuple(
        item
        for item in configuration.locations
        if item.resource != name
        or item.origin is Origin.ADMINISTRATOR
        or (promotions_only and item.role is not Role.PROMOTED)
    )
    return replace(configuration, locations=kept)


def _with_location(configuration: Configuration, new: Location) -> Configuration:
    """Add a commanded location in place of the one for the same resource and node.

    Names of resources and nodes hold dashes too, and administrators may name
    theirs alike: whatever else has the id of the new one keeps it.
    """
    place = (new.resource, new.node, new.role)
    kept = tuple(
        item
        for item in configuration.locations
        if item.origin is Origin.ADMINISTRATOR or (item.resource, item.node, item.role) != place
    )
    ids = Ids(item.id for item in replace(configuration, locations=kept).constraints())
    return replace(configuration, locations=(*kept, replace(new, id=ids.take(new.id))))


# --- tickets -------------------------------------------------------------------------------


def with_ticket(configuration: Configuration, name: str) -> Configuration:
    """Return it with a ticket that is listed, so that nothing need need it.

    Raises RefusedError: it is listed already.
    """
    if name in configuration.ticket_names:
        raise RefusedError("invalid", f"there is a ticket {name!r} already")
    return replace(configuration, ticket_names=(*configuration.ticket_names, name))


def without_ticket(configuration: Configuration, name: str) -> Configuration:
    """Return it without a ticket. Raises RefusedError: there is none, or something needs it."""
    users = [item for item in configuration.tickets if item.ticket == name]
    if users:
        told = ", ".join(f"{item.resource} ({item.id})" for item in users[:20])
        text = f"ticket {name} is needed by {told}: end these constraints first"
        raise RefusedError("invalid", text)
    if name not in configuration.ticket_names:
        raise no_ticket(configuration, name)
    kept = tuple(each for each in configuration.ticket_names if each != name)
    return replace(configuration, ticket_names=kept)


# --- nodes ---------------------------------------------------------------------------------


def _node(configuration: Configuration, name: NodeName) -> Node:
    found = configuration.node(name)
    if found is None:
        raise no_node(configuration, name)
    return found


def _with_standby(configuration: Configuration, command: commands.SetStandby) -> Configuration:
    until_wall_ms = command.until_wall_ms if command.standby else None
    return _with_node(
        configuration,
        command.node,
        standby=command.standby,
        standby_until_wall_ms=until_wall_ms,
    )


def _with_node(
    configuration: Configuration, name: NodeName, **changes: bool | Millis | None
) -> Configuration:
    changed = replace(_node(configuration, name), **changes)  # type: ignore[arg-type]  # by name
    nodes = tuple(changed if node.name == name else node for node in configuration.nodes)
    return replace(configuration, nodes=nodes)


def _with_maintenance(
    configuration: Configuration, command: commands.SetMaintenance
) -> Configuration:
    if command.node is not None:
        return _with_node(configuration, command.node, maintenance=command.maintenance)
    options = replace(configuration.options, maintenance=command.maintenance)
    return replace(configuration, options=options)


def _with_new_node(configuration: Configuration, command: commands.AddNode) -> Configuration:
    if configuration.node(command.node) is not None:
        text = f"there is a node {command.node!r} already: choose another name with --node NAME"
        raise RefusedError("invalid", text)
    addresses = listening(configuration, command.addresses)
    node = Node(command.node, addresses, voter=command.voter, witness=command.witness)
    return replace(configuration, nodes=(*configuration.nodes, node))


def listening(configuration: Configuration, addresses: Iterable[Address]) -> tuple[Address, ...]:
    """Return the addresses as the file has them: with a port only where it is not the link's."""
    ports = {link.name: link.port for link in configuration.links}
    return tuple(
        replace(item, port=0 if item.port == ports.get(item.link) else item.port)
        for item in addresses
    )


def _without_node(configuration: Configuration, name: NodeName) -> Configuration:
    _node(configuration, name)
    configuration = without_node(configuration, name)
    devices = tuple(
        replace(device, targets=tuple(t for t in device.targets if t != name))
        for device in configuration.fence_devices
    )
    return replace(
        configuration,
        nodes=tuple(node for node in configuration.nodes if node.name != name),
        fence_devices=devices,
    )
