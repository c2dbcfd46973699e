"""Pings on loopback with real sockets, and what a node says that may not ping."""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from typing import Any

import pytest

from ha_core.config.model import Configuration, Ping, PingTarget
from ha_core.events import Event, PingAnswered, PingRefused
from ha_core.runtime.address_frames import checksum
from ha_core.runtime.ping import EchoSocket, Pinger, PingPermissionError

PATIENCE_S = 5.0


class Listener:
    """Takes events and lets one wait for the next of them."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def next(self) -> Event:
        """Return the next event."""
        return await asyncio.wait_for(self.events.get(), PATIENCE_S)


class Forbidden(EchoSocket):
    """What an ordinary user gets where no group may ping."""

    def __init__(self, family: int) -> None:
        raise PingPermissionError


class Absent(EchoSocket):
    """What a kernel without that address family gives."""

    def __init__(self, family: int) -> None:
        raise OSError(97, "no such family")


def pinging(*hosts: str, interval_ms: int = 50) -> Configuration:
    """Return a configuration in which these are pinged."""
    return Configuration(ping=Ping((PingTarget("t", hosts),), interval_ms))


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine."""
    asyncio.run(test)


@pytest.fixture
def may_ping() -> None:
    """Skip where this user may not ping at all."""
    try:
        EchoSocket(socket.AF_INET).close()
    except PingPermissionError:
        pytest.skip("this user may not ping: net.ipv4.ping_group_range")


@pytest.mark.usefixtures("may_ping")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_host_that_is_there_answers_at_every_interval(host: str) -> None:
    async def test() -> None:
        heard = Listener()
        pinger = Pinger(heard.events.put_nowait)
        pinger.configure(pinging(host))
        assert [await heard.next() for _ in range(3)] == [PingAnswered(host)] * 3
        await pinger.close()

    run(test())


@pytest.mark.usefixtures("may_ping")
def test_host_that_cannot_be_reached_keeps_no_other_from_answering() -> None:
    async def test() -> None:
        heard = Listener()
        pinger = Pinger(heard.events.put_nowait)
        pinger.configure(pinging("203.0.113.255", "0.0.0.1", "127.0.0.1"))
        assert await heard.next() == PingAnswered("127.0.0.1")
        assert await heard.next() == PingAnswered("127.0.0.1")
        await pinger.close()

    run(test())


@pytest.mark.usefixtures("may_ping")
def test_isolated_node_pings_nobody_until_the_cables_are_back() -> None:
    async def test() -> None:
        heard = Listener()
        pinger = Pinger(heard.events.put_nowait)
        pinger.is_isolated = True
        pinger.configure(pinging("127.0.0.1"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.events.get(), 0.2)
        pinger.is_isolated = False
        assert await heard.next() == PingAnswered("127.0.0.1")
        await pinger.close()

    run(test())


def test_node_that_may_not_ping_says_so_once_with_the_cure() -> None:
    async def test() -> None:
        heard = Listener()
        pinger = Pinger(heard.events.put_nowait, Forbidden)
        pinger.configure(pinging("192.0.2.1"))
        refused = await heard.next()
        assert isinstance(refused, PingRefused)
        assert "net.ipv4.ping_group_range" in refused.reason
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.events.get(), 0.2)
        await pinger.close()

    run(test())


def test_missing_address_family_is_silence() -> None:
    async def test() -> None:
        heard = Listener()
        pinger = Pinger(heard.events.put_nowait, Absent)
        pinger.configure(pinging("192.0.2.1"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.events.get(), 0.2)
        await pinger.close()

    run(test())


def test_checksum_of_a_packet_with_its_checksum_is_zero() -> None:
    head = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 7) + b"12345678"
    whole = struct.pack("!BBHHH", 8, 0, checksum(head), 0x1234, 7) + b"12345678"
    assert checksum(whole) == 0
