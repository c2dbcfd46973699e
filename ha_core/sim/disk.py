"""The simulated disk of one node: what is on it survives a crash, what is under way does not.

Owns: durable state. A write is one transaction, as in the real store: a crash
before its end loses it whole; a torn transaction is undone at recovery.
"""

from ha_core.effects import LocalState, Persist
from ha_core.recovered import Recovered
from ha_core.replication.entries import Entry, HardState, Snapshot


class Disk:
    """Durable state and its recovery."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self._generation = 0
        self._hard_state = HardState()
        self._snapshot = snapshot
        self._entries: list[Entry] = []
        self._local = LocalState()
        self.last_event_seq = 0

    def commit(self, record: Persist) -> None:
        """Finish one transaction."""
        if record.hard_state is not None:
            self._hard_state = record.hard_state
        if record.truncate_from is not None:
            self._entries = [e for e in self._entries if e.index < record.truncate_from]
        if record.snapshot is not None:
            self._snapshot = record.snapshot
            self._entries = [e for e in self._entries if e.index > record.snapshot.index]
        known = self._entries[-1].index if self._entries else 0
        for entry in record.append:
            assert not known or entry.index == known + 1, (entry.index, known)
            known = entry.index
            self._entries.append(entry)
        if record.local is not None:
            self._local = record.local

    def recover(self) -> Recovered:
        """Return what a starting daemon finds; raises the generation."""
        self._generation += 1
        return Recovered(
            self._generation,
            self._hard_state,
            self._snapshot,
            tuple(self._entries),
            self._local,
            self.last_event_seq,
        )
