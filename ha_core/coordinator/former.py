"""Names under which a primitive ran before it was cloned, uncloned or made unique.

Owns: which primitives may still run somewhere under such a name. Their nodes stop them by
themselves; until that is reported, or proved of a lost node, nothing of them begins under the new
names.
"""

from collections.abc import Iterable, Set

from ha_core.config.model import Configuration
from ha_core.config.units import plain
from ha_core.ids import NodeName, ResourceId
from ha_core.status import ClusterStatus, Instance, InstanceState

_Kept = tuple[tuple[Instance, ...], frozenset[ResourceId]]


class Former:
    """What was found in each node's last report."""

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._kept: dict[NodeName, _Kept] = {}

    def held(
        self, status: ClusterStatus, configuration: Configuration, units: Set[ResourceId]
    ) -> frozenset[ResourceId]:
        """Return the primitives that may run under another name than their `units` have now."""
        if self._configuration is not configuration:
            self._configuration, self._kept = configuration, {}
        found: set[ResourceId] = set()
        for node in status.nodes:
            kept = self._kept.get(node.name)
            if kept is None or kept[0] is not node.instances:
                names = frozenset(plain(item.resource) for item in left(node.instances, units))
                kept = self._kept[node.name] = (node.instances, names)
            found |= kept[1]
        return frozenset(found)


def left(instances: Iterable[Instance], units: Set[ResourceId]) -> tuple[Instance, ...]:
    """Return what may run under a name that is none of the `units` that there are now."""
    return tuple(
        item
        for item in instances
        if item.resource not in units and (item.pending or item.state is not InstanceState.STOPPED)
    )
