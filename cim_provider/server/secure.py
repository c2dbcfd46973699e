"""TLS on one socket, as a transport for a protocol.

Owns: the handshake and its time limit, deciphering what comes and enciphering what goes,
straight from and to the socket, and the end of a connection. asyncio's own layer enciphers
into memory and then sends that: each answer is copied twice more, and each connection keeps
what it was copied to. Knows nothing of HTTP, and asks for nothing in TLS: the context says
what is allowed.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

READ_BYTES: Final = 16_384
"""A record holds no more."""
_WAIT: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)

log = logging.getLogger(__name__)


class SecureTransport(asyncio.Transport):
    """Speaks TLS as a server on one socket, and lets `make_protocol`'s protocol speak through it.

    The protocol is made, and hears of its connection, once the handshake is done. `on_failure` is
    called instead if that comes to nothing.
    """

    def __init__(
        self,
        stream: ssl.SSLSocket,
        peer: tuple[object, ...],
        make_protocol: Callable[[], asyncio.Protocol],
        on_failure: Callable[[], None],
    ) -> None:
        super().__init__()
        self._stream = stream
        self._known = {"peername": peer, "socket": stream, "ssl_object": stream}
        self._make_protocol = make_protocol
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._number = stream.fileno()
        self._protocol: asyncio.Protocol | None = None
        self._queue: deque[memoryview] = deque()
        self._size = 0
        self._high, self._low = 65_536, 16_384
        self._is_blocked = False
        """Whether the protocol was asked to pause."""
        self._is_paused = False
        self._is_closing = False
        self._has_ended = False

    def begin(self, handshake_s: float) -> None:
        """Begin the handshake, which may take so long."""
        self._timer = self._loop.call_later(handshake_s, self._give_up, handshake_s)
        self._loop.add_reader(self._number, self._on_readable)

    @property
    def is_shaking(self) -> bool:
        """Return whether the handshake is not done."""
        return self._protocol is None

    # Called by the protocol.

    def get_extra_info(self, name: str, default: object = None) -> object:
        """See asyncio; `ssl_object` is the socket itself."""
        return self._known.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encipher and send; what the network does not take is kept as it is, uncopied."""
        if self._is_closing or not data:
            return
        view = memoryview(bytes(data) if isinstance(data, bytearray) else data)
        self._queue.append(view)
        self._size += len(view)
        if len(self._queue) == 1:
            self._drain()
        if self._size > self._high and not self._is_blocked and self._protocol is not None:
            self._is_blocked = True
            self._protocol.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio."""
        self._high = 65_536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """See asyncio."""
        return self._size

    def can_write_eof(self) -> bool:
        """See asyncio: half an end is none in TLS."""
        return False

    def pause_reading(self) -> None:
        """See asyncio."""
        if not self._is_paused and not self._is_closing:
            self._is_paused = True
            self._loop.remove_reader(self._number)

    def resume_reading(self) -> None:
        """See asyncio."""
        if self._is_paused and not self._is_closing:
            self._is_paused = False
            self._loop.add_reader(self._number, self._on_readable)
            if self._stream.pending():
                self._loop.call_soon(self._on_readable)

    def is_closing(self) -> bool:
        """See asyncio."""
        return self._is_closing

    def close(self) -> None:
        """Send what is left, say goodbye, and close; the other side's goodbye is not awaited."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.remove_reader(self._number)
        if not self._queue:
            self._end(None)

    def abort(self) -> None:
        """End at once."""
        self._queue.clear()
        self._end(None, says_goodbye=False)

    # Called by the loop.

    def _on_readable(self) -> None:
        if self._is_closing or self._is_paused:
            return  # this call was on its way
        try:
            if self._protocol is None:
                self._shake_hands()
            else:
                self._read(self._protocol)
        except _WAIT:
            pass
        except ssl.SSLEOFError:
            self._end(None, says_goodbye=False)
        except ssl.SSLError as fault:
            log.info("%s speaks no TLS that we do: %s", self._peer, fault)
            self._end(fault, says_goodbye=False)
        except OSError as fault:
            self._end(fault, says_goodbye=False)

    def _on_writable(self) -> None:
        if self._protocol is None:
            self._loop.remove_writer(self._number)
            self._on_readable()
            return
        self._drain()
        if not self._queue:
            self._loop.remove_writer(self._number)
        if self._is_blocked and self._size <= self._low and not self._has_ended:
            self._is_blocked = False
            self._protocol.resume_writing()
        if self._is_closing and not self._queue:
            self._end(None)

    def _give_up(self, handshake_s: float) -> None:
        log.info("%s took longer than %g s for the handshake", self._peer, handshake_s)
        self.abort()

    # The work.

    @property
    def _peer(self) -> object:
        peer = self._known["peername"]
        return peer[0] if isinstance(peer, tuple) else peer

    def _shake_hands(self) -> None:
        try:
            self._stream.do_handshake()
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._number, self._on_writable)
            return
        self._timer.cancel()
        self._protocol = self._make_protocol()
        self._protocol.connection_made(self)

    def _read(self, protocol: asyncio.Protocol) -> None:
        """Give the protocol what has come; the loop calls again for what is in the socket still."""
        while not self._is_closing and not self._is_paused:
            data = self._stream.recv(READ_BYTES)
            if not data:
                protocol.eof_received()
                self.close()
                return
            protocol.data_received(data)
            if self.is_closing() or not self._stream.pending():
                return

    def _drain(self) -> None:
        """Send what waits, for as long as the network takes it."""
        queue = self._queue
        try:
            while queue:
                first = queue[0]
                while first:
                    # Taken is all or nothing: what was begun has to be offered again as it is.
                    taken = self._stream.send(first)
                    self._size -= taken
                    queue[0] = first = first[taken:]
                queue.popleft()
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._number, self._on_writable)
        except OSError as fault:
            queue.clear()
            self._end(fault, says_goodbye=False)

    def _end(self, fault: OSError | None, *, says_goodbye: bool = True) -> None:
        """Close now; the protocol hears of it in the loop's next turn."""
        if self._has_ended:
            return
        self._has_ended = self._is_closing = True
        self._size = 0
        self._timer.cancel()
        self._loop.remove_reader(self._number)
        self._loop.remove_writer(self._number)
        if says_goodbye and self._protocol is not None:
            # It wants the other side's goodbye, which few send.
            with suppress(OSError):
                self._stream.unwrap()
        self._loop.call_soon(self._tell, fault)

    def _tell(self, fault: OSError | None) -> None:
        self._stream.close()
        if self._protocol is None:
            self._on_failure()
        else:
            self._protocol.connection_lost(fault)


def secured(client: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the socket for TLS, with the handshake to come. Raises OSError: it has gone."""
    return context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
