"""Forgets what is kept of nodes, resources and constraints that are configured no more.

Owns: when a name counts as gone. One that was configured is gone as soon as it is not; one that
never was, as of what was made and deleted between two looks, after a minute: what is kept of it may
have come first.
"""

import asyncio
import logging
from collections.abc import Iterable, Set as AbstractSet
from typing import Final, Protocol

from cim_provider.drafts import DraftError, DraftStore
from cim_provider.engine import ClusterEngine, ClusterView, EngineState

LOOK_S: Final = 5.0
LOOKS_STRANGE: Final = 12
"""So many looks in a row find a name that was never configured before it counts as gone."""

log = logging.getLogger(__name__)


class Keeps(Protocol):
    """Whoever keeps something by the names of nodes and resources."""

    @property
    def names(self) -> AbstractSet[str]:
        """Return the names of which something is kept."""
        ...

    def forget(self, names: AbstractSet[str]) -> None:
        """Keep nothing of these any more."""
        ...


class Gone:
    """Tells which names are gone."""

    def __init__(self) -> None:
        self._known: AbstractSet[str] = frozenset()
        self._strange: dict[str, int] = {}

    def among(self, met: Iterable[str], known: AbstractSet[str]) -> set[str]:
        """Return those of the names that are gone; `known` are configured now. Asked each look."""
        strange = set(met) - known
        self._strange = {name: self._strange.get(name, 0) + 1 for name in strange}
        before, self._known = self._known, known
        return {
            name
            for name, looks in self._strange.items()
            if name in before or looks >= LOOKS_STRANGE
        }


class Forgetter:
    """Looks every few seconds; `drafts` has the names that clients gave to parts of resources."""

    def __init__(self, engine: ClusterEngine, drafts: DraftStore, figures: Keeps) -> None:
        self._engine = engine
        self._drafts = drafts
        self._figures = figures
        self._of_names, self._of_figures = Gone(), Gone()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look once; what cannot be forgotten now is at a later look."""
        view = await self._engine.view()
        if view.engine is not EngineState.RUNNING:
            return
        known, kept = configured(view), self._drafts.held()
        self._figures.forget(self._of_figures.among(self._figures.names, known))
        for owner in self._of_names.among(kept.names, known | kept.drafts.keys()):
            try:
                await self._drafts.forget_names(owner)
            except DraftError as fault:
                log.debug("the names of what was in %s stay for now: %s", owner, fault)
                return


def configured(view: ClusterView) -> frozenset[str]:
    """Return the names of all that is configured and may have parts, or figures."""
    settings = view.settings
    lists = (
        view.primitives,
        view.groups,
        view.clones,
        view.facts.devices,
        settings.locations,
        settings.colocations,
        settings.orders,
        settings.ticket_constraints,
    )
    return frozenset((*(node.name for node in view.nodes), *(e.id for each in lists for e in each)))
