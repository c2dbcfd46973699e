"""The journal's register: gives each event its place in the cluster's order, once.

Owns: numbering and the newest events. Numbers grow with the coordinator's
term, so that two coordinators never give the same one.
"""

from collections.abc import Iterable
from dataclasses import replace
from math import inf

from ha_core.ids import Term
from ha_core.journal import (
    RECENT,
    STARTS_KNOWN,
    Head,
    Holdings,
    Journaled,
    JournalEvent,
    Start,
)

EVENTS_PER_TERM = 1_000_000
"""Numbers of a term begin at term times this."""
PER_VIEW = 32
"""How many of them travel in one view, so that it stays small."""


class Register:
    """Numbered events as this node knows them; only the coordinator numbers."""

    def __init__(self, found: Journaled) -> None:
        self.last_seq = found.last_seq
        self._recent = {event.name: event for event in found.events}
        """The newest `RECENT`, in the order of their numbers."""
        self._heads = {head.start: head.local_seq for head in found.heads}
        """Of the newest `STARTS_KNOWN` starts; the one longest without an event goes first."""

    def has(self, event: JournalEvent) -> bool:
        """Return whether the event, or a later one of the same node's start, is numbered."""
        return event.local_seq <= self.head(event.start)

    def head(self, start: Start) -> int:
        """Return the newest event of a start that has a number; 0 if none has."""
        return self._heads.get(start, 0)

    def number(self, events: Iterable[JournalEvent], term: Term) -> list[JournalEvent]:
        """Number the events that have no number yet; return those, numbered."""
        return [self._give(event, term) for event in events if not self.has(event)]

    def learn(self, event: JournalEvent) -> bool:
        """Take a numbered event; return whether it was new here."""
        if event.seq <= self.last_seq:
            return False
        self.last_seq = event.seq
        if self.has(event):
            return False  # numbered anew for those that had not got it yet
        self._heads.pop(event.start, None)
        self._heads[event.start] = event.local_seq
        if len(self._heads) > STARTS_KNOWN:
            del self._heads[next(iter(self._heads))]
        self._recent[event.name] = event
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        return True

    def since(self, seq: int) -> tuple[JournalEvent, ...]:
        """Return the oldest events after that number, as many as one view carries."""
        return tuple(event for event in self._recent.values() if event.seq > seq)[:PER_VIEW]

    def after(self, head: Head) -> tuple[JournalEvent, ...]:
        """Return what is at hand of a start after one of its events, oldest first."""
        found = (e for e in self._recent.values() if e.start == head.start)
        return tuple(event for event in found if event.local_seq > head.local_seq)

    def holdings(self) -> Holdings:
        """Return which of the newest events are here."""
        is_full = len(self._recent) >= RECENT
        since = next(iter(self._recent.values())).seq if is_full else 0
        starts = dict.fromkeys(event.start for event in self._recent.values())
        return Holdings(since, tuple(Head(start, self.head(start)) for start in starts))

    def renumber(self, known: Holdings, through: int, term: Term) -> None:
        """Give new numbers to what a node lacks though it has heard of later ones, up to `through`.

        Whoever numbered them never told that node. What their starts noticed after them gets new
        numbers, too: the numbers of a start's events grow with its own count.
        """
        heads = {head.start: head.local_seq for head in known.heads}
        lacking: dict[Start, int] = {}
        for event in self._recent.values():
            if known.since < event.seq <= through and event.local_seq > heads.get(event.start, 0):
                lacking.setdefault(event.start, event.local_seq)
        found = [e for e in self._recent.values() if e.local_seq >= lacking.get(e.start, inf)]
        for event in found:
            self.last_seq = self._next(term)
            del self._recent[event.name]
            self._recent[event.name] = replace(event, seq=self.last_seq)

    def _give(self, event: JournalEvent, term: Term) -> JournalEvent:
        numbered = replace(event, seq=self._next(term))
        self.learn(numbered)
        return numbered

    def _next(self, term: Term) -> int:
        return max(self.last_seq, term * EVENTS_PER_TERM) + 1
