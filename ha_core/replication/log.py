"""The log in memory: entries above a snapshot, and the state applied so far.

Owns: indexes, terms of entries, compaction. Knows nothing of who leads.
Source: Ongaro, "Consensus: Bridging Theory and Practice", chapters 3 and 5.
"""

from collections.abc import Iterable
from itertools import accumulate

from ha_core.config.model import Configuration
from ha_core.ids import Generation, Index, NodeName, Term
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Entry, Snapshot, Verdict, size_of
from ha_core.replication.shelf import Shelf, size_of_change

REVISIONS_KEPT = 100
"""Newest revisions that a snapshot carries: the history that `ha history` can show."""
BYTES_MAX = 8 * 1024 * 1024
"""About as much travels at once, as a snapshot or as entries: a frame holds 32 MB. Of large
configurations fewer revisions are kept; the newest always is.
"""
COMPACT_EVERY = 256
"""Applied entries between snapshots."""
KEPT_BEHIND = 64
"""Entries kept below the snapshot's index for followers that lag a little."""


class Log:
    """Entries with index above `first - 1`, and what the committed ones add up to."""

    def __init__(self, recovered: Recovered) -> None:
        snapshot = recovered.snapshot
        self.snapshot = snapshot
        self._base_index = snapshot.index if snapshot else 0
        self._base_term = snapshot.term if snapshot else 0
        self._entries: list[Entry] = [e for e in recovered.entries if e.index > self._base_index]
        self.applied: Index = self._base_index
        self.revisions: tuple[ConfigurationChange, ...] = snapshot.revisions if snapshot else ()
        self._verdicts: dict[NodeName, Verdict] = {
            item.node: item for item in (snapshot.verdicts if snapshot else ())
        }
        self._starts: dict[NodeName, Generation] = {}
        self._note_starts(self._verdicts.values())
        self._note_starts(entry.verdict for entry in self._entries)
        self.shelf = _shelf_of(snapshot)
        self._later: ConfigurationChange | None = None
        self._voters: tuple[Configuration, tuple[NodeName, ...]] = (Configuration(), ())
        self._ranked: tuple[Configuration, tuple[NodeName, ...]] = self._voters
        self._remember_later()

    @property
    def is_empty(self) -> bool:
        """Whether this node has never had any state: it is waiting to be let in."""
        return self.snapshot is None and not self._entries

    @property
    def first_index(self) -> Index:
        """Lowest index whose entry is still here."""
        return self._base_index + 1

    @property
    def last_index(self) -> Index:
        """Index of the newest entry."""
        return self._entries[-1].index if self._entries else self._base_index

    @property
    def last_term(self) -> Term:
        """Term of the newest entry."""
        return self._entries[-1].term if self._entries else self._base_term

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Standing verdicts, sorted by node."""
        return tuple(self._verdicts[name] for name in sorted(self._verdicts))

    def verdict_on(self, node: NodeName) -> Verdict | None:
        """Return the standing verdict on a node."""
        return self._verdicts.get(node)

    def start_of(self, node: NodeName) -> Generation:
        """Return the newest start of a node that the log has ever named here, final or not."""
        return self._starts.get(node, 0)

    def _note_starts(self, verdicts: Iterable[Verdict | None]) -> None:
        for item in verdicts:
            if item is not None:
                self._starts[item.node] = max(self.start_of(item.node), item.generation)

    @property
    def configuration(self) -> Configuration:
        """Newest committed configuration; an empty one before any is known."""
        return self.revisions[-1].configuration if self.revisions else Configuration()

    @property
    def members(self) -> Configuration:
        """Newest configuration in the log, committed or not: it decides who votes."""
        return self._later.configuration if self._later else self.configuration

    @property
    def voters(self) -> tuple[NodeName, ...]:
        """Who votes by the newest configuration in the log, sorted."""
        members = self.members
        if self._voters[0] is not members:
            self._voters = (members, members.voters())
        return self._voters[1]

    @property
    def ranked(self) -> tuple[NodeName, ...]:
        """The voters in the order in which they campaign: a witness would plan for others."""
        members = self.members
        if self._ranked[0] is not members:
            nodes = {node.name: node for node in members.nodes}
            ranked = sorted(self.voters, key=lambda name: (nodes[name].witness, name))
            self._ranked = (members, tuple(ranked))
        return self._ranked[1]

    def voters_ever(self) -> set[NodeName]:
        """Return all voters of the snapshot's configuration and of every entry above it."""
        changes = [entry.change for entry in self._entries if entry.change is not None]
        return set(self.configuration.voters()).union(
            *(change.configuration.voters() for change in changes)
        )

    def disk_of(self, voter: NodeName) -> Generation:
        """Return which disk of a voter has its vote, by the newest configuration in the log."""
        newest = self.newest_change()
        return disk_in(newest, voter) if newest else 0

    def term_at(self, index: Index) -> Term | None:
        """Return the term of the entry at `index`; None if it is unknown here."""
        if index == self._base_index:
            return self._base_term
        if self._base_index < index <= self.last_index:
            return self._entries[index - self._base_index - 1].term
        return None

    def slice(self, start: Index, limit: int) -> tuple[Entry, ...]:
        """Return at most `limit` entries from `start` on, and no more than travel at once."""
        offset = start - self._base_index - 1
        assert offset >= 0, (start, self._base_index)
        found = tuple(self._entries[offset : offset + limit])
        if all(entry.change is None and entry.shelf is None for entry in found[1:]):
            return found
        sizes = accumulate(_size(entry) for entry in found)
        fits = sum(size <= BYTES_MAX for size in sizes)
        return found[: max(fits, 1)]

    def append(self, entries: tuple[Entry, ...]) -> None:
        """Append entries that follow the last one."""
        for entry in entries:
            assert entry.index == self.last_index + 1, (entry.index, self.last_index)
            self._entries.append(entry)
            if entry.change is not None:
                self._later = entry.change
        self._note_starts(entry.verdict for entry in entries)

    def truncate_from(self, index: Index) -> None:
        """Remove entries from `index` on; what is applied is never removed."""
        assert index > self.applied, (index, self.applied)
        del self._entries[index - self._base_index - 1 :]
        self._remember_later()

    def has_change_after(self, index: Index) -> bool:
        """Return whether a configuration change stands above `index`."""
        start = max(index - self._base_index, 0)
        return any(entry.change is not None for entry in self._entries[start:])

    def changes_after(self, index: Index) -> tuple[tuple[Term, ConfigurationChange], ...]:
        """Return the revisions that stand above `index`, with their terms, oldest first."""
        later = self._entries[max(index - self._base_index, 0) :]
        return tuple((entry.term, entry.change) for entry in later if entry.change is not None)

    def applied_after(self, index: Index) -> tuple[Entry, ...]:
        """Return the applied entries above `index` that are still here."""
        start = max(index - self._base_index, 0)
        return tuple(self._entries[start : max(self.applied - self._base_index, 0)])

    def newest_change(self) -> ConfigurationChange | None:
        """Return the newest revision, final or not; None if there is none at all."""
        return self._later or self.final_change()

    def final_change(self) -> ConfigurationChange | None:
        """Return the newest committed revision."""
        return self.revisions[-1] if self.revisions else None

    def apply_through(self, index: Index) -> list[Entry]:
        """Apply committed entries up to `index`; return them in order."""
        fresh = self._entries[self.applied - self._base_index : max(index - self._base_index, 0)]
        for entry in fresh:
            self.applied = entry.index
            if entry.change is not None:
                self.revisions = _bounded((*self.revisions, entry.change))
            if entry.verdict is not None and entry.verdict.replaces(
                self._verdicts.get(entry.verdict.node)
            ):
                self._verdicts[entry.verdict.node] = entry.verdict
            if entry.shelf is not None:
                self.shelf.apply(entry.shelf, entry.index)
        return fresh

    def current_snapshot(self) -> Snapshot:
        """Return a snapshot of the applied state."""
        term = self.term_at(self.applied)
        assert term is not None
        shelf = self.shelf
        return Snapshot(
            self.applied,
            term,
            self.revisions,
            self.verdicts,
            shelf.items,
            shelf.revision,
            shelf.results,
        )

    def maybe_compact(self) -> Snapshot | None:
        """Return a snapshot to be stored if enough was applied since the last one."""
        behind = self.snapshot.index if self.snapshot else 0
        if self.applied - behind < COMPACT_EVERY:
            return None
        self.snapshot = self.current_snapshot()
        cut = max(self.applied - KEPT_BEHIND, self._base_index)
        term = self.term_at(cut)
        assert term is not None
        del self._entries[: cut - self._base_index]
        self._base_index, self._base_term = cut, term
        return self.snapshot

    def install(self, snapshot: Snapshot) -> None:
        """Replace everything by the leader's snapshot."""
        keep = self.term_at(snapshot.index) == snapshot.term
        self._entries = [e for e in self._entries if keep and e.index > snapshot.index]
        self.snapshot = snapshot
        self._base_index, self._base_term = snapshot.index, snapshot.term
        self.applied = snapshot.index
        self.revisions = snapshot.revisions
        self._verdicts = {item.node: item for item in snapshot.verdicts}
        self._note_starts(snapshot.verdicts)
        self.shelf = _shelf_of(snapshot)
        self._remember_later()

    def _remember_later(self) -> None:
        changes = [entry.change for entry in self._entries if entry.change is not None]
        self._later = changes[-1] if changes else None


def disk_in(change: ConfigurationChange, voter: NodeName) -> Generation:
    """Return which disk of a voter has its vote by that revision."""
    return next((disk for name, disk in change.disks if name == voter), 0)


def _bounded(revisions: tuple[ConfigurationChange, ...]) -> tuple[ConfigurationChange, ...]:
    newest = revisions[-REVISIONS_KEPT:]
    sizes = accumulate(size_of(change) for change in reversed(newest))
    fits = sum(size <= BYTES_MAX for size in sizes)
    return newest[-max(fits, 1) :]


def _shelf_of(snapshot: Snapshot | None) -> Shelf:
    if snapshot is None:
        return Shelf()
    return Shelf(snapshot.shelf, snapshot.shelf_revision, snapshot.shelf_results)


def _size(entry: Entry) -> int:
    change = size_of(entry.change) if entry.change is not None else 0
    return change + (size_of_change(entry.shelf) if entry.shelf is not None else 0)


def is_run(entries: tuple[Entry, ...], first: Index, term: Term) -> bool:
    """Return whether the entries follow one another from `first` on, of this term at most.

    A peer that sends others has a fault, which must not end this node.
    """
    return all(
        entry.index == first + offset and entry.term <= term for offset, entry in enumerate(entries)
    )
