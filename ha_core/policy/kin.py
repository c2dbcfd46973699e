"""Which resources can have a say in one another's place: groups, and what constraints tie together.

Owns: that grouping. Pure; reads the configuration alone.
"""

from ha_core.config.model import Configuration
from ha_core.ids import ResourceId


def kin_of(configuration: Configuration) -> dict[ResourceId, frozenset[ResourceId]]:
    """Return for every primitive all that it is tied to, however indirectly, and itself."""
    members = {group.id: group.members for group in configuration.groups}
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
    for colocation in configuration.colocations:
        tie(colocation.resource, colocation.with_resource)
    for ordering in configuration.orderings:
        tie(ordering.first, ordering.then)
    families: dict[ResourceId, set[ResourceId]] = {}
    for name in leader:
        families.setdefault(find(name), set()).add(name)
    frozen = {name: frozenset(family) for name, family in families.items()}
    return {name: frozen[find(name)] for name in leader}
