"""One HTTP connection: requests in, answers out, one at a time and in order.

Owns: the exchange, its bounds in time and memory, and what closes a connection.
Where a request ends says `Framing`; who the client is says `Authenticator`; what
is answered says `Responder`. What needs no waiting is answered within the call
that brought the last byte of the request; everything else runs in a task. Knows
nothing of sockets, TLS and other connections.
Source: RFC 9110 and 9112; DSP0200 1.4, section 6.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cim_provider.server.auth import Authenticator, Denied, Identity, PeerCertificate, Verdict
from cim_provider.server.outlet import Outlet
from cim_provider.server.responder import Responder
from cim_provider.wbem.errors import ProtocolError
from cim_provider.wbem.framing import Bounds, Framing, FramingError, Head
from cim_provider.wbem.http import Judgement, answer_head, error_headers, http_date, judge

INPUT_BYTES_MAX: Final = 65_536
"""So much of what a client sends ahead of its turn is taken before it has to wait."""
LINGER_S: Final = 2.0
"""A refused client gets so long to read why, before what it still sends resets the connection."""
LINGER_BYTES_MAX: Final = 16 * 1024 * 1024
TAKING_BYTES_PER_S: Final = 65_536
"""Who takes an answer more slowly than this is cut off, however long the answer is."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_END: Final = b"\r\n\r\n"
_CLOSE: Final = ("Connection", "close")
_CLOSING: Final = b"\r\nConnection: close\r\n\r\n"
_MEASURES: Final = b"%d\r\nWBEMServerResponseTime: %08d\r\nDate: %b"
"""How long the answer is, how long it took in microseconds, which clients show, and the time; of
the same width always, so that equal answers are equally long."""

Certificate = Callable[[asyncio.Transport], PeerCertificate | None]

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
    """For a client to begin to take an answer; a long one may take longer."""


class _Phase(IntEnum):
    IDLE = 0
    READING = 1
    ADMITTING = 2
    ANSWERING = 3
    SENDING = 4
    LINGERING = 5
    CLOSED = 6


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The request is answered with a status and headers, and has no body worth reading."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str


def _refused(fault: ProtocolError, prefix: str) -> _Refusal:
    return _Refusal(fault.http_status, tuple(error_headers(fault, prefix)), fault.text)


class Connection(asyncio.Protocol):
    """Serves one client until either side has had enough; `on_end` is called once after that."""

    def __init__(
        self,
        authenticator: Authenticator,
        responder: Responder,
        limits: Limits,
        on_end: Callable[["Connection"], None],
        certificate: Certificate | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._responder = responder
        self._limits = limits
        self._on_end = on_end
        self._certificate_of = certificate
        self._certificate: PeerCertificate | None = None
        self._loop = asyncio.get_running_loop()
        self._framing = Framing(Bounds(limits.header_bytes, body_bytes=limits.body_bytes))
        self._outlet = Outlet()
        self._phase = _Phase.IDLE
        self._deadline_s = 0.0
        self._has_deadline = False
        """Whether the deadline is that of the request which is being read."""
        self._timer: asyncio.TimerHandle | None = None
        self._input = b""
        self._lingered = 0
        self._is_paused = False
        self._is_ended = False
        """Whether the client sends no more."""
        self._is_lost = False
        self._is_last = False
        """Whether the connection ends with the answer that is being sent."""
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self._began_s = 0.0
        """When the request was whole."""
        self._judgement: Judgement | None = None
        self._judged: tuple[Head, Judgement] | None = None
        """The last head, and what it means."""
        self._identity: Identity | None = None
        self._refusal: _Refusal | None = None
        self._known: tuple[bytes | None, tuple[int, int], Identity] | None = None
        """The last credentials, what they were good for, and until when."""

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport), "a stream"
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else "unknown"
        self._has_tls = transport.get_extra_info("ssl_object") is not None
        opened = None if self._has_tls else transport.get_extra_info("socket")
        self._outlet.begin(transport, None if opened is None else opened.fileno())
        self._certificate = (
            None if self._certificate_of is None else self._certificate_of(transport)
        )
        self._set_deadline(self._limits.idle_s)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self._phase is _Phase.LINGERING:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES_MAX:
                self._transport.abort()
            return
        self._input = self._input + data if self._input else data
        if self._phase <= _Phase.READING:
            self._advance()
        elif len(self._input) > INPUT_BYTES_MAX:
            self._transport.pause_reading()
            self._is_paused = True

    def eof_received(self) -> bool:
        """See asyncio; who has sent a whole request still gets its answer."""
        self._is_ended = True
        is_busy = self._task is not None or self._phase is _Phase.SENDING
        return is_busy and not self._has_tls

    def pause_writing(self) -> None:
        """See asyncio."""
        self._outlet.is_blocked = True

    def resume_writing(self) -> None:
        """See asyncio."""
        self._outlet.is_blocked = False
        if self._phase is _Phase.SENDING and self._outlet.flush():
            self._sent()
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if exc is not None:
            log.debug("%s has gone: %s", self._peer, exc)
        self._phase = _Phase.CLOSED
        self._is_lost = True
        self._input = b""
        self._outlet.clear()
        if self._timer is not None:
            self._timer.cancel()
        # An operation that has begun is carried out: half of one would be worse than an answer
        # that nobody hears.
        if self._task is None:
            self._on_end(self)

    # Called by the listener.

    def stop(self) -> None:
        """Close now if no request is being answered, otherwise after it."""
        self._is_stopping = True
        if self._phase <= _Phase.READING:
            self.abort()

    def abort(self) -> None:
        """Close at once, whatever is going on."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    # The exchange.

    def _advance(self) -> None:
        """Read and answer requests for as long as there is input and nothing to wait for."""
        if self._task is not None:
            return  # it goes on by itself when it is done
        framing = self._framing
        while self._phase <= _Phase.READING:
            if framing.is_complete:
                self._answer()
            elif self._input:
                self._read()
            else:
                break
        if self._phase is _Phase.READING and not self._has_deadline:
            self._set_deadline(self._limits.request_s)
            self._has_deadline = True
        if self._is_ended and self._phase <= _Phase.READING:
            self._transport.close()
        elif self._is_paused and self._phase <= _Phase.READING:
            self._is_paused = False
            self._transport.resume_reading()

    def _read(self) -> None:
        framing = self._framing
        if self._phase is _Phase.IDLE:
            self._phase = _Phase.READING
            self._has_deadline = False
        try:
            taken = framing.feed(self._input)
        except FramingError as fault:
            self._refuse(_refused(ProtocolError(fault.status, None, fault.text), ""))
            return
        self._input = self._input[taken:]
        if framing.head is not None and self._judgement is None:
            self._admit()

    def _admit(self) -> None:
        """Judge a request by its head alone: what is refused here needs no memory for a body."""
        head = self._framing.head
        assert head is not None, "asked for a whole head"
        last = self._judged
        judgement = last[1] if last is not None and last[0] is head else judge(head)
        self._judgement, self._judged = judgement, (head, judgement)
        if judgement.fault is not None:
            refusal = _refused(judgement.fault, judgement.prefix)
            if judgement.is_fatal:
                self._refuse(refusal)
            else:
                self._admitted(refusal)
            return
        version = self._authenticator.version()
        known, authorization = self._known, self._framing.authorization
        if known is not None and known[0] == authorization and known[1] == version:
            self._admitted(known[2])
            return
        self._phase = _Phase.ADMITTING
        self._start(self._authenticate(authorization, version))

    async def _authenticate(self, authorization: bytes | None, version: tuple[int, int]) -> None:
        header = None if authorization is None else authorization.decode("latin-1")
        verdict: Verdict = await self._authenticator.authenticate(
            header, self._peer, self._certificate
        )
        if self._is_lost:
            return
        self._phase = _Phase.READING
        # The time that a comparison waited for its turn is not the client's.
        self._has_deadline = False
        if isinstance(verdict, Denied):
            self._admitted(_Refusal(verdict.status, verdict.headers, "not authenticated"))
        else:
            self._known = (authorization, version, verdict)
            self._admitted(verdict)

    def _admitted(self, verdict: Identity | _Refusal) -> None:
        framing, judgement = self._framing, self._judgement
        assert judgement is not None, "judged before"
        if isinstance(verdict, Identity):
            self._identity = verdict
            length = framing.length
            if length is not None and length > self._limits.body_bytes:
                text = f"the body is longer than {self._limits.body_bytes} bytes"
                self._refuse(_refused(ProtocolError(413, None, text), ""))
            elif judgement.is_waiting and not framing.is_complete and not self._input:
                self._transport.write(_CONTINUE)
        elif judgement.is_waiting and not framing.is_complete:
            # It has not been asked for its body, and may send it or not: the connection ends.
            self._refuse(verdict)
        else:
            self._refusal = verdict
            framing.keeps_body = False

    def _answer(self) -> None:
        """Answer the request that is complete."""
        self._began_s = self._loop.time()
        judgement, identity = self._judgement, self._identity
        assert judgement is not None, "judged before"
        if self._refusal is not None:
            self._send_refusal(self._refusal)
            return
        assert judgement.expected is not None, "not refused"
        assert identity is not None, "not refused"
        body = self._framing.body
        found = self._responder.recall(judgement.expected, body)
        if found is not None:
            self._send(200, judgement.success, found)
            return
        self._phase = _Phase.ANSWERING
        self._start(self._respond(judgement, body, identity))

    async def _respond(self, judgement: Judgement, body: bytes, identity: Identity) -> None:
        expected = judgement.expected
        assert expected is not None, "not refused"
        try:
            answer = await self._responder.respond(expected, body, identity)
        except ProtocolError as fault:
            if not self._is_lost:
                self._send_refusal(_refused(fault, expected.prefix))
            return
        if not self._is_lost:
            self._send(200, judgement.success, answer)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        assert self._task is None, "one thing at a time"
        self._task = self._loop.create_task(work, name="request")
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.error("a request met a fault of the server: please report it", exc_info=fault)
        if self._is_lost:
            self._on_end(self)
        elif task.cancelled():
            self._transport.abort()
        elif fault is not None:
            self._refuse(_Refusal(500, (), "a fault of the server"))
        else:
            self._advance()

    # Answers.

    def _send_refusal(self, refusal: _Refusal) -> None:
        log.info("%s: status %d: %s", self._peer, refusal.status, refusal.text)
        self._send(refusal.status, answer_head(refusal.status, refusal.headers), ())

    def _refuse(self, refusal: _Refusal) -> None:
        """Answer before the request has been read to its end: nothing may follow."""
        log.info("%s: status %d: %s", self._peer, refusal.status, refusal.text)
        self._phase = _Phase.LINGERING
        self._input = b""
        date = ("Date", http_date(int(time.time())).decode())
        head = answer_head(refusal.status, (*refusal.headers, _CLOSE, date))
        self._transport.write(head + b"0" + _END)
        if self._is_ended:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        self._set_deadline(LINGER_S)

    def _send(self, status: int, head: bytes, parts: tuple[bytes, ...]) -> None:
        """Send the answer to a complete request; `head` ends where the length follows."""
        is_last = self._is_stopping or not self._framing.keeps_alive
        size = sum(map(len, parts))
        took_us = (self._loop.time() - self._began_s) * 1e6
        end = _CLOSING if is_last else _END
        self._is_last = is_last
        measures = _MEASURES % (size, took_us, http_date(int(time.time())))
        if self._outlet.write((head, measures, end, *parts)):
            self._sent()
        else:
            self._phase = _Phase.SENDING
            self._set_deadline(self._limits.write_s + size / TAKING_BYTES_PER_S)

    def _sent(self) -> None:
        """Go on, or end, after an answer that has been handed over."""
        if self._is_last or self._is_stopping:
            self._phase = _Phase.CLOSED
            self._set_deadline(self._limits.write_s)
            self._transport.close()
            return
        self._phase = _Phase.IDLE
        self._judgement = self._identity = self._refusal = None
        self._framing.next_request()
        self._deadline_s = self._loop.time() + self._limits.idle_s

    # Time.

    def _set_deadline(self, seconds: float) -> None:
        deadline_s = self._deadline_s = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > deadline_s or self._timer.cancelled():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline_s, self._on_time)

    def _on_time(self) -> None:
        """End what takes too long. A deadline that was put off is found so only here."""
        now_s, phase = self._loop.time(), self._phase
        is_working = phase in (_Phase.ADMITTING, _Phase.ANSWERING)
        if now_s < self._deadline_s or is_working:
            wait_s = max(self._deadline_s - now_s, 0.0) if not is_working else self._limits.idle_s
            self._timer = self._loop.call_at(now_s + wait_s, self._on_time)
            return
        self._timer = None
        if phase is _Phase.READING:
            text = f"the request took longer than {self._limits.request_s:g} s"
            self._refuse(_refused(ProtocolError(408, None, text), ""))
        elif phase is _Phase.IDLE:
            self._transport.close()
        else:
            if phase is not _Phase.LINGERING:
                log.info("%s does not take its answer: closed", self._peer)
            self._transport.abort()
