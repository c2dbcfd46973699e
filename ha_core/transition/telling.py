"""What a node's operations amount to, in the words of the journal.

Owns: the sentences about single resources. Pure; decides nothing.
"""

from dataclasses import dataclass

from ha_core.config.model import AgentClass, Primitive
from ha_core.events import OperationDone
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.status import Instance, InstanceState


@dataclass(frozen=True, slots=True)
class Happened:
    """Something worth an event: stable kind, one sentence, and what set it off."""

    kind: str
    resource: ResourceId
    text: str
    why: str = ""
    incident: str = ""


def stopped(before: Instance, primitive: Primitive | None, event: OperationDone) -> str:
    """Say what a stop that succeeded has ended; `before` is the instance as it was."""
    what, failure = f"{before.resource} was", before.failure
    if before.state is InstanceState.FAILED and failure is not None and failure.action == "start":
        what = f"what the failed start of {before.resource} may have left was"
    text = f"{what} stopped in {event.duration_ms} ms"
    is_process = primitive is not None and primitive.agent.agent_class is AgentClass.PROCESS
    # Other agents may say anything when they succeed; this one, only that it had to kill.
    return f"{text}: {event.reason}" if is_process and event.reason else text


def found(instance: Instance) -> str:
    """Say that something runs already."""
    role = f" ({instance.role})" if instance.role is not None else ""
    old = ", by an older definition: it is to start anew" if instance.stale else ""
    return f"{instance.resource} was found running{role}{old}"


def unclear(resource: ResourceId, exit_code: int, reason: str) -> str:
    """Say that it is not known whether something runs by a definition that has changed."""
    return (
        f"{resource} may run by an older definition, whose monitor failed with exit code"
        f" {exit_code}: {reason}; it is stopped by that"
    )


def ended(resource: ResourceId, reason: str) -> str:
    """Say that something ended that nobody had asked to."""
    return f"{resource} ended unexpectedly: {reason}"


def taken_as_failed(resource: ResourceId, reason: str) -> str:
    """Say that something runs, and is taken as failed all the same."""
    return f"{resource} is taken as failed: {reason}"


def watched(resource: ResourceId, reason: str) -> str:
    """Say that something ended that the cluster leaves alone."""
    return f"{resource} ended, and the cluster only watches it: {reason}"


def lost_contact(node: NodeName, dead_after_ms: Millis) -> str:
    """Say that the run lease has run out."""
    return (
        f"{node} had no contact with the cluster for {dead_after_ms} ms: what must run only once"
        " has been stopped here"
    )


def cut_off(resource: ResourceId) -> str:
    """Say that a start was ended with the lease."""
    return f"start of {resource} was cut off: this node had lost contact with the cluster"
