"""What is fuzzed, and what must be so for every input.

Owns: two targets, each a function of bytes that raises `Broken` where a promise
does not hold. `http` is a whole connection: requests, headers, XML and answers,
over a transport in memory; what it sends is judged by h11 and expat. `xml` is a
body alone.
"""

import asyncio
from collections.abc import Callable
from xml.parsers import expat

import h11
import pywbem

from cim_provider.server.auth import Denied, Identity
from cim_provider.server.connection import Connection, Limits
from cim_provider.server.responder import Responder
from cim_provider.server.roles import Role
from cim_provider.wbem.errors import OperationError, ProtocolError
from cim_provider.wbem.operations import EnumerateInstances, GetClass, Instances, InvokeMethod
from cim_provider.wbem.parse import Batch, parse_message
from cim_provider.wbem.render import render_error
from tests.cim.server.harness import OPERATOR, FakePerformer, basic, instance

ANSWERED = frozenset({200, 400, 401, 405, 406, 408, 413, 415, 417, 431, 501, 505})
BODY_BYTES_MAX = 65_536


class Broken(AssertionError):
    """An input for which the server does not keep a promise."""


class Transport(asyncio.Transport):
    """Takes what is sent, and closes when asked."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.sent = bytearray()
        self.is_closed = False
        self.has_ended = False
        self.is_paused = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.1", 9) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """All is taken at once."""

    def write(self, data: bytes) -> None:
        if self.has_ended or self.is_closed:
            raise Broken("something is sent after the end")
        self.sent += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_ended = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    abort = close


class Doorkeeper:
    """Knows one user, and never waits."""

    def version(self) -> tuple[int, int]:
        """See `Authenticator`."""
        return (0, 0)

    async def authenticate(
        self, header: str | None, peer: str, certificate: object
    ) -> Identity | Denied:
        """See `Authenticator`."""
        if header == basic(*OPERATOR):
            return Identity(OPERATOR[0], Role.OPERATE, peer)
        return Denied(401, (("WWW-Authenticate", 'Basic realm="beatkeeper"'),))


class Short(FakePerformer):
    """Answers with little, since it is what is asked that matters."""

    async def perform(self, operation, user):
        match operation:
            case EnumerateInstances():
                return Instances((instance(1),))
            case GetClass() | InvokeMethod():
                return await super().perform(operation, user)
        raise pywbem.CIMError(7, "not here")


class Bench:
    """An event loop with connections in memory."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._faults: list[dict[str, object]] = []
        self._responder = Responder(Short(), "localhost")

    def close(self) -> None:
        """End the loop."""
        self._runner.close()

    def http(self, data: bytes, pieces: int = 1) -> list[int]:
        """Send bytes over a connection, in so many pieces; return the status of each answer.

        Raises: Broken: a promise does not hold.
        """
        return self._runner.run(self._exchange(data, pieces))

    async def _exchange(self, data: bytes, pieces: int) -> list[int]:
        loop = asyncio.get_running_loop()
        self._faults.clear()
        loop.set_exception_handler(lambda _, context: self._faults.append(context))
        ended: list[Connection] = []
        limits = Limits(body_bytes=BODY_BYTES_MAX)
        connection = Connection(Doorkeeper(), self._responder, limits, ended.append)
        transport = Transport(connection)
        connection.connection_made(transport)
        step = len(data) // pieces + 1
        for start in range(0, len(data), step):
            if transport.is_closed:
                break
            connection.data_received(data[start : start + step])
            await _settle()
        statuses = judge(
            bytes(transport.sent), is_closed=transport.is_closed or transport.has_ended
        )
        if not transport.is_closed and not connection.eof_received():
            transport.close()
        await _settle()
        if self._faults:
            raise Broken(f"an exception was left over: {self._faults[0]}")
        if ended != [connection]:
            raise Broken(f"the connection has ended {len(ended)} times, expected once")
        return statuses


async def _settle() -> None:
    """Wait until nothing is going on: a task that ends has a call, and that has another."""
    me = asyncio.current_task()
    for _ in range(3):
        await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {me}:
            await asyncio.wait(others)


def judge(sent: bytes, *, is_closed: bool) -> list[int]:
    """Return the status of each answer in what was sent.

    Raises: Broken: it is no sequence of whole answers, or one of them is none of ours.
    """
    statuses: list[int] = []
    while sent:
        client, body = h11.Connection(h11.CLIENT), bytearray()
        client.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(sent)
        status, is_last = 0, False
        try:
            while not isinstance(event := client.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Response):
                    status = event.status_code
                    is_last = (b"connection", b"close") in event.headers
                elif isinstance(event, h11.Data):
                    body += event.data
                elif event is h11.NEED_DATA:
                    raise Broken(f"an answer has no end: {sent[:200]!r}")
        except h11.RemoteProtocolError as fault:
            raise Broken(f"an answer is no HTTP: {fault}: {sent[:200]!r}") from fault
        if status not in ANSWERED:
            raise Broken(f"status {status}: {sent[:200]!r}")
        if status == 200:
            _well_formed(bytes(body))
        statuses.append(status)
        sent = client.trailing_data[0]
        if is_last and (sent or not is_closed):
            raise Broken("a connection goes on after its last answer")
    return statuses


def _well_formed(body: bytes) -> None:
    try:
        expat.ParserCreate("utf-8").Parse(body, True)
    except expat.ExpatError as fault:
        raise Broken(f"an answer is not well-formed: {fault}: {body[:200]!r}") from fault


def xml(data: bytes) -> str:
    """Parse a body; return what it is, in a word.

    Raises: Broken: the error that it leads to cannot be told.
    """
    try:
        message = parse_message(data)
    except ProtocolError as fault:
        return f"status {fault.http_status}"
    except OperationError as fault:
        message_id, method = fault.message_id, fault.method
        _well_formed(render_error(message_id, method, fault.is_intrinsic, fault.cim_error))
        return f"error {fault.cim_error.status_code}"
    return "batch" if isinstance(message, Batch) else "operation"


def targets(bench: Bench) -> dict[str, Callable[[bytes], object]]:
    """Return the targets by name."""
    return {"http": bench.http, "xml": xml}
