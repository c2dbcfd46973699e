"""The shelf in the replicated log of Beatkeeper's own cluster.

Owns: the connection over which it is followed, the one over which it is
written, and the copy of it here. A copy may lag behind; a write is judged by
the log.
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
        self._items: dict[str, Item] = {}
        self._revision = -1
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow(), name="follow the shelf")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._follower.close()
        await self._writer.close()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which nothing is up to date; none before the start."""
        return () if self._following is None else (self._following,)

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
        command = Shelve(
            tuple(ShelfPut(key, text) for key, text in puts.items()),
            tuple(ShelfCondition(key, revision) for key, revision in conditions.items()),
        )
        try:
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
