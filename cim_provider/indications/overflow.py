"""Destinations for which indications had to be dropped: told to all who ask for alerts.

Owns: since when each was told of; once a minute at most, or the alert would fill the queue, too.
"""

from collections.abc import Mapping
from typing import Final

from cim_provider.indications.alerts import alert
from cim_provider.indications.events import Event
from cim_provider.indications.registry import Registry
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import Value

GAP_S: Final = 60.0


class Overflow:
    """What was dropped since it was told last, by context."""

    def __init__(self) -> None:
        self._dropped: dict[str, int] = {}
        self._told_s: dict[str, float] = {}

    def note(self, before: Mapping[str, int], after: Mapping[str, int]) -> bool:
        """Take the counts before and after a write; return whether more were dropped."""
        more = {name: n - before.get(name, 0) for name, n in after.items()}
        for name, count in more.items():
            if count > 0:
                self._dropped[name] = self._dropped.get(name, 0) + count
        return any(count > 0 for count in more.values())

    def due(self, registry: Registry, now_s: float) -> tuple[Event, ...]:
        """Return the alerts that are due."""
        found = []
        for context, count in list(self._dropped.items()):
            if now_s - self._told_s.get(context, float("-inf")) < GAP_S:
                continue
            del self._dropped[context]
            self._told_s[context] = now_s
            destination = registry.by_context(context)
            name = destination.names.name if destination is not None else context
            text = (
                f"{count} indications for {name} were dropped: it takes none, and its queue is full"
            )
            values: dict[str, Value] = {
                "MessageArguments": (name, str(count)),
                "EventID": f"overflow:{name}",
            }
            found.append(alert(cluster_ref(), "LHA041", text, values))
        return tuple(found)
