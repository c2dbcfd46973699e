"""Last wills: what is written on the shelf when a client of the control socket vanishes.

Owns: the will of each connection, when it is due (the connection ends, or brings no request for
too long), and carrying it out. The kernel closes the connections of whoever dies: so the cluster
knows within milliseconds that a program beside it is gone. Its conditions keep a will that is
out of date from doing anything.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from ha_core.commands import Command, Outcome, Shelve
from ha_core.control_protocol import AskWill
from ha_core.errors import RefusedError
from ha_core.replication.shelf import ShelfChange, fault_of
from ha_core.runtime.tasks import end_tasks

PUTS_MAX: Final = 8
CHARACTERS_MAX: Final = 4096
"""Of all texts: a will waits in memory, one for each connection."""
TRIES_MAX: Final = 10
AGAIN_S: Final = 1.0
_PASSING: Final = frozenset({"timeout", "no-quorum", "busy"})
"""Outcomes after which it may succeed."""

Give: TypeAlias = Callable[[Command, str], Awaitable[Outcome]]
"""Gives a command to the cluster in somebody's name."""

log = logging.getLogger(__name__)


class Wills:
    """Carries out the wills of one server's connections."""

    def __init__(self, give: Give) -> None:
        self._give = give
        self._under_way: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Carry out nothing more: a node that ends is seen to be gone by itself."""
        await end_tasks(*self._under_way)

    def carry_out(self, will: Shelve, author: str) -> None:
        """Begin to write it."""
        task = asyncio.get_running_loop().create_task(self._write(will, author))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _write(self, will: Shelve, author: str) -> None:
        outcome = await self._give(will, author)
        for _ in range(TRIES_MAX):
            if outcome.code not in _PASSING:
                break
            await asyncio.sleep(AGAIN_S)
            outcome = await self._give(will, author)
        log.info("a client of %s vanished: its last will is %s", author, outcome.code)


class LastWill:
    """The will of one connection; there is none at first."""

    def __init__(self, wills: Wills, author: str) -> None:
        self._wills = wills
        self._author = author
        self._will: Shelve | None = None
        self._silence_s: float | None = None

    def make(self, asked: AskWill) -> None:
        """Take a will in place of the one before. Raises RefusedError: it cannot be written."""
        if not asked.puts:
            self._will = self._silence_s = None
            return
        fault = fault_of(ShelfChange(asked.puts, asked.conditions))
        size = sum(len(put.text or "") for put in asked.puts)
        if len(asked.puts) > PUTS_MAX or size > CHARACTERS_MAX:
            fault = f"a last will has at most {PUTS_MAX} keys and {CHARACTERS_MAX} characters"
        if fault:
            raise RefusedError("invalid", fault)
        self._will = Shelve(asked.puts, asked.conditions)
        self._silence_s = asked.silence_ms / 1000 if asked.silence_ms else None

    async def next_line(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next request; whoever is silent for too long is taken for gone."""
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    return await reader.readuntil(b"\n")
            except TimeoutError:
                self.open()

    def open(self) -> None:
        """Begin to carry the will out, if there is one; then there is none."""
        will, self._will, self._silence_s = self._will, None, None
        if will is not None:
            self._wills.carry_out(will, self._author)
