"""Coordinator's executor: turns the ready actions of a plan into orders, one per resource and node.

Owns: the orders that are out. Keeps safety by itself, whatever the plan says:
no start is ordered while any other node may have the resource, counting
orders that are out. Knows nothing of why actions are wanted.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from ha_core.config.choices import Role
from ha_core.config.model import Configuration
from ha_core.config.units import plain, unit
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.transition import Action, ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus

ORDERS_PER_TERM = 1_000_000_000
"""Order ids of a term begin at term times this, so that they grow across coordinators."""

_PENDING_WORD = {kind: str(kind) for kind in ActionKind} | {ActionKind.PROBE: "monitor"}
BEGINS = (ActionKind.START, ActionKind.PROMOTE, ActionKind.MIGRATE_FROM)
"""What makes a resource exist somewhere, or gives it the right that one alone may have."""
DEFINED = (*BEGINS, ActionKind.PROBE)
"""What a node that does not hold the newest definition yet would do by another one."""
_COMING_OR_GOING = ("start", "stop", "migrate_from")
_RUNS = (
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.BLOCKED,
    InstanceState.UNCERTAIN,
)
_ACTIVE = (*_RUNS, InstanceState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that is not known to be over; sent again until the node has accepted it."""

    order_id: int
    node: NodeName
    resource: ResourceId
    kind: ActionKind
    reason: str
    incident: str = ""
    cleanup: bool = False
    sent_ms: Millis = 0
    handover: bool = False
    peer: NodeName | None = None
    notice: tuple[tuple[str, str], ...] = ()
    fail: bool = False


class Executor:
    """Walks the plan: which orders to give now, and which are over."""

    def __init__(self, term: int) -> None:
        self._next_id = term * ORDERS_PER_TERM
        self.open: dict[tuple[ResourceId, NodeName], OpenOrder] = {}
        self.begun = 0
        """How often orders were given while none was under way."""

    def overlay(self, status: NodeStatus) -> NodeStatus:
        """Return the node's report with the orders that are out shown as pending."""
        orders = {o.resource: o for (_, node), o in self.open.items() if node == status.name}
        if not orders:
            return status
        instances = {item.resource: item for item in status.instances}
        for resource, order in orders.items():
            instance = instances.get(resource, Instance(resource, InstanceState.UNKNOWN))
            if instance.order_id < order.order_id:
                instances[resource] = replace(instance, pending=_PENDING_WORD[order.kind])
        return replace(status, instances=tuple(instances[key] for key in sorted(instances)))

    def reported(self, status: NodeStatus, configuration: Configuration) -> bool:
        """Drop the orders that a node's report shows to be over; return whether any was.

        An order is over, too, when neither the node nor the configuration has its resource.
        """
        over = []
        for key, order in self.open.items():
            if order.node != status.name:
                continue
            instance = status.instance(order.resource)
            if instance is None:
                if unit(configuration, order.resource) is None:
                    over.append(key)
            elif instance.order_id >= order.order_id and not instance.pending:
                over.append(key)
        for key in over:
            del self.open[key]
        return bool(over)

    def is_open(self, spot: tuple[ResourceId, NodeName]) -> bool:
        """Return whether an order for that resource and node is not known to be over."""
        return spot in self.open

    def starting(self) -> frozenset[tuple[ResourceId, NodeName]]:
        """Return where starts were ordered that are not known to be over: it may run there."""
        begins = (ActionKind.START, ActionKind.MIGRATE_FROM)
        return frozenset(k for k, order in self.open.items() if order.kind in begins)

    def arriving(self) -> frozenset[tuple[ResourceId, NodeName]]:
        """Return what nodes were told to hand on alive, and where it may be by now."""
        return frozenset(
            (order.resource, order.peer)
            for order in self.open.values()
            if order.kind is ActionKind.MIGRATE_TO and order.peer is not None
        )

    def handed_by(self, node: NodeName) -> frozenset[tuple[ResourceId, NodeName]]:
        """Return what that node was told to hand on alive, and where it may be by now."""
        return frozenset(
            (order.resource, order.peer)
            for order in self.open.values()
            if order.node == node and order.kind is ActionKind.MIGRATE_TO and order.peer is not None
        )

    @property
    def newest(self) -> int:
        """The number of the newest order that was given."""
        return self._next_id

    def promoting(self) -> frozenset[tuple[ResourceId, NodeName]]:
        """Return where promotions were ordered that are not known to be over."""
        return frozenset(k for k, o in self.open.items() if o.kind is ActionKind.PROMOTE)

    def void(self, node: NodeName) -> None:
        """Forget the orders to a node whose admission has ended: it will not accept them any
        more.
        """
        self.open = {key: order for key, order in self.open.items() if order.node != node}

    def next_orders(
        self,
        transition: Transition,
        status: ClusterStatus,
        incidents: Mapping[ResourceId, str],
        now_ms: Millis,
        doubles: Set[ResourceId] = frozenset(),
        ours: Set[ResourceId] = frozenset(),
        promotable: Mapping[ResourceId, int] = MappingProxyType({}),
        held: Set[ResourceId] = frozenset(),
    ) -> list[OpenOrder]:
        """Return the orders to give now, in plan order; they are remembered as open.

        `doubles`: what may run on several nodes at once without harm. `ours`:
        what ran in this cluster until now. `promotable`: how many may be
        promoted at once, by the primitive's plain id. `held`: primitives that
        may run under a name that they had before: nothing of them begins.
        """
        given, was_at_rest = [], not self.open
        for action in transition.actions:
            if action.key.kind in BEGINS and plain(action.key.resource) in held:
                continue
            if not action.after and self._may(action, status, doubles, promotable):
                incident = incidents.get(action.key.resource, "")
                given.append(self._open(action, incident, now_ms, ours))
        self.begun += was_at_rest and bool(given)
        return given

    def cleanup(
        self, resource: ResourceId, node: NodeName, incident: str, now_ms: Millis
    ) -> OpenOrder:
        """Open an order to forget failures and to look again."""
        self._next_id += 1
        reason = "failures were cleaned up"
        order = OpenOrder(
            self._next_id, node, resource, ActionKind.PROBE, reason, incident, True, now_ms
        )
        self.open[(resource, node)] = order
        return order

    def fail(self, resource: ResourceId, node: NodeName, reason: str, now_ms: Millis) -> OpenOrder:
        """Open an order to take what runs as failed."""
        self._next_id += 1
        order = OpenOrder(
            self._next_id, node, resource, ActionKind.PROBE, reason, sent_ms=now_ms, fail=True
        )
        self.open[(resource, node)] = order
        return order

    def due(self, status: NodeStatus, before_ms: Millis, now_ms: Millis) -> list[OpenOrder]:
        """Return orders to send again: not accepted yet and last sent at or before `before_ms`."""
        again = []
        for key, order in sorted(self.open.items()):
            instance = status.instance(order.resource) if order.node == status.name else None
            if order.node != status.name or order.sent_ms > before_ms:
                continue
            if instance is None or instance.order_id < order.order_id:
                self.open[key] = replace(order, sent_ms=now_ms)
                again.append(self.open[key])
        return again

    def _open(
        self, action: Action, incident: str, now_ms: Millis, ours: Set[ResourceId]
    ) -> OpenOrder:
        self._next_id += 1
        key = action.key
        order = OpenOrder(
            self._next_id,
            key.node,
            key.resource,
            key.kind,
            action.reason,
            incident,
            sent_ms=now_ms,
            handover=key.kind is ActionKind.START and key.resource in ours,
            peer=action.peer,
            notice=action.notice,
        )
        self.open[(key.resource, key.node)] = order
        return order

    def _may(
        self,
        action: Action,
        status: ClusterStatus,
        doubles: Set[ResourceId],
        promotable: Mapping[ResourceId, int],
    ) -> bool:
        key = action.key
        if (key.resource, key.node) in self.open:
            return False
        node = status.node(key.node)
        if node is None or node.state is not NodeState.ONLINE:
            return False
        instance = node.instance(key.resource)
        if instance is not None and instance.pending:
            return False
        match key.kind:
            case ActionKind.START if instance is not None and instance.state in _RUNS:
                return False  # it is there already; a plan never asks for this start
            case ActionKind.START:
                return key.resource in doubles or not self._is_elsewhere(action, status)
            case ActionKind.MIGRATE_FROM:
                return not self._is_elsewhere(action, status)
            case ActionKind.PROMOTE:
                limit = promotable.get(plain(key.resource), 0)
                return self._promoted_beside(action, status) < limit
            case _:
                return True

    def _is_elsewhere(self, action: Action, status: ClusterStatus) -> bool:
        """Return whether another node may have the resource; a plan never asks for this start.

        The source of a live migration has it until the migration is over.
        """
        key = action.key
        others = {key.node, action.peer if key.kind is ActionKind.MIGRATE_FROM else None}
        if any(r == key.resource and n not in others for r, n in self.open):
            return True
        for node in status.nodes:
            instance = node.instance(key.resource)
            if node.name in others or instance is None:
                continue
            if instance.state in _ACTIVE or instance.pending in _COMING_OR_GOING:
                return True
        return False

    def _promoted_beside(self, action: Action, status: ClusterStatus) -> int:
        """Return how many other instances of the primitive may be promoted."""
        key, name = action.key, plain(action.key.resource)
        found = {
            (order.resource, order.node)
            for order in self.open.values()
            if order.kind is ActionKind.PROMOTE and plain(order.resource) == name
        }
        for node in status.nodes:
            for item in node.instances:
                if plain(item.resource) == name and _may_be_promoted(item):
                    found.add((item.resource, node.name))
        return len(found - {(key.resource, key.node)})


def _may_be_promoted(item: Instance) -> bool:
    """Return whether an instance may be promoted: what nobody has looked at may be, too."""
    if item.pending == "promote":
        return True
    return item.state in _ACTIVE and item.role is not Role.UNPROMOTED
