"""What the replication machine tells the node besides effects."""

from dataclasses import dataclass

from ha_core.ids import NodeName, Term
from ha_core.replication.entries import Entry, Snapshot


@dataclass(frozen=True, slots=True)
class Elected:
    """This node leads and has committed the first entry of its term: now it may act."""

    term: Term


@dataclass(frozen=True, slots=True)
class Deposed:
    """This node does not lead any more."""

    term: Term


@dataclass(frozen=True, slots=True)
class LeaderHeard:
    """A sign of life of the current leader arrived."""

    leader: NodeName
    term: Term


@dataclass(frozen=True, slots=True)
class Applied:
    """An entry is committed; told for each in order."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class SnapshotInstalled:
    """The applied state was replaced by the leader's snapshot."""

    snapshot: Snapshot


Signal = Elected | Deposed | LeaderHeard | Applied | SnapshotInstalled
