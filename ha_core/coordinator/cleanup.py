"""Failures that a person wants forgotten: which nodes are asked to, and what is said of the others.

Owns: that answer. A node keeps its own failures, so that one which is not there cannot be asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ha_core.commands import Cleanup
from ha_core.config.change import no_node, no_resource
from ha_core.config.model import Configuration
from ha_core.config.units import unit, units_of
from ha_core.coordinator.record import Record
from ha_core.errors import RefusedError
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.wording import listed
from ha_core.status import Instance, NodeState
from ha_core.transition.executor import Executor, OpenOrder


@dataclass(frozen=True, slots=True)
class Asked:
    """The orders to give, and the answer."""

    orders: tuple[OpenOrder, ...]
    text: str


def ask(
    command: Cleanup,
    configuration: Configuration,
    records: Mapping[NodeName, Record],
    executor: Executor,
    now_ms: Millis,
) -> Asked:
    """Order to forget and look again wherever the resource is known and nothing is under way.

    Raises:
        RefusedError: no such resource or node, or the node that is named cannot be asked.
    """
    members = _members(command.resource, configuration, records.values())
    if command.node is not None:
        _refuse_absent(command.node, configuration, records.get(command.node))
    orders: list[OpenOrder] = []
    has_failed = False
    busy: set[NodeName] = set()
    away: set[NodeName] = set()
    for name, record in sorted(records.items()):
        for item in record.instances if command.node in (None, name) else ():
            failed = item.fail_count > 0 or item.failure is not None
            if item.resource not in members or not _is_meant(command, item):
                continue
            if record.state is not NodeState.ONLINE:
                away |= {name} if failed else set()
            elif (item.resource, name) in executor.open or item.pending:
                busy.add(name)
            else:
                has_failed |= failed
                orders.append(executor.cleanup(item.resource, name, "", now_ms))
    return Asked(tuple(orders), _told(command, bool(orders), has_failed, busy, away))


def _is_meant(command: Cleanup, item: Instance) -> bool:
    """Return whether what failed last there, if that is asked for, was that operation."""
    if not command.operation:
        return True
    return item.failure is not None and item.failure.action == command.operation


def _told(
    command: Cleanup,
    is_looked_at: bool,
    has_failed: bool,
    busy: set[NodeName],
    away: set[NodeName],
) -> str:
    resource = command.resource
    if has_failed:
        text = f"failures of {resource} are forgotten"
    elif is_looked_at:
        text = f"{resource} has no failures to forget: it is looked at again"
    elif busy:
        text = f"{resource} is not looked at again"
    elif command.operation:
        text = f"no node that is there remembers that {command.operation} of {resource} failed last"
    else:
        text = f"no node that is there knows {resource}"
    if busy:
        verb = "is" if len(busy) == 1 else "are"
        text += f"; {listed(sorted(busy))} {verb} at work on it: repeat this when that is over"
    if away:
        text += (
            f"; what failed on {listed(sorted(away))} is kept there: repeat this when it is back"
        )
    return text


def _members(
    resource: ResourceId, configuration: Configuration, records: Iterable[Record]
) -> frozenset[ResourceId]:
    """Return the names that count: those that are configured, and that of what was removed and
    could not be stopped, which is cleaned up under its old one.
    """
    left = {item.resource for record in records for item in record.instances} & {resource}
    named = {resource} if unit(configuration, resource) is not None else set()
    found = named or {item.id for item in units_of(configuration, resource)}
    if not found and not left:
        raise no_resource(configuration, resource)
    return frozenset(found | left)


def _refuse_absent(node: NodeName, configuration: Configuration, record: Record | None) -> None:
    member = configuration.node(node)
    if member is None:
        raise no_node(configuration, node)
    if member.witness:
        raise RefusedError("invalid", f"{node} is a witness, which hosts nothing")
    state = record.state if record is not None else NodeState.LEFT
    if state is not NodeState.ONLINE:
        text = f"{node} is {state} and keeps what failed there: repeat this when it is online"
        raise RefusedError("invalid", text)
