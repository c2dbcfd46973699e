"""What an operation's exit code means for the resource.

Owns: exit code to result. Source: OCF resource agent API 1.1, "Return codes";
Pacemaker Administration, "How OCF Return Codes Are Interpreted".
"""

from dataclasses import replace

from ha_core.config.choices import OnFail, Role
from ha_core.config.model import Configuration, Meta, Operation, Primitive
from ha_core.config.units import plain
from ha_core.events import OperationDone
from ha_core.ids import INFINITY, Millis
from ha_core.status import Failure, FailureKind, Instance, InstanceState
from ha_core.transition.roles import watches
from ha_core.transition.under_way import Local

OCF_SUCCESS = 0
OCF_UNIMPLEMENTED = 3
OCF_NOT_INSTALLED = 5
OCF_NOT_RUNNING = 7
OCF_DEGRADED = 190
HARD_CODES = (2, 3, 4, 5)
FATAL_CODE = 6
REASON_LIMIT = 400
"""Longest reason kept of an agent's output, in characters: one line of a report."""


def is_success(exit_code: int) -> bool:
    """Return whether the code says done (or running, though with trouble ahead)."""
    return exit_code in (OCF_SUCCESS, OCF_DEGRADED)


def kind_of(exit_code: int, *, is_recurring: bool) -> FailureKind:
    """Return how far a failure reaches.

    That an agent does not implement a recurring monitor is no reason to ban a node.
    """
    if exit_code == FATAL_CODE:
        return FailureKind.FATAL
    if exit_code in HARD_CODES and not (exit_code == OCF_UNIMPLEMENTED and is_recurring):
        return FailureKind.HARD
    return FailureKind.SOFT


def find_operation(
    primitive: Primitive, action: str, interval_ms: Millis, default_timeout_ms: Millis
) -> Operation:
    """Return the configured operation, or one with the default time limit.

    A probe (interval 0) uses the time limit of the first recurring monitor.
    """
    matching = [item for item in primitive.operations if item.action == action]
    for item in matching:
        if item.interval_ms == interval_ms:
            return item
    timeout_ms = matching[0].timeout_ms if matching else default_timeout_ms
    return Operation(action, interval_ms, timeout_ms)


def resolved(configuration: Configuration, primitive: Primitive) -> tuple[bool, Millis]:
    """Return whether the cluster may act on the primitive, and its failure time-out."""
    name = plain(primitive.id)
    group, clone = configuration.group_of(name), configuration.clone_of(name)
    above = (group.meta if group else Meta(), clone.meta if clone else Meta())
    metas = (primitive.meta, *above, configuration.defaults.meta)
    managed = next((meta.managed for meta in metas if meta.managed is not None), True)
    rests = next((meta.maintenance for meta in metas if meta.maintenance is not None), False)
    timeouts = [meta.failure_timeout_ms for meta in metas if meta.failure_timeout_ms is not None]
    acts = managed and not rests and not configuration.options.maintenance
    return acts, next(iter(timeouts), 0)


def is_watched(configuration: Configuration, local: Local) -> bool:
    """Return whether the cluster may not act on it: what ends then has not failed."""
    return local.primitive is not None and not resolved(configuration, local.primitive)[0]


def count_so_far(configuration: Configuration, local: Local, wall_ms: Millis) -> int:
    """Return the fail count, which an expired failure time-out has brought to 0."""
    failure, primitive = local.instance.failure, local.primitive
    if failure is None or primitive is None:
        return local.instance.fail_count
    _, timeout_ms = resolved(configuration, primitive)
    expired = timeout_ms and wall_ms - failure.at_wall_ms > timeout_ms
    return 0 if expired else local.instance.fail_count


def failed_here(
    configuration: Configuration,
    local: Local,
    action: str,
    exit_code: int,
    reason: str,
    on_fail: OnFail | None,
    wall_ms: Millis,
) -> Instance:
    """Return a node's own instance after an operation that failed, by what is configured."""
    return failed(
        local.instance,
        action,
        exit_code,
        reason,
        on_fail,
        so_far=count_so_far(configuration, local, wall_ms),
        wall_ms=wall_ms,
        is_start_fatal=configuration.options.start_failure_is_fatal,
    )


def failed(
    before: Instance,
    action: str,
    exit_code: int,
    reason: str,
    on_fail: OnFail | None,
    *,
    so_far: int,
    wall_ms: Millis,
    is_start_fatal: bool = True,
) -> Instance:
    """Return the instance after an operation that failed; `so_far`: its fail count before.

    `is_start_fatal`: a failed start counts as INFINITY failures, else as one.
    """
    policy, is_started = on_fail or OnFail.RESTART, before.state is InstanceState.STARTED
    kind = kind_of(exit_code, is_recurring=action == "monitor" and is_started)
    record = Failure(action, exit_code, kind, reason, wall_ms, policy)
    is_fatal = action == "start" and is_start_fatal
    count = INFINITY if is_fatal else min(INFINITY, so_far + 1)
    state = InstanceState.FAILED
    if policy in (OnFail.BLOCK, OnFail.FENCE):
        state = InstanceState.BLOCKED
    elif policy is OnFail.IGNORE and is_started:
        state = InstanceState.STARTED
    # Half of it may be done; and a demotion that failed is not tried for ever: a stop comes next.
    role = {"promote": Role.PROMOTED, "demote": None}.get(action, before.role)
    return replace(before, state=state, fail_count=count, failure=record, role=role)


def monitors_of(
    primitive: Primitive, role: Role | None, default_interval_ms: Millis, default_timeout_ms: Millis
) -> tuple[Operation, ...]:
    """Return the recurring monitors of something in this role; a resource that names none for it
    gets one of the default interval.
    """
    named = [o for o in primitive.operations if o.action == "monitor" and o.interval_ms > 0]
    own = tuple(o for o in named if watches(o, role))
    if own or (named and role is not Role.PROMOTED):
        return own
    found = find_operation(primitive, "monitor", default_interval_ms, default_timeout_ms)
    return (found,)


def reason_of(event: OperationDone) -> str:
    """Return the agent's reason, or its last line, as one line of a report."""
    text = event.reason or event.output.strip().rsplit("\n", 1)[-1] or "no output"
    if event.timed_out:
        text = f"time limit exceeded after {event.duration_ms} ms: {text}"
    return text[:REASON_LIMIT]
