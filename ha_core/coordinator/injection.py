"""Failures that a person brings about: which nodes are to take a resource as failed.

Owns: that answer. What a failure leads to is the plan's, as of one that a monitor has seen.
"""

from collections.abc import Mapping

from ha_core.commands import Fail
from ha_core.config.change import no_node, no_resource
from ha_core.config.model import Configuration
from ha_core.config.units import unit, units_of
from ha_core.coordinator.record import Record
from ha_core.errors import RefusedError
from ha_core.ids import Millis, NodeName
from ha_core.status import InstanceState, NodeState
from ha_core.transition.executor import Executor, OpenOrder
from ha_core.transition.failure import resolved


def ask(
    command: Fail,
    author: str,
    configuration: Configuration,
    records: Mapping[NodeName, Record],
    executor: Executor,
    now_ms: Millis,
) -> list[OpenOrder]:
    """Order to take as failed whatever of the resource runs, and has nothing under way.

    Raises:
        RefusedError: no such resource or node, nothing of it runs there, or nobody would mend it.
    """
    found = unit(configuration, command.resource)
    parts = (found,) if found is not None else units_of(configuration, command.resource)
    if not parts:
        raise no_resource(configuration, command.resource)
    if command.node is not None and configuration.node(command.node) is None:
        raise no_node(configuration, command.node)
    if not all(resolved(configuration, part)[0] for part in parts):
        text = f"the cluster only watches {command.resource}: what fails there stays as it is"
        raise RefusedError("invalid", text)
    names = {part.id for part in parts}
    reason = f"{author} says so{f': {command.reason}' if command.reason else ''}"
    orders = [
        executor.fail(item.resource, name, reason, now_ms)
        for name, record in sorted(records.items())
        if record.state is NodeState.ONLINE and command.node in (None, name)
        for item in record.instances
        if item.resource in names
        and item.state is InstanceState.STARTED
        and not item.pending
        and (item.resource, name) not in executor.open
    ]
    if not orders:
        where = "anywhere" if command.node is None else f"on {command.node}"
        text = f"{command.resource} does not run {where}, or is busy there, so it cannot fail"
        raise RefusedError("invalid", f"{text}; 'ha why {command.resource}' says why")
    return orders
