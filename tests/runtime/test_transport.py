"""Real sockets on loopback: what arrives, what is refused in one sentence, what never stops us."""

import asyncio
import logging
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ha_core.config.model import Address, Configuration, Link, Node
from ha_core.effects import Send
from ha_core.events import Event, LinkHeard, Outdated, Received, StrangersHeard, Unbound
from ha_core.ids import Generation, LinkName, NodeName
from ha_core.keyring import KeyRing, first_ring
from ha_core.messages import Hello, InstallSnapshot, Message
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.runtime import streams, transport
from ha_core.runtime.invitation import KNOCK
from ha_core.runtime.strangers import Strangers
from ha_core.runtime.transport import DATAGRAM_BYTES_MAX, Transport
from ha_core.versions import SPOKEN, Versions
from ha_core.wire import FRAME_BYTES_MAX, Codec

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


def test_who_goes_on_sending_under_another_key_is_told_of_until_it_stops() -> None:
    async def body() -> None:
        a = Peer(A)
        a.transport.strangers = Strangers(stands_ms=50, quiet_ms=150)
        config = configuration(A, B)
        other = Codec(B, 1, first_ring(CLUSTER, b"x" * 32))
        async with running(config, a):

            def is_told() -> bool:
                throw(other.encode((HELLO,), A), place(config, A))
                return bool(strangers(a))

            await a.until(is_told)
            text = "a frame that says it is from 'b' was not made with our key 1, or was changed"
            assert strangers(a) == [[f"ring0 127.0.0.1: {text}"]]
            await a.until(lambda: strangers(a)[-1] == [])

    scenario(body())


async def pair_works(a: Peer, b: Peer) -> None:
    """Show that messages still pass in both directions."""
    before = len(a.received), len(b.received)
    a.send(B, HELLO)
    b.send(A, HELLO)
    await b.until(lambda: len(b.received) > before[1])
    await a.until(lambda: len(a.received) > before[0])


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


def refused(
    caplog: pytest.LogCaptureFixture, a: Peer, b: Peer, code: str, *, works: bool = False
) -> str:
    """Let `a` speak to `b` and return the sentence with which `b` refuses."""

    async def body() -> None:
        config = configuration(A, B)
        async with running(config, a, b):
            a.send(B, HELLO)
            await b.until(lambda: b.counters[f"ring0.{code}"] == 1)
            assert works or b.events == []

    asyncio.run(body())
    (sentence,) = {text.partition(": ")[2] for text in sentences(caplog) if "dropped" in text}
    return sentence


def test_other_cluster_is_refused_by_name(caplog: pytest.LogCaptureFixture) -> None:
    foreign = Peer(A, ring=first_ring(b"f" * 16, b"k" * 32))
    assert refused(caplog, foreign, Peer(B), "foreign-cluster") == (
        "a frame from 'a' is for another cluster (6666666666666666, not 0001020304050607)"
    )


def test_wrong_key_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    wrong = Peer(A, ring=first_ring(CLUSTER, b"w" * 32))
    assert refused(caplog, wrong, Peer(B), "bad-tag") == (
        "a frame that says it is from 'a' was not made with our key 1, or was changed"
    )


def test_unknown_key_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    newer = Peer(A, ring=RING.with_key(b"n" * 32).activated(2))
    assert refused(caplog, newer, Peer(B), "unknown-key") == (
        "'a' uses key 2, which is not in our key ring: copy the key ring of another node"
    )


@pytest.mark.parametrize(
    ("speaker", "listener"), [(Versions(2, 3), SPOKEN), (SPOKEN, Versions(2, 3))]
)
def test_both_sides_say_that_their_versions_do_not_meet(
    caplog: pytest.LogCaptureFixture, speaker: Versions, listener: Versions
) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A, speaks=speaker), Peer(B, speaks=listener)
        async with running(config, a, b):
            a.send(B, HELLO)
            await b.until(lambda: b.counters["ring0.version"] == 1)
            await a.until(lambda: a.counters["ring0.refused"] == 1)
            assert a.events == b.events == []

    scenario(body())
    said = sorted({text.partition(": ")[2] for text in sentences(caplog)})
    assert said == [
        f"a peer refuses our frames: it speaks protocol versions {listener},"
        f" this node {speaker}: update the older one",
        f"a peer speaks protocol versions {speaker}, this node {listener}: update the older one",
    ]


def test_newer_node_that_still_speaks_our_version_is_understood() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A, speaks=Versions(1, 4)), Peer(B)
        async with running(config, a, b):
            await pair_works(a, b)

    scenario(body())


def test_earlier_start_of_a_node_is_not_heard_any_more(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        config, b = configuration(A, B), Peer(B)
        async with running(config, b):
            now, past = Peer(A, generation=5), Peer(A, generation=4)
            for peer in (now, past):
                throw(peer.codec.encode((HELLO,), B), place(config, B))
            await b.until(lambda: b.counters["ring0.stale-generation"] == 1)
            assert [event.generation for event in b.received] == [5]
            assert Outdated(A, 4, 5) in b.events

    scenario(body())
    assert "a frame of 'a' is of its start 4, but 5 was seen" in sentences(caplog)[0]


def test_replayed_datagram_only_shows_that_the_link_works() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            frame = a.codec.encode((HELLO,), B)
            for _ in range(3):
                throw(frame, place(config, B))
            await b.until(lambda: b.counters["ring0.repeated"] == 2)
            assert len(b.received) == 1

    scenario(body())


def test_frame_for_another_node_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            throw(a.codec.encode((HELLO,), C), place(config, B))
            throw(b.codec.encode((HELLO,), A), place(config, B))
            await b.until(lambda: b.counters["ring0.received"] == 2)
            assert b.events == []

    scenario(body())
    assert [text.partition(": ")[2] for text in sentences(caplog)] == [
        "a frame from 'a' is for 'c', not 'b': check the addresses of both",
        "a frame that says it is from 'b' itself: does a second node use this name?",
    ]


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


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX + 1, 2**32 - 1, streams.STRANGER_BYTES_MAX + 1])
def test_stranger_that_announces_a_large_frame_is_hung_up_on(
    caplog: pytest.LogCaptureFixture, size: int
) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            reader, writer = await connected(config)
            writer.write(struct.pack(">I", size))
            assert await is_hung_up(reader)
            writer.close()
            await pair_works(a, b)

    scenario(body())
    assert f"a stream announces a frame of {size} bytes, at most 65536" in sentences(caplog)[0]


def test_node_that_announces_more_than_the_bound_is_hung_up_on() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            reader, writer = await connected(config)
            hello = a.codec.encode((), B)
            writer.write(struct.pack(">I", len(hello)) + hello)
            writer.write(struct.pack(">I", FRAME_BYTES_MAX + 1))
            assert await is_hung_up(reader)
            assert b.counters["ring0.too-large"] == 1
            writer.close()

    scenario(body())


@pytest.mark.parametrize("said", [b"", b"\0", b"\0\0\0\x50half a frame"])
def test_stranger_that_says_nothing_more_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(streams, "STRANGER_S", 0.05)
    monkeypatch.setattr(streams, "TRANSFER_S", 0.05)

    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            reader, writer = await connected(config)
            writer.write(said)
            assert await is_hung_up(reader)
            writer.close()
            await pair_works(a, b)

    scenario(body())


@pytest.mark.parametrize("repeat", [False, True])
def test_stream_that_does_not_begin_with_a_new_frame_of_a_node_is_hung_up_on(repeat: bool) -> None:
    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, b):
            said = a.codec.encode((), B) if repeat else b"x" * 100
            if repeat:
                b.transport.arrived(said, RING0)
            reader, writer = await connected(config)
            writer.write(struct.pack(">I", len(said)) + said)
            assert await is_hung_up(reader)
            writer.close()

    scenario(body())


def test_crowd_of_strangers_does_not_keep_nodes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STREAMS_MAX", 5)

    async def body() -> None:
        config, a, b = configuration(A, B), Peer(A), Peer(B)
        async with running(config, a, b):
            a.send(B, large(10_000))
            await b.until(lambda: bool(b.received))
            crowd = [await connected(config) for _ in range(20)]
            await asyncio.gather(*(is_hung_up(reader) for reader, _ in crowd[:15]))
            a.send(B, large(20_000))
            await b.until(lambda: len(b.received) == 2)
            for _, writer in crowd:
                writer.close()

    scenario(body())


def test_peer_that_does_not_read_costs_a_bounded_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TRANSFER_S", 0.1)
    monkeypatch.setattr(streams, "BYTES_PER_SECOND_MIN", 1 << 40)

    async def body() -> None:
        config, a = configuration(A, B, links=(RING0,)), Peer(A)
        deaf = socket.create_server(place(config, B))
        with deaf:
            async with running(config, a):
                for _ in range(streams.QUEUE_FRAMES_MAX + 10):
                    a.send(B, large(1_900_000))
                await a.until(lambda: a.counters["stream.dropped"] > 0)
                stream = a.transport._outgoing[B]
                assert len(stream._queue) <= streams.QUEUE_FRAMES_MAX
                assert stream._bytes <= streams.QUEUE_BYTES_MAX
                left = len(stream._queue)
                await a.until(lambda: len(stream._queue) < left - 1)

    scenario(body())


def test_peer_that_is_not_there_costs_nothing() -> None:
    async def body() -> None:
        config, a, b = configuration(A, B, C), Peer(A), Peer(B)
        async with running(config, a, b):
            for _ in range(3):
                a.send(C, HELLO, large(20_000))
            await pair_works(a, b)

    scenario(body())


def test_node_that_knocks_is_answered_by_the_door_alone() -> None:
    class Door:
        async def answer(
            self, knock: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(b"who is there: " + knock)
            await writer.drain()

    async def body() -> None:
        config, b = configuration(A, B), Peer(B)
        b.transport.door = Door()
        async with running(config, b):
            reader, writer = await connected(config)
            writer.write(struct.pack(">I", len(KNOCK)) + KNOCK)
            assert await reader.read() == b"who is there: " + KNOCK
            assert b.events == []
            writer.close()

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
