"""Recurring monitors: which one is due, in a fixed rhythm from the start of the resource.

Owns: due times. Knows nothing of results.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.config.model import Operation
from ha_core.ids import Millis, ResourceId


@dataclass(slots=True)
class _Rhythm:
    operation: Operation
    due_ms: Millis


class Recurring:
    """Due times of all recurring monitors of one node."""

    def __init__(self) -> None:
        self._rhythms: dict[ResourceId, list[_Rhythm]] = {}

    def begin(self, resource: ResourceId, operations: Iterable[Operation], now_ms: Millis) -> None:
        """Start (or replace) the monitors of a resource; the first runs one interval from now."""
        self._rhythms[resource] = [_Rhythm(op, now_ms + op.interval_ms) for op in operations]

    def end(self, resource: ResourceId) -> None:
        """Stop the monitors of a resource."""
        self._rhythms.pop(resource, None)

    def take_due(self, resource: ResourceId, now_ms: Millis) -> Operation | None:
        """Return a monitor that is due and set its next time, skipping times already missed."""
        for rhythm in self._rhythms.get(resource, ()):
            if rhythm.due_ms <= now_ms:
                missed = (now_ms - rhythm.due_ms) // rhythm.operation.interval_ms
                rhythm.due_ms += (missed + 1) * rhythm.operation.interval_ms
                return rhythm.operation
        return None

    def resources(self) -> tuple[ResourceId, ...]:
        """Return the resources that have monitors, sorted."""
        return tuple(sorted(self._rhythms))

    def next_due(self) -> dict[ResourceId, Millis]:
        """Return when the next monitor of each resource that has one is due."""
        return {
            resource: min([rhythm.due_ms for rhythm in rhythms])
            for resource, rhythms in self._rhythms.items()
            if rhythms
        }
