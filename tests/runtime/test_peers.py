"""Places of peers: as configured, and where they spoke from."""

import asyncio
import socket

from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.ids import LinkName, NodeName
from ha_core.runtime.names import Names
from ha_core.runtime.peers import FORMER_MS, HEARD_MS, Peers, endpoints
from ha_core.runtime.streams import Endpoint

A, B, RING0 = NodeName("a"), NodeName("b"), LinkName("ring0")
THERE = Endpoint(RING0, "192.0.2.2", 6940)
ELSEWHERE = Endpoint(RING0, "192.0.2.7", 7000)


def configuration(*names: NodeName, host: str = THERE.host) -> Configuration:
    """Return nodes that listen on one link, all at one host."""
    nodes = tuple(Node(name, (Address(RING0, host, 0),)) for name in names)
    return Configuration(nodes=nodes, links=(Link(RING0),))


def book(*names: NodeName, host: str = THERE.host) -> Peers:
    """Return the book of node a."""
    peers = Peers(A, Names())
    peers.configure(configuration(A, *names, host=host), 0)
    return peers


def test_endpoints_take_the_port_of_their_link() -> None:
    assert endpoints(configuration(B), B) == (THERE,)
    assert endpoints(configuration(B), A) == ()


def test_peer_that_speaks_from_another_place_is_answered_there_too() -> None:
    async def scenario() -> None:
        peers = book(B)
        peers.heard(B, RING0, (THERE.host, THERE.port), 0)
        assert peers.targets(B, 0) == (THERE,)
        peers.heard(B, RING0, (ELSEWHERE.host, ELSEWHERE.port), 0)
        assert peers.targets(B, 0) == (THERE, ELSEWHERE)
        assert peers.targets(B, HEARD_MS) == (THERE,)
        peers.heard(B, RING0, (THERE.host, THERE.port), 1)
        assert peers.targets(B, 1) == (THERE,)

    asyncio.run(scenario())


def test_stranger_has_no_place_wherever_it_speaks_from() -> None:
    async def scenario() -> None:
        peers = book()
        peers.heard(B, RING0, (ELSEWHERE.host, ELSEWHERE.port), 0)
        assert peers.targets(B, 0) == ()

    asyncio.run(scenario())


def test_removed_node_is_answered_for_a_while() -> None:
    async def scenario() -> None:
        peers = book(B)
        peers.configure(configuration(A), 1000)
        assert peers.targets(B, 999 + FORMER_MS) == (THERE,)
        assert peers.targets(B, 1000 + FORMER_MS) == ()
        peers.configure(configuration(A, B), 2000)
        assert peers.targets(B, 10 * FORMER_MS) == (THERE,)

    asyncio.run(scenario())


def test_name_is_looked_up_beside_the_loop_and_counts_as_its_address() -> None:
    async def scenario() -> None:
        names = Names()
        assert names.address("localhost", 6940, socket.AF_INET) is None, "not waited for"
        await names.settled()
        assert names.address("localhost", 6940, socket.AF_INET) == ("127.0.0.1", 6940)
        assert names.address("192.0.2.1", 1, socket.AF_INET) == ("192.0.2.1", 1)
        assert names.address("no such host", 1, socket.AF_INET) is None
        await names.close()

    asyncio.run(scenario())
