"""A holder's reading of the journal: where it begins, and what is still to be told.

Owns: the look back of a new holder. The one before went by the numbers of its
own node's journal, which may have lacked events that this node's has.
"""

from collections.abc import Callable
from typing import Final

from cim_provider.engine import ClusterEngine
from cim_provider.indications.keeper_events import Found
from cim_provider.indications.telling import Progress, beginning, untold

LOOK_BACK: Final = 256
"""So many of the newest events are compared with what was told."""


class Following:
    """The journal as one holder reads it."""

    def __init__(self, engine: ClusterEngine, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._wake = wake
        self.has_looked_back = False
        """What the holder before did not know of has been told."""

    def progress(self, progress: Progress, *, wants_alerts: bool) -> Progress:
        """Return how far the journal is told: from now on when somebody begins to ask for alerts,
        and to nobody when nobody does.
        """
        if not wants_alerts:
            return Progress()
        if progress.events >= 0:
            return progress
        return beginning(self._engine.newest_event(), self._engine.recent_events(LOOK_BACK))

    async def found(self, progress: Progress) -> list[Found]:
        """Return the events of the journal that were not told yet."""
        if progress.events < 0:
            return []
        events = await self._engine.events(progress.events)
        if events and events[-1].seq < self._engine.newest_event():
            self._wake()  # that is not all
        if not self.has_looked_back:
            events = (*untold(self._engine.recent_events(LOOK_BACK), progress), *events)
        return [Found((), event=event) for event in events]
