"""How a node begins what it does with its resources: by an order, or by itself.

Owns: the numbers of operations, and the monitors that begin with them; the base of
`local.LocalResources`. What their ends mean is not known here.
"""

from ha_core.config.choices import OnFail
from ha_core.config.model import Operation
from ha_core.effects import CancelOperation, Effect, RunOperation
from ha_core.ids import Millis
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import InstanceState
from ha_core.transition import failure as codes
from ha_core.transition.own import OwnInstances
from ha_core.transition.roles import NEEDS_LEASE, at_risk
from ha_core.transition.telling import Happened
from ha_core.transition.under_way import Local, Running


class Operations(OwnInstances):
    """Instances of a node, and the operations that it begins with them."""

    def _begin(self, local: Local, order: Order, lease_until_ms: Millis) -> list[Effect | Happened]:
        assert local.primitive is not None
        output: list[Effect | Happened] = []
        if order.cleanup:
            self._update(local, fail_count=0, failure=None)
            output += self._persist()
        action = {"probe": "monitor"}.get(order.kind, str(order.kind))
        is_idle = action == "start" and local.instance.state is InstanceState.STARTED
        if action not in ("notify", "reload") and not is_idle:
            self._recurring.end(order.resource)
        found = codes.find_operation(
            local.primitive, action, 0, self._configuration.defaults.operation_timeout_ms
        )
        self._become(local, at_risk(local.instance, order))
        not_after_ms = lease_until_ms if action in NEEDS_LEASE else None
        return [*output, self._run(local, found, order, not_after_ms)]

    def _run(
        self,
        local: Local,
        operation: Operation,
        order: Order | None,
        not_after_ms: Millis | None,
    ) -> RunOperation:
        assert local.primitive is not None
        self._next_operation += 1
        action, interval_ms = operation.action, operation.interval_ms
        local.running = Running(self._next_operation, action, interval_ms, operation.on_fail, order)
        return RunOperation(
            self._next_operation,
            local.primitive,
            action,
            operation.timeout_ms,
            operation.depth,
            interval_ms,
            not_after_ms,
            handover=order is not None and order.handover,
            peer=order.peer if order is not None else None,
            notice=order.notice if order is not None else (),
        )

    def _watch(self, local: Local, now_ms: Millis) -> OnFail | None:
        """Begin its monitors; return what the failure of one leads to."""
        assert local.primitive is not None
        defaults = self._configuration.defaults
        monitors = codes.monitors_of(
            local.primitive,
            local.instance.role,
            defaults.monitor_interval_ms,
            defaults.operation_timeout_ms,
        )
        self._recurring.begin(local.instance.resource, monitors, now_ms)
        return next((item.on_fail for item in monitors), None)

    def _act(self, local: Local, kind: ActionKind, why: str) -> list[Effect | Happened]:
        """Do something by ourselves, without an order, after what is under way."""
        instance = local.instance
        order = Order(0, 0, instance.order_id, instance.resource, kind, reason=why)
        self._update(local, pending={"probe": "monitor"}.get(kind, str(kind)))
        if local.running is None:
            return self._begin(local, order, 0)
        local.queued = order
        local.running.is_cancelled = True  # its end says nothing of the resource
        return [CancelOperation(local.running.operation_id)]

    def _look(self, local: Local) -> list[Effect | Happened]:
        """Look by ourselves for what an earlier start may have left running, where no coordinator
        asks for it.
        """
        instance = local.instance
        is_idle = local.running is None and local.primitive is not None and not instance.pending
        is_open = instance.state is InstanceState.UNKNOWN and instance.resource in self._unlooked
        if not self._is_admitted or not is_open or not is_idle:
            return []
        return self._act(local, ActionKind.PROBE, "an earlier start may have left it running")
