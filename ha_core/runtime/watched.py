"""Resources that only the machine's watchdog can end: armed before they start, let go after.

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


class Watched:
    """Carries out operations of resources that no guardian can hold."""

    def __init__(self, guardian: Guardian, notes: Path) -> None:
        self._guardian = guardian
        self._notes = Notes(notes)
        self._timeout_s = 0

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
        self._timeout_s = place.timeout_s
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
        resource = operation.primitive.id
        if may_run_twice(operation.primitive):
            return await deed()
        if operation.action == "start":
            # Noted first: a daemon that dies in between must not forget it.
            note = str(self._timeout_s).encode() if self._timeout_s else _WITHOUT
            self._notes.write(resource, note)
            if self._timeout_s:
                answer = await self._guardian.watch(resource, operation.not_after_ms)
                if answer.fault:
                    raise FaultError(ocf.GENERIC, answer.fault)
        done = await deed()
        is_gone = operation.action == "stop" and done.exit_code == ocf.SUCCESS
        if is_gone or (operation.action == "monitor" and done.exit_code == ocf.NOT_RUNNING):
            if self._timeout_s:
                await self._guardian.unwatch(resource)
            self._notes.drop(resource)
        return done
