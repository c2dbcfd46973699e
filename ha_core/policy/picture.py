"""Configuration and status joined: what each rule of the policy engine asks about.

Owns: options resolved through group and defaults, who is active where, and
which nodes may take something new. Decides nothing.
"""

from dataclasses import dataclass
from typing import TypeVar

from ha_core.agents.registry import may_run_twice
from ha_core.config.model import (
    Clone,
    Configuration,
    Meta,
    Node,
    OnFail,
    Primitive,
    TargetRole,
)
from ha_core.config.units import plain
from ha_core.ids import INFINITY, Millis, NodeName, ResourceId
from ha_core.policy.transition import Reason
from ha_core.policy.wording import WORDS_CHARACTERS_MAX, brief
from ha_core.status import (
    ClusterStatus,
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
)

T = TypeVar("T")
_ACTIVE = (
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.BLOCKED,
    InstanceState.UNCERTAIN,
)
BLOCKING = (OnFail.BLOCK, OnFail.FENCE)
"""After such a failure nothing is done until somebody has looked."""
_REACHABLE = (NodeState.ONLINE, NodeState.PENDING, NodeState.SUSPECT)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A primitive with its options as they hold: its own, its group's, the defaults'."""

    primitive: Primitive
    group: ResourceId | None
    clone: Clone | None
    is_managed: bool
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


class Picture:
    """One configuration, one status, one moment."""

    def __init__(
        self, configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis
    ) -> None:
        self.configuration = configuration
        self.status = status
        self.at_wall_ms = at_wall_ms
        self.is_quorate = status.quorate
        self.groups = {m: group for group in configuration.groups for m in group.members}
        self._clones = {clone.member: clone for clone in configuration.clones}
        self._members = {group.id: group.members for group in configuration.groups}
        self.nodes: dict[NodeName, Node] = {
            node.name: node
            for node in sorted(configuration.nodes, key=lambda item: item.name)
            if not node.witness
        }
        self.observed: dict[NodeName, NodeStatus] = {node.name: node for node in status.nodes}
        self.resources = {item.id: self._resolve(item) for item in configuration.primitives}
        self._instances: dict[ResourceId, list[tuple[NodeName, Instance]]] = {
            resource: [] for resource in self.resources
        }
        for node in status.nodes:
            for instance in node.instances:
                found = self._instances.get(instance.resource)
                if found is None and self._clones:
                    found = self._instances.get(plain(instance.resource))
                if found is not None:
                    found.append((node.name, instance))
        self._active = {
            resource: [(node, item) for node, item in found if _is_active(item)]
            for resource, found in self._instances.items()
        }
        self.failing = tuple(
            resource
            for resource, found in self._instances.items()
            if any(item.failure is not None or item.fail_count for _, item in found)
        )
        """Primitives of which anything has failed."""
        self.restarts = self._expand(status.restarts)
        self._intended = dict(status.intended)
        self._closing = self._failures_that_close()
        self.closed = {name: reason for name in self.nodes if (reason := self._why_closed(name))}

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

    # --- resources -----------------------------------------------------------------------

    def instances(self, resource: ResourceId) -> list[tuple[NodeName, Instance]]:
        """Return what is known of the primitive, by node name."""
        return self._instances[resource]

    def active(self, resource: ResourceId) -> list[tuple[NodeName, Instance]]:
        """Return where the primitive is active, or on its way up or down, or may be."""
        return self._active[resource]

    def current(self, resource: ResourceId) -> NodeName | None:
        """Return the one node where it is active; inactive, or in the middle of a move of what may
        run twice, where the last plan meant it to be.
        """
        where = [
            node
            for node, item in self.active(resource)
            if item.state is not InstanceState.UNCERTAIN
        ]
        if len(where) == 1:
            return where[0]
        intended = self._intended.get(resource)
        is_moving = may_run_twice(self.resources[resource].primitive) and intended in where
        return intended if is_moving or not where else None

    def intended(self, resource: ResourceId) -> NodeName | None:
        """Return where the last plan placed the primitive, if it has begun to go there."""
        return self._intended.get(resource)

    def migrates(self, resource: ResourceId) -> bool:
        """Return whether a live migration of the primitive has begun and not ended."""
        return any(
            item.migrated_from is not None or item.pending == "migrate_to"
            for _, item in self._instances[resource]
        )

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

    def unknown(self, resource: ResourceId) -> list[NodeName]:
        """Return the reachable nodes of which nobody knows whether the primitive runs there."""
        found = dict(self._instances[resource])
        return [
            name
            for name in self.nodes
            if self.is_reachable(name)
            and ((item := found.get(name)) is None or item.state is InstanceState.UNKNOWN)
        ]

    def acts_on(self, resource: ResourceId) -> bool:
        """Return whether the cluster may act on the primitive at all."""
        if self.configuration.options.maintenance or not self.resources[resource].is_managed:
            return False
        for name, item in self.active(resource):
            node = self.nodes.get(name)
            if node is not None and node.maintenance and item.state is not InstanceState.UNCERTAIN:
                return False
        return True

    def fail_count(self, resource: ResourceId, instance: Instance) -> int:
        """Return the failures that still count there."""
        failure = self.failure(resource, instance)
        if instance.failure is not None and failure is None:
            return 0
        return instance.fail_count

    def failure(self, resource: ResourceId, instance: Instance) -> Failure | None:
        """Return the failure there, unless its time-out has passed."""
        failure, timeout_ms = instance.failure, self.resources[resource].failure_timeout_ms
        is_for_good = failure is not None and failure.on_fail in BLOCKING
        if failure is None or not timeout_ms or is_for_good:
            return failure
        return None if self.at_wall_ms > failure.at_wall_ms + timeout_ms else failure

    def ban(self, resource: ResourceId, node: NodeName, instance: Instance) -> Reason | None:
        """Return why failures forbid the primitive that node, or None."""
        failure = self.failure(resource, instance)
        cure = f"'ha resource cleanup {resource}' forgets that"
        words = brief(failure.reason, WORDS_CHARACTERS_MAX) if failure is not None else ""
        if failure is not None and failure.kind is FailureKind.HARD:
            text = f"{failure.action} on {node} cannot succeed there ({words})"
            return Reason("hard-failure", text, node, -INFINITY, cure)
        if failure is not None and failure.action == "stop" and failure.on_fail in BLOCKING:
            text = f"its stop failed on {node} ({words})"
            return Reason("failed-stop", text, node, -INFINITY, cure)
        if failure is not None and failure.on_fail is OnFail.IGNORE:
            return None
        count, threshold = self.fail_count(resource, instance), self.resources[resource].threshold
        if threshold and count >= threshold:
            last = f" ({words})" if words else ""
            text = f"it failed to start on {node}{last}"
            if count < INFINITY:
                often = "once" if count == 1 else f"{count} times"
                text = f"it failed {often} on {node}{last}, its migration threshold is {threshold}"
            return Reason("threshold", text, node, -INFINITY, cure)
        return None

    def ban_everywhere(self, resource: ResourceId) -> Reason | None:
        """Return why a failure on some node forbids the primitive all nodes, or None."""
        for node, instance in self._instances[resource]:
            failure = self.failure(resource, instance)
            if failure is None:
                continue
            if failure.kind is FailureKind.FATAL or failure.on_fail is OnFail.STOP:
                words = brief(failure.reason, WORDS_CHARACTERS_MAX)
                text = f"{failure.action} on {node} failed ({words}), which forbids it every node"
                cure = f"'ha resource cleanup {resource}' forgets that"
                return Reason("fatal-failure", text, node, -INFINITY, cure)
        return None

    # --- nodes ---------------------------------------------------------------------------

    def state(self, node: NodeName) -> NodeState:
        """Return the node's observed state; a node that was never observed has left."""
        observed = self.observed.get(node)
        return observed.state if observed is not None else NodeState.LEFT

    def is_reachable(self, node: NodeName) -> bool:
        """Return whether the node belongs to the cluster now, however uncertain its state."""
        return self.state(node) in _REACHABLE

    def may_keep(self, resource: ResourceId, node: NodeName) -> bool:
        """Return whether the node may run it: it is open, or waiting and the current one."""
        reason = self.closed.get(node)
        if node not in self.nodes:
            return False
        if reason is None:
            return True
        return reason.code == "waiting" and self.current(resource) == node

    def _why_closed(self, name: NodeName) -> Reason | None:
        """Return why nothing new may start on the node, or None."""
        node, state = self.nodes[name], self.state(name)
        if state in (NodeState.LOST, NodeState.LEFT):
            return Reason("offline", f"{name} is {state}", name, -INFINITY)
        if node.standby:
            return Reason("standby", f"{name} is in standby", name, -INFINITY)
        if node.maintenance:
            return Reason("maintenance", f"{name} is in maintenance", name, -INFINITY)
        if name in self._closing:
            resource, failure = self._closing[name]
            text = f"{name} is closed because {failure.action} of {resource} failed there"
            cure = f"'ha resource cleanup {resource}' opens it"
            return Reason("on-fail-standby", text, name, -INFINITY, cure)
        if state is not NodeState.ONLINE:
            text = f"{name} is {'not heard' if state is NodeState.SUSPECT else 'about to report'}"
            return Reason("waiting", text, name, -INFINITY)
        return None

    # --- mechanics -----------------------------------------------------------------------

    def _failures_that_close(self) -> dict[NodeName, tuple[ResourceId, Failure]]:
        """Return for each node the first failure that puts it in standby."""
        found: dict[NodeName, tuple[ResourceId, Failure]] = {}
        for resource, instances in self._instances.items():
            for node, instance in instances:
                failure = self.failure(resource, instance) if instance.failure else None
                if failure is not None and failure.on_fail is OnFail.STANDBY:
                    found.setdefault(node, (resource, failure))
        return found

    def _expand(self, names: tuple[ResourceId, ...]) -> frozenset[ResourceId]:
        found: set[ResourceId] = set()
        for name in names:
            found.update(self.members(plain(name)))
        return frozenset(found)

    def _resolve(self, primitive: Primitive) -> Resolved:
        group = self.groups.get(primitive.id)
        clone = self.clone_of(primitive.id)
        metas = (
            primitive.meta,
            group.meta if group else Meta(),
            clone.meta if clone else Meta(),
            self.configuration.defaults.meta,
        )
        role = _first([meta.target_role for meta in metas], TargetRole.STARTED)
        return Resolved(
            primitive=primitive,
            group=group.id if group else None,
            clone=clone,
            is_managed=_first([meta.managed for meta in metas], True),
            wish=role,
            stickiness=_first([meta.stickiness for meta in metas], 1),
            priority=_first([meta.priority for meta in metas], 0),
            threshold=_first([meta.migration_threshold for meta in metas], INFINITY),
            failure_timeout_ms=_first([meta.failure_timeout_ms for meta in metas], 0),
            needs_connectivity=_first([meta.needs_connectivity for meta in metas], False),
        )


def _is_active(item: Instance) -> bool:
    return item.state in _ACTIVE or item.pending in ("start", "stop")


def _first(values: list[T | None], default: T) -> T:
    return next((value for value in values if value is not None), default)
