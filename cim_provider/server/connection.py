"""One HTTP connection: requests in, answers out, one at a time and in order.

Owns: the exchange over h11, its bounds in time and size, and what closes a
connection. Who the client is says `Authenticator`; what is answered says
`Responder`. Knows nothing of sockets, TLS and other connections.
Source: RFC 9110 and 9112; DSP0200 1.4, section 6.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11

from cim_provider.server.auth import Authenticator, Denied, Identity
from cim_provider.server.responder import Responder
from cim_provider.wbem.errors import ProtocolError
from cim_provider.wbem.http import (
    Expected,
    check_headers,
    collect_headers,
    error_headers,
    response_headers,
)

READ_BYTES: Final = 65_536
LINGER_S: Final = 2.0
"""A refused client gets so long to read why, before what it still sends resets the connection."""
LINGER_BYTES_MAX: Final = 16 * 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection; times are seconds."""

    header_bytes: int = 65_536
    body_bytes: int = 1_048_576
    idle_s: float = 60.0
    """From the end of an answer to the first byte of the next request."""
    request_s: float = 30.0
    """From the first byte of a request to its last."""
    write_s: float = 30.0
    """For a client to take an answer."""


class _GoneError(Exception):
    """The client has closed, or is too slow to be told anything."""


class _RefusedError(Exception):
    """The request is answered with a status and headers, and has no body worth reading."""

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], text: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = list(headers)


def _refused(fault: ProtocolError, prefix: str) -> _RefusedError:
    return _RefusedError(fault.http_status, error_headers(fault, prefix), fault.text)


class Connection:
    """Serves one client until either side has had enough."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        authenticator: Authenticator,
        responder: Responder,
        limits: Limits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._authenticator = authenticator
        self._responder = responder
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, limits.header_bytes)
        self._clock = asyncio.get_running_loop().time
        self._deadline_s = 0.0
        self._is_begun = False
        self._is_stopping = False
        peer = writer.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else "unknown"

    async def serve(self) -> None:
        """Answer requests until the connection ends; a fault of ours leaves closing to `fail`."""
        try:
            while not self._is_stopping and await self._exchange():
                pass
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        except (_GoneError, OSError):
            log.debug("%s has gone", self._peer)
        await self._close()

    def stop(self) -> None:
        """Close now if no request is being answered, otherwise after it."""
        self._is_stopping = True
        if not self._is_begun:
            self._writer.transport.abort()

    def fail(self) -> None:
        """Tell the client that the server has a fault, if it can still be told, and close."""
        if self._http.our_state is h11.SEND_RESPONSE and not self._writer.is_closing():
            self._write(500, [("Connection", "close")], b"")
        self._writer.close()

    async def _close(self) -> None:
        """Close, and count as connected until what is left to send has been taken."""
        self._writer.close()
        try:
            async with asyncio.timeout(self._limits.write_s):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError:
            return

    async def _exchange(self) -> bool:
        """Serve one request; return whether another may follow."""
        self._is_begun = bool(self._http.trailing_data[0])
        bound_s = self._limits.request_s if self._is_begun else self._limits.idle_s
        self._deadline_s = self._clock() + bound_s
        try:
            event = await self._event()
            if not isinstance(event, h11.Request):
                return False
            status, headers, body = await self._answered(event)
        except h11.RemoteProtocolError as fault:
            log.info("%s sent no HTTP request: %s", self._peer, fault)
            status, headers, body = fault.error_status_hint, [], b""
        return await self._send(status, headers, body)

    async def _answered(self, request: h11.Request) -> tuple[int, list[tuple[str, str]], bytes]:
        try:
            expected, identity = await self._admitted(request)
            body = await self._body(self._limits.body_bytes)
            try:
                answer = await self._responder.respond(expected, body, identity)
            except ProtocolError as fault:
                raise _refused(fault, expected.prefix) from fault
        except _RefusedError as refusal:
            log.info("%s: status %d: %s", self._peer, refusal.status, refusal)
            if refusal.status != 413:
                await self._discard()
            return refusal.status, refusal.headers, b""
        return 200, response_headers(expected.prefix), answer

    async def _admitted(self, request: h11.Request) -> tuple[Expected, Identity]:
        """Judge a request by its head alone: what is refused here needs no memory for a body."""
        try:
            headers = collect_headers(request.headers)
            method = request.method.decode("latin-1")
            expected = check_headers(method, request.target.decode("latin-1"), headers)
        except ProtocolError as fault:
            raise _refused(fault, "") from fault
        verdict = await self._authenticator.authenticate(headers.get("authorization"), self._peer)
        if isinstance(verdict, Denied):
            raise _RefusedError(verdict.status, verdict.headers, "not authenticated")
        if int(headers.get("content-length", "0")) > self._limits.body_bytes:
            raise self._too_long()
        # The time that a comparison waited for its turn is not the client's.
        self._deadline_s = self._clock() + self._limits.request_s
        return expected, verdict

    async def _body(self, bytes_max: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            event = await self._event()
            if isinstance(event, h11.EndOfMessage):
                return parts[0] if len(parts) == 1 else b"".join(parts)
            if not isinstance(event, h11.Data):
                raise _GoneError
            size += len(event.data)
            if size > bytes_max:
                raise self._too_long()
            parts.append(bytes(event.data))

    def _too_long(self) -> _RefusedError:
        text = f"the body is longer than {self._limits.body_bytes} bytes"
        return _refused(ProtocolError(413, None, text), "")

    async def _discard(self) -> None:
        """Read what is left of a refused request, so that the next one is found behind it.

        Not for a client that waits to be asked for its body, nor for one that is too long: these
        connections end with the answer.
        """
        size = 0
        while self._http.their_state is h11.SEND_BODY and size <= self._limits.body_bytes:
            if self._http.they_are_waiting_for_100_continue:
                return
            event = await self._event()
            if isinstance(event, h11.Data):
                size += len(event.data)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type) or event is h11.PAUSED, event
                return event
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                self._writer.write(self._http.send(go_on) or b"")
            self._http.receive_data(await self._read())

    async def _read(self) -> bytes:
        """Return the next bytes, none at the end of the stream."""
        try:
            async with asyncio.timeout_at(self._deadline_s):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError as fault:
            if self._is_begun and self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                text = f"the request took longer than {self._limits.request_s:g} s"
                raise h11.RemoteProtocolError(text, error_status_hint=408) from fault
            raise _GoneError from fault
        if not self._is_begun:
            if not data:
                raise _GoneError
            self._is_begun = True
            self._deadline_s = self._clock() + self._limits.request_s
        return data

    async def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> bool:
        """Send the answer; return whether another request may follow."""
        is_last = self._is_stopping or self._http.their_state is not h11.DONE
        if is_last:
            headers = [*headers, ("Connection", "close")]
        self._write(status, headers, body)
        await self._drain()
        if not is_last and self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        if self._http.their_state not in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            await self._linger()
        return False

    def _write(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        length = ("Content-Length", str(len(body)))
        response = h11.Response(
            status_code=status, headers=[*headers, length], reason=_reason(status)
        )
        # One write, so that one packet can hold it all.
        head = self._http.send(response) or b""
        content = self._http.send(h11.Data(data=body)) if body else b""
        end = self._http.send(h11.EndOfMessage())
        self._writer.write(b"".join((head, content or b"", end or b"")))

    async def _drain(self) -> None:
        if not self._writer.transport.get_write_buffer_size():
            return
        try:
            async with asyncio.timeout(self._limits.write_s):
                await self._writer.drain()
        except TimeoutError as fault:
            log.info("%s does not take its answer: closed", self._peer)
            self._writer.transport.abort()
            raise _GoneError from fault

    async def _linger(self) -> None:
        """Let the client read its answer: closing with input unread would reset the connection."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        size = 0
        try:
            async with asyncio.timeout(LINGER_S):
                while size < LINGER_BYTES_MAX and (data := await self._reader.read(READ_BYTES)):
                    size += len(data)
        except TimeoutError:
            return


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()
