"""What a node knows of its own resources, and how that changes.

Owns: the instances of this node, and what it has ended of what is not configured any more; the base
of `local.LocalResources`. Runs nothing.
"""

from dataclasses import replace

from ha_core.config.model import Configuration, Primitive
from ha_core.config.units import unit
from ha_core.effects import Effect, LocalState, Persist
from ha_core.ids import Millis, ResourceId
from ha_core.status import Instance, InstanceState
from ha_core.transition.begun import by_name, look_further, with_former
from ha_core.transition.keeping import kept, remembered
from ha_core.transition.recurring import Recurring
from ha_core.transition.under_way import Local
from ha_core.transition.without_quorum import ends_with_lease

ACTIVE = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)


class OwnInstances:
    """Instances by name, and the number of the report that tells of them."""

    def __init__(self, kept: LocalState) -> None:
        self._items: dict[ResourceId, Local] = {
            item.resource: Local(remembered(item), None) for item in kept.instances
        }
        for name, formers in by_name(kept.orphans).items():
            unknown = Local(Instance(name, InstanceState.UNKNOWN), None)
            local = self._items.setdefault(name, unknown)
            local.primitive, local.formers = formers[0], formers
        self._left = frozenset(orphan.id for orphan in kept.orphans)
        """What ran, or may have run, by an older definition when the last start ended."""
        self._inherited = self._followed = kept.followed
        self._configuration = Configuration()
        self._unlooked: frozenset[ResourceId] = frozenset()
        """What no coordinator asks this node to look for."""
        self._is_admitted = False
        """Whether the log has admitted this start."""
        self._recurring = Recurring()
        self._next_operation = 0
        self._kept = kept
        self._ended: set[ResourceId] = set()
        """What this start knows to have ended here, and has forgotten but for its name."""
        self._asked: set[ResourceId] = set()
        """What was looked for at the coordinator's wish: it waits for word of its end."""
        self.report_id = 1

    # --- reading -------------------------------------------------------------------------

    def instances(self) -> tuple[Instance, ...]:
        """Return every instance, sorted by resource id."""
        return tuple(self._items[key].instance for key in sorted(self._items))

    def has_active(self) -> bool:
        """Return whether anything is active, or about to be."""
        return any(
            item.instance.state in ACTIVE or item.instance.pending in ("start", "stop")
            for item in self._items.values()
        )

    def is_clear(self) -> bool:
        """Return whether nothing is left that has to end with the lease."""
        return not any(ends_with_lease(i.primitive, i.instance) for i in self._items.values())

    def is_all_stopped(self) -> bool:
        """Return whether every instance is known to be stopped: then this node may say goodbye."""
        return all(
            item.instance.state is InstanceState.STOPPED and not item.instance.pending
            for item in self._items.values()
        )

    def deadline_ms(self) -> Millis | None:
        """Return when the next monitor can begin; that of a busy resource waits."""
        due = [
            at
            for resource, at in self._recurring.next_due().items()
            if self._items[resource].running is None
        ]
        return min(due, default=None)

    # --- mechanics -----------------------------------------------------------------------

    def _update(self, local: Local, **changes: object) -> None:
        self._become(local, replace(local.instance, **changes))  # type: ignore[arg-type]  # ours

    def _become(self, local: Local, changed: Instance) -> None:
        if changed.state is InstanceState.STOPPED and look_further(local, self._configuration):
            unknown = InstanceState.UNKNOWN
            changed = replace(changed, state=unknown, stale=False, role=None)
        if changed.state is InstanceState.STOPPED and not changed.pending:
            # What does not run, runs by no old definition: the next start takes the newest.
            changed = replace(changed, stale=False, role=None, migrated_from=None)
            local.primitive = unit(self._configuration, changed.resource) or local.primitive
        if changed != local.instance:
            local.instance = changed
            self.report_id += 1

    def _expect_nothing(self, local: Local) -> None:
        """Go by the newest definition alone where nobody has left anything running."""
        name, state = local.instance.resource, local.instance.state
        if state is InstanceState.UNKNOWN and local.running is None and name not in self._left:
            local.formers = ()
            local.primitive = unit(self._configuration, name) or local.primitive

    def _keep_last(self, local: Local, last: Primitive | None) -> None:
        """Look by the last definition, too, of what is configured no more."""
        if local.formers and last is not None:
            local.formers = with_former(local.formers, last)

    def _persist(self) -> list[Effect]:
        """Return a Persist if failures or orphans differ from what is on disk."""
        state = kept(self._items, self._configuration, self._followed)
        if state == self._kept:
            return []
        self._kept = state
        return [Persist(local=state)]

    def _forget(self, resource: ResourceId) -> None:
        """Forget what is not configured; of what has ended the coordinator may wait for word."""
        instance = self._items[resource].instance
        if instance.state is not InstanceState.STOPPED or instance.pending:
            self._ended.discard(resource)
        else:
            self._ended.add(resource)
            if resource in self._asked:
                return
        del self._items[resource]
        self.report_id += 1

    def _heard(self, resource: ResourceId) -> None:
        """The coordinator has taken word of what it had asked for."""
        local = self._items.get(resource)
        has_ended = local is not None and local.instance.state is InstanceState.STOPPED
        if resource not in self._asked or not has_ended:
            return
        self._asked.discard(resource)
        if unit(self._configuration, resource) is None:
            self._forget(resource)
