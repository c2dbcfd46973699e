"""`ha why` for what begins only when it has ended under the name that it had before.

Owns: these sentences. Pure: the snapshot in; `ha_core.coordinator.former` decides what is held.
"""

from collections.abc import Iterable

from ha_core.config.units import plain, units, units_of
from ha_core.coordinator.former import left
from ha_core.policy.transition import Reason
from ha_core.snapshot import ClusterSnapshot, ResourceSummary
from ha_core.status import Instance, InstanceState, NodeStatus

_ACTIVE = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)


def waits(snapshot: ClusterSnapshot, item: ResourceSummary) -> Iterable[Reason]:
    """Yield where a primitive that does not run may still run as it was called before it was
    cloned, uncloned or made unique.
    """
    for node, former in _found(snapshot, item):
        begin = f"it waits for {former.resource}, as it was called before,"
        match former.state:
            case InstanceState.UNCERTAIN:
                end = f"which may still run on {node.name}"
            case InstanceState.BLOCKED:
                why = f" ({former.failure.reason})" if former.failure else ""
                end = f"which could not be stopped on {node.name}{why}"
            case InstanceState.UNKNOWN:
                end = f"for which {node.name} has not looked yet"
            case _:
                end = f"which {node.name} stops first"
        yield Reason("former", f"{begin} {end}", node.name)


def ends(snapshot: ClusterSnapshot, item: ResourceSummary) -> Iterable[str]:
    """Yield what a person can do where that does not end by itself."""
    for node, former in _found(snapshot, item):
        name = former.resource
        if former.state is InstanceState.BLOCKED:
            yield f"end {name} on {node.name}, then 'ha resource cleanup {name}'"
        elif former.state is InstanceState.UNCERTAIN:
            cure = f"ha node confirm-down {node.name} --reason TEXT"
            yield f"if {node.name} is down for sure, so that {name} has ended there: {cure}"


def _found(
    snapshot: ClusterSnapshot, item: ResourceSummary
) -> Iterable[tuple[NodeStatus, Instance]]:
    configuration = snapshot.configuration
    names = {part.id for part in units(configuration)}
    own = {part.id for part in units_of(configuration, item.id)}
    if any(each.resource in own and each.state in _ACTIVE for each in _all(snapshot)):
        return
    for node in snapshot.instances:
        for former in left(node.instances, names):
            if plain(former.resource) == item.id:
                yield node, former


def _all(snapshot: ClusterSnapshot) -> Iterable[Instance]:
    return (each for node in snapshot.instances for each in node.instances)
