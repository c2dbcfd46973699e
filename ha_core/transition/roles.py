"""Roles of what can be promoted, on its own node: what an operation's end says of them.

Owns: that judgement. Source: OCF Resource Agent API 1.1, "Return codes" (8: running promoted, 9:
failed promoted), and Pacemaker Explained, "Promotable clones".
"""

from dataclasses import replace

from ha_core.config.choices import OnFail, Role
from ha_core.config.model import Operation, Primitive
from ha_core.config.units import may_be_promoted
from ha_core.events import OperationDone
from ha_core.ids import Millis
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState
from ha_core.transition.telling import Happened
from ha_core.transition.under_way import Local, Running

RUNNING_PROMOTED = 8
FAILED_PROMOTED = 9
DEGRADED_PROMOTED = 191
_PROMOTED = (RUNNING_PROMOTED, DEGRADED_PROMOTED)
_RUNNING = (0, 190)
NEEDS_LEASE = ("start", "promote", "migrate_from")
"""What begins something that must not be twice: none of it happens without a running lease."""


def role_after_start(primitive: Primitive | None, before: Instance) -> Role | None:
    """Return the role of what has just started: nothing starts promoted, and nothing that is
    promoted is demoted by a start.
    """
    if primitive is None or not may_be_promoted(primitive):
        return None
    ran = before.state in (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)
    return before.role if ran else Role.UNPROMOTED


def role_found(primitive: Primitive | None, exit_code: int) -> Role | None:
    """Return the role that a monitor has found; None of what has no roles."""
    if primitive is None or not may_be_promoted(primitive):
        return None
    if exit_code in (*_PROMOTED, FAILED_PROMOTED):
        return Role.PROMOTED
    return Role.UNPROMOTED if exit_code in _RUNNING else None


def runs(primitive: Primitive | None, exit_code: int) -> bool:
    """Return whether a monitor says that it runs as it should, in whatever role."""
    if exit_code in _RUNNING:
        return True
    return role_found(primitive, exit_code) is Role.PROMOTED and exit_code != FAILED_PROMOTED


def surprise(role: Role | None, exit_code: int) -> str:
    """Return what is wrong with a monitor's answer for something in this role, or nothing."""
    if role is Role.UNPROMOTED and exit_code in _PROMOTED:
        return "it is promoted, which nobody asked it to be"
    if role is Role.PROMOTED and exit_code in _RUNNING:
        return "it is not promoted any more, which nobody asked for"
    return ""


def carried_on(
    local: Local, running: Running, event: OperationDone, wall_ms: Millis
) -> tuple[Instance, Happened]:
    """Return the instance after an operation on something active that succeeded, and the news."""
    before, order = local.instance, running.order
    name, peer = before.resource, order.peer if order else None
    kind, what, after = "resource-reloaded", "was reloaded", replace(before, stale=False)
    match running.action:
        case "promote":
            kind, what, after = "resource-promoted", "was promoted", _in(before, Role.PROMOTED)
        case "demote":
            kind, what, after = "resource-demoted", "was demoted", _in(before, Role.UNPROMOTED)
            failure = before.failure
            if failure is not None and failure.on_fail is OnFail.DEMOTE:
                after = replace(after, state=InstanceState.STARTED)  # that was the cure
        case "migrate_to":
            kind, what = "resource-migrated", f"was handed alive to {peer}"
            after = replace(before, migrated_to=peer)
        case "migrate_from":
            kind, what = "resource-migrated", f"came alive from {peer}"
            role = role_after_start(local.primitive, before)
            started = replace(before, state=InstanceState.STARTED, started_wall_ms=wall_ms)
            after = replace(started, migrated_from=peer, role=role)
    text = f"{name} {what} in {event.duration_ms} ms"
    return after, Happened(kind, name, text, running.why, local.incident)


def _in(instance: Instance, role: Role) -> Instance:
    return replace(instance, role=role)


def at_risk(instance: Instance, order: Order) -> Instance:
    """Return an instance as what an order for it, begun now, may have done at any moment."""
    match order.kind:
        case ActionKind.PROMOTE:
            return replace(instance, role=None)
        case ActionKind.MIGRATE_TO:
            return replace(instance, migrated_to=order.peer)
        case ActionKind.START | ActionKind.MIGRATE_FROM:
            is_ended = instance.state is InstanceState.STOPPED
            return replace(instance, migrated_to=None) if is_ended else instance
        case _:
            return instance


def stopped_by(order: Order | None, instance: Instance) -> Instance:
    """Return an instance that was stopped: where it was handed to alive, its node goes on saying,
    unless the coordinator had it stopped, which knew that.
    """
    is_told = order is not None and order.term > 0
    peer = None if is_told else instance.migrated_to
    return replace(instance, state=InstanceState.STOPPED, migrated_to=peer)


def watches(operation: Operation, role: Role | None) -> bool:
    """Return whether a recurring monitor is for something in this role."""
    if not operation.enabled:
        return False
    if role is Role.PROMOTED:
        return operation.role is Role.PROMOTED
    return operation.role in (None, Role.STARTED, Role.UNPROMOTED)
