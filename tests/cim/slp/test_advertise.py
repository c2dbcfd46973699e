"""SLP over sockets: questions, the port that is handed over, and a directory agent."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from cim_provider.mapping.world import ServerIdentity
from cim_provider.server.advertise import (
    AdvertiseError,
    Advertiser,
    open_port,
    own_address,
)
from cim_provider.slp.template import advert_of
from tests.cim.slp.asking import attributes, message, reply, services, text, urls

ADVERT = advert_of(ServerIdentity("node1"), ["https://192.0.2.1:5989"], "192.0.2.1")
URL = "service:wbem:https://192.0.2.1:5989"


class Agent(asyncio.DatagramProtocol):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    def connection_made(
        self,
        transport: asyncio.DatagramTransport,  # type: ignore[override]  # it is one
    ) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.put_nowait((data, addr))


def talking(
    test: Callable[[Agent, tuple[str, int]], Awaitable[None]], *, registers: bool = False
) -> None:
    """Run a test with an agent of its own and the address of the advertiser."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        transport, agent = await loop.create_datagram_endpoint(Agent, local_addr=("127.0.0.1", 0))
        own = transport.get_extra_info("sockname")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        advertiser = Advertiser(ADVERT, [own] if registers else [], ack_s=0.05)
        task = asyncio.create_task(advertiser.run(sock))
        try:
            async with asyncio.timeout(20):
                await test(agent, sock.getsockname())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if registers:
            async with asyncio.timeout(20):
                while reply((await agent.got.get())[0]).function != 4:
                    pass
        transport.close()

    asyncio.run(run())


def test_questions_are_answered_where_they_come_from() -> None:
    async def test(agent: Agent, there: tuple[str, int]) -> None:
        agent.transport.sendto(b"noise", there)
        agent.transport.sendto(services("service:wbem"), there)
        data, sender = await agent.got.get()
        assert urls(data)[1][0][1] == URL
        assert sender == there
        agent.transport.sendto(attributes(URL), there)
        assert reply((await agent.got.get())[0]).function == 7

    talking(test)


def test_server_is_registered_again_until_it_is_acknowledged_and_taken_back_at_the_end() -> None:
    async def test(agent: Agent, there: tuple[str, int]) -> None:
        seen = []
        for _ in range(2):
            data, sender = await agent.got.get()
            assert sender == there
            seen.append(reply(data))
        first, again = seen
        assert (first.function, first.flags) == (3, 0x4000)
        assert first == again, "a registration that was not acknowledged is sent again"
        lifetime, length = struct.unpack_from(">xHH", first.body)
        assert lifetime > 3600
        assert first.body[5 : 5 + length].decode() == URL
        assert text("service:wbem:https") + text("DEFAULT") in first.body
        agent.transport.sendto(message(5, b"\x00\x00", transaction=first.transaction), there)

    talking(test, registers=True)


def test_acknowledgement_of_a_stranger_counts_for_nothing() -> None:
    async def test(agent: Agent, there: tuple[str, int]) -> None:
        for raw in (message(5, b"\x00\x00"), message(5, b""), b"\x02\x05"):
            agent.transport.sendto(raw, there)
        agent.transport.sendto(services("service:wbem"), there)
        assert urls((await agent.got.get())[0])[1]

    talking(test)


def test_port_that_is_taken_or_not_ours_is_refused_with_the_cure() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        with pytest.raises(AdvertiseError, match=r"enable ha-cimd-slp\.socket"):
            open_port(taken.getsockname()[1])


def test_port_is_opened_and_its_address_is_one_of_this_machine() -> None:
    sock = open_port(0)
    with sock:
        assert sock.getsockname()[1] > 0
    assert own_address().count(".") == 3


def test_port_that_the_service_manager_opened_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    given.bind(("127.0.0.1", 0))
    place = given.getsockname()
    saved = os.dup(3) if _is_open(3) else None
    os.dup2(given.fileno(), 3)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    try:
        with open_port(1) as taken:
            assert taken.fileno() == 3
            assert taken.getsockname() == place
    finally:
        given.close()
        if saved is not None:
            os.dup2(saved, 3)
            os.close(saved)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
