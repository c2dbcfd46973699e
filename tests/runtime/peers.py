"""Peers that speak to each other over real sockets on loopback."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.effects import Send
from ha_core.events import Event, Received, StrangersHeard
from ha_core.ids import Generation, LinkName, NodeName
from ha_core.keyring import KeyRing, first_ring
from ha_core.messages import Hello, InstallSnapshot, Message
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.runtime.transport import Transport
from ha_core.versions import SPOKEN, Versions
from ha_core.wire import Codec

CLUSTER = bytes(range(16))
RING = first_ring(CLUSTER, b"k" * 32)
HOSTS = {LinkName("ring0"): "127.0.0.1", LinkName("ring1"): "127.0.0.2"}
RING0, RING1 = HOSTS
A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
HELLO = Hello(1, 0)
PATIENCE_S = 5.0


def large(size: int) -> InstallSnapshot:
    """Return a message of at least so many bytes."""
    change = ConfigurationChange(1, Configuration(name="x" * size), "admin", "", 0)
    return InstallSnapshot(1, Snapshot(1, 1, (change,)))


def free_port() -> int:
    """Return a port that is free for both protocols on every test address."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if all(is_free(host, port, kind) for host in HOSTS.values() for kind in (1, 2)):
            return port


def is_free(host: str, port: int, kind: int) -> bool:
    """Return whether a socket of that kind can be bound."""
    with socket.socket(type=kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


class Peer:
    """A transport and what it delivered."""

    def __init__(
        self,
        name: NodeName,
        *,
        ring: KeyRing = RING,
        generation: Generation = 1,
        speaks: Versions = SPOKEN,
    ) -> None:
        self.name = name
        self.codec = Codec(name, generation, ring, speaks=speaks)
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self.transport = Transport(self.codec, self._deliver)

    def _deliver(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    @property
    def counters(self) -> Counter[str]:
        """What happened on the links."""
        return self.transport.counters

    @property
    def received(self) -> list[Received]:
        """Messages delivered so far."""
        return [event for event in self.events if isinstance(event, Received)]

    def send(self, to: NodeName, *messages: Message) -> None:
        """Send messages as the node does."""
        self.transport.send([Send(to, message) for message in messages])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds after an event or a counter's change."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.01):
                        await self._changed.wait()
                except TimeoutError:
                    continue  # counters change without an event


def configuration(*names: NodeName, links: tuple[LinkName, ...] = (RING0, RING1)) -> Configuration:
    """Return nodes with an address on each link and free ports."""
    nodes = []
    for name in names:
        port = free_port()
        nodes.append(Node(name, tuple(Address(link, HOSTS[link], port) for link in links)))
    return Configuration(nodes=tuple(nodes), links=tuple(Link(link) for link in links))


def place(config: Configuration, name: NodeName, link: LinkName = RING0) -> tuple[str, int]:
    """Return where a node listens on a link."""
    node = config.node(name)
    assert node is not None
    found = next(item for item in node.addresses if item.link == link)
    return found.host, found.port


@asynccontextmanager
async def running(config: Configuration, *peers: Peer) -> AsyncIterator[None]:
    """Configure the peers, and close them in the end."""
    try:
        for peer in peers:
            await peer.transport.configure(config)
        yield
    finally:
        for peer in peers:
            await peer.transport.close()


def scenario(body: Coroutine[None, None, None]) -> None:
    """Run a test to its end with every complaint of the event loop counted as a failure."""
    complaints: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: complaints.append(context)
        )
        await body

    asyncio.run(main())
    assert not complaints


def throw(data: bytes, where: tuple[str, int]) -> None:
    """Send one datagram from a stranger's socket."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(data, where)


def sentences(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the transport logged as warnings."""
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def strangers(peer: Peer) -> list[list[str]]:
    """Return every list of strangers that was delivered."""
    told = [event.strangers for event in peer.events if isinstance(event, StrangersHeard)]
    return [[f"{item.link} {item.host}: {item.text}" for item in items] for items in told]


async def pair_works(a: Peer, b: Peer) -> None:
    """Show that messages still pass in both directions."""
    before = len(a.received), len(b.received)
    a.send(B, HELLO)
    b.send(A, HELLO)
    await b.until(lambda: len(b.received) > before[1])
    await a.until(lambda: len(a.received) > before[0])


async def connected(config: Configuration) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a stranger's connection to `b`."""
    return await asyncio.open_connection(*place(config, B))


async def is_hung_up(reader: asyncio.StreamReader) -> bool:
    """Return whether the other side closes the connection without a word."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read(1) == b""
        except ConnectionError:
            return True
