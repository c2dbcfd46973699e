"""Announcements: neighbours are told where an address is, at once, soon after, and now and then.

Owns: when to tell. Never while the gate is closed: the lease is looked at right
before each frame, and the gate's own rules see to what slips through between.
Frames get lost and switches forget, so that an owner goes on for as long as it
owns; it begins anew when its gate opens again or the cluster has changed.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import Final

from ha_core.runtime import address

FIRST_PAUSES_S: Final = (0.1, 0.9)
NEXT_PAUSE_S: Final = 1.0
SLOW_PAUSE_S: Final = 10.0

log = logging.getLogger(__name__)


class Teller:
    """Tells the link where addresses are, over one socket.

    It stays open: the kernel makes whoever closes one wait for milliseconds.
    """

    def __init__(self) -> None:
        self._link: socket.socket | None = None

    def tell(self, seat: address.Seat) -> None:
        """Announce an address. Raises OSError."""
        if self._link is None:
            self._link = address.packet_socket()
        address.announce(seat, self._link)

    def close(self) -> None:
        """Close the socket."""
        if self._link is not None:
            self._link.close()
            self._link = None


class Announcer:
    """Announces what is begun until it is ended; `may_tell` is asked before each frame."""

    def __init__(self, may_tell: Callable[[], bool], tell: Callable[[address.Seat], None]) -> None:
        self._may_tell = may_tell
        self._tell = tell
        self._seats: dict[str, tuple[address.Seat, int]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, resource: str, seat: address.Seat, times: int) -> None:
        """Announce an address now, and `times` within the first seconds; 0: never."""
        self.end(resource)
        if times:
            self._maybe_tell(seat)
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
            self._maybe_tell(seat)

    def _maybe_tell(self, seat: address.Seat) -> None:
        if not self._may_tell():
            return
        try:
            self._tell(seat)
        except OSError as fault:
            log.warning("address %s is not announced: %s", seat.present.address, fault)


def pauses(times: int) -> Iterator[float]:
    """Return the pauses between announcements, without end: the first `times` are quick."""
    quick = islice(chain(FIRST_PAUSES_S, repeat(NEXT_PAUSE_S)), times - 1)
    return chain(quick, repeat(SLOW_PAUSE_S))
