"""Cluster events as values: what happened, in one sentence, with its incident and reason.

Owns: the event that `ha events` prints and that indications are made from, and
how nodes tell each other which of them they have.
"""

from dataclasses import dataclass
from typing import Final

from ha_core.ids import Generation, Millis, NodeName

RECENT: Final = 256
"""How many numbered events are kept to be handed to nodes that lack them."""
STARTS_KNOWN: Final = 512
"""Starts of nodes whose newest event is remembered; the one longest without an event goes."""


@dataclass(frozen=True, slots=True)
class JournalEvent:
    """One event. (node, generation, local_seq) names it for ever; `seq` is its place in the
    cluster's order.
    """

    node: NodeName
    """Node that noticed it."""
    generation: Generation
    local_seq: int
    at_wall_ms: Millis
    kind: str
    """Stable word, such as `node-lost`, `resource-failed`, `resource-started`,
    `configuration-changed`.
    """
    subject: str
    """The node, resource, link or revision it is about."""
    text: str
    """One sentence."""
    why: str = ""
    incident: str = ""
    """Events with the same value belong together (a node's loss and all that follows)."""
    seq: int = 0
    """Number given by the coordinator; 0 before."""

    @property
    def start(self) -> "Start":
        """Return the start of a node that noticed it: counts itself without a gap."""
        return Start(self.node, self.generation)

    @property
    def name(self) -> "tuple[Start, int]":
        """Return what names it for ever, whoever numbers it."""
        return self.start, self.local_seq


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a node's daemon: what it notices it counts from 1 on."""

    node: NodeName
    generation: Generation


@dataclass(frozen=True, slots=True)
class Head:
    """How far somebody has the events of a start."""

    start: Start
    local_seq: int
    """Newest event of it; all before it are there, too."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Which numbered events a node has: said once to each new coordinator."""

    since: int
    """The heads tell of events numbered above this."""
    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Journaled:
    """What a node's copy of the journal holds when its daemon starts."""

    last_seq: int = 0
    """Highest number."""
    events: tuple[JournalEvent, ...] = ()
    """The newest `RECENT`, in the order of their numbers."""
    heads: tuple[Head, ...] = ()
    """Of the newest `STARTS_KNOWN` starts, the one longest without an event first."""
