"""The cluster's journal, followed: the newest events in memory, older ones asked for.

Owns: the connection over which the journal is followed, and the one copy of it here, which views,
counts and alerts share. Knows nothing of CIM.
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from cim_provider.engines.ha_core_again import Again
from cim_provider.tasks import end_tasks
from cim_provider.views.history import EVENTS_KEPT
from cim_provider.views.journal import CoreEvent
from ha_core.client import Client
from ha_core.errors import HaError
from ha_core.journal import JournalEvent

PAGE: Final = 1000
"""Events of one answer."""
SPARE: Final = 1000
"""So many more are kept than are shown before the oldest go."""

Ask: TypeAlias = Callable[[int], Awaitable[tuple[JournalEvent, ...]]]
"""Asks the daemon for events numbered above a number, oldest first, at most `PAGE`."""

log = logging.getLogger(__name__)


class JournalFollower:
    """Follows the journal of the node's daemon between `start` and `stop`."""

    def __init__(self, root: Path | None = None) -> None:
        self._follower = Client(root)
        self._reader = Client(root)
        self._again = Again(root)
        self._newest = -1
        self._events: list[CoreEvent] = []
        """The newest that are known, in order; replaced or grown at its end, never changed."""
        self._shown: tuple[CoreEvent, ...] | None = ()
        self._reading = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name="follow the journal")

    async def stop(self) -> None:
        """Follow no more."""
        await end_tasks(self._task)
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

    @property
    def events(self) -> tuple[CoreEvent, ...]:
        """The newest events that are known here, as many as a node keeps; the same till others."""
        if self._shown is None:
            self._shown = tuple(self._events[-EVENTS_KEPT:])
        return self._shown

    async def since(self, seq: int) -> tuple[CoreEvent, ...]:
        """Return events numbered above `seq`, oldest first, at most 1,000; none if it fails."""
        if seq >= self._newest:
            return ()
        if len(self._events) < EVENTS_KEPT or seq + 1 >= self._events[0].seq:
            return self._above(seq)[:PAGE]
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

    async def catch_up(self, ask: Ask) -> None:
        """Read all events that the daemon has by now. Raises what `ask` does."""
        async with self._reading:
            await self._read(ask)

    def _above(self, seq: int) -> tuple[CoreEvent, ...]:
        begin = bisect_right(self._events, seq, key=lambda each: each.seq)
        return tuple(self._events[begin : begin + PAGE])

    async def _read(self, ask: Ask) -> None:
        """Read what is newer than what is known, or all if the daemon has another journal."""
        known = self._events[-1] if self._events else None
        page = await ask(known.seq - 1 if known is not None else 0)
        if known is not None and (not page or core_event(page[0]) != known):
            log.info("the journal is another one: it is read from its beginning")
            self._events, self._newest, self._shown = [], -1, None
            page = await ask(0)
        self._take(page)
        while len(page) == PAGE:
            page = await ask(page[-1].seq)
            self._take(page)
        if self._newest < 0:
            self._newest = 0
            self._tell()

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except HaError as fault:
                log.debug("the journal is not followed: %s", fault)
            await self._again.pause()

    async def _follow(self) -> None:
        """Read all there is, then what comes."""
        await self.catch_up(self._follower.recent_events)
        async for event in self._follower.events(self._newest, follow=True):
            self._take((event,))

    def _take(self, page: Iterable[JournalEvent]) -> None:
        """Add what is new, whichever way it came first."""
        found = [core_event(each) for each in page if each.seq > self._newest]
        if not found:
            return
        self._events += found
        if len(self._events) > EVENTS_KEPT + SPARE:
            del self._events[:-EVENTS_KEPT]
        self._newest, self._shown = found[-1].seq, None
        self._tell()

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
