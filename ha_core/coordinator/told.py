"""What the coordinator notices and tells the journal.

Owns: the value. Numbers and times are given where it is journaled.
"""

from dataclasses import dataclass

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


def tested(ended: Ended, target: NodeName, ok: bool, text: str) -> Told:
    """Return the event of one rehearsal: a device, a node it can cut off, a node that uses it."""
    device, through = ended.order.device, ended.executor
    can = "can" if ok else "cannot"
    told = f"rehearsal: {device} {can} cut off {target or 'anything'} through {through}: {text}"
    kind = "fence-tested" if ok else "fence-test-failed"
    return Told(kind, f"{device}:{target}:{through}", told, text, ended.order.incident)
