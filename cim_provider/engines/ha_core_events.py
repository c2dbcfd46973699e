"""The cluster's journal, followed: the newest events in memory, older ones asked for.

Owns: the connection over which the journal is followed. Knows nothing of CIM.
"""

import asyncio
import logging
from collections import deque
from pathlib import Path
from typing import Final

from cim_provider.views.journal import CoreEvent
from ha_core.client import Client
from ha_core.errors import HaError
from ha_core.journal import JournalEvent

AT_HAND: Final = 2000
"""Newest events in memory."""
PAGE: Final = 1000
"""Events of one answer."""
RETRY_S: Final = 0.5

log = logging.getLogger(__name__)


class JournalFollower:
    """Follows the journal of the node's daemon between `start` and `stop`."""

    def __init__(self, root: Path | None = None) -> None:
        self._follower = Client(root)
        self._reader = Client(root)
        self._newest = -1
        self._at_hand: deque[CoreEvent] = deque(maxlen=AT_HAND)
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name="follow the journal")

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._follower.close()
        await self._reader.close()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which nothing is up to date; none before the start."""
        return () if self._task is None else (self._task,)

    @property
    def newest(self) -> int:
        """Number of the newest event that is known here; -1: the journal was not read yet."""
        return self._newest

    async def since(self, seq: int) -> tuple[CoreEvent, ...]:
        """Return events numbered above `seq`, oldest first, at most 1,000; none if it fails."""
        if seq >= self._newest:
            return ()
        oldest = self._at_hand[0].seq if self._at_hand else self._newest + 1
        if seq + 1 >= oldest or len(self._at_hand) < AT_HAND:
            return tuple(each for each in self._at_hand if each.seq > seq)[:PAGE]
        try:
            page = await self._reader.recent_events(seq)
        except HaError as fault:
            log.warning("events after %d cannot be read: %s", seq, fault)
            return ()
        return tuple(map(core_event, page))

    async def after(self, seq: int) -> None:
        """Return when there is an event numbered above `seq`."""
        while self._newest <= seq:
            await self._arrived.wait()

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except HaError as fault:
                log.debug("the journal is not followed: %s", fault)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        """Read all there is, then what comes; a daemon with another store begins anew."""
        page = await self._follower.recent_events(max(self._newest, 0))
        while len(page) == PAGE:
            self._take(page)
            page = await self._follower.recent_events(page[-1].seq)
        self._take(page)
        self._newest = max(self._newest, 0)
        self._tell()
        async for event in self._follower.events(self._newest, follow=True):
            self._take((event,))
            self._tell()

    def _take(self, page: tuple[JournalEvent, ...]) -> None:
        self._at_hand.extend(map(core_event, page))
        if page:
            self._newest = page[-1].seq

    def _tell(self) -> None:
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()


def core_event(event: JournalEvent) -> CoreEvent:
    """Return an event in the provider's words."""
    return CoreEvent(
        event.seq,
        event.node,
        event.at_wall_ms,
        event.kind,
        event.subject,
        event.text,
        event.why,
        event.incident,
        f"{event.node} {event.generation}",
        event.local_seq,
    )
