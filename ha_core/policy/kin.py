"""Which resources can have a say in one another's place: groups, and what constraints tie together.

Owns: that grouping. Pure; reads the configuration alone.
"""

from collections.abc import Iterable

from ha_core.config.model import Configuration
from ha_core.ids import ResourceId

Families = dict[ResourceId, frozenset[ResourceId]]


def kin_of(configuration: Configuration) -> Families:
    """Return for every primitive all that it is tied to, however indirectly, and itself."""
    ordered = ((item.first, item.then) for item in configuration.orderings)
    return _families(configuration, (*_colocated(configuration), *ordered))


def together(configuration: Configuration) -> Families:
    """Return for every primitive all whose places hang together with its own, and itself."""
    return _families(configuration, _colocated(configuration))


def _colocated(configuration: Configuration) -> list[tuple[ResourceId, ResourceId]]:
    return [(item.resource, item.with_resource) for item in configuration.colocations]


def _families(
    configuration: Configuration, pairs: Iterable[tuple[ResourceId, ResourceId]]
) -> Families:
    members = {group.id: group.members for group in configuration.groups}
    for clone in configuration.clones:
        members[clone.id] = members.get(clone.member, (clone.member,))
    leader = {item.id: item.id for item in configuration.primitives}

    def find(name: ResourceId) -> ResourceId:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def tie(*names: ResourceId) -> None:
        known = [part for name in names for part in members.get(name, (name,)) if part in leader]
        for other in known[1:]:
            leader[find(other)] = find(known[0])

    for group in configuration.groups:
        tie(group.id)
    for pair in pairs:
        tie(*pair)
    families: dict[ResourceId, set[ResourceId]] = {}
    for name in leader:
        families.setdefault(find(name), set()).add(name)
    frozen = {name: frozenset(family) for name, family in families.items()}
    return {name: frozen[find(name)] for name in leader}
