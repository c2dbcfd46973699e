"""Streams between nodes: what is too large for a datagram, over whichever link works.

Owns: TCP connections out and in, their bounds and their patience. A stream
begins with an empty frame that shows who speaks; until then it is a stranger's
and gets little memory and little time. A frame is sent once: whatever is lost
here, replication and reports send again.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ha_core.ids import LinkName
from ha_core.runtime.invitation import KNOCK
from ha_core.runtime.tasks import end_tasks
from ha_core.wire import FRAME_BYTES_MAX, Rejected

QUEUE_FRAMES_MAX: Final = 64
QUEUE_BYTES_MAX: Final = 2 * FRAME_BYTES_MAX
"""Frames waiting for one peer; the oldest go first (everything large is sent again)."""
CONNECT_S: Final = 2.0
TRANSFER_S: Final = 5.0
BYTES_PER_SECOND_MIN: Final = 256 * 1024
"""A frame may take `TRANSFER_S`, and longer by its size at this rate."""
IDLE_S: Final = 120.0
STRANGER_S: Final = 5.0
STRANGER_BYTES_MAX: Final = 64 * 1024
STREAMS_MAX: Final = 256
"""Streams coming in; beyond it the one that has been silent longest goes, strangers first."""
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a node listens on one link."""

    link: LinkName
    host: str
    port: int


class Doorkeeper(Protocol):
    """Whoever answers a node that asks to be let in."""

    async def answer(
        self, knock: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one exchange through and close the stream."""
        ...


def transfer_s(size: int) -> float:
    """Return how long a frame of that many bytes may take."""
    return TRANSFER_S + size / BYTES_PER_SECOND_MIN


class Outgoing:
    """The one connection to a peer, made when needed and made again when it breaks."""

    def __init__(self, targets: tuple[Endpoint, ...], introduce: Callable[[], bytes]) -> None:
        self.targets = targets
        self._introduce = introduce
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, frame: bytes) -> int:
        """Send a frame when its turn comes; return how many older ones were dropped for it."""
        self._queue.append(frame)
        self._bytes += len(frame)
        dropped = 0
        while len(self._queue) > QUEUE_FRAMES_MAX or self._bytes > QUEUE_BYTES_MAX:
            self._bytes -= len(self._queue.popleft())
            dropped += 1
        self._wake.set()
        return dropped

    async def close(self) -> None:
        """Give the connection up."""
        await end_tasks(self._task)

    async def _run(self) -> None:
        try:
            while True:
                while not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                frame = self._queue.popleft()
                self._bytes -= len(frame)
                await self._send(frame)
        finally:
            self._drop()

    async def _send(self, frame: bytes) -> None:
        """Try the connection that stands, then every link in turn, then give the frame up."""
        if self._reader is not None and self._reader.at_eof():
            self._drop()
        if await self._written(frame):
            return
        for target in self.targets:
            if await self._connected(target) and await self._written(frame):
                return

    async def _connected(self, target: Endpoint) -> bool:
        try:
            async with asyncio.timeout(CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(target.host, target.port)
        except (OSError, TimeoutError):
            return False
        sock: socket.socket = self._writer.get_extra_info("socket")
        # A peer that vanished shall be noticed even if little is written.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(TRANSFER_S * 1000))
        hello = self._introduce()
        self._writer.write(_LENGTH.pack(len(hello)) + hello)
        return True

    async def _written(self, frame: bytes) -> bool:
        if self._writer is None:
            return False
        try:
            async with asyncio.timeout(transfer_s(len(frame))):
                self._writer.write(_LENGTH.pack(len(frame)) + frame)
                await self._writer.drain()
        except (OSError, TimeoutError):
            self._drop()
            return False
        return True

    def _drop(self) -> None:
        if self._writer is not None:
            # Not close(): it would keep all that a peer does not read.
            self._writer.transport.abort()
        self._reader = self._writer = None


@dataclass(slots=True)
class _Caller:
    link: LinkName
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_known: bool
    heard_at: float


class Incoming:
    """All connections that others made to us."""

    def __init__(
        self,
        take: Callable[[bytes, LinkName], bool],
        refuse: Callable[[Rejected, LinkName], None],
    ) -> None:
        self._take = take
        self._refuse = refuse
        self._callers: dict[asyncio.Task[None], _Caller] = {}
        self.door: Doorkeeper | None = None

    def accept(
        self, link: LinkName, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve a new connection in a task of its own."""
        loop = asyncio.get_running_loop()
        caller = _Caller(link, reader, writer, is_known=False, heard_at=loop.time())
        if len(self._callers) >= STREAMS_MAX:
            self._turn_out()
        task = loop.create_task(self._serve(caller))
        self._callers[task] = caller
        task.add_done_callback(self._gone)

    async def close(self) -> None:
        """End every connection."""
        await end_tasks(*self._callers)

    def _turn_out(self) -> None:
        longest = min(self._callers.items(), key=lambda item: (item[1].is_known, item[1].heard_at))
        longest[0].cancel()
        del self._callers[longest[0]]

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._callers.pop(task, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            raise fault  # a bug: whoever watches the event loop shall see it

    async def _serve(self, caller: _Caller) -> None:
        try:
            while await self._serve_frame(caller):
                caller.heard_at = asyncio.get_running_loop().time()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return  # the peer sends again on a new connection
        finally:
            caller.writer.close()

    async def _serve_frame(self, caller: _Caller) -> bool:
        """Read one frame; return whether another may follow."""
        async with asyncio.timeout(IDLE_S if caller.is_known else STRANGER_S):
            (size,) = _LENGTH.unpack(await caller.reader.readexactly(_LENGTH.size))
        bound = FRAME_BYTES_MAX if caller.is_known else STRANGER_BYTES_MAX
        if size > bound:
            text = f"a stream announces a frame of {size} bytes, at most {bound}"
            self._refuse(Rejected("too-large", text), caller.link)
            return False
        async with asyncio.timeout(transfer_s(size)):
            data = await caller.reader.readexactly(size)
        if data.startswith(KNOCK):
            if self.door is not None:
                await self.door.answer(data, caller.reader, caller.writer)
            return False
        caller.is_known = self._take(data, caller.link) or caller.is_known
        return caller.is_known
