"""The last results of all operations, and how the nodes hear each other, as the daemon tells them.

Owns: that table, and when something goes from it: what is told of a resource or node that is no
longer configured. The daemon may tell of one that is configured only in a later snapshot.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from cim_provider.views.history import ResultView, order_of
from ha_core.config.model import Configuration
from ha_core.observed import LinkStanding
from ha_core.snapshot import ClusterSnapshot

REVISIONS_STRANGE: Final = 10
"""For so many revisions something may be told of what is not configured yet."""


class Observed:
    """Results, sorted by `order_of`, and links; the same tuples until something changes."""

    def __init__(self) -> None:
        self._results: list[ResultView] = []
        self._orders: list[tuple[str, str, str, int]] = []
        self._links: dict[tuple[str, str, str], LinkStanding] = {}
        self._configuration: Configuration | None = None
        self._known: frozenset[str] = frozenset()
        """Names that are configured."""
        self._strange: dict[str, int] = {}
        """Names that are not, each with the revision at which it was met."""
        self._is_looked_at = True
        """Nothing has come since it was looked for what is gone."""
        self.results: tuple[ResultView, ...] = ()
        self.links: tuple[LinkStanding, ...] = ()

    def clear(self) -> None:
        """Forget all: the daemon begins anew."""
        self._results, self._orders, self._links = [], [], {}
        self.results, self.links = (), ()

    def take(self, results: Iterable[ResultView], links: Iterable[LinkStanding]) -> None:
        """Take what is new."""
        is_new = False
        for each in results:
            is_new = True
            order = order_of(each)
            place = bisect_left(self._orders, order)
            if place < len(self._orders) and self._orders[place] == order:
                self._results[place] = each
            else:
                self._orders.insert(place, order)
                self._results.insert(place, each)
        if is_new:
            self.results = tuple(self._results)
        for link in links:
            is_new = True
            self._links[link.node, link.link, link.peer] = link
            self.links = ()
        self._is_looked_at = self._is_looked_at and not is_new
        self.links = self.links or tuple(self._links.values())

    def forget(self, snapshot: ClusterSnapshot) -> None:
        """Drop what is told of resources and nodes that are gone."""
        configuration = snapshot.configuration
        if configuration is not self._configuration:
            before, self._known = self._known, _names(configuration)
            self._configuration = configuration
            self._drop(before - self._known)
        elif self._is_looked_at:
            return
        self._is_looked_at = True
        strange = {name for each in self._results for name in _about(each)} - self._known
        strange |= {name for each in self._links.values() for name in (each.node, each.peer)}
        strange -= self._known
        self._strange = {name: self._strange.get(name, snapshot.revision) for name in strange}
        old = snapshot.revision - REVISIONS_STRANGE
        self._drop({name for name, since in self._strange.items() if since <= old})

    def _drop(self, names: set[str] | frozenset[str]) -> None:
        if not names:
            return
        kept = [each for each in self._results if names.isdisjoint(_about(each))]
        if len(kept) < len(self._results):
            self._results, self.results = kept, tuple(kept)
            self._orders = list(map(order_of, kept))
        links = {
            key: each
            for key, each in self._links.items()
            if names.isdisjoint((each.node, each.peer))
        }
        if len(links) < len(self._links):
            self._links, self.links = links, tuple(links.values())


def _about(result: ResultView) -> tuple[str, str]:
    """Return the names of the node and the primitive that a result is about."""
    return (result.node, result.resource.partition(":")[0])


def _names(configuration: Configuration) -> frozenset[str]:
    return frozenset(
        str(each)
        for each in (
            *(node.name for node in configuration.nodes),
            *(primitive.id for primitive in configuration.primitives),
        )
    )
