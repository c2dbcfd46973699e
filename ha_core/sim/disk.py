"""The simulated disk of one node: what is on it survives a crash, what is under way may not.

Owns: durable state. A write is one transaction, as in the real store. A crash
before its end leaves it undone, or done and not acknowledged, or torn; of a
torn one the store undoes what had reached the disk when it is opened again.
Events of the journal are written behind: a crash loses the newest.
"""

from dataclasses import replace

from ha_core.effects import LocalState, Persist
from ha_core.ids import Generation, Term
from ha_core.journal import RECENT, STARTS_KNOWN, Head, Journaled, JournalEvent, Start
from ha_core.recovered import Recovered
from ha_core.replication.entries import Entry, HardState, Snapshot

GENERATIONS_PER_DISK = 1000
"""A new disk begins far beyond the generations of the one before, as the real store does."""


class Disk:
    """Durable state and its recovery."""

    def __init__(self, snapshot: Snapshot | None, number: int = 0) -> None:
        self.number = number
        self._generation = number * GENERATIONS_PER_DISK
        self._hard_state = HardState()
        self._snapshot = snapshot
        self._entries: list[Entry] = []
        self._local = LocalState()
        self._undo: tuple[HardState, Snapshot | None, list[Entry], LocalState] | None = None
        self._journal: dict[tuple[Start, int], JournalEvent] = {}
        self.is_full = False

    @property
    def generation(self) -> Generation:
        """The newest start from this disk."""
        return self._generation

    @property
    def term(self) -> Term:
        """The newest term that a start from this disk would know."""
        return (self._undo[0] if self._undo else self._hard_state).term

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

    @property
    def journal(self) -> tuple[JournalEvent, ...]:
        """Return this node's copy of the journal, in the order of the numbers."""
        return tuple(sorted(self._journal.values(), key=lambda event: event.seq))

    def keep(self, event: JournalEvent) -> None:
        """Keep an event; one that is there already changes nothing."""
        self._journal.setdefault(event.name, event)

    def lose_journal(self) -> None:
        """Forget all events."""
        self._journal = {}

    def tear(self, record: Persist) -> None:
        """Leave a transaction half-done: some of it has reached the disk."""
        self._undo = (self._hard_state, self._snapshot, list(self._entries), self._local)
        half = record.append[: len(record.append) // 2]
        self.commit(replace(record, append=half, snapshot=None))

    def recover(self) -> Recovered:
        """Return what a starting daemon finds; raises the generation."""
        if self._undo is not None:
            self._hard_state, self._snapshot, self._entries, self._local = self._undo
            self._undo = None
        self._generation += 1
        return Recovered(
            self._generation,
            self._hard_state,
            self._snapshot,
            tuple(self._entries),
            self._local,
            self._journaled(),
        )

    def _journaled(self) -> Journaled:
        kept = self.journal
        heads: dict[Start, int] = {}
        for event in kept:
            newest = max(event.local_seq, heads.pop(event.start, 0))
            heads[event.start] = newest
        known = tuple(Head(start, newest) for start, newest in heads.items())[-STARTS_KNOWN:]
        return Journaled(kept[-1].seq if kept else 0, kept[-RECENT:], known)
