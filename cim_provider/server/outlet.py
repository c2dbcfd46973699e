"""What is left to send on one connection, handed to the network in small pieces.

Owns: the pieces and their order. A long answer is shared by all who ask for it: it goes from
where it is to the socket, and a transport, which copies what the network does not take at once,
is given no more than one piece beyond that. Knows nothing of HTTP.
"""

import asyncio
import os
from collections import deque
from contextlib import suppress
from typing import Final

PIECE_BYTES: Final = 65_536
"""What a connection may cost whose client takes nothing: what is larger costs few calls more."""
AT_ONCE_BYTES: Final = 524_288
"""So much is offered to a socket in one call."""
_REST_BYTES: Final = 4_096
"""What its transport keeps of a piece that the socket does not take, and waits with."""


class Outlet:
    """Writes to one transport; its owner sets `is_blocked` as the transport asks."""

    def __init__(self) -> None:
        self._waiting: deque[memoryview] = deque()
        self._descriptor: int | None = None
        self.is_blocked = False

    def begin(self, transport: asyncio.WriteTransport, descriptor: int | None = None) -> None:
        """Write to this transport from now on; `descriptor` is its socket's, if that takes all.

        Who enciphers what it is given has none.
        """
        self._transport = transport
        self._descriptor = descriptor
        # Any byte that the network did not take blocks, were it one: it is the transport that keeps
        # it, and what went to the socket beside that would overtake it.
        transport.set_write_buffer_limits(high=0, low=0)

    def write(self, parts: tuple[bytes, ...]) -> bool:
        """Send parts one after the other; return whether all have been handed over."""
        assert not self._waiting, "the last answer has not been sent"
        short: list[bytes] = []
        size = 0
        for part in parts:
            size += len(part)
            if size > PIECE_BYTES:
                break
            short.append(part)
        else:
            # One write, so that one packet can hold it all.
            self._transport.write(b"".join(short))
            return not self.is_blocked
        self._waiting.append(memoryview(b"".join(short)))
        self._waiting.extend(memoryview(part) for part in parts[len(short) :])
        return self.flush()

    def flush(self) -> bool:
        """Send what waits, for as long as the network takes it; return whether all has gone."""
        # To a client that has gone, all would be taken and nothing sent.
        while self._waiting and not self.is_blocked and not self._transport.is_closing():
            first = self._waiting[0]
            taken = self._hand_over(first)
            if taken < len(first):
                self._waiting[0] = first[taken:]
            else:
                self._waiting.popleft()
        return not self._waiting and not self.is_blocked

    def clear(self) -> None:
        """Forget what waits: nobody will take it."""
        self._waiting.clear()

    def _hand_over(self, data: memoryview) -> int:
        """Return how much of the data has been taken: at least some of it."""
        if self._descriptor is None:
            self._transport.write(data[:PIECE_BYTES])
            return min(len(data), PIECE_BYTES)
        # What is wrong with the connection, the transport will find, and tell.
        with suppress(OSError):
            return os.write(self._descriptor, data[:AT_ONCE_BYTES])
        self._transport.write(data[:_REST_BYTES])
        return min(len(data), _REST_BYTES)
