"""Announcements: neighbours are told where an address is, at once, soon after, and now and then.

Owns: when to tell. Never while the gate is closed: the lease is looked at right
before each frame, and the gate's own rules see to what slips through between.
Frames get lost and switches forget, so that an owner goes on for as long as it
owns; it begins anew when its gate opens again or the cluster has changed.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import Final

from ha_core.runtime import address

FIRST_PAUSES_S: Final = (0.0, 0.1, 0.9)
NEXT_PAUSE_S: Final = 1.0
SLOW_PAUSE_S: Final = 10.0

log = logging.getLogger(__name__)


class Announcer:
    """Announces what is begun until it is ended; `may_tell` is asked before each frame."""

    def __init__(
        self,
        may_tell: Callable[[], bool],
        tell: Callable[[address.Seat], None] = address.announce,
    ) -> None:
        self._may_tell = may_tell
        self._tell = tell
        self._seats: dict[str, tuple[address.Seat, int]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, resource: str, seat: address.Seat, times: int) -> None:
        """Announce an address, `times` within the first seconds; 0: never."""
        self.end(resource)
        if times:
            self._seats[resource] = (seat, times)
            task = asyncio.get_running_loop().create_task(self._announce(seat, times))
            self._tasks[resource] = task

    def again(self) -> None:
        """Begin anew with all that is announced: neighbours may have heard somebody else since."""
        for resource, (seat, times) in list(self._seats.items()):
            self.begin(resource, seat, times)

    def end(self, resource: str) -> None:
        """Announce it no more."""
        self._seats.pop(resource, None)
        task = self._tasks.pop(resource, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End all."""
        tasks = list(self._tasks.values())
        for resource in list(self._tasks):
            self.end(resource)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _announce(self, seat: address.Seat, times: int) -> None:
        for pause_s in pauses(times):
            await asyncio.sleep(pause_s)
            if not self._may_tell():
                continue
            try:
                self._tell(seat)
            except OSError as fault:
                log.warning("address %s is not announced: %s", seat.present.address, fault)


def pauses(times: int) -> Iterator[float]:
    """Return the pauses before each announcement, without end: the first `times` are quick."""
    quick = islice(chain(FIRST_PAUSES_S, repeat(NEXT_PAUSE_S)), times)
    return chain(quick, repeat(SLOW_PAUSE_S))
