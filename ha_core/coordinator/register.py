"""The journal's register: gives each event its place in the cluster's order, once.

Owns: numbering and the newest events. Numbers grow with the coordinator's
term, so that two coordinators never give the same one.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from ha_core.ids import Term
from ha_core.journal import JournalEvent

EVENTS_PER_TERM = 1_000_000
"""Numbers of a term begin at term times this."""
RECENT = 256
"""How many numbered events are kept to be handed to nodes that lack them."""
STARTS_KNOWN = 512
"""Starts of nodes whose newest event is remembered; the one longest without an event goes."""
PER_VIEW = 32
"""How many of them travel in one view, so that it stays small."""


class Register:
    """Numbered events as this node knows them; only the coordinator numbers."""

    def __init__(self, last_seq: int) -> None:
        self.last_seq = last_seq
        self._recent: deque[JournalEvent] = deque(maxlen=RECENT)
        self._heads: dict[tuple[str, int], int] = {}

    def has(self, event: JournalEvent) -> bool:
        """Return whether the event, or a later one of the same node's start, is numbered."""
        return event.local_seq <= self._heads.get((event.node, event.generation), 0)

    def number(self, events: Iterable[JournalEvent], term: Term) -> list[JournalEvent]:
        """Number the events that have no number yet; return those, numbered."""
        numbered = []
        for event in events:
            if self.has(event):
                continue
            seq = max(self.last_seq, term * EVENTS_PER_TERM) + 1
            numbered.append(replace(event, seq=seq))
            self.learn(numbered[-1])
        return numbered

    def learn(self, event: JournalEvent) -> bool:
        """Take a numbered event; return whether it was new here."""
        if event.seq <= self.last_seq:
            return False
        self.last_seq = event.seq
        if self.has(event):
            return False  # numbered anew by a coordinator that had not got it yet
        key = (event.node, event.generation)
        self._heads.pop(key, None)
        self._heads[key] = event.local_seq
        if len(self._heads) > STARTS_KNOWN:
            del self._heads[next(iter(self._heads))]
        self._recent.append(event)
        return True

    def since(self, seq: int) -> tuple[JournalEvent, ...]:
        """Return the oldest events after that number, as many as one view carries."""
        return tuple(event for event in self._recent if event.seq > seq)[:PER_VIEW]
