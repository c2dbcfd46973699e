"""Names and definitions under which a primitive ran before an edit, and under which it will run.

Owns: which primitives may still run somewhere under a name that they have no more, be it that they
were cloned, uncloned or made unique, or that they were renamed. Their nodes stop them by
themselves; until that is reported, or proved of a lost node, nothing of them begins under the new
names. And which an edit redefines that is on its way: it was judged by what ran until then.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Final

from ha_core.config.model import Configuration, Primitive
from ha_core.config.units import plain, units
from ha_core.ids import NodeName, ResourceId
from ha_core.status import ClusterStatus, Instance, InstanceState

Defined = Callable[[ResourceId], Primitive | None]
"""Returns what ran under a name by the newest revision that has it."""
_Kept = tuple[tuple[Instance, ...], frozenset[ResourceId]]
_ADDRESSES: Final = ("address", "ip", "ipv6addr")
"""Parameters that name a service address, of whatever agent."""


class Former:
    """What was found in each node's last report."""

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._kept: dict[NodeName, _Kept] = {}

    def held(
        self,
        status: ClusterStatus,
        configuration: Configuration,
        names: Set[ResourceId],
        defined: Defined,
    ) -> frozenset[ResourceId]:
        """Return the primitives that may run under another name than any of `names`, which are
        those that their units have now.
        """
        if self._configuration is not configuration:
            self._configuration, self._kept = configuration, {}
        found: set[ResourceId] = set()
        for node in status.nodes:
            kept = self._kept.get(node.name)
            if kept is None or kept[0] is not node.instances:
                there = left(node.instances, names)
                kept = (node.instances, frozenset(_names(configuration, there, defined)))
                self._kept[node.name] = kept
            found |= kept[1]
        return frozenset(found)


def left(instances: Iterable[Instance], units: Set[ResourceId]) -> tuple[Instance, ...]:
    """Return what may run under a name that is none of the `units` that there are now."""
    return tuple(
        item
        for item in instances
        if item.resource not in units and (item.pending or item.state is not InstanceState.STOPPED)
    )


def redefined(
    present: Mapping[ResourceId, Primitive], coming: Configuration | None
) -> frozenset[ResourceId]:
    """Return the primitives that an edit on its way redefines or removes, given `present` units."""
    if coming is None:
        return frozenset()
    later = {item.id: item for item in units(coming)}
    return frozenset(plain(name) for name, item in present.items() if later.get(name) != item)


def _names(
    configuration: Configuration, instances: Iterable[Instance], defined: Defined
) -> Iterable[ResourceId]:
    """Yield the names that primitives have now of which these may be instances."""
    for item in instances:
        name = plain(item.resource)
        yield name
        old = defined(item.resource)
        if old is not None and configuration.primitive(name) is None:
            yield from (new.id for new in configuration.primitives if _is_renamed(old, new))


def _is_renamed(old: Primitive, new: Primitive) -> bool:
    """Return whether two definitions are of one thing: by an address, or by all parameters."""
    before, after = dict(old.parameters), dict(new.parameters)
    addresses = {before[key].casefold() for key in _ADDRESSES if key in before}
    if addresses & {after[key].casefold() for key in _ADDRESSES if key in after}:
        return True
    return bool(before) and before == after and old.agent == new.agent
