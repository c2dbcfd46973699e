"""What is left to send on one connection, handed to the transport in small pieces.

Owns: the pieces and their order. A long answer is shared by all who ask for it;
the transport copies what the network does not take at once, so it is given no
more than one piece beyond that. Knows nothing of HTTP.
"""

import asyncio
from collections import deque
from typing import Final

PIECE_BYTES: Final = 131_072
"""What a connection may cost whose client takes nothing: what is larger costs few calls more."""


class Outlet:
    """Writes to one transport; its owner sets `is_blocked` as the transport asks."""

    def __init__(self) -> None:
        self._waiting: deque[memoryview] = deque()
        self.is_blocked = False

    def begin(self, transport: asyncio.WriteTransport) -> None:
        """Write to this transport from now on."""
        self._transport = transport
        # Any byte that the network did not take blocks: it is the transport that keeps it.
        transport.set_write_buffer_limits(high=1, low=0)

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
            self._transport.write(first[:PIECE_BYTES])
            if len(first) > PIECE_BYTES:
                self._waiting[0] = first[PIECE_BYTES:]
            else:
                self._waiting.popleft()
        return not self._waiting and not self.is_blocked

    def clear(self) -> None:
        """Forget what waits: nobody will take it."""
        self._waiting.clear()
