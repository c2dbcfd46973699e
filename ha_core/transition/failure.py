"""What an operation's exit code means for the resource.

Owns: exit code to result. Source: OCF resource agent API 1.1, "Return codes";
Pacemaker Administration, "How OCF Return Codes Are Interpreted".
"""

from ha_core.config.model import Operation, Primitive
from ha_core.events import OperationDone
from ha_core.ids import Millis
from ha_core.status import FailureKind

OCF_SUCCESS = 0
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


def kind_of(exit_code: int, action: str) -> FailureKind:
    """Return how far a failure reaches; an unimplemented monitor is no reason to ban a node."""
    if exit_code == FATAL_CODE:
        return FailureKind.FATAL
    if exit_code in HARD_CODES and not (exit_code == 3 and action == "monitor"):
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
