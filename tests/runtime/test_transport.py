"""Real sockets on loopback: what arrives, over which link, and what never stops us."""

import asyncio
import random
import socket
from dataclasses import replace

import pytest

from ha_core.config.model import Node
from ha_core.events import LinkHeard, Unbound
from ha_core.ids import LinkName
from ha_core.runtime import transport
from ha_core.runtime.transport import DATAGRAM_BYTES_MAX
from tests.runtime.peers import (
    HELLO,
    HOSTS,
    RING,
    RING0,
    RING1,
    A,
    B,
    C,
    Peer,
    configuration,
    is_free,
    large,
    pair_works,
    place,
    running,
    scenario,
    sentences,
    throw,
)


def test_message_arrives_once_and_is_heard_on_every_link() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            a.send(B, HELLO)
            await b.until(lambda: len(b.events) == 2)
            (received,) = b.received
            assert (received.sender, received.message) == (A, HELLO)
            (heard,) = [event for event in b.events if isinstance(event, LinkHeard)]
            assert {received.link, heard.link} == {RING0, RING1}
            assert b.counters["ring0.received"] == b.counters["ring1.received"] == 1

    scenario(body())


def test_small_messages_do_not_wait_for_large_ones() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            a.send(B, large(200_000), HELLO, *[HELLO] * 400)
            assert a.counters["stream.sent"] == 1
            assert a.counters["ring0.sent"] > 1
            await b.until(lambda: len(b.received) == 402)
            assert b.received[0].message == HELLO

    scenario(body())


@pytest.mark.parametrize("size", [DATAGRAM_BYTES_MAX, 100_000, 5_000_000])
def test_large_message_arrives_whole(size: int) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            a.send(B, large(size))
            await b.until(lambda: bool(b.received))
            assert b.received[0].message == large(size)

    scenario(body())


def test_large_message_takes_the_link_that_works() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        only_second = replace(config, nodes=tuple(without_link(n, RING0) for n in config.nodes))
        async with running(only_second, b), running(config, a):
            a.send(B, large(50_000))
            await b.until(lambda: bool(b.received))
            assert b.received[0].link == RING1

    scenario(body())


def without_link(node: Node, link: LinkName) -> Node:
    """Return the node with one address less."""
    return replace(node, addresses=tuple(i for i in node.addresses if i.link != link))


def test_large_messages_arrive_again_after_the_peer_restarted() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a):
            async with running(config, b):
                a.send(B, large(50_000))
                await b.until(lambda: bool(b.received))
            again = Peer(B, generation=2)
            async with running(config, again):
                while not again.received:
                    a.send(B, large(50_000))
                    await asyncio.sleep(0.02)

    scenario(body())


def test_random_bytes_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        draw = random.Random(1)
        async with running(config, a, b):
            for _ in range(200):
                data = draw.randbytes(draw.randrange(200))
                throw(draw.choice((b"", b"BKHA", b"BKHA\1\1")) + data, place(config, B))
            await b.until(lambda: b.counters["ring0.received"] == 200)
            assert b.events == []
            await pair_works(a, b)

    scenario(body())
    assert 1 <= len(sentences(caplog)) <= 8, "each link and reason at most once a minute"


def test_keys_are_rotated_with_no_outage() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        both = RING.with_key(b"n" * 32)
        steps = (both, both.activated(2), both.activated(2).without_key(1))
        async with running(config, a, b):
            for ring in steps:
                for peer in (a, b):
                    peer.codec.ring = ring
                    await pair_works(a, b)
            assert not [code for code in (a.counters + b.counters) if code.endswith("key")]

    scenario(body())


def test_link_that_cannot_be_bound_does_not_stop_the_other_and_comes_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "BIND_AGAIN_S", 0.02)

    a, b = Peer(A), Peer(B)

    async def body() -> None:
        config = configuration(A, B)
        with socket.socket() as other:
            other.bind(place(config, B))
            other.listen()
            async with running(config, a, b):
                await pair_works(a, b)
                other.close()
                await b.until(lambda: len(b.transport._servers) == 2)

    scenario(body())
    assert "cannot listen on 127.0.0.1" in sentences(caplog)[0]
    told = [event.faults for event in b.events if isinstance(event, Unbound)]
    assert [len(faults) for faults in told] == [1, 0], "told once, and that it is over"
    assert "(Address already in use), and is deaf on link ring" in told[0][0]


def test_new_addresses_replace_the_old_ones() -> None:
    async def body() -> None:
        a, b = Peer(A), Peer(B)
        first, second = configuration(A, B), configuration(A, B)
        async with running(first, a, b):
            a.send(B, large(20_000))
            await b.until(lambda: bool(b.received))
            changes = [peer.transport.configure(second) for peer in (a, b, a, b)]
            await asyncio.gather(*changes)
            await pair_works(a, b)
            a.send(B, large(30_000))
            await b.until(lambda: large(30_000) in [event.message for event in b.received])
            assert all(is_free(*place(first, B, link), socket.SOCK_DGRAM) for link in HOSTS)

    scenario(body())


def test_peer_that_is_not_there_costs_nothing() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B, C), Peer(A), Peer(B)
        async with running(config, a, b):
            for _ in range(3):
                a.send(C, HELLO, large(20_000))
            await pair_works(a, b)

    scenario(body())


# --- a lab pulls the cables out -----------------------------------------------------------


def test_isolated_node_neither_sends_nor_hears_until_it_is_healed() -> None:
    async def body() -> None:
        config, a, b, c = configuration(A, B, C), Peer(A), Peer(B), Peer(C)
        async with running(config, a, b, c):
            await pair_works(a, b)
            await a.transport.isolate(True)
            heard = len(a.events), len(b.events)
            for message in (HELLO, large(2 * DATAGRAM_BYTES_MAX)):
                a.send(B, message)
                b.send(A, message)
            # What b says to c after it must arrive, so what it said to a would have.
            b.send(C, HELLO, large(2 * DATAGRAM_BYTES_MAX))
            await c.until(lambda: len(c.received) == 2)
            assert len(a.events) == heard[0]
            assert not [event for event in b.received[heard[1] :] if event.sender == A]
            await a.transport.isolate(False)
            await pair_works(a, b)

    scenario(body())
