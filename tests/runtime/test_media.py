"""Broadcast, multicast and serial links with real sockets and pseudo-terminals."""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ha_core.config.model import Address, Configuration, Link, Medium, Node
from ha_core.events import LinkHeard
from ha_core.ids import LinkName, NodeName
from ha_core.keyring import first_ring
from ha_core.runtime.serial import SerialLine
from ha_core.runtime.serial_frames import PACKET_MAX, SERIAL_FRAME_MAX
from tests.runtime.null_modem import NullModem
from tests.runtime.peers import (
    HELLO,
    RING0,
    A,
    B,
    C,
    Peer,
    free_port,
    large,
    pair_works,
    running,
    scenario,
    sentences,
)

IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29
"""Of Linux: with 0 a socket hears its own groups alone; not named in Python's module."""
WIDE, CABLE = LinkName("wide"), LinkName("cable")
SHARED: dict[str, Callable[[int], Link]] = {
    "broadcast": lambda port: Link(WIDE, port, Medium.BROADCAST, group="127.255.255.255"),
    "multicast": lambda port: Link(WIDE, port, Medium.MULTICAST, group="239.255.73.1"),
    "multicast on an interface": lambda port: Link(
        WIDE, port, Medium.MULTICAST, "lo", "239.255.73.2", 3
    ),
    "multicast over IPv6": lambda port: Link(
        WIDE, port, Medium.MULTICAST, interface_with_ipv6(), "ff12::7301"
    ),
}


def interface_with_ipv6() -> str:
    """Return an interface that multicasts over IPv6, as loopback does not; skip without one."""
    table = Path("/proc/net/if_inet6")
    rows = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
    found = sorted(row[5] for row in rows if row[3] == "20")
    if not found:
        pytest.skip("no interface here has a link-local IPv6 address")
    return next((name for name in found if name.startswith("e")), found[0])


def on_one_link(link: Link, *names: NodeName) -> Configuration:
    """Return nodes with the addresses 127.0.0.1, .2, … on that link."""
    nodes = [
        Node(name, (Address(link.name, f"127.0.0.{number}"),))
        for number, name in enumerate(names, 1)
    ]
    return Configuration(nodes=tuple(nodes), links=(link,))


@pytest.mark.parametrize("kind", SHARED)
def test_message_on_a_shared_medium_reaches_the_one_that_it_is_for(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        config, a, b, c = on_one_link(SHARED[kind](free_port()), A, B, C), Peer(A), Peer(B), Peer(C)
        async with running(config, a, b, c):
            await pair_works(a, b)
            a.send(C, HELLO)
            await c.until(lambda: len(c.received) == 1)
            assert c.received[0].frame > 0
            await a.until(lambda: a.counters["wide.others"] >= 2)
            assert c.counters["wide.others"] == 2, "what a and b said to each other"
            assert [event for event in c.events if not isinstance(event, LinkHeard)] == c.received

    scenario(body())
    assert sentences(caplog) == []


@pytest.mark.parametrize("kind", SHARED)
def test_large_message_on_a_shared_medium_goes_over_tcp(kind: str) -> None:
    async def body() -> None:
        config, a, b = on_one_link(SHARED[kind](free_port()), A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            a.send(B, large(100_000))
            await b.until(lambda: len(b.received) == 1)
            assert (a.counters["wide.sent"], a.counters["stream.sent"]) == (0, 1)
            assert b.received[0].frame == 0

    scenario(body())


def test_other_cluster_on_the_same_group_is_not_even_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def body() -> None:
        config = on_one_link(SHARED["multicast"](free_port()), A, B)
        stranger = Peer(A, ring=first_ring(bytes(16), b"s" * 32))
        b = Peer(B)
        try:
            await b.transport.configure(config)
            await stranger.transport.configure(config)
            stranger.send(B, HELLO)
            await b.until(lambda: b.counters["wide.others"] == 1)
            assert b.events == []
        finally:
            await b.transport.close()
            await stranger.transport.close()

    scenario(body())
    assert sentences(caplog) == []


def test_garbage_on_a_shared_medium_is_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        b = Peer(B)
        try:
            b.transport.overheard(b"noise", WIDE)
            b.transport.overheard(b"BKHA" + bytes(60), WIDE)
            b.transport.overheard(os.urandom(1400), WIDE)
        finally:
            await b.transport.close()

    scenario(body())
    assert len(sentences(caplog)) == 2
    assert all(text.startswith("dropped on link wide: ") for text in sentences(caplog))


def test_medium_that_cannot_be_opened_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def body() -> None:
        broken = Link(WIDE, free_port(), Medium.MULTICAST, "nowhere0", "ff12::7301")
        config = Configuration(
            nodes=tuple(
                Node(
                    name,
                    (
                        Address(RING0, f"127.0.0.{n}", free_port()),
                        Address(WIDE, f"127.0.0.{n}"),
                        Address(CABLE, "/dev/does-not-exist"),
                    ),
                )
                for n, name in enumerate((A, B), 1)
            ),
            links=(Link(RING0), broken, Link(CABLE, medium=Medium.SERIAL)),
        )
        a, b = Peer(A), Peer(B)
        async with running(config, a, b):
            await pair_works(a, b)

    scenario(body())
    found = set(sentences(caplog))
    assert any("127.0.0.1 port" in text and "no interface with this name" in text for text in found)
    assert any("cannot use the serial device /dev/does-not-exist" in text for text in found)


def test_medium_of_a_link_can_change_while_messages_pass() -> None:
    async def body() -> None:
        port = free_port()
        a, b = Peer(A), Peer(B)
        async with running(on_one_link(Link(WIDE, port), A, B), a, b):
            await pair_works(a, b)
            for kind in ("multicast", "broadcast"):
                for peer in (a, b):
                    await peer.transport.configure(on_one_link(SHARED[kind](port), A, B))
                await pair_works(a, b)
            for peer in (a, b):
                await peer.transport.configure(on_one_link(Link(WIDE, port), A, B))
            await pair_works(a, b)

    scenario(body())


@pytest.mark.parametrize("kind", ["multicast", "multicast over IPv6"])
def test_medium_whose_interface_went_and_came_back_is_opened_anew(kind: str) -> None:
    async def body() -> None:
        link = SHARED[kind](free_port())
        config, a, b = on_one_link(link, A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            await pair_works(a, b)
            b.transport.deaf_ms = 50
            forget_group(b, link)

            def is_renewed() -> bool:
                b.send(A, HELLO)
                return b.counters["wide.renewed"] > 0

            await b.until(is_renewed)
            b.transport.deaf_ms = 5_000
            await pair_works(a, b)

    scenario(body())


def forget_group(peer: Peer, link: Link) -> None:
    """Let the kernel forget that the peer's socket belongs to the group, as it does with the
    interface.
    """
    medium = peer.transport._by_link[link.name]
    assert not isinstance(medium, SerialLine)
    assert medium.transport is not None
    sock = medium.transport.get_extra_info("socket")
    if ":" in link.group:
        whom = socket.inet_pton(socket.AF_INET6, link.group)
        index = struct.pack("=I", socket.if_nametoindex(link.interface))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP, whom + index)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
    else:
        host = socket.inet_aton(f"127.0.0.{2 if peer.name == B else 1}")
        whom = socket.inet_aton(link.group) + host
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, whom)
        sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)


# --- serial ----------------------------------------------------------------------------------


def by_cable(modem: NullModem) -> Configuration:
    """Return two nodes with a cable between them, and addresses for what is large."""
    nodes = [
        Node(name, (Address(RING0, f"127.0.0.{n + 1}", free_port()), Address(CABLE, modem.ends[n])))
        for n, name in enumerate((A, B))
    ]
    links = (Link(RING0), Link(CABLE, medium=Medium.SERIAL))
    return Configuration(nodes=tuple(nodes), links=links)


def test_message_passes_over_a_cable_beside_the_network() -> None:
    async def body() -> None:
        modem, a, b = NullModem(), Peer(A), Peer(B)
        async with running(by_cable(modem), a, b):
            a.send(B, HELLO)
            await b.until(lambda: b.counters["cable.received"] == 1)
            await b.until(lambda: len(b.events) == 2)
            assert {type(event).__name__ for event in b.events} == {"Received", "LinkHeard"}
            assert len({event.frame for event in b.events}) == 1  # type: ignore[union-attr]
        modem.pull()

    scenario(body())


def test_cable_alone_keeps_nodes_in_touch_when_the_network_is_gone() -> None:
    async def body() -> None:
        modem, a, b = NullModem(), Peer(A), Peer(B)
        config = by_cable(modem)
        nodes = [
            Node(n.name, (Address(RING0, "192.0.2.1", 9), n.addresses[1])) for n in config.nodes
        ]
        async with running(Configuration(nodes=tuple(nodes), links=config.links), a, b):
            await pair_works(a, b)
            a.send(B, large(5_000))
            assert a.counters["stream.sent"] == 1, "it waits for a network"
            await pair_works(a, b)
        modem.pull()

    scenario(body())


def test_noise_on_the_line_costs_a_message_and_no_more() -> None:
    async def body() -> None:
        modem, a, b = NullModem(), Peer(A), Peer(B)
        async with running(by_cable(modem), a, b):
            modem.inject(1, os.urandom(5000))
            modem.spoil = lambda data: data[:10] + bytes([data[10] ^ 1]) + data[11:]
            a.send(B, HELLO)
            await b.until(lambda: len(b.received) == 1)
            modem.spoil = bytes
            before = b.counters["cable.received"]
            for _ in range(3):
                a.send(B, HELLO)
            await b.until(lambda: b.counters["cable.received"] >= before + 2)
        modem.pull()

    scenario(body())


def test_cable_that_is_pulled_is_told_and_costs_no_other_link(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def body() -> None:
        modem, a, b = NullModem(), Peer(A), Peer(B)
        async with running(by_cable(modem), a, b):
            await pair_works(a, b)
            modem.pull()
            await a.until(lambda: a.counters["cable.unbound"] >= 1)
            await pair_works(a, b)

    scenario(body())
    assert any(
        "is gone" in text and "the other links carry on" in text for text in sentences(caplog)
    )


def test_slow_line_takes_what_it_carries_soon_and_drops_the_rest() -> None:
    async def body() -> None:
        modem = NullModem()
        modem.spoil = lambda _data: b""
        taken: list[bytes] = []
        line = SerialLine(modem.ends[0], 9_600, taken.append, lambda _why: None)
        blocked = [line.send(os.urandom(SERIAL_FRAME_MAX)) for _ in range(50)]
        assert blocked[0]
        assert not line.send(bytes(SERIAL_FRAME_MAX + 1)), "too large for any line"
        await modem.until(sum(blocked) * SERIAL_FRAME_MAX)
        assert modem.carried <= sum(blocked) * (PACKET_MAX + 1)
        line.close()
        assert not line.send(b"x")
        modem.pull()

    scenario(body())


def test_file_that_is_no_serial_device_is_refused() -> None:
    async def body() -> None:
        with pytest.raises(OSError, match="no serial device"):
            SerialLine("/dev/null", 9_600, print, print)

    scenario(body())
