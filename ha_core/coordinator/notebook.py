"""A node's notebook: what it noticed, and how much of that the coordinator of now has numbered.

Owns: this node's part of the cluster's journal. Each coordinator says how far
it has this node's events; what comes after is told to it, though another one
may have numbered it: that one may be gone, and have told nobody else.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice

from ha_core.coordinator.register import Register
from ha_core.ids import Generation, Millis, NodeName, Term
from ha_core.journal import Head, Journaled, JournalEvent, Start

UNNUMBERED_MAX = 1000
"""Events kept until a coordinator has numbered them; the oldest are dropped beyond."""
NUMBERED_KEPT = 64
"""How many are kept beyond that: more than a coordinator numbers without telling anybody."""
EVENTS_PER_REPORT = 16
"""Events that travel in one report, so that it stays small."""


class Notebook:
    """Events of one start of a node, and the register of the numbered ones."""

    def __init__(self, name: NodeName, generation: Generation, found: Journaled) -> None:
        self.register = Register(found)
        self._start = Start(name, generation)
        self._local_seq = 0
        self._own: deque[JournalEvent] = deque(maxlen=UNNUMBERED_MAX)
        self._heard_through = 0
        self._wanted: tuple[Head, ...] = ()

    @property
    def has_news(self) -> bool:
        """Return whether the coordinator lacks something that stands here."""
        return self._local_seq > self._heard_through or any(map(self.register.after, self._wanted))

    @property
    def has_unnumbered(self) -> bool:
        """As the coordinator: return whether something here is still to be numbered."""
        return self._local_seq > self.register.head(self._start)

    def to_report(self) -> tuple[JournalEvent, ...]:
        """Return what the coordinator lacks, oldest first, as much as one report carries."""
        wanted = [event for head in self._wanted for event in self.register.after(head)]
        own = self._after(self._heard_through)
        return tuple(islice([*wanted[-NUMBERED_KEPT:], *own], EVENTS_PER_REPORT))

    def note(
        self, kind: str, subject: str, text: str, why: str, incident: str, wall_ms: Millis
    ) -> None:
        """Write an event down."""
        self._local_seq += 1
        self._own.append(
            JournalEvent(
                self._start.node,
                self._start.generation,
                self._local_seq,
                wall_ms,
                kind,
                subject,
                text,
                why,
                incident,
            )
        )

    def heard(self, through: int, wanted: tuple[Head, ...]) -> None:
        """Take a coordinator's word: it has this start's events through that one, and lacks what
        comes after `wanted`.
        """
        self._heard_through, self._wanted = through, wanted
        self._forget()

    def number(self, events: Iterable[JournalEvent], term: Term) -> list[JournalEvent]:
        """As the coordinator: number events of any node; return those that are new."""
        return self.register.number(events, term)

    def number_own(self, term: Term) -> list[JournalEvent]:
        """As the coordinator: number what stands here."""
        if not self.has_unnumbered:
            return []
        numbered = self.number(self._after(self.register.head(self._start)), term)
        self._heard_through = self.register.head(self._start)
        self._forget()
        return numbered

    def learn(self, event: JournalEvent) -> bool:
        """Take a numbered event from the coordinator; return whether it is to be stored."""
        if event.start == self._start:
            self._heard_through = max(self._heard_through, event.local_seq)
        return self.register.learn(event)

    def _after(self, local_seq: int) -> tuple[JournalEvent, ...]:
        return tuple(event for event in self._own if event.local_seq > local_seq)

    def _forget(self) -> None:
        """Drop what was numbered long ago."""
        while self._own and self._own[0].local_seq <= self._heard_through - NUMBERED_KEPT:
            self._own.popleft()
