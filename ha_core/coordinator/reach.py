"""What nodes reach, as the coordinator believes it: measurements dampened, changes told.

Owns: when a record's measurement counts, and the sentences about it. What
follows for resources is the policy's.
"""

from collections.abc import Iterable, Mapping

from ha_core.config.model import Configuration
from ha_core.coordinator.record import GONE, Record
from ha_core.coordinator.told import Told
from ha_core.ids import Millis, NodeName
from ha_core.membership.connectivity import Dampener
from ha_core.status import Connectivity, NodeStatus


class Reach:
    """One coordinator's belief."""

    def __init__(
        self, records: Mapping[NodeName, Record], known: Iterable[NodeStatus], now_ms: Millis
    ) -> None:
        self._dampener = Dampener(0)
        self._looked_ms = now_ms
        for status in known:
            record = records.get(status.name)
            if record is not None and status.state not in GONE:
                record.connectivity = status.connectivity
                self._dampener.inherit(status.name, status.connectivity)

    def tick(
        self, records: Mapping[NodeName, Record], configuration: Configuration, now_ms: Millis
    ) -> tuple[list[Told], bool]:
        """Let count what has lasted; return what there is to tell, and whether anything changed."""
        self._looked_ms = now_ms
        ping = configuration.ping.times(configuration.options.dead_after_ms)
        self._dampener.dampen_ms = ping.dampen_ms
        there = {name: item for name, item in records.items() if item.state not in GONE}
        self._dampener.keep(there)
        for name, record in records.items():
            if name not in there:
                record.connectivity = None
            elif record.may_hold_lease:
                self._dampener.measured(name, record.measured, now_ms)
        told: list[Told] = []
        due = self._dampener.due(now_ms)
        for name, value in due.items():
            record = records[name]
            before, record.connectivity = record.connectivity, value
            told += _told(name, before, value)
        return told, bool(due)

    @property
    def is_idle(self) -> bool:
        """Whether all that was measured counts."""
        return self._dampener.is_idle

    def deadline_ms(self) -> Millis | None:
        """Return when something may begin to count."""
        return self._dampener.deadline_ms(self._looked_ms)


def _told(name: NodeName, before: Connectivity | None, now: Connectivity | None) -> Iterable[Told]:
    if now is None:
        return
    if now.fault:
        yield Told("connectivity-unknown", name, f"{name} cannot ping: {now.fault}")
        return
    was = len(before.reached) if before is not None and not before.fault else None
    is_worse = bool(now.missed) if was is None else len(now.reached) < was
    total = len(now.reached) + len(now.missed)
    text = f"{name} reaches {len(now.reached)} of {total} ping targets"
    if now.missed:
        text += f", not {', '.join(now.missed)}"
    if is_worse:
        yield Told("connectivity-lost", name, text)
    elif was is not None:
        yield Told("connectivity-restored", name, text)
