"""What stands in the replicated log, and what a node must keep on disk.

Owns: log entries, snapshots, hard state. One optional field per payload kind,
because the wire and the store carry plain dataclasses.
Source: Ongaro, "Consensus: Bridging Theory and Practice", figure 3.1, chapter 5.
"""

from dataclasses import dataclass

from ha_core.config.model import Configuration
from ha_core.gates import Gates
from ha_core.ids import Generation, Index, Millis, NodeName, Revision, Term
from ha_core.replication.shelf import ShelfChange, ShelfItem, ShelfResult

ADMITTED = "admitted"
"""Method of a verdict that says the opposite: this incarnation may run things from now on."""
LEFT = "left"
"""Method of a verdict on a node that stopped everything and said goodbye."""
OPERATOR = "operator"
"""Method of a verdict on a lost node that a person vouches for."""


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """A new desired state: one revision with its author and reason."""

    revision: Revision
    configuration: Configuration
    author: str
    reason: str
    at_wall_ms: Millis
    request_id: str = ""
    """Names the command that asked for it, so that a repeated command is recognised."""
    will_vote: tuple[NodeName, ...] = ()
    """Learners that become voters when they have caught up, whoever leads then."""
    none_alone: bool = False
    """While it is the newest, neither of two voters goes on alone: the votes are to change."""
    taken: tuple[NodeName, ...] = ()
    """Of `will_vote`: whose votes the cluster itself took while they were gone."""
    disks: tuple[tuple[NodeName, Generation], ...] = ()
    """Of the voters whose disk was empty once: the start that found the disk whose vote it is."""


def size_of(change: ConfigurationChange) -> int:
    """Return about how many bytes a revision takes on the wire, rather too many."""
    configuration = change.configuration
    relations = (*configuration.constraints(), *configuration.groups)
    texts = sum(
        len(name) + 4 * len(value) + 16
        for primitive in configuration.primitives
        for name, value in primitive.parameters
    )
    operations = sum(len(primitive.operations) for primitive in configuration.primitives)
    pieces = 250 * (len(relations) + operations) + 500 * len(configuration.nodes)
    return 1000 + pieces + 700 * len(configuration.primitives) + texts


@dataclass(frozen=True, slots=True)
class Verdict:
    """Word, in writing, on whether one incarnation of a node may run something."""

    node: NodeName
    generation: Generation
    """The incarnation meant; a later one is not covered."""
    method: str
    """`admitted`, `left`, `operator`, or the fence device that confirmed it."""
    author: str
    reason: str
    at_wall_ms: Millis
    gates: Gates = Gates()
    """What the incarnation said of itself when it was admitted."""
    to_restore: tuple[str, ...] = ()
    """Fence devices that are to switch the node on again, whoever coordinates then."""
    is_settled: bool = False
    """It repeats the word that stands, and says no more than that this is done, or given up."""

    def replaces(self, known: "Verdict | None") -> bool:
        """Return whether it is the newer word; a late one on an earlier start changes nothing.

        One that is settled changes no other word than its own: the incarnation may have been
        admitted again, for its device had lied.
        """
        if self.is_settled:
            own = (self.generation, self.method)
            return known is not None and (known.generation, known.method) == own
        return known is None or self.generation >= known.generation


@dataclass(frozen=True, slots=True)
class Entry:
    """One log entry; without a payload it is the no-op that begins a term."""

    term: Term
    index: Index
    change: ConfigurationChange | None = None
    verdict: Verdict | None = None
    shelf: ShelfChange | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The applied state at `index`: newest revisions (oldest first), standing verdicts, shelf."""

    index: Index
    term: Term
    revisions: tuple[ConfigurationChange, ...]
    verdicts: tuple[Verdict, ...] = ()
    shelf: tuple[ShelfItem, ...] = ()
    shelf_revision: Index = 0
    shelf_results: tuple[ShelfResult, ...] = ()


@dataclass(frozen=True, slots=True)
class HardState:
    """Term and vote, which must be on disk before any answer that depends on them."""

    term: Term = 0
    voted_for: NodeName | None = None
    disk: Generation = 0
    """The start that found this disk empty; 0: the cluster began with it."""
