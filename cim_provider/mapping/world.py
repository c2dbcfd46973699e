"""What one request sees: one view of the cluster and who the server is.

Owns: `World`, the constants of paths, and the look-ups that several rows need.
What a part of the server itself keeps comes from a `Holder`.
Everything in an answer is of one moment, since it is made from one world. Knows
nothing of CIM classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol, TypeVar

from cim_provider.engine import (
    CloneView,
    ClusterView,
    EngineState,
    GroupView,
    InstanceView,
    NodeView,
    PrimitiveView,
)
from cim_provider.views.facts import DeviceFacts, NodeFacts, ResourceFacts

CLUSTER_NAME: Final = "LinuxHACluster"
"""Name of the cluster in paths. Source: Linux-HA 2.1's provider; scripts rely on it."""
CLUSTER_CLASS: Final = "HA_Cluster"
REACHED: Final = frozenset({"online", "standby", "maintenance"})
"""States of a node that is heard."""
_CHANGES: Final = frozenset(
    {
        "resource-started",
        "resource-stopped",
        "resource-failed",
        "resource-blocked",
        "resource-found",
        "resource-promoted",
        "resource-demoted",
        "resource-migrated",
    }
)
"""Events with which the state of a resource changes."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Who answers: `host` and `name` are part of the paths of the interop namespace."""

    host: str = "localhost"
    name: str = "beatkeeper"
    """Stays the same for as long as the server is installed."""
    version: str = ""
    has_slp: bool = False
    """Whether the server makes itself known by SLP."""


class Holder(Protocol):
    """A part of the server whose objects are not the cluster's, such as subscriptions."""

    @property
    def name(self) -> str:
        """Under which its rows find what it holds."""
        ...

    @property
    def version(self) -> str:
        """Differs after every change that a read would show, and never comes back."""
        ...

    def held(self) -> object:
        """Return what it holds now, as a value that never changes."""
        ...


T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """One view and the server's identity; look-ups are made once and kept."""

    view: ClusterView
    server: ServerIdentity
    holdings: Mapping[str, object] = field(default_factory=dict)
    """What each holder holds, by its name."""
    version: str = ""
    """Differs from those of all other worlds that a read would tell apart."""
    held_versions: Mapping[str, str] = field(default_factory=dict)
    """Version of what each holder holds, by its name."""

    @cached_property
    def links(self) -> dict[tuple[str, str], Any]:
        """Return the pairs by their ends, by association and namespace; filled when walked."""
        return {}

    def held(self, name: str, kind: type[T]) -> T | None:
        """Return what a holder holds, None where this server has no such holder."""
        found = self.holdings.get(name)
        assert found is None or isinstance(found, kind), f"{name} holds no {kind.__name__}"
        return found

    @property
    def running(self) -> bool:
        """Return whether the cluster could be asked."""
        return self.view.engine is EngineState.RUNNING

    @property
    def answering(self) -> bool:
        """Return whether the cluster is known to run or known to be stopped."""
        return self.view.engine is not EngineState.NOT_ANSWERING

    @cached_property
    def nodes(self) -> Mapping[str, NodeView]:
        """Return the nodes by name."""
        return {node.name: node for node in self.view.nodes}

    @cached_property
    def primitives(self) -> Mapping[str, PrimitiveView]:
        """Return the primitives by id."""
        return {each.id: each for each in self.view.primitives}

    @cached_property
    def groups(self) -> Mapping[str, GroupView]:
        """Return the groups by id."""
        return {each.id: each for each in self.view.groups}

    @cached_property
    def clones(self) -> Mapping[str, CloneView]:
        """Return the clones by id."""
        return {each.id: each for each in self.view.clones}

    @cached_property
    def devices(self) -> Mapping[str, DeviceFacts]:
        """Return the fence devices by id; a name that a resource has too means the resource."""
        taken = self.primitives.keys() | self.groups.keys() | self.clones.keys()
        return {each.id: each for each in self.view.facts.devices if each.id not in taken}

    def is_promotable(self, primitive: PrimitiveView) -> bool:
        """Return whether instances of a primitive have roles."""
        clone = self.clones.get(primitive.clone)
        return clone is not None and clone.is_promotable

    def copied(self, clone: CloneView) -> tuple[PrimitiveView, ...]:
        """Return the primitives of which a clone runs several instances, in order."""
        group = self.groups.get(clone.member)
        if group is not None:
            return self.members(group)
        return (self.primitives[clone.member],) if clone.member in self.primitives else ()

    def members(self, group: GroupView) -> tuple[PrimitiveView, ...]:
        """Return the primitives of a group, in its order."""
        return tuple(self.primitives[each] for each in group.members if each in self.primitives)

    @cached_property
    def active(self) -> Mapping[str, tuple[str, ...]]:
        """Return the ids of the primitives that are active, by node."""
        found: dict[str, list[str]] = {}
        for primitive in self.view.primitives:
            for node in primitive.nodes:
                found.setdefault(node, []).append(primitive.id)
        return {node: tuple(ids) for node, ids in found.items()}

    @cached_property
    def instances(self) -> Mapping[str, tuple[InstanceView, ...]]:
        """Return what is known of primitives, by node."""
        found: dict[str, list[InstanceView]] = {}
        for primitive in self.view.primitives:
            for instance in primitive.instances:
                found.setdefault(instance.node, []).append(instance)
        return {node: tuple(known) for node, known in found.items()}

    @cached_property
    def changed_ms(self) -> Mapping[str, int]:
        """Return when each primitive began, ended or failed last, as far as the journal goes."""
        found: dict[str, int] = {}
        for event in self.view.history.events:
            if event.kind in _CHANGES:
                name = event.subject.partition(":")[0]
                found[name] = max(found.get(name, 0), event.at_wall_ms)
        return found

    @cached_property
    def turned_ms(self) -> Mapping[str, int]:
        """Return when standby or maintenance of each node began or ended last; "": of all."""
        return {
            name: revision.wall_ms
            for revision in self.view.history.revisions
            for name in revision.turned
        }

    @cached_property
    def node_facts(self) -> Mapping[str, NodeFacts]:
        """Return more of the nodes, by name."""
        return {item.name: item for item in self.view.facts.nodes}

    @cached_property
    def resource_facts(self) -> Mapping[str, ResourceFacts]:
        """Return more of primitives, groups and clones, by id."""
        return {item.id: item for item in self.view.facts.resources}
