"""Counts what operations came to on this node, by resource.

Owns: the counters. Pure: results come in, frozen figures go out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ha_core.agents import ocf
from ha_core.config.model import AgentClass
from ha_core.effects import RunOperation
from ha_core.events import OperationDone
from ha_core.figures import ResourceFigures

RESOURCES_MAX: Final = 20_000
"""Names that are kept; beyond, those that were heard of first are forgotten."""
_PROMOTED: Final = 8
"""A monitor found it promoted. Source: OCF resource agent API 1.1."""
_FINE: Final = (ocf.SUCCESS, _PROMOTED)
_ACTIVE: Final = ("start", "monitor", "promote", "demote", "migrate_from")


class Tally:
    """The counters of one daemon."""

    def __init__(self) -> None:
        self._figures: dict[str, ResourceFigures] = {}
        self._processes: dict[str, None] = {}

    def count(self, operation: RunOperation, done: OperationDone) -> None:
        """Take the result of an operation. A probe that finds nothing running is no failure."""
        name = operation.primitive.id
        is_fine = done.exit_code in _FINE
        is_probe = operation.action == "monitor" and not operation.interval_ms
        if operation.primitive.agent.agent_class is AgentClass.PROCESS:
            if is_fine and operation.action in _ACTIVE:
                self._processes[name] = None
            elif is_fine and operation.action == "stop":
                self._processes.pop(name, None)
        known = self._of(name)
        match operation.action:
            case "start" if is_fine:
                known = replace(
                    known, starts=known.starts + 1, last_start_ms=max(done.duration_ms, 1)
                )
            case "stop" if is_fine:
                known = replace(known, stops=known.stops + 1)
            case "monitor":
                failed = not is_fine and not (is_probe and done.exit_code == ocf.NOT_RUNNING)
                known = replace(
                    known,
                    monitors=known.monitors + 1,
                    monitor_failures=known.monitor_failures + failed,
                    failures=known.failures + failed,
                )
        if not is_fine and operation.action != "monitor":
            known = replace(known, failures=known.failures + 1)
        self._figures[name] = known

    def died(self, resource: str) -> None:
        """Take the death of what ran."""
        known = self._of(resource)
        self._processes.pop(resource, None)
        self._figures[resource] = replace(known, failures=known.failures + 1)

    @property
    def processes(self) -> tuple[str, ...]:
        """Names of class `process` that run here as far as the operations say."""
        return tuple(self._processes)

    def figures(self) -> Mapping[str, ResourceFigures]:
        """Return what was counted, by resource."""
        return self._figures

    def _of(self, name: str) -> ResourceFigures:
        found = self._figures.get(name)
        if found is None:
            if len(self._figures) >= RESOURCES_MAX:
                del self._figures[next(iter(self._figures))]
            found = ResourceFigures(name)
        return found
