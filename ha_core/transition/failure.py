"""What an operation's exit code means for the resource.

Owns: exit code to result. Source: OCF resource agent API 1.1, "Return codes";
Pacemaker Administration, "How OCF Return Codes Are Interpreted".
"""

from ha_core.config.model import Configuration, Meta, Operation, Primitive
from ha_core.events import OperationDone
from ha_core.ids import Millis
from ha_core.status import FailureKind

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
    group = configuration.group_of(primitive.id)
    metas = (primitive.meta, group.meta if group else Meta(), configuration.defaults.meta)
    managed = next((meta.managed for meta in metas if meta.managed is not None), True)
    timeouts = [meta.failure_timeout_ms for meta in metas if meta.failure_timeout_ms is not None]
    return managed and not configuration.options.maintenance, next(iter(timeouts), 0)


def monitors_of(
    primitive: Primitive, default_interval_ms: Millis, default_timeout_ms: Millis
) -> tuple[Operation, ...]:
    """Return the recurring monitors; a resource that names none gets one of the default
    interval.
    """
    own = tuple(o for o in primitive.operations if o.action == "monitor" and o.interval_ms > 0)
    if own:
        return own
    found = find_operation(primitive, "monitor", default_interval_ms, default_timeout_ms)
    return (found,)


def reason_of(event: OperationDone) -> str:
    """Return the agent's reason, or its last line, as one line of a report."""
    text = event.reason or event.output.strip().rsplit("\n", 1)[-1] or "no output"
    if event.timed_out:
        text = f"time limit exceeded after {event.duration_ms} ms: {text}"
    return text[:REASON_LIMIT]
