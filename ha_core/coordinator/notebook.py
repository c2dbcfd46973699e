"""A node's notebook: what it noticed and no coordinator has numbered yet, and what was numbered.

Owns: this node's part of the cluster's journal. Every event is told to each
new coordinator until it comes back with a number.
"""

from collections import deque
from collections.abc import Iterable

from ha_core.coordinator.register import Register
from ha_core.ids import Generation, Millis, NodeName, Term
from ha_core.journal import JournalEvent

UNNUMBERED_MAX = 1000
"""Events kept until a coordinator has numbered them; the oldest are dropped beyond."""
EVENTS_PER_REPORT = 16
"""Events that travel in one report, so that it stays small."""


class Notebook:
    """Events of one start of a node, and the register of the numbered ones."""

    def __init__(self, name: NodeName, generation: Generation, last_seq: int) -> None:
        self.register = Register(last_seq)
        self._name = name
        self._generation = generation
        self._local_seq = 0
        self._unnumbered: deque[JournalEvent] = deque(maxlen=UNNUMBERED_MAX)

    @property
    def has_news(self) -> bool:
        """Return whether a coordinator still has to number something."""
        return bool(self._unnumbered)

    def to_report(self) -> tuple[JournalEvent, ...]:
        """Return the oldest events without a number, as many as one report carries."""
        return tuple(self._unnumbered)[:EVENTS_PER_REPORT]

    def note(
        self, kind: str, subject: str, text: str, why: str, incident: str, wall_ms: Millis
    ) -> None:
        """Write an event down."""
        self._local_seq += 1
        self._unnumbered.append(
            JournalEvent(
                self._name,
                self._generation,
                self._local_seq,
                wall_ms,
                kind,
                subject,
                text,
                why,
                incident,
            )
        )

    def number(self, events: Iterable[JournalEvent], term: Term) -> list[JournalEvent]:
        """As the coordinator: number events of any node; return those that are new."""
        numbered = self.register.number(events, term)
        while self._unnumbered and self.register.has(self._unnumbered[0]):
            self._unnumbered.popleft()
        return numbered

    def number_own(self, term: Term) -> list[JournalEvent]:
        """As the coordinator: number what stands here."""
        return self.number(tuple(self._unnumbered), term)

    def learn(self, event: JournalEvent) -> bool:
        """Take a numbered event from the coordinator; return whether it is to be stored."""
        is_new = self.register.learn(event)
        while self._unnumbered and self.register.has(self._unnumbered[0]):
            self._unnumbered.popleft()
        return is_new
