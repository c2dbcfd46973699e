"""Which revision gave each resource the definition that it has.

Owns: what an order to begin something asks of its node. A node that lags behind
would begin it by an older definition, by which it must perhaps not exist where
the plan, made by the newer one, may have it.
"""

from ha_core.config.model import Configuration, Primitive
from ha_core.config.units import units
from ha_core.ids import ResourceId, Revision


class Redefined:
    """Revisions by the names of units, as far as this coordinator's term goes back."""

    def __init__(self, configuration: Configuration, revision: Revision) -> None:
        """`revision`: the newest when the term began; what changed before is not looked at."""
        self._first = revision
        self._changed: dict[ResourceId, Revision] = {}
        self._units = {item.id: item for item in units(configuration)}

    def follow(self, configuration: Configuration, revision: Revision) -> None:
        """Take the next final revision."""
        found = {item.id: item for item in units(configuration)}
        for name, item in found.items():
            before = self._units.get(name)
            if before is not item and (before is None or _gist(before) != _gist(item)):
                self._changed[name] = revision
        self._units = found

    def since(self, resource: ResourceId) -> Revision:
        """Return the revision that a node must hold before it begins the resource."""
        return self._changed.get(resource, self._first)


def _gist(item: Primitive) -> tuple[object, ...]:
    """Return what of a definition a second one beside it depends on."""
    copy = item.copy
    shape = None if copy is None else (copy.clone.unique, copy.clone.promotable, copy.number)
    return item.agent, item.parameters, item.meta.exclusivity, shape
