"""Long answers and slow clients: nobody waits for another, and nothing piles up."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cim_provider.server.auth import Identity
from cim_provider.server.connection import Limits
from cim_provider.server.outlet import PIECE_BYTES, Outlet
from cim_provider.server.responder import LONG_REQUEST_BYTES, TURN_S, Responder
from cim_provider.server.roles import Role
from cim_provider.wbem import operations
from cim_provider.wbem.http import Expected
from tests.cim.server.harness import (
    FakePerformer,
    Served,
    body,
    head,
    instance,
    is_closed,
    read_reply,
    request,
    serving,
)

COUNT = 2_000


@dataclass
class Long(FakePerformer):
    """Answers with thousands of instances: some nine million bytes."""

    async def perform(self, operation: operations.Operation, user: str) -> operations.Answer:
        """See `Performer`."""
        self.performed.append(operation)
        if isinstance(operation, operations.EnumerateInstances):
            return operations.Instances(tuple(map(instance, range(COUNT))))
        return await super().perform(operation, user)


class HastyLoop(asyncio.SelectorEventLoop):
    """A loop on whose clock a turn is over after ten looks at it."""

    looks = 0

    def time(self) -> float:
        self.looks += 1
        return super().time() + self.looks * TURN_S / 10


def test_others_have_their_turn_while_a_long_answer_is_made() -> None:
    async def run() -> int:
        responder = Responder(Long(), "localhost")
        expected = Expected("", "EnumerateInstances", "root/cimv2")
        asked = asyncio.create_task(responder.respond(expected, body(), Identity("ann", Role.VIEW)))
        turns = 0
        while not asked.done():
            await asyncio.sleep(0)
            turns += 1
        assert sum(map(len, await asked)) > 1_000_000
        return turns

    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        assert runner.run(run()) >= COUNT / 20


def test_long_answer_is_never_put_together_as_a_whole() -> None:
    async def run() -> None:
        responder = Responder(Long(), "localhost")
        expected = Expected("", "EnumerateInstances", "root/cimv2")
        parts = await responder.respond(expected, body(), Identity("ann", Role.VIEW))
        size = sum(map(len, parts))
        assert max(map(len, parts)) < size / 10
        assert b"".join(parts).count(b"<INSTANCE ") == COUNT

    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        runner.run(run())


def test_long_answers_are_made_one_after_the_other_and_short_ones_between() -> None:
    async def run() -> list[str]:
        responder, ended = Responder(Long(), "localhost"), []

        async def ask(number: int, operation: str) -> None:
            expected = Expected("", operation, "root/cimv2")
            asked = body(str(number), operation).replace(b"</CIM>", b" " * number + b"</CIM>")
            await responder.respond(expected, asked, Identity("ann", Role.VIEW))
            ended.append(operation)

        await asyncio.gather(
            *(ask(number, "EnumerateInstances") for number in range(4)),
            ask(9, "GetClass"),
        )
        return ended

    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        assert runner.run(run())[0] == "GetClass"


@dataclass
class Pipe(asyncio.WriteTransport):
    """Takes a few bytes at a time, as a network would."""

    outlet: Outlet
    room: int
    taken: bytearray = field(default_factory=bytearray)
    kept_max: int = 0
    kept: bytes = b""
    high: int = 65_536

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        assert low == 0
        self.high = high

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.kept += bytes(data)
        self.kept_max = max(self.kept_max, len(self.kept))
        self.move()
        self.outlet.is_blocked = len(self.kept) > self.high

    def move(self) -> None:
        """Let the network take what it can."""
        self.taken += self.kept[: self.room]
        self.kept = self.kept[self.room :]


def test_long_answer_is_handed_over_piece_by_piece() -> None:
    outlet = Outlet()
    pipe = Pipe(outlet, room=30_000)
    outlet.begin(pipe)
    parts = (b"head", b"x" * 100, bytes(range(256)) * 4_000, b"tail")
    is_sent = outlet.write(parts)
    while not is_sent:
        pipe.move()
        outlet.is_blocked = bool(pipe.kept)
        is_sent = outlet.flush()
    assert pipe.taken == b"".join(parts)
    assert pipe.kept_max <= PIECE_BYTES + len(b"head") + 100


@dataclass
class SocketPipe(Pipe):
    """Takes what a socket takes."""

    near: socket.socket = field(kw_only=True)

    def move(self) -> None:
        with suppress(BlockingIOError):
            self.kept = self.kept[self.near.send(self.kept) :]


def test_long_answer_goes_to_the_socket_itself_and_next_to_nothing_is_copied() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        outlet = Outlet()
        pipe = SocketPipe(outlet, room=0, near=near)
        outlet.begin(pipe, near.fileno())
        parts = (b"head", bytes(range(256)) * 8_000, b"tail")
        wanted, got = b"".join(parts), bytearray()
        is_sent = outlet.write(parts)
        assert not is_sent, "more than the socket takes"
        while len(got) < len(wanted):
            got += far.recv(1_000_000)
            pipe.move()
            outlet.is_blocked = bool(pipe.kept)
            is_sent = is_sent or outlet.flush()
        assert got == wanted
        assert 0 < pipe.kept_max <= 4_096


@dataclass
class LastByteKept(Pipe):
    """Finds room again when it is asked, for all but a byte."""

    near: socket.socket = field(kw_only=True)
    far: socket.socket = field(kw_only=True)

    def move(self) -> None:
        self.drain()
        self.near.sendall(self.kept[:-1])
        self.kept = self.kept[-1:]

    def drain(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.taken += self.far.recv(1_000_000)


def test_nothing_overtakes_the_one_byte_that_a_transport_has_kept() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        outlet = Outlet()
        pipe = LastByteKept(outlet, room=0, near=near, far=far)
        outlet.begin(pipe, near.fileno())
        parts = (b"head", bytes(range(256)) * 8_000, b"tail")
        is_sent = outlet.write(parts)
        while not is_sent:
            pipe.drain()
            near.sendall(pipe.kept)
            pipe.kept, outlet.is_blocked = b"", False
            is_sent = outlet.flush()
        pipe.drain()
        assert pipe.taken + pipe.kept == b"".join(parts)


def test_short_answer_is_one_piece() -> None:
    outlet = Outlet()
    pipe = Pipe(outlet, room=1_000_000)
    outlet.begin(pipe)
    assert outlet.write((b"a", b"b", b"c"))
    assert (pipe.taken, pipe.kept_max) == (b"abc", 3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("server"), performer=Long()) as served:
        yield served


@pytest.mark.parametrize("has_tls", [False, True])
def test_slow_reader_gets_the_whole_of_a_long_answer(server: Served, has_tls: bool) -> None:
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stream.settimeout(20)
        stream.connect(("127.0.0.1", server.https_port if has_tls else server.http_port))
        if has_tls:
            context = ssl.create_default_context(cafile=str(server.certificate))
            stream = context.wrap_socket(stream, server_hostname="localhost")
        stream.sendall(request("1") + request("2", "Connection: close"))
        rest = bytearray()
        first, second = read_reply(stream, rest), read_reply(stream, rest)
        assert first.body.count(b"<INSTANCE ") == COUNT
        assert first.body.replace(b'ID="1"', b'ID="2"') == second.body
        assert stream.recv(1) == b""
        stream.close()


def test_tls_connection_ends_with_a_goodbye(server: Served) -> None:
    context = ssl.create_default_context(cafile=str(server.certificate))
    with (
        server_stream(server.https_port) as plain,
        context.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        ) as stream,
    ):
        content = body().replace(b"EnumerateInstances", b"GetClass")
        top = head(len(content), "Connection: close").replace(b"EnumerateInstances", b"GetClass")
        stream.sendall(top + content)
        assert read_reply(stream).status == 200
        assert stream.recv(1) == b"", "without a goodbye it would be an error"


def server_stream(port: int) -> socket.socket:
    """Return a connection to a port of this machine."""
    return socket.create_connection(("127.0.0.1", port), 10)


def test_client_that_says_nothing_in_the_handshake_is_let_go(server: Served) -> None:
    with server_stream(server.https_port) as stream:
        assert is_closed(stream)


def test_long_request_is_parsed_like_a_short_one(server: Served) -> None:
    content = body().replace(b"<SIMPLEREQ>", b" " * (2 * LONG_REQUEST_BYTES) + b"<SIMPLEREQ>")
    content = content.replace(b"EnumerateInstances", b"EnumerateInstanceNames")
    top = head(len(content)).replace(b"EnumerateInstances", b"EnumerateInstanceNames")
    with server.connect() as stream:
        stream.sendall(top + content)
        assert read_reply(stream).status == 200
        stream.sendall(top + content.replace(b"</CIM>", b"</CAM>"))
        assert read_reply(stream).headers["cimerror"] == "request-not-well-formed"


def test_one_address_leaves_room_for_others(tmp_path: Path) -> None:
    with serving(tmp_path, connections_per_address_max=2) as served:
        port = served.http_port
        with served.connect() as first, served.connect() as second:
            for stream in (first, second):
                stream.sendall(request())
                assert read_reply(stream).status == 200
            with served.connect() as third:
                assert read_reply(third).status == 503
            with socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0)) as other:
                other.sendall(request())
                assert read_reply(other).status == 200


def test_request_that_comes_byte_by_byte_has_its_time_in_all(tmp_path: Path) -> None:
    with serving(tmp_path, limits=Limits(request_s=0.4)) as served, served.connect() as stream:
        stream.settimeout(0.02)
        data, sent = request(), 0
        reply = b""
        while sent < len(data) and not reply:
            stream.send(data[sent : sent + 1])
            sent += 1
            try:
                reply = stream.recv(100)
            except TimeoutError:
                continue
        assert reply.startswith(b"HTTP/1.1 408 ")
