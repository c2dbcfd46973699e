"""What a node finds on its disk when it starts."""

from dataclasses import dataclass

from ha_core.effects import LocalState
from ha_core.ids import Generation
from ha_core.journal import Journaled
from ha_core.replication.entries import Entry, HardState, Snapshot


@dataclass(frozen=True, slots=True)
class Recovered:
    """Durable state at start; `generation` has already been raised for this start.

    A cluster begins with equal bootstrap snapshots (index 1, term 1, revision 1) on its first
    nodes; a joining node begins with no snapshot and waits for the coordinator's.
    """

    generation: Generation
    hard_state: HardState = HardState()
    snapshot: Snapshot | None = None
    entries: tuple[Entry, ...] = ()
    local: LocalState = LocalState()
    journal: Journaled = Journaled()
