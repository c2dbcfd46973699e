"""What the configuration, as it is and as it was in this term, says of an instance on a lost node.

Owns: how long it may run on there, whether that does harm, whether it can without storage, and
whether the administrator minds.
"""

from collections.abc import Iterable
from dataclasses import replace

from ha_core.agents.registry import (
    as_exclusive,
    does_no_harm,
    exclusivity_of,
    guard_of,
    is_held,
    may_run_twice,
)
from ha_core.config.model import Configuration, Exclusivity, Primitive
from ha_core.config.units import plain, unit, units
from ha_core.gates import Gates
from ha_core.ids import Millis, ResourceId
from ha_core.status import Instance, InstanceState, NodeStatus
from ha_core.timers import with_drift


class Definitions:
    """Definitions by the names of instances."""

    def __init__(self) -> None:
        self._configuration = Configuration()
        self._former: dict[ResourceId, Primitive] = {}
        """Of what was removed in this term, as it was: it may run for a while."""

    def configure(self, configuration: Configuration) -> None:
        """Follow the configuration, and remember the one before."""
        self._former.update({item.id: item for item in units(self._configuration)})
        self._configuration = configuration

    def former(self, name: ResourceId) -> Primitive | None:
        """Return what ran in this term under a name that nothing has any more."""
        return self._former.get(name)

    def extra_ms(self, item: Instance, gates: Gates) -> Millis | None:
        """Return how long after the lease a guard has ended the instance at the latest; None if
        none does, as of a stranger nobody knows.

        What does no harm need not end, unless it has another name by now: then it may be exclusive.
        What a guard ends all the same, but late, may become exclusive before it has.
        """
        primitive = self._of(item.resource)
        if primitive is not None and does_no_harm(primitive, item.role):
            if not self._is_renamed(item.resource) and not is_held(primitive):
                return 0
            primitive = as_exclusive(primitive)
        guard = guard_of(primitive, gates) if primitive is not None else None
        if guard is None or not guard.bounded:
            return None
        return with_drift(guard.extra_ms) if guard.extra_ms else 0

    def harmless(self, items: Iterable[Instance]) -> frozenset[ResourceId]:
        """Return which of these may run on: several of them do no harm, and no guard ends them."""
        found = ((item, self._of(item.resource)) for item in items)
        return frozenset(
            item.resource
            for item, known in found
            if known is not None and does_no_harm(known, item.role) and not is_held(known)
        )

    def on_storage(self) -> frozenset[ResourceId]:
        """Return what can do no harm once its node is cut off from its storage: not by what it is
        now, nor by what it was, by which it may run.
        """
        current = {item.id: item for item in units(self._configuration)}
        known = (*self._former.values(), *current.values())
        others = {item.id for item in known if exclusivity_of(item) is not Exclusivity.DEVICE}
        return frozenset(item.id for item in known if item.id not in others)

    def _of(self, name: ResourceId) -> Primitive | None:
        return unit(self._configuration, name) or self._former.get(name)

    def _is_renamed(self, name: ResourceId) -> bool:
        is_known = unit(self._configuration, name) is not None
        return not is_known and self._configuration.primitive(plain(name)) is not None


def accepting(configuration: Configuration, node: NodeStatus) -> NodeStatus:
    """Return what is uncertain as stopped where the administrator has accepted that in words, or
    has said that it may run twice.
    """
    if all(item.state is not InstanceState.UNCERTAIN for item in node.instances):
        return node
    return replace(
        node,
        instances=tuple(
            replace(item, state=InstanceState.STOPPED)
            if item.state is InstanceState.UNCERTAIN and _is_accepted(configuration, item.resource)
            else item
            for item in node.instances
        ),
    )


def _is_accepted(configuration: Configuration, name: ResourceId) -> bool:
    found = unit(configuration, name)
    return found is not None and (bool(found.meta.accept_risk) or may_run_twice(found))
