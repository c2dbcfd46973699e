"""What can run on a node: primitives, and of clones their instances.

Owns: the names of instances and the settled primitive of each. An anonymous clone's primitive
keeps its id, since no node has two of it; those of a unique clone are called `ID:N`.
"""

from dataclasses import replace

from ha_core.config.choices import Role
from ha_core.config.model import Clone, Configuration, Copy, Group, Primitive
from ha_core.ids import ResourceId


def units(configuration: Configuration) -> tuple[Primitive, ...]:
    """Return every primitive that can run on a node by itself, in the configuration's order."""
    if not configuration.clones:
        return configuration.primitives
    clones = _clones(configuration)
    found: list[Primitive] = []
    for item in configuration.primitives:
        clone = clones.get(item.id)
        found += [item] if clone is None else _copies(configuration, clone, item)
    return tuple(found)


def unit(configuration: Configuration, resource: ResourceId) -> Primitive | None:
    """Return the primitive that is called so where it runs, or None."""
    if not configuration.clones:
        return configuration.primitive(resource)
    name, _, number = resource.partition(":")
    item = configuration.primitive(ResourceId(name))
    if item is None:
        return None
    clone = configuration.clone_of(item.id)
    if clone is None:
        return None if number else item
    return next((u for u in _copies(configuration, clone, item) if u.id == resource), None)


def copies(configuration: Configuration, primitive: Primitive) -> tuple[Primitive, ...]:
    """Return the units of one primitive of the configuration: itself, if it is in no clone."""
    clone = configuration.clone_of(primitive.id) if configuration.clones else None
    return (primitive,) if clone is None else tuple(_copies(configuration, clone, primitive))


def tops(configuration: Configuration) -> dict[ResourceId, ResourceId]:
    """Return the clone of each primitive or group that is cloned: who names it means all copies."""
    return {clone.member: clone.id for clone in configuration.clones}


def units_of(configuration: Configuration, name: ResourceId) -> tuple[Primitive, ...]:
    """Return the units that a clone, group or primitive of that name stands for; none if nobody is
    called so.
    """
    clone = configuration.clone(name)
    inner = clone.member if clone is not None else name
    group = configuration.group(inner)
    named = group.members if group is not None else (inner,)
    found = [configuration.primitive(member) for member in named]
    return tuple(part for item in found if item is not None for part in copies(configuration, item))


def plain(resource: ResourceId) -> ResourceId:
    """Return the name of the primitive in the configuration, whichever instance of it is meant."""
    return ResourceId(resource.partition(":")[0])


def may_share(primitive: Primitive) -> bool:
    """Return whether other nodes may have the same unit at the same time, in whatever role."""
    return primitive.copy is not None and primitive.copy.number is None


def may_be_promoted(primitive: Primitive) -> bool:
    """Return whether it has roles."""
    return primitive.copy is not None and primitive.copy.clone.promotable


def has_right(primitive: Primitive, role: Role | None) -> bool:
    """Return whether an active unit in this role has what must not exist twice.

    Of what can be promoted only the promoted one has it; one of unknown role may be that.
    """
    return not (may_be_promoted(primitive) and may_share(primitive) and role is Role.UNPROMOTED)


def hosts(configuration: Configuration) -> int:
    """Return how many nodes can run something."""
    return sum(not node.witness for node in configuration.nodes)


def _clones(configuration: Configuration) -> dict[ResourceId, Clone]:
    """Return the clone of each primitive that is in one."""
    groups: dict[ResourceId, Group] = {item.id: item for item in configuration.groups}
    found = {}
    for clone in configuration.clones:
        group = groups.get(clone.member)
        for member in group.members if group else (clone.member,):
            found[member] = clone
    return found


def _copies(configuration: Configuration, clone: Clone, item: Primitive) -> list[Primitive]:
    nodes = hosts(configuration)
    count = nodes if clone.instances_max is None else clone.instances_max
    if not clone.unique:
        return [replace(item, copy=Copy(clone, item.id, count))]
    return [
        replace(item, id=ResourceId(f"{item.id}:{n}"), copy=Copy(clone, item.id, count, n))
        for n in range(count)
    ]
