"""A node's own resources: carries out orders, runs monitors, remembers failures.

Owns: the instances of this node and the operations under way. A start needs a
running lease; stops and monitors do not. What is reported to the coordinator
is exactly `instances()`. Knows nothing of other nodes or of placement.
"""

from collections.abc import Callable, Iterable

from ha_core.config.choices import NoQuorumPolicy, OnFail
from ha_core.config.model import Configuration, Primitive
from ha_core.config.units import unit, units
from ha_core.effects import CancelOperation, Effect
from ha_core.events import LEASE_RAN_OUT, OperationDone
from ha_core.ids import Millis, ResourceId, Revision
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState
from ha_core.transition import failure as codes, telling
from ha_core.transition.begun import is_other, is_outdated, redefines, with_former
from ha_core.transition.keeping import stop_sequence
from ha_core.transition.operations import Operations
from ha_core.transition.own import ACTIVE
from ha_core.transition.roles import (
    NEEDS_LEASE,
    carried_on,
    role_after_start,
    role_found,
    runs,
    stopped_by,
    surprise,
)
from ha_core.transition.telling import Happened
from ha_core.transition.under_way import Death, Local, Running
from ha_core.transition.without_quorum import CLEAR_UP_MS, end_of, ends_with_lease


class LocalResources(Operations):
    """State machine of every primitive on this node."""

    # --- input ---------------------------------------------------------------------------

    def configure(
        self,
        configuration: Configuration,
        now_ms: Millis,
        revision: Revision = 0,
        *,
        is_new: bool = False,
        unlooked: frozenset[ResourceId] = frozenset(),
    ) -> list[Effect]:
        """Adopt a new configuration: stop orphans, mark what runs by an old definition.

        `revision`: its number. What an earlier start had begun is by none before the one up to
        which that had followed. `is_new`: none has begun anything. `unlooked`: what nobody asks
        this node to look for.
        """
        self._unlooked = unlooked
        before, self._configuration = self._configuration, configuration
        is_news = revision > self._inherited and not is_new
        if revision > self._followed and redefines(before, configuration):
            self._followed = revision
        effects: list[Effect] = []
        wanted = {item.id: item for item in units(configuration)}
        for resource, primitive in wanted.items():
            local = self._items.get(resource)
            if local is None:
                # What was added after this start was admitted no earlier one can have begun.
                is_over = self._is_admitted and resource in unlooked
                state = InstanceState.STOPPED if is_over else InstanceState.UNKNOWN
                self._items[resource] = Local(Instance(resource, state), primitive)
                self.report_id += 1
            else:
                was = unit(before, resource) or local.primitive
                self._redefine(local, was if is_news else None, primitive, now_ms)
        # An older configuration may lack what is on disk as begun, and is configured by now.
        dropped_ones = set(self._items) - set(wanted) if revision >= self._inherited else set()
        for resource in sorted(dropped_ones):
            self._keep_last(self._items[resource], unit(before, resource))
            dropped = self._drop_orphan(resource)
            effects += [item for item in dropped if not isinstance(item, Happened)]
        for resource in sorted(unlooked.intersection(wanted)):
            looks = self._look(self._items[resource])
            effects += [item for item in looks if not isinstance(item, Happened)]
        return [*self._persist(), *effects]

    def admitted(self, *, is_first: bool) -> list[Effect | Happened]:
        """The log has admitted this start, and will not admit an earlier one; `is_first`: it never
        has. Look for what nobody asks for, unless none can have left it.
        """
        if self._is_admitted:
            return []
        self._is_admitted = True
        effects: list[Effect | Happened] = []
        for name in sorted(self._unlooked & set(self._items)):
            local = self._items[name]
            is_open = local.instance.state is InstanceState.UNKNOWN and not local.instance.pending
            if is_first and is_open and not local.formers and name not in self._left:
                self._update(local, state=InstanceState.STOPPED)
            effects += self._look(local)
        return effects

    def asked(
        self,
        listed: Iterable[Instance],
        definition_of: Callable[[ResourceId], Primitive | None],
        *,
        is_heard: bool,
    ) -> list[Effect | Happened]:
        """Look for what the coordinator has in mind of this node and nothing is known of: this
        start may have lost its disk. `is_heard`: it has in mind what this start has told.
        """
        effects: list[Effect | Happened] = []
        for item in listed:
            name, is_over = item.resource, item.state is InstanceState.STOPPED and not item.pending
            if is_over and is_heard:
                self._heard(name)
            if is_over or name in self._items:
                continue
            primitive = definition_of(name)
            if primitive is None:
                continue
            state = InstanceState.STOPPED if name in self._ended else InstanceState.UNKNOWN
            self._items[name] = Local(Instance(name, state), primitive)
            self._asked.add(name)
            self.report_id += 1
            effects += self._drop_orphan(name)
        return [*self._persist(), *effects]

    def order(
        self, order: Order, lease_until_ms: Millis, now_ms: Millis
    ) -> list[Effect | Happened]:
        """Accept an order of the current admission; older and repeated ones change nothing."""
        local = self._items.get(order.resource)
        if local is None or local.primitive is None or order.order_id <= local.instance.order_id:
            return []
        if order.kind in NEEDS_LEASE and now_ms >= lease_until_ms:
            return []
        if local.ends_by_itself:
            # It was given before that was known: nothing is done for it, and it is over.
            self._update(local, order_id=order.order_id)
            return []
        if order.nothing_left:
            self._expect_nothing(local)
        word = {"probe": "monitor"}.get(order.kind, str(order.kind))
        self._update(local, order_id=order.order_id, pending=word)
        local.incident = order.incident
        if local.running is not None:
            local.queued = order
            if local.running.action == "monitor" and not local.running.is_cancelled:
                local.running.is_cancelled = True
                return [CancelOperation(local.running.operation_id)]
            return []
        return list(self._begin(local, order, lease_until_ms))

    def done(
        self, event: OperationDone, wall_ms: Millis, lease_until_ms: Millis, now_ms: Millis
    ) -> list[Effect | Happened]:
        """Take the result of an operation."""
        local = next((i for i in self._items.values() if i.is_busy_with(event.operation_id)), None)
        if local is None or local.running is None:
            return []
        running, local.running = local.running, None
        output: list[Effect | Happened] = []
        if event.promotion:
            self._update(local, promotion_score=event.promotion.score)
        needs_lease = running.action in NEEDS_LEASE and not codes.is_success(event.exit_code)
        if needs_lease and (now_ms >= lease_until_ms or event.reason == LEASE_RAN_OUT):
            output += [] if running.is_cancelled else self._cut_off(local, running, event)
        elif not running.is_cancelled and (running.order or now_ms < lease_until_ms):
            # What a monitor misses without a lease, the guard may have ended: the next one tells.
            output += self._result(local, running, event, wall_ms, now_ms)
            if running.death is not None and codes.is_success(event.exit_code):
                end, name = running.death, local.instance.resource
                held = end.lease_held and now_ms < lease_until_ms
                output += self.died(name, end.reason, wall_ms, held, end.has_left)
        queued, local.queued = local.queued, None
        if queued is not None:
            output += self._begin(local, queued, lease_until_ms)
        elif local.instance.pending:
            self._update(local, pending="")
        output += [*self._settle_orphan(local, running), *self._look(local)]
        return [*output, *self._persist()]

    def died(
        self,
        resource: ResourceId,
        reason: str,
        wall_ms: Millis,
        lease_held: bool,
        has_left: bool = False,
    ) -> list[Effect | Happened]:
        """A supervised process ended by itself, or its guard ended it with the lease, but for what
        could not be ended (`has_left`).
        """
        local = self._items.get(resource)
        if local is None or local.instance.pending == "stop":
            return []
        running = local.running
        if running is not None and running.order is not None:
            # Of what it finds or begins: see its end.
            running.death = Death(reason, lease_held, has_left)
            return []
        if local.instance.state not in ACTIVE:
            return []
        if running is not None:
            running.is_cancelled = True  # a monitor: what it saw was before
        self._recurring.end(resource)
        if not (lease_held or has_left):
            self._update(local, state=InstanceState.STOPPED)
            return [Happened("resource-stopped", resource, f"{resource} was ended: {reason}")]
        if codes.is_watched(self._configuration, local):
            self._update(local, state=InstanceState.STOPPED)
            return [Happened("resource-stopped", resource, telling.watched(resource, reason))]
        text = telling.ended(resource, reason)
        output = self._fail(local, "monitor", codes.OCF_NOT_RUNNING, reason, None, wall_ms, text)
        return [*output, *self._persist()]

    def stop_all(
        self, why: str, policy: NoQuorumPolicy = NoQuorumPolicy.STOP
    ) -> list[Effect | Happened]:
        """Stop whatever is active, in reverse order of groups, because the lease is gone for
        good; or only demote it, if the policy says so. Orders that wait are void.
        """
        for local in self._items.values():
            if local.running is not None and local.queued is not None and local.queued.term:
                local.queued, ordered = None, local.running.order is not None
                self._update(local, pending=local.running.action if ordered else "")
        output: list[Effect | Happened] = []
        for resource in stop_sequence(self._configuration, self._items):
            local = self._items[resource]
            if local.primitive is None:
                continue
            kind = end_of(policy, local.primitive, local.instance)
            if kind is not None:
                output += self._act(local, kind, why)
        return output

    def clear_up(self, now_ms: Millis) -> list[Effect | Happened]:
        """Stop what had to end with an earlier lease and has not been seen to, also what is
        blocked: there is no other lease before. What cannot be stopped is tried again.
        """
        output: list[Effect | Happened] = []
        for resource in stop_sequence(self._configuration, self._items):
            local = self._items[resource]
            is_open = not local.instance.pending and now_ms >= local.again_ms
            if is_open and ends_with_lease(local.primitive, local.instance):
                local.again_ms = now_ms + CLEAR_UP_MS
                output += self._act(local, ActionKind.STOP, "it had to end with the lease")
        return output

    def tick(self, now_ms: Millis) -> list[Effect]:
        """Begin the monitors that are due."""
        effects: list[Effect] = []
        in_maintenance = self._configuration.options.maintenance
        for resource in self._recurring.resources():
            local = self._items[resource]
            if local.running is not None:
                continue
            operation = self._recurring.take_due(resource, now_ms)
            if operation is not None and local.primitive is not None and not in_maintenance:
                effects.append(self._run(local, operation, None, None))
        return effects

    # --- results -------------------------------------------------------------------------

    def _result(
        self,
        local: Local,
        running: Running,
        event: OperationDone,
        wall_ms: Millis,
        now_ms: Millis,
    ) -> list[Effect | Happened]:
        match running.action:
            case "start":
                return self._started(local, running, event, wall_ms, now_ms)
            case "stop":
                return self._stopped(local, running, event, wall_ms)
            case "notify":
                return []  # whatever it says, the resource is as it was
            case "promote" | "demote" | "migrate_to" | "migrate_from" | "reload":
                return self._carried_on(local, running, event, wall_ms, now_ms)
            case _ if running.order is not None:
                return self._probed(local, running.order, event, wall_ms, now_ms)
            case _:
                return self._monitored(local, running, event, wall_ms)

    def _cut_off(self, local: Local, ran: Running, end: OperationDone) -> list[Effect | Happened]:
        """The guard ends a start with the lease, or it never began: no fault of the resource."""
        if end.reason == LEASE_RAN_OUT and ran.action == "start":
            return []
        self._update(local, state=InstanceState.FAILED)
        name = local.instance.resource
        return [Happened("resource-failed", name, telling.cut_off(name), "", local.incident)]

    def _started(
        self,
        local: Local,
        running: Running,
        event: OperationDone,
        wall_ms: Millis,
        now_ms: Millis,
    ) -> list[Effect | Happened]:
        resource = local.instance.resource
        if not codes.is_success(event.exit_code):
            return self._fail(
                local, "start", event.exit_code, codes.reason_of(event), running.on_fail, wall_ms
            )
        role = role_after_start(local.primitive, local.instance)
        self._update(local, state=InstanceState.STARTED, started_wall_ms=wall_ms, role=role)
        self._watch(local, now_ms)
        text = f"{resource} was started in {event.duration_ms} ms"
        return [Happened("resource-started", resource, text, running.why, local.incident)]

    def _stopped(
        self, local: Local, running: Running, event: OperationDone, wall_ms: Millis
    ) -> list[Effect | Happened]:
        resource = local.instance.resource
        self._recurring.end(resource)
        if codes.is_success(event.exit_code) or running.on_fail is OnFail.IGNORE:
            text = telling.stopped(local.instance, local.primitive, event)
            self._become(local, stopped_by(running.order, local.instance))
            return [Happened("resource-stopped", resource, text, running.why, local.incident)]
        on_fail = running.on_fail or OnFail.BLOCK
        return self._fail(local, "stop", event.exit_code, codes.reason_of(event), on_fail, wall_ms)

    def _probed(
        self, local: Local, order: Order, event: OperationDone, wall_ms: Millis, now_ms: Millis
    ) -> list[Effect | Happened]:
        resource, was = local.instance.resource, local.instance.state
        role = role_found(local.primitive, event.exit_code)
        if order.fail and was is InstanceState.STARTED and runs(local.primitive, event.exit_code):
            on_fail = self._watch(local, now_ms)
            text = telling.taken_as_failed(resource, order.reason)
            return self._fail(local, "monitor", 1, order.reason, on_fail, wall_ms, text)
        if runs(local.primitive, event.exit_code):
            started, stale = InstanceState.STARTED, is_outdated(local, self._configuration)
            if not stale:
                local.formers = ()
                local.primitive = unit(self._configuration, resource) or local.primitive
            self._update(local, state=started, started_wall_ms=wall_ms, role=role, stale=stale)
            self._watch(local, now_ms)
            return [Happened("resource-found", resource, telling.found(local.instance))]
        self._recurring.end(resource)
        is_own = bool(local.formers) or not order.term
        is_absent = is_own and event.exit_code == codes.OCF_NOT_INSTALLED
        if event.exit_code == codes.OCF_NOT_RUNNING or is_absent:
            self._update(local, state=InstanceState.STOPPED)
            return []
        if local.formers:
            # Nothing that counts against the definition of now.
            self._update(local, state=InstanceState.FAILED, stale=True)
            text = telling.unclear(resource, event.exit_code, codes.reason_of(event))
            return [Happened("resource-failed", resource, text, "", local.incident)]
        self._update(local, role=role, stale=is_outdated(local, self._configuration))
        output = self._fail(
            local, "monitor", event.exit_code, codes.reason_of(event), None, wall_ms
        )
        if event.exit_code == codes.OCF_NOT_INSTALLED:
            self._update(local, state=InstanceState.STOPPED)
        return output

    def _monitored(
        self, local: Local, running: Running, event: OperationDone, wall_ms: Millis
    ) -> list[Effect | Happened]:
        resource, state = local.instance.resource, local.instance.state
        if runs(local.primitive, event.exit_code):
            wrong = surprise(local.instance.role, event.exit_code)
            role = role_found(local.primitive, event.exit_code)
            if state is InstanceState.STARTED and wrong:
                self._update(local, role=role)
                return self._fail(
                    local, "monitor", event.exit_code, wrong, running.on_fail, wall_ms
                )
            if state is not InstanceState.STOPPED:
                self._update(local, role=local.instance.role or role)  # it may have none yet
                return []
            self._update(local, state=InstanceState.STARTED, started_wall_ms=wall_ms, role=role)
            return [Happened("resource-found", resource, f"{resource} was started by somebody")]
        if state is not InstanceState.STARTED:
            return []
        if event.exit_code == codes.OCF_NOT_RUNNING and codes.is_watched(
            self._configuration, local
        ):
            # Its monitors go on: whoever stopped it by hand may start it again.
            self._update(local, state=InstanceState.STOPPED)
            text = f"{resource} was stopped by somebody, and the cluster only watches it"
            return [Happened("resource-stopped", resource, text)]
        return self._fail(
            local, "monitor", event.exit_code, codes.reason_of(event), running.on_fail, wall_ms
        )

    def _carried_on(
        self,
        local: Local,
        running: Running,
        event: OperationDone,
        wall_ms: Millis,
        now_ms: Millis,
    ) -> list[Effect | Happened]:
        """A change of role, half of a live migration, or a reload has ended."""
        if not codes.is_success(event.exit_code):
            reason, on_fail = codes.reason_of(event), running.on_fail
            failed = self._fail(local, running.action, event.exit_code, reason, on_fail, wall_ms)
            if running.order is None or running.order.term:
                return failed
            return [*failed, *self._act(local, ActionKind.STOP, running.why)]  # nobody orders it
        after, happened = carried_on(local, running, event, wall_ms)
        self._become(local, after)
        if running.action == "reload":
            local.primitive = unit(self._configuration, after.resource) or local.primitive
        if after.state is InstanceState.STARTED and running.action != "migrate_to":
            self._watch(local, now_ms)
        return [happened]

    def _fail(
        self,
        local: Local,
        action: str,
        exit_code: int,
        reason: str,
        on_fail: OnFail | None,
        wall_ms: Millis,
        text: str = "",
    ) -> list[Effect | Happened]:
        resource, was = local.instance.resource, local.instance.state
        after = codes.failed_here(
            self._configuration, local, action, exit_code, reason, on_fail, wall_ms
        )
        self._become(local, after)
        if after.state is InstanceState.FAILED:
            self._recurring.end(resource)
        word = "resource-blocked" if after.state is InstanceState.BLOCKED else "resource-failed"
        text = text or f"{action} of {resource} failed with exit code {exit_code}: {reason}"
        is_own = was is InstanceState.STARTED and action == "monitor"  # it has run since its order
        return [Happened(word, resource, text, "", "" if is_own else local.incident)]

    # --- mechanics -----------------------------------------------------------------------

    def _redefine(
        self, local: Local, was: Primitive | None, primitive: Primitive, now_ms: Millis
    ) -> None:
        """Take another definition. `was`: by what it may run as well, if nobody has looked yet."""
        old = local.primitive
        active = local.instance.state in ACTIVE or local.may_have_begun
        if old is None or not active:
            if local.instance.state is InstanceState.UNKNOWN and was and is_other(was, primitive):
                local.formers = with_former(local.formers, was)
            local.primitive = local.formers[0] if local.formers else primitive
            return
        if local.formers and was is not None:
            local.formers = with_former(local.formers, was)
        if is_other(old, primitive):
            self._update(local, stale=True)
            return
        local.primitive = primitive
        if local.instance.state is InstanceState.STARTED:
            local.formers = ()
        self._update(local, stale=False)  # it may have been changed back
        if old.operations != primitive.operations and (
            local.instance.state is InstanceState.STARTED
        ):
            self._watch(local, now_ms)

    def _drop_orphan(self, resource: ResourceId) -> list[Effect | Happened]:
        """End and forget what is not configured any more; look first where nothing is known."""
        local = self._items[resource]
        state, pending = local.instance.state, local.instance.pending
        if local.primitive is None or (state is InstanceState.STOPPED and not pending):
            if local.running is None:
                self._recurring.end(resource)
                self._forget(resource)
            return []
        if pending == "stop" or (pending == "monitor" and state is InstanceState.UNKNOWN):
            return []
        is_known = state is not InstanceState.UNKNOWN or pending == "start"
        kind = ActionKind.STOP if is_known else ActionKind.PROBE
        return self._act(local, kind, "it was removed from the configuration")

    def _settle_orphan(self, local: Local, ended: Running) -> list[Effect | Happened]:
        resource = local.instance.resource
        if local.running is not None or unit(self._configuration, resource) is not None:
            return []
        if local.instance.state is InstanceState.UNKNOWN and local.formers:
            return self._drop_orphan(resource)
        if local.instance.state not in ACTIVE:
            self._forget(resource)
        elif ended.action != "stop":
            return self._drop_orphan(resource)
        return []
