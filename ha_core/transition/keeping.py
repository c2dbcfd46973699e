"""What a node keeps on disk of its resources, and in which order it stops them by itself.

Owns: both, as pure functions over the node's primitives.
"""

from collections.abc import Collection, Mapping

from ha_core.config.model import Configuration
from ha_core.config.units import plain
from ha_core.effects import LocalState
from ha_core.ids import ResourceId, Revision
from ha_core.status import Instance, InstanceState
from ha_core.transition.begun import definitions
from ha_core.transition.under_way import Local


def kept(
    items: Mapping[ResourceId, Local], configuration: Configuration, followed: Revision
) -> LocalState:
    """Return failures, and what runs or may run by a definition that is not configured any more."""
    failures = tuple(
        remembered(i)
        for i in (items[key].instance for key in sorted(items))
        if i.fail_count or i.failure
    )
    orphans = tuple(
        definition
        for _, local in sorted(items.items())
        for definition in definitions(local, configuration)
    )
    return LocalState(failures, orphans, followed)


def remembered(item: Instance) -> Instance:
    """Return what of an instance outlives the daemon: its failures."""
    return Instance(
        item.resource, InstanceState.UNKNOWN, fail_count=item.fail_count, failure=item.failure
    )


def stop_sequence(configuration: Configuration, known: Collection[ResourceId]) -> list[ResourceId]:
    """Return resources so that members of groups come last first."""
    in_groups = [m for group in configuration.groups for m in reversed(group.members)]
    position = {member: number for number, member in enumerate(in_groups)}
    return sorted(known, key=lambda name: (position.get(plain(name), len(position)), name))
