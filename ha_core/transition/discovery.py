"""What is not looked for on a node, as the configuration says.

Owns: that alone. A coordinator never asks a node to look for it: what is unknown of it there, the
node finds out by itself. Source: Pacemaker Explained, "resource-discovery". A rule may say so, too;
by its attributes a node cannot tell whether it is meant.
"""

from ha_core.config.model import Configuration, Discovery
from ha_core.config.units import plain, units
from ha_core.ids import INFINITY, NodeName, ResourceId


def unlooked(
    configuration: Configuration, node: NodeName, *, is_barred: bool = False
) -> frozenset[ResourceId]:
    """Return what nobody looks for on the node; `is_barred`: only what may not run there either."""
    never: set[ResourceId] = set()
    allowed: dict[ResourceId, set[NodeName]] = {}
    for item in configuration.locations:
        if item.discovery is Discovery.EXCLUSIVE:
            allowed.setdefault(item.resource, set()).add(item.node)
        elif item.discovery is Discovery.NEVER and item.node == node:
            never |= {item.resource} if not is_barred or item.score <= -INFINITY else set()
    elsewhere = {resource for resource, nodes in allowed.items() if node not in nodes}
    named = never | elsewhere
    if not named:
        return frozenset()
    return frozenset(
        item.id
        for item in units(configuration)
        if not named.isdisjoint(_names(configuration, item.id))
    )


def _names(configuration: Configuration, resource: ResourceId) -> set[ResourceId]:
    """Return by which names a constraint may be about a unit: its own, its group's, its clone's."""
    name = plain(resource)
    above = (configuration.group_of(name), configuration.clone_of(name))
    return {resource, name, *(item.id for item in above if item is not None)}
