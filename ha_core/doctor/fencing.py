"""Findings about fencing: which node nothing can cut off, and whether the devices were ever tried.

Owns: these checks. Pure.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.config.model import FenceDevice
from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, Severity, ok, some
from ha_core.fencing.rules import can_fence
from ha_core.ids import Millis
from ha_core.journal import JournalEvent

FENCING = "fencing"
REHEARSAL = "rehearsal"
DAY_MS: Final[Millis] = 86_400_000
REHEARSED_DAYS_MAX: Final = 30
"""A device that was not tried for so long may have another password by now."""
_TESTED: Final = ("fence-tested", "fence-test-failed")


def fencing(examined: Examined) -> Iterator[Finding]:
    """Yield nodes that no device can cut off although something there has no other guard."""
    seen = examined.snapshot
    if seen is None:
        return
    devices = seen.configuration.fence_devices
    if devices and not seen.configuration.options.fencing:
        names = ", ".join(device.id for device in devices)
        why = "a lost node is not cut off, and what has no guard of its own waits for a word"
        cure = "take 'fencing: false' out of the file, then: ha apply FILE"
        text = f"fence devices are configured and not used ('fencing: false'): {names}"
        yield Finding(Severity.WARNING, FENCING, "", text, why, cure)
        return
    needing = [item.id for item in seen.resources if item.guard in ("none", "fencing")]
    bare = [name for name in examined.hosts if not can_fence(seen.configuration, name)]
    if needing and bare and len(examined.hosts) > 1:
        names = ", ".join(bare)
        why = f"{some(needing)} cannot be taken over from there unless somebody says it is off"
        cure = "give it a fence device (docs/fencing.md) or a watchdog, then: ha fence test"
        text = f"no fence device can cut off {names}"
        yield Finding(Severity.WARNING, FENCING, names, text, why, cure)
    elif devices:
        yield ok(FENCING, "every node that needs it can be cut off")
    else:
        yield ok(FENCING, "there are no fence devices, and no resource needs one")


def rehearsal(examined: Examined) -> Iterator[Finding]:
    """Yield every fence device that was never tried, or not of late, or in vain."""
    seen = examined.snapshot
    devices = seen.configuration.fence_devices if seen is not None else ()
    newest: dict[str, dict[str, JournalEvent]] = {}
    for event in examined.events:
        if event.kind in _TESTED:
            newest.setdefault(event.subject.partition(":")[0], {})[event.subject] = event
    for device in devices:
        yield _tried(device, tuple(newest.get(device.id, {}).values()), examined)


def _tried(device: FenceDevice, tries: tuple[JournalEvent, ...], examined: Examined) -> Finding:
    cure = f"ha fence test {device.id} (it switches nothing)"
    failed = [event for event in tries if event.kind == _TESTED[1]]
    if failed:
        why = "when a node is lost, nothing may cut it off, and its services wait"
        text = failed[-1].text.removeprefix("rehearsal: ")
        if len(failed) > 1:
            text = f"{text}; {len(failed)} tries of {device.id} failed"
        return Finding(Severity.CRITICAL, REHEARSAL, device.id, text, why, f"mend it, then: {cure}")
    if not tries:
        why = "whether it can cut a node off shows when a node is lost, and that is too late"
        text = f"fence device {device.id} was never tried, as far as the kept events go back"
        return Finding(Severity.WARNING, REHEARSAL, device.id, text, why, cure)
    days = (examined.at_wall_ms - max(event.at_wall_ms for event in tries)) // DAY_MS
    if days > REHEARSED_DAYS_MAX:
        why = "passwords, cables and firmware change; a device that fails is noticed too late"
        text = f"fence device {device.id} was tried last {days} days ago"
        return Finding(Severity.NOTICE, REHEARSAL, device.id, text, why, cure)
    return ok(REHEARSAL, f"fence device {device.id} was tried, and can do its work")
