"""What a configuration says of its resources, with every option resolved.

Owns: options through group, clone and defaults, names, and which of them belong together. Nothing
here depends on what is observed: it is made once for each configuration.
"""

from dataclasses import dataclass
from typing import TypeVar

from ha_core.agents.registry import may_run_twice
from ha_core.config.model import Clone, Configuration, Meta, Node, Primitive, TargetRole
from ha_core.ids import INFINITY, Millis, NodeName, ResourceId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A primitive with its options as they hold: its own, its group's, the defaults'."""

    primitive: Primitive
    group: ResourceId | None
    clone: Clone | None
    is_managed: bool
    rests: bool
    """It is in maintenance itself."""
    wish: TargetRole
    stickiness: int
    priority: int
    threshold: int
    failure_timeout_ms: Millis
    needs_connectivity: bool

    @property
    def is_wanted(self) -> bool:
        """Whether it is wanted in any role but stopped."""
        return self.wish is not TargetRole.STOPPED

    @property
    def id(self) -> ResourceId:
        """The primitive's id."""
        return self.primitive.id


class Catalog:
    """The primitives, groups, clones and usable nodes of one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.groups = {m: group for group in configuration.groups for m in group.members}
        self._clones = {clone.member: clone for clone in configuration.clones}
        self._members = {group.id: group.members for group in configuration.groups}
        self.nodes: dict[NodeName, Node] = {
            node.name: node
            for node in sorted(configuration.nodes, key=lambda item: item.name)
            if not node.witness
        }
        self.resources = {item.id: self._resolve(item) for item in configuration.primitives}
        self.order = tuple(sorted(self.resources))
        """All primitives by name."""
        self._positions = {name: number for number, name in enumerate(self.resources)}
        self.twice = frozenset(r for r, i in self.resources.items() if may_run_twice(i.primitive))
        """What may run on several nodes at once without harm."""

    def position(self, resource: ResourceId) -> int:
        """Return the primitive's place in the order of the file."""
        return self._positions[resource]

    @property
    def has_clones(self) -> bool:
        """Whether anything is cloned."""
        return bool(self._clones)

    def members(self, name: ResourceId) -> tuple[ResourceId, ...]:
        """Return the primitives of a group or clone, or the name itself."""
        clone = self.configuration.clone(name) if self._clones else None
        name = clone.member if clone is not None else name
        return self._members.get(name, (name,))

    def names(self, resource: ResourceId) -> tuple[ResourceId, ...]:
        """Return the names under which constraints may speak of a primitive: its own, and of the
        first of a group and of what is cloned also those.
        """
        found: tuple[ResourceId, ...] = (resource,)
        group = self.groups.get(resource)
        if group is not None:
            if group.members[0] != resource and group.colocated:
                return found
            found = (resource, group.id)
        clone = self._clones.get(found[-1])
        return (*found, clone.id) if clone is not None else found

    def clone_of(self, resource: ResourceId) -> Clone | None:
        """Return the clone that the primitive is in, or None."""
        group = self.groups.get(resource)
        return self._clones.get(group.id if group is not None else resource)

    def prefers_connectivity(self, item: Resolved) -> int:
        """Return the score of each ping target that a node reaches.

        The wish of a group, or of a clone, counts once: for its first member.
        """
        found = item.primitive.meta.prefers_connectivity
        group = self.groups.get(item.id)
        for whole in (group, item.clone):
            if found is None and whole is not None:
                found = whole.meta.prefers_connectivity
                if found is not None and group is not None and group.members[0] != item.id:
                    return 0
        default = self.configuration.defaults.meta.prefers_connectivity
        return found if found is not None else default or 0

    def _resolve(self, primitive: Primitive) -> Resolved:
        group = self.groups.get(primitive.id)
        clone = self.clone_of(primitive.id)
        metas = (
            primitive.meta,
            group.meta if group else Meta(),
            clone.meta if clone else Meta(),
            self.configuration.defaults.meta,
        )
        rests = _first([meta.maintenance for meta in metas], False)
        role = _first([meta.target_role for meta in metas], TargetRole.STARTED)
        return Resolved(
            primitive=primitive,
            group=group.id if group else None,
            clone=clone,
            is_managed=_first([meta.managed for meta in metas], True) and not rests,
            rests=rests,
            wish=role,
            stickiness=_first([meta.stickiness for meta in metas], 1),
            priority=_first([meta.priority for meta in metas], 0),
            threshold=_first([meta.migration_threshold for meta in metas], INFINITY),
            failure_timeout_ms=_first([meta.failure_timeout_ms for meta in metas], 0),
            needs_connectivity=_first([meta.needs_connectivity for meta in metas], False),
        )


def _first(values: list[T | None], default: T) -> T:
    return next((value for value in values if value is not None), default)
