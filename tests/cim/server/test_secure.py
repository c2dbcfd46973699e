"""The TLS transport by itself, on a pair of sockets: what waits, what ends, and in which order."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cim_provider.server.certificate import ensure_certificate
from cim_provider.server.secure import SecureTransport, secured
from cim_provider.server.tls import server_context

PEER = ("192.0.2.1", 1)
LONG = bytes(range(256)) * 16_000


class Heard(asyncio.Protocol):
    """Notes what a protocol is told."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self.told: list[str] = []
        self.changed = asyncio.Event()
        self.pauses_at: int | None = None

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds of what was told."""
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.changed.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, SecureTransport)
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.taken += data
        if self.pauses_at is not None and len(self.taken) >= self.pauses_at:
            self.pauses_at = None
            self.transport.pause_reading()
            self._note("paused")
        self.changed.set()

    def eof_received(self) -> bool:
        self._note("end")
        return False

    def pause_writing(self) -> None:
        self._note("blocked")

    def resume_writing(self) -> None:
        self._note("free")

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("lost" if exc is None else f"lost: {type(exc).__name__}")


Work = Callable[[Heard, ssl.SSLSocket], Awaitable[None]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the files of a certificate and of its key."""
    place = tmp_path_factory.mktemp("pair")
    files = (place / "certificate.pem", place / "key.pem")
    ensure_certificate(*files, ["localhost"])
    return files


def between(pair: tuple[Path, Path], work: Work) -> Heard:
    """Let a client and the transport shake hands, and work; return what the protocol heard."""
    client_context = ssl.create_default_context(cafile=str(pair[0]))

    async def run() -> Heard:
        near, far = socket.socketpair()
        near.setblocking(False)
        far.settimeout(20)
        heard = Heard()
        stream = secured(near, server_context(*pair))
        transport = SecureTransport(stream, PEER, lambda: heard, pytest.fail)
        transport.set_write_buffer_limits(high=0, low=0)
        transport.begin(20)
        client = await asyncio.to_thread(
            client_context.wrap_socket,
            far,
            server_hostname="localhost",
            suppress_ragged_eofs=False,
        )
        await heard.until(lambda: "made" in heard.told)
        try:
            await work(heard, client)
            transport.close()
            await heard.until(lambda: heard.told[-1].startswith("lost"))
        finally:
            client.close()
        return heard

    return asyncio.run(run())


def received(client: ssl.SSLSocket) -> bytes:
    """Return all that comes until the other side says goodbye."""
    found = bytearray()
    while data := client.recv(65_536):
        found += data
    return bytes(found)


def test_what_the_network_does_not_take_waits_as_it_is_and_the_protocol_hears_of_it(
    pair: tuple[Path, Path],
) -> None:
    async def work(heard: Heard, client: ssl.SSLSocket) -> None:
        heard.transport.write(memoryview(LONG))
        assert heard.told == ["made", "blocked"]
        assert 0 < heard.transport.get_write_buffer_size() <= len(LONG)
        got = bytearray()
        while len(got) < len(LONG):
            got += await asyncio.to_thread(client.recv, 65_536)
        assert got == LONG
        await heard.until(lambda: "free" in heard.told)
        assert heard.transport.get_write_buffer_size() == 0

    assert between(pair, work).told == ["made", "blocked", "free", "lost"]


def test_what_waits_is_sent_before_the_goodbye(pair: tuple[Path, Path]) -> None:
    async def work(heard: Heard, client: ssl.SSLSocket) -> None:
        heard.transport.write(LONG)
        heard.transport.write(b"the end")
        heard.transport.close()
        heard.transport.write(b"too late")
        assert await asyncio.to_thread(received, client) == LONG + b"the end"

    assert "end" not in between(pair, work).told


def test_reading_stops_when_asked_and_goes_on_behind_the_same_byte(
    pair: tuple[Path, Path],
) -> None:
    async def work(heard: Heard, client: ssl.SSLSocket) -> None:
        heard.pauses_at = 1
        sending = asyncio.create_task(asyncio.to_thread(client.sendall, LONG))
        await heard.until(lambda: "paused" in heard.told)
        taken = len(heard.taken)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(heard.taken) == taken < len(LONG)
        heard.transport.resume_reading()
        await sending
        await heard.until(lambda: len(heard.taken) == len(LONG))
        assert heard.taken == LONG

    between(pair, work)


def test_goodbye_of_the_client_is_its_end_and_is_answered(pair: tuple[Path, Path]) -> None:
    async def work(heard: Heard, client: ssl.SSLSocket) -> None:
        client.sendall(b"bye")
        rest = await asyncio.to_thread(client.unwrap)
        rest.close()
        await heard.until(lambda: "end" in heard.told)
        assert heard.taken == b"bye"

    assert between(pair, work).told == ["made", "end", "lost"]


def test_client_that_goes_while_it_is_sent_to_is_lost_once(pair: tuple[Path, Path]) -> None:
    async def work(heard: Heard, client: ssl.SSLSocket) -> None:
        heard.transport.write(LONG)
        client.close()
        await heard.until(lambda: heard.told[-1].startswith("lost"))
        heard.transport.write(b"nobody takes it")
        heard.transport.abort()

    told = between(pair, work).told
    assert [each.partition(":")[0] for each in told if each.startswith("lost")] == ["lost"]


def test_abort_forgets_what_waits(pair: tuple[Path, Path]) -> None:
    async def work(heard: Heard, client: ssl.SSLSocket) -> None:
        heard.transport.write(LONG)
        heard.transport.abort()
        with pytest.raises(ssl.SSLEOFError):
            await asyncio.to_thread(received, client)

    assert between(pair, work).told[-1] == "lost"


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b""])
def test_who_speaks_no_tls_never_becomes_a_connection(pair: tuple[Path, Path], said: bytes) -> None:
    async def run() -> None:
        near, far = socket.socketpair()
        near.setblocking(False)
        failed = asyncio.Event()
        transport = SecureTransport(
            secured(near, server_context(*pair)), PEER, lambda: pytest.fail("made"), failed.set
        )
        transport.begin(20)
        assert transport.is_shaking
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(20):
            await failed.wait()
        assert transport.is_closing()
        far.close()

    asyncio.run(run())
