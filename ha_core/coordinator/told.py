"""What the coordinator notices and tells the journal.

Owns: the value. Numbers and times are given where it is journaled.
"""

from dataclasses import dataclass

from ha_core.coordinator.record import Lost
from ha_core.fencing.dispatch import Ended
from ha_core.ids import NodeName


@dataclass(frozen=True, slots=True)
class Told:
    """An event for the journal, noticed by the coordinator."""

    kind: str
    subject: str
    text: str
    why: str = ""
    incident: str = ""


def told_lost(lost: Lost, why: str, incident: str) -> Told:
    """Return the event of a node that is lost, with what a takeover has to wait for."""
    text = f"{lost.node} is lost: {why}"
    if lost.uncertain:
        names = ", ".join(lost.uncertain)
        text += f"; nothing proves that it no longer runs {names}"
    for resource, wait_ms in lost.delayed:
        if resource in lost.affected:
            text += f"; the guard of {resource} ends it there within {wait_ms} ms"
    return Told("node-lost", lost.node, text, "", incident)


def told_released(item: Lost) -> Told:
    """Return the event of a node whose guards have had their time."""
    names = ", ".join(item.affected)
    text = f"{item.node} does not run {names} any more: what guards that has had its time"
    return Told("guard-waited", item.node, text)


def tested(ended: Ended, target: NodeName, ok: bool, text: str) -> Told:
    """Return the event of one rehearsal: a device, a node it can cut off, a node that uses it."""
    device, through = ended.order.device, ended.executor
    can = "can" if ok else "cannot"
    told = f"rehearsal: {device} {can} cut off {target or 'anything'} through {through}: {text}"
    kind = "fence-tested" if ok else "fence-test-failed"
    return Told(kind, f"{device}:{target}:{through}", told, text, ended.order.incident)
