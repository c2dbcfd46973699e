"""When a change of what nodes reach counts: dampening, by the coordinator, for all nodes at once.

Owns: what each node measured and what counts. If a ping target itself dies all
nodes lose it, but one after the other: what is measured counts only when it
has lasted, and no other node is just finding out. Knows nothing of resources.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from ha_core.ids import Millis, NodeName
from ha_core.status import Connectivity

PATIENCE: Final = 3
"""A node that keeps changing holds up the others for at most so many times `dampen_ms`."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A measurement that does not count yet."""

    value: Connectivity | None
    first_ms: Millis
    """Since when the node's measurements differ from what counts."""
    since_ms: Millis
    """Since when it is this one."""


class Dampener:
    """Measurements and what counts of them, by node."""

    def __init__(self, dampen_ms: Millis) -> None:
        self.dampen_ms = dampen_ms
        self._counts: dict[NodeName, Connectivity | None] = {}
        self._waiting: dict[NodeName, _Waiting] = {}

    def keep(self, nodes: Collection[NodeName]) -> None:
        """Forget every other node."""
        self._counts = {n: value for n, value in self._counts.items() if n in nodes}
        self._waiting = {n: value for n, value in self._waiting.items() if n in nodes}

    def inherit(self, node: NodeName, value: Connectivity | None) -> None:
        """Begin with what counted for the last coordinator."""
        self._counts[node] = value

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to count."""
        return not self._waiting

    def counted(self, node: NodeName) -> Connectivity | None:
        """Return what counts; None if nothing is known."""
        return self._counts.get(node)

    def measured(self, node: NodeName, value: Connectivity | None, now_ms: Millis) -> None:
        """Take a node's newest measurement."""
        if value == self._counts.get(node):
            self._waiting.pop(node, None)
            return
        known = self._waiting.get(node)
        if known is None:
            self._waiting[node] = _Waiting(value, now_ms, now_ms)
        elif known.value != value:
            self._waiting[node] = replace(known, value=value, since_ms=now_ms)

    def due(self, now_ms: Millis) -> dict[NodeName, Connectivity | None]:
        """Let count what has lasted; return it, sorted by node."""
        lasted = {
            n: item for n, item in sorted(self._waiting.items()) if self._lasted(item, now_ms)
        }
        if not lasted:
            return {}
        if len(lasted) < len(self._waiting) and not any(
            now_ms - item.first_ms >= PATIENCE * self.dampen_ms for item in lasted.values()
        ):
            return {}
        for node, item in lasted.items():
            self._counts[node] = item.value
            del self._waiting[node]
        return {node: item.value for node, item in lasted.items()}

    def deadline_ms(self, now_ms: Millis) -> Millis | None:
        """Return when something may begin to count."""
        if not self._waiting:
            return None
        times = [
            at_ms
            for item in self._waiting.values()
            for at_ms in (
                item.since_ms + self.dampen_ms,
                item.first_ms + PATIENCE * self.dampen_ms,
            )
            if at_ms > now_ms
        ]
        return min(times, default=None)

    def _lasted(self, item: _Waiting, now_ms: Millis) -> bool:
        return now_ms - item.since_ms >= self.dampen_ms
