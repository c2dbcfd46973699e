"""Configuration and status joined: what each rule of the policy engine asks about.

Owns: who is active where, what still counts of failures, and which nodes may take
something new. Decides nothing.
"""

from collections.abc import Iterable

from ha_core.config.model import Configuration, OnFail
from ha_core.config.units import plain
from ha_core.ids import INFINITY, Millis, NodeName, ResourceId
from ha_core.policy.catalog import Catalog, Resolved as Resolved
from ha_core.policy.reports import Reports
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

_ACTIVE = (
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.BLOCKED,
    InstanceState.UNCERTAIN,
)
BLOCKING = (OnFail.BLOCK, OnFail.FENCE)
"""After such a failure nothing is done until somebody has looked."""
_REACHABLE = (NodeState.ONLINE, NodeState.PENDING, NodeState.SUSPECT)


class Picture:
    """One configuration, one status, one moment."""

    def __init__(
        self,
        configuration: Configuration,
        status: ClusterStatus,
        at_wall_ms: Millis,
        catalog: Catalog | None = None,
        reports: Reports | None = None,
    ) -> None:
        """Join them. `catalog` and `reports`: those of this very configuration, if made before."""
        self.catalog = catalog if catalog is not None else Catalog(configuration)
        self.configuration = configuration
        self.status = status
        self.at_wall_ms = at_wall_ms
        self.is_quorate = status.quorate
        self.groups = self.catalog.groups
        self.nodes = self.catalog.nodes
        self.resources = self.catalog.resources
        self.members = self.catalog.members
        self.names = self.catalog.names
        self.clone_of = self.catalog.clone_of
        self.prefers_connectivity = self.catalog.prefers_connectivity
        self.observed: dict[NodeName, NodeStatus] = {node.name: node for node in status.nodes}
        kept = reports if reports is not None else Reports(self.catalog)
        self.reports = {node.name: kept.of(node) for node in status.nodes}
        self.stopped = kept.stopped({n: r for n, r in self.reports.items() if self._counts(n)})
        """Where each instance is plainly stopped."""
        self.seen: dict[ResourceId, list[tuple[NodeName, Instance]]] = {}
        """By primitive: what nodes tell of it beyond that it is stopped."""
        for name, report in self.reports.items():
            for resource, instance in report.told:
                self.seen.setdefault(resource, []).append((name, instance))
        self.steady = frozenset(
            resource
            for resource, found in self.seen.items()
            if len(found) == 1 and self._is_steady(resource, found[0][0])
        )
        """What runs in one place, on a node that is online, and nothing more is told of it."""
        self._active = {
            resource: active
            for resource, found in self.seen.items()
            if (active := found if resource in self.steady else _actives(found))
        }
        self._unknown: dict[ResourceId, list[NodeName]] = {}
        self._find_unknown()
        self.failing = tuple(
            resource
            for resource, found in self.seen.items()
            if resource not in self.steady
            and any(item.failure is not None or item.fail_count for _, item in found)
        )
        """Primitives of which anything has failed."""
        self.restarts = self._expand(status.restarts)
        self._intended = dict(status.intended)
        self._closing = self._failures_that_close()
        self.closed = {name: reason for name in self.nodes if (reason := self._why_closed(name))}

    def _is_steady(self, resource: ResourceId, node: NodeName) -> bool:
        is_online = self.state(node) is NodeState.ONLINE and node in self.nodes
        return is_online and resource in self.reports[node].steady

    def _counts(self, name: NodeName) -> bool:
        return name in self.nodes and self.is_reachable(name)

    def _find_unknown(self) -> None:
        """Note the reachable nodes of which nobody knows whether a primitive runs there."""
        for name in self.nodes:
            if self.is_reachable(name):
                for resource in self.reports[name].unknown:
                    self._unknown.setdefault(resource, []).append(name)

    # --- resources -----------------------------------------------------------------------

    def instances(self, resource: ResourceId) -> list[tuple[NodeName, Instance]]:
        """Return what is known of the primitive beyond that it is stopped, by node name."""
        return self.seen.get(resource, [])

    def active(self, resource: ResourceId) -> list[tuple[NodeName, Instance]]:
        """Return where the primitive is active, or on its way up or down, or may be."""
        return self._active.get(resource, [])

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
        is_moving = resource in self.catalog.twice and intended in where
        return intended if is_moving or not where else None

    def intended(self, resource: ResourceId) -> NodeName | None:
        """Return where the last plan placed the primitive, if it has begun to go there."""
        return self._intended.get(resource)

    def migrates(self, resource: ResourceId) -> bool:
        """Return whether a live migration of the primitive has begun and not ended."""
        return any(
            item.migrated_to is not None or item.pending == "migrate_to"
            for _, item in self.instances(resource)
        )

    def migration_target(self, resource: ResourceId) -> NodeName | None:
        """Return where its live migration leads, or is to lead."""
        sent = [item.migrated_to for _, item in self.instances(resource)]
        return next((node for node in sent if node is not None), self.intended(resource))

    def unknown(self, resource: ResourceId) -> list[NodeName]:
        """Return the reachable nodes of which nobody knows whether the primitive runs there."""
        return self._unknown.get(resource, [])

    @property
    def unknowns(self) -> Iterable[ResourceId]:
        """The primitives that may run where nobody has looked."""
        return self._unknown

    @property
    def unsteady(self) -> Iterable[ResourceId]:
        """The primitives that are active anywhere, but for those that simply run."""
        return [resource for resource in self._active if resource not in self.steady]

    @property
    def actives(self) -> Iterable[ResourceId]:
        """The primitives that are active anywhere, or may be."""
        return self._active

    @property
    def intentions(self) -> Iterable[ResourceId]:
        """The primitives that the last plan has begun to place."""
        return self._intended

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
        for node, instance in self.instances(resource):
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

    def is_leaving(self, node: NodeName) -> bool:
        """Return whether the node's daemon is being stopped."""
        observed = self.observed.get(node)
        return observed is not None and observed.leaving

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
            word = "being stopped" if self.is_leaving(name) else "in standby"
            return Reason("standby", f"{name} is {word}", name, -INFINITY)
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
        for resource in sorted(self.failing, key=self.catalog.position):
            instances = self.instances(resource)
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


def _actives(found: list[tuple[NodeName, Instance]]) -> list[tuple[NodeName, Instance]]:
    return [(node, item) for node, item in found if _is_active(item)]


def _is_active(item: Instance) -> bool:
    return item.state in _ACTIVE or item.pending in ("start", "stop")
