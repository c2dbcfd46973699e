"""The shelf in the replicated log of Beatkeeper's own cluster.

Owns: the connection over which it is followed, the one over which it is
written, the one whose end has the last will carried out, and the copy of it
here. A copy may lag behind; a write is judged by the log.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cim_provider.indications.shelf import PREFIX, Code, Item, Written
from ha_core.client import Client
from ha_core.commands import Shelve
from ha_core.control_protocol import ShelfGiven
from ha_core.errors import ConnectError, HaError, RefusedError
from ha_core.ids import Millis
from ha_core.replication.shelf import ShelfCondition, ShelfPut

WATCH_MS: Final[Millis] = 10_000
RETRY_S: Final = 0.5
BEHIND_S: Final = 0.1
WRITE_MS: Final[Millis] = 15_000
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
        self._writer = Client(root)
        self._testator = Client(root)
        self._will: Shelve | None = None
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in (self._follower, self._writer, self._testator):
            await client.close()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which nothing is up to date; none before the start."""
        return self._tasks

    @property
    def is_reached(self) -> bool:
        """See `Shelf`."""
        return self._revision >= 0

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
        try:
            command = _command(puts, conditions)
            outcome = await self._writer.command(command, timeout_ms=WRITE_MS)
            code = _CODES.get(outcome.code, Code.REFUSED)
            if code in (Code.DONE, Code.STALE):
                # Whoever wrote sees what was written, or why it was not.
                await self._read_through(outcome.revision)
            return Written(code, outcome.text, outcome.revision)
        except RefusedError as fault:
            return Written(Code.REFUSED, str(fault))
        except HaError as fault:
            return Written(Code.UNKNOWN, str(fault))

    async def _read_through(self, revision: int) -> None:
        """Read until what stands here is at least as new as a revision.

        The coordinator answers when the entry is final; this node may learn of that later.
        """
        wait_ms = 0
        while True:
            await self._ask(self._writer, wait_ms)
            if self._revision >= revision:
                return
            wait_ms = WATCH_MS

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
                await asyncio.sleep(RETRY_S)

    async def _ask(self, client: Client, wait_ms: Millis) -> None:
        """Read what is newer than what is known here, at once or when there is something."""
        if not self._take(await client.shelf(PREFIX, max(self._revision, 0), wait_ms)):
            await asyncio.sleep(BEHIND_S)

    def _take(self, given: ShelfGiven) -> bool:
        """Take what the daemon showed, unless ours is newer; return whether it was taken."""
        if given.revision < self._revision:
            return False  # another answer came first, or the daemon has just started
        fresh = {item.key: Item(item.text, item.revision) for item in given.items}
        known = self._items
        found: dict[str, Item] = {}
        for key, revision in given.keys:
            item = fresh.get(key) or known.get(key)
            if item is None or item.revision != revision:
                self._revision = -1  # it does not fit what is known: read all of it
                return False
            found[key] = item
        self._items, self._revision = found, given.revision
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return True


def _command(puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Shelve:
    return Shelve(
        tuple(ShelfPut(key, text) for key, text in puts.items()),
        tuple(ShelfCondition(key, revision) for key, revision in conditions.items()),
    )
