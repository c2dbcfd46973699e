"""TLS between a socket's transport and a protocol, by the ssl module's own state machine.

Owns: the handshake and its time limit, deciphering what comes and enciphering
what goes, and the end of a connection. asyncio's own layer does the same for all
kinds of protocols, both sides and renegotiation, and takes longer for a request
than answering it does. Knows nothing of HTTP, and asks for nothing in TLS: the
context says what is allowed.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

READ_BYTES: Final = 16_384
PIECE_BYTES: Final = 65_536

log = logging.getLogger(__name__)


class SecureTransport(asyncio.Transport):
    """What the protocol writes to: enciphers it, and hands it to the socket's transport."""

    def __init__(self, layer: "SecureLayer") -> None:
        super().__init__()
        self._layer = layer

    def get_extra_info(self, name: str, default: object = None) -> object:
        """See asyncio; `ssl_object` is the state machine."""
        if name == "ssl_object":
            return self._layer.machine
        return self._layer.lower.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio."""
        self._layer.write(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio; nothing is kept here, so the limits are the socket's."""
        self._layer.lower.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """See asyncio."""
        return self._layer.lower.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """See asyncio: half an end is none in TLS."""
        return False

    def pause_reading(self) -> None:
        """See asyncio."""
        self._layer.lower.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio."""
        self._layer.lower.resume_reading()

    def is_closing(self) -> bool:
        """See asyncio."""
        return self._layer.lower.is_closing()

    def close(self) -> None:
        """Say goodbye, send what is left, and close; the other side's goodbye is not awaited."""
        self._layer.close()

    def abort(self) -> None:
        """See asyncio."""
        self._layer.lower.abort()


class SecureLayer(asyncio.Protocol):
    """Speaks TLS as a server on one socket, and lets `make_protocol`'s protocol speak through it.

    The protocol is made, and hears of its connection, once the handshake is done. `on_failure` is
    called instead if that comes to nothing.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        make_protocol: Callable[[], asyncio.Protocol],
        handshake_s: float,
        on_failure: Callable[[], None],
    ) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.machine = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._make_protocol = make_protocol
        self._handshake_s = handshake_s
        self._on_failure = on_failure
        self._protocol: asyncio.Protocol | None = None
        self._has_ended = False

    @property
    def is_shaking(self) -> bool:
        """Return whether the handshake is not done."""
        return self._protocol is None

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport), "a stream"
        self.lower = transport
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._handshake_s, self._give_up)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._incoming.write(data)
        try:
            if self._protocol is None and not self._shake_hands():
                return
            self._read()
        except ssl.SSLError as fault:
            peer = self.lower.get_extra_info("peername")
            log.info("%s speaks no TLS that we do: %s", peer[0] if peer else "a client", fault)
            self._flush()  # tells it why
            self.lower.close()

    def eof_received(self) -> bool:
        """See asyncio."""
        if self._protocol is not None and not self._has_ended:
            self._has_ended = True
            self._protocol.eof_received()
        return False

    def pause_writing(self) -> None:
        """See asyncio."""
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio."""
        if self._protocol is not None:
            self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._timer.cancel()
        if self._protocol is None:
            self._on_failure()
        else:
            self._protocol.connection_lost(exc)

    # Called by the transport of the protocol.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encipher and send."""
        if self.lower.is_closing() or not data:
            return
        # The buffer of what goes has no bound, so that all of a piece is taken at once; pieces that
        # stay in the processor's cache are enciphered sooner.
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            self.machine.write(view[start : start + PIECE_BYTES])
            self._flush()

    def close(self) -> None:
        """End in order."""
        if not self.lower.is_closing():
            # It wants the other side's goodbye, which few send.
            with suppress(ssl.SSLError):
                self.machine.unwrap()
            self._flush()
        self.lower.close()

    def abort(self) -> None:
        """End at once."""
        self.lower.abort()

    def _shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is done."""
        try:
            self.machine.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._flush()
        self._timer.cancel()
        self._protocol = self._make_protocol()
        self._protocol.connection_made(SecureTransport(self))
        return True

    def _read(self) -> None:
        assert self._protocol is not None, "shaken hands"
        while not self._has_ended:
            try:
                data = self.machine.read(READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                self._has_ended = True
                self._protocol.eof_received()
                self.close()
                return
            self._protocol.data_received(data)
            if not self._incoming.pending and not self.machine.pending():
                break
        if self._outgoing.pending:
            self._flush()  # the machine answers some of what it reads by itself

    def _flush(self) -> None:
        if not self.lower.is_closing():
            data = self._outgoing.read()
            if data:
                self.lower.write(data)

    def _give_up(self) -> None:
        log.info("a client took longer than %g s for the handshake", self._handshake_s)
        self.lower.abort()
