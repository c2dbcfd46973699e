"""Resources that only the machine's watchdog can end: armed before they start or arrive, or as soon
as one is found; let go after.

Owns: which of them may run here, as notes that live as long as the machine is up, and whether this
start of the daemon may count on its watchdog at all. What an earlier start began without one is
not reset by it, so that nobody may believe it is.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from ha_core.agents import ocf
from ha_core.agents.registry import may_run_twice
from ha_core.effects import RunOperation
from ha_core.events import OperationDone
from ha_core.ids import Millis
from ha_core.runtime.address import Notes
from ha_core.runtime.guardian import Guardian
from ha_core.runtime.nodefile import WatchdogPlace
from ha_core.runtime.operations_process import FaultError

_WITHOUT: Final = b"unwatched"
_BEGINNINGS: Final = ("start", "migrate_from")
_ABSENT: Final = (ocf.NOT_RUNNING, ocf.NOT_INSTALLED)
"""What a monitor says of what does not run here."""


class Watched:
    """Carries out operations of resources that no guardian can hold."""

    def __init__(self, guardian: Guardian, notes: Path) -> None:
        self._guardian = guardian
        self._notes = Notes(notes)
        self._timeout_s = 0
        self._armed: set[str] = set()
        """What is noted, and the guardian knows of."""

    async def use(self, place: WatchdogPlace | None, where: str) -> tuple[Millis, str]:
        """Return the time-out that this start of the daemon declares, or 0 and why it has none."""
        if place is None:
            return 0, f"'watchdog' is not set in {where}"
        notes = {unquote(name): note for name, note in self._notes.all().items()}
        without = sorted(name for name, note in notes.items() if not note.isdigit())
        if without:
            names = ", ".join(without)
            return 0, f"{names} was started without it: stop that, then restart the daemon"
        answer = await self._guardian.use_watchdog(place.device, place.timeout_s, sorted(notes))
        if answer.fault:
            return 0, answer.fault
        self._timeout_s, self._armed = place.timeout_s, set(notes)
        # The device counts as an earlier start has set it until this one has a lease.
        longest_s = max((place.timeout_s, *(int(note) for note in notes.values())))
        return longest_s * 1000, ""

    async def operate(
        self, operation: RunOperation, deed: Callable[[], Awaitable[OperationDone]]
    ) -> OperationDone:
        """Carry out `deed`, with the watchdog armed for as long as the resource may run.

        Raises:
            FaultError: the watchdog cannot be armed, and others count on it.
        """
        resource, is_guarded = operation.primitive.id, not may_run_twice(operation.primitive)
        if is_guarded and operation.action in _BEGINNINGS:
            await self._arm(operation)
        done = await deed()
        if _has_ended(operation, done):
            await self._let_go(resource)
        elif is_guarded and resource not in self._armed and _is_found(operation, done):
            await self._arm(operation)  # whatever is reported as running counts as guarded
        return done

    async def _arm(self, operation: RunOperation) -> None:
        """Note that it may run, and have the watchdog armed. Raises FaultError."""
        resource = operation.primitive.id
        # Noted first: a daemon that dies in between must not forget it.
        self._notes.write(resource, str(self._timeout_s).encode() if self._timeout_s else _WITHOUT)
        if self._timeout_s:
            is_found = operation.action not in _BEGINNINGS
            limit_ms = operation.not_after_ms
            answer = await self._guardian.watch(resource, limit_ms, is_found=is_found)
            if answer.fault and not is_found and resource not in self._armed:
                await self._let_go(resource)  # it has not begun
            if answer.fault:
                raise FaultError(ocf.GENERIC, answer.fault)
        self._armed.add(resource)

    async def _let_go(self, resource: str) -> None:
        if self._timeout_s:
            await self._guardian.unwatch(resource)
        self._armed.discard(resource)
        self._notes.drop(resource)


def _is_found(operation: RunOperation, done: OperationDone) -> bool:
    """Return whether a monitor has found what somebody else has started, or may have."""
    return operation.action == "monitor" and done.exit_code not in _ABSENT


def _has_ended(operation: RunOperation, done: OperationDone) -> bool:
    """Return whether nothing of it runs any more.

    A recurring monitor that misses it does not say so: parts may go on, and a stop will follow.
    """
    if operation.action == "stop":
        return done.exit_code == ocf.SUCCESS
    is_probe = operation.action == "monitor" and not operation.interval_ms
    return is_probe and done.exit_code == ocf.NOT_RUNNING
