"""The shelf in the replicated log of Beatkeeper's own cluster.

Owns: the connection over which it is followed, the one over which it is
written, the one whose end has the last will carried out, and the copy of it
here. A copy may lag behind, but for what was written here; a write is judged by
the log.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cim_provider.engines.ha_core_again import Again
from cim_provider.indications.shelf import PREFIX, Code, Item, Written
from cim_provider.tasks import end_tasks
from ha_core.client import Client
from ha_core.commands import Shelve
from ha_core.control_protocol import ShelfGiven
from ha_core.errors import ConnectError, HaError, RefusedError
from ha_core.ids import Millis
from ha_core.replication.shelf import ShelfCondition, ShelfPut

WATCH_MS: Final[Millis] = 10_000
BEHIND_S: Final = 0.1
WRITE_MS: Final[Millis] = 15_000
WRITERS: Final = 3
"""Writes that are under way at one time; others wait their turn, one for a new coordinator."""
LEFT_S: Final = 1.0
"""What is to be written after the end of this server is left anew so often, …"""
SILENCE_MS: Final[Millis] = 3_000
"""… and a server that does not is taken for dead after so long, though it may only stand still."""
_CODES: Final = {"done": Code.DONE, "stale": Code.STALE, "full": Code.FULL, "timeout": Code.UNKNOWN}

log = logging.getLogger(__name__)


class HaCoreShelf:
    """Implements `Shelf`; use as an asynchronous context manager.

    Args:
        root: directory that holds the node's etc, lib and run; None for the system's.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._follower = Client(root)
        self._again = Again(root)
        self._writers = [Client(root) for _ in range(WRITERS)]
        self._idle = deque(self._writers)
        self._has_idle = asyncio.Semaphore(WRITERS)
        self._testator = Client(root)
        self._will: Shelve | None = None
        self._read: dict[str, Item] = {}
        """What the daemon has shown, …"""
        self._read_revision = -1
        """… as of this revision."""
        self._own: dict[str, Item | None] = {}
        """What was written here since, and is final, though the daemon need not know yet."""
        self._own_revisions: dict[str, int] = {}
        self._items: dict[str, Item] = {}
        self._revision = -1
        self._changed = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def __aenter__(self) -> Self:
        self._tasks = (
            asyncio.create_task(self._follow(), name="follow the shelf"),
            asyncio.create_task(self._keep_will(), name="keep the last will"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await end_tasks(*self._tasks)
        for client in (self._follower, *self._writers, self._testator):
            await client.close()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which nothing is up to date; none before the start."""
        return self._tasks

    @property
    def is_reached(self) -> bool:
        """See `Shelf`."""
        return self._read_revision >= 0

    @property
    def revision(self) -> int:
        """See `Shelf`."""
        return self._revision

    @property
    def items(self) -> Mapping[str, Item]:
        """See `Shelf`."""
        return self._items

    async def write(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Written:
        """See `Shelf`."""
        async with self._has_idle:
            writer = self._idle.popleft()
            try:
                command = _command(puts, conditions)
                outcome = await writer.command(command, timeout_ms=WRITE_MS)
                code = _CODES.get(outcome.code, Code.REFUSED)
                if code is Code.DONE:
                    self._wrote(puts, outcome.revision)
                elif code is Code.STALE:
                    await self._ask(writer, 0)  # whoever wrote sees why it was not done
                return Written(code, outcome.text, outcome.revision)
            except RefusedError as fault:
                return Written(Code.REFUSED, str(fault))
            except HaError as fault:
                return Written(Code.UNKNOWN, str(fault))
            finally:
                self._idle.appendleft(writer)

    def _wrote(self, puts: Mapping[str, str | None], revision: int) -> None:
        """Lay a write that is final over what was read.

        The coordinator has answered; this node's daemon may learn of it a beat later only.
        """
        if revision <= self._read_revision:
            return
        for key, text in puts.items():
            if revision > self._own_revisions.get(key, 0):
                self._own[key] = None if text is None else Item(text, revision)
                self._own_revisions[key] = revision
        self._show()

    async def changed(self, since: int) -> None:
        """See `Shelf`."""
        while self._revision == since:
            await self._changed.wait()

    async def leave(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> None:
        """See `Shelf`; the node's daemon has it, and sees when this server's connection ends."""
        self._will = _command(puts, conditions) if puts else None
        await self._tell_will()
        if self._will is None:
            await self._testator.close()

    async def _keep_will(self) -> None:
        """Leave the will anew from time to time: this server lives, and the daemon may be new."""
        while True:
            await asyncio.sleep(LEFT_S)
            if self._will is not None:
                await self._tell_will()

    async def _tell_will(self) -> None:
        try:
            async with asyncio.timeout(SILENCE_MS / 1000):
                await self._testator.will(self._will, SILENCE_MS)
        except (HaError, TimeoutError) as fault:
            log.debug("no last will is left: %s", fault)

    async def _follow(self) -> None:
        said = ""
        while True:
            try:
                await self._ask(self._follower, WATCH_MS if self.is_reached else 0)
            except HaError as fault:
                if str(fault) != said and not isinstance(fault, ConnectError):
                    log.warning("the shelf cannot be read: %s", fault)
                said = str(fault)
                await self._again.pause()

    async def _ask(self, client: Client, wait_ms: Millis) -> None:
        """Read what is newer than what is known here, at once or when there is something."""
        since = max(self._read_revision, 0)
        if not self._take(await client.shelf(PREFIX, since, wait_ms)):
            await asyncio.sleep(BEHIND_S)

    def _take(self, given: ShelfGiven) -> bool:
        """Take what the daemon showed, unless ours is newer; return whether it was taken."""
        if given.revision < self._read_revision:
            return False  # another answer came first, or the daemon has just started
        if given.revision == self._read_revision and len(given.keys) == len(self._read):
            return True
        fresh = {item.key: Item(item.text, item.revision) for item in given.items}
        known = self._read
        found: dict[str, Item] = {}
        for key, revision in given.keys:
            item = fresh.get(key) or known.get(key)
            if item is None or item.revision != revision:
                self._read_revision = -1  # it does not fit what is known: read all of it
                return False
            found[key] = item
        self._read, self._read_revision = found, given.revision
        for key in [k for k, n in self._own_revisions.items() if n <= given.revision]:
            del self._own[key], self._own_revisions[key]
        self._show()
        return True

    def _show(self) -> None:
        items: dict[str, Item | None] = {**self._read, **self._own}
        self._items = {key: item for key, item in items.items() if item is not None}
        self._revision += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _command(puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Shelve:
    return Shelve(
        tuple(ShelfPut(key, text) for key, text in puts.items()),
        tuple(ShelfCondition(key, revision) for key, revision in conditions.items()),
    )
