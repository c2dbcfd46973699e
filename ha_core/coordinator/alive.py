"""What nodes hand on alive: to whom it may have come while nobody who knows of it can be asked.

Owns: what follows for that from records, orders that are out and the configuration. A look is no
proof that something does not run if it may have arrived since: `record.doubt` has what follows.
"""

from collections.abc import Iterable, Mapping

from ha_core.config.model import Configuration
from ha_core.config.units import plain, units
from ha_core.coordinator.record import GONE, MAY_BE_ACTIVE, Record, doubt, is_over
from ha_core.ids import NodeName, ResourceId
from ha_core.status import Instance, InstanceState, NodeStatus
from ha_core.transition.discovery import unlooked

Handed = tuple[ResourceId, NodeName]
"""What, and where it may be by now."""


def handed_to(name: NodeName, records: Iterable[Record]) -> set[ResourceId]:
    """Return what other nodes have handed on alive to that node, and not stopped since."""
    return {
        item.resource
        for record in records
        for item in record.instances
        if item.migrated_to == name and record.name != name
    }


def handed_by(
    record: Record, records: Mapping[NodeName, Record], configuration: Configuration
) -> set[Handed]:
    """Return what a node may have handed on, by what it has told.

    Of one that has told this coordinator nothing its predecessor's orders are not known: what can
    be handed on alive, and is not known to run elsewhere, may be wherever it may run.
    """
    found = {(i.resource, i.migrated_to) for i in record.instances if i.migrated_to is not None}
    if record.report_id:
        return found
    others = [other for other in records.values() if other.name != record.name]
    placed = {
        item.resource
        for other in others
        if other.report_id and other.state not in GONE
        for item in other.instances
        if item.state is InstanceState.STARTED
    }
    lone = {item.resource for item in record.instances if item.state in MAY_BE_ACTIVE} - placed
    able = _movable(configuration) & lone if lone else lone
    for other in others if able else ():
        barred = unlooked(configuration, other.name, is_barred=True)
        found |= {(resource, other.name) for resource in able - barred}
    return found


def ended_alive(before: Iterable[Instance], reported: Iterable[Instance]) -> set[Handed]:
    """Return what a node has ended by itself after it was told to hand it on alive."""
    known = {item.resource for item in before if item.state is InstanceState.STOPPED}
    return {
        (item.resource, item.migrated_to)
        for item in reported
        if item.migrated_to is not None and is_over(item) and item.resource not in known
    }


def doubt_all(handed: Iterable[Handed], records: Mapping[NodeName, Record], newest: int) -> None:
    """Take as unknown where something may have come alive, until its node has looked anew, by an
    order that is given later than `newest`.
    """
    for resource, name in handed:
        record = records.get(name)
        if record is not None and record.state not in GONE:
            doubt(record, resource, newest)


def unsettled(known: NodeStatus, configuration: Configuration) -> set[ResourceId]:
    """Return what may have come alive to a node that had not looked since, as our predecessor saw
    it.
    """
    unknown = {i.resource for i in known.instances if i.state is InstanceState.UNKNOWN}
    return _movable(configuration) & unknown if unknown else set()


def _movable(configuration: Configuration) -> set[ResourceId]:
    """Return what may be handed on alive, by whatever says so."""
    found = set()
    for item in units(configuration):
        name = plain(item.id)
        group, clone = configuration.group_of(name), configuration.clone_of(name)
        metas = [item.meta, configuration.defaults.meta]
        metas += [above.meta for above in (group, clone) if above is not None]
        if any(meta.allow_migrate for meta in metas):
            found.add(item.id)
    return found
