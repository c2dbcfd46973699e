"""Datagrams and streams between nodes: every small frame on every link, large ones over TCP.

Owns: sockets, addresses and counters. Authentication, versions and replays are
`wire`'s; what a message means is the node's. Whatever comes in, nothing is
raised out of here: a refused frame is counted and, at most once a minute for
each peer and reason, logged in one sentence.
"""

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ha_core.config.model import Configuration
from ha_core.effects import Send
from ha_core.events import Event, LinkHeard, Received
from ha_core.ids import LinkName, NodeName
from ha_core.messages import Message
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.invitation import KNOCK
from ha_core.wire import FRAME_BYTES_MAX, Codec, Frame, Rejected, ReplayWindow, refusal

DATAGRAM_BYTES_MAX: Final = 1400
"""Frames above this go over TCP: fragments of a datagram are lost together."""
BUFFER_BYTES: Final = 1024 * 1024
STREAM_QUEUE_MAX: Final = 64
"""Large frames waiting for one peer; the oldest is dropped (everything large is sent again)."""
CONNECT_TIMEOUT_S: Final = 2.0
IDLE_S: Final = 120.0
STREAMS_MAX: Final = 256
LOG_EVERY_MS: Final = 60_000
_LENGTH = struct.Struct(">I")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a node listens on one link."""

    link: LinkName
    host: str
    port: int


def endpoints(configuration: Configuration, name: NodeName) -> tuple[Endpoint, ...]:
    """Return where a node of the configuration listens, sorted by link."""
    node = configuration.node(name)
    ports = {link.name: link.port for link in configuration.links}
    found = [
        Endpoint(item.link, item.host, item.port or ports.get(item.link, 6940))
        for item in (node.addresses if node else ())
    ]
    return tuple(sorted(found, key=lambda item: item.link))


class Doorkeeper(Protocol):
    """Whoever answers a node that asks to be let in."""

    async def answer(
        self, knock: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one exchange through and close the stream."""
        ...


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, owner: "Transport", link: LinkName) -> None:
        self._owner = owner
        self._link = link
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        answer = self._owner.arrived(data, self._link)
        if answer is not None and self.transport is not None:
            self.transport.sendto(answer, addr)

    def error_received(self, exc: Exception) -> None:
        self._owner.counters[f"{self._link}.icmp"] += 1


class Transport:
    """All sockets of one node."""

    def __init__(self, codec: Codec, deliver: Callable[[Event], None]) -> None:
        self._codec = codec
        self._deliver = deliver
        self._window = ReplayWindow()
        self._peers: dict[NodeName, tuple[Endpoint, ...]] = {}
        self._own: tuple[Endpoint, ...] = ()
        self._links: dict[Endpoint, _Datagrams] = {}
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self._streams: dict[NodeName, _Stream] = {}
        self._incoming: set[asyncio.Task[None]] = set()
        self._logged: dict[tuple[str, str], int] = {}
        self.counters: Counter[str] = Counter()
        self.door: Doorkeeper | None = None

    async def configure(self, configuration: Configuration) -> None:
        """Listen and send as the configuration says from now on."""
        self._peers = {
            node.name: endpoints(configuration, node.name)
            for node in configuration.nodes
            if node.name != self._codec.name
        }
        for gone in set(self._streams) - set(self._peers):
            self._streams.pop(gone).close()
        own = endpoints(configuration, self._codec.name)
        if own:
            await self.listen(own)

    async def listen(self, own: tuple[Endpoint, ...]) -> None:
        """Listen on these endpoints and no others; one that cannot be bound is logged, not
        fatal.
        """
        for gone in set(self._links) - set(own):
            datagrams = self._links.pop(gone)
            if datagrams.transport is not None:
                datagrams.transport.close()
            server = self._servers.pop(gone, None)
            if server is not None:
                server.close()
        for endpoint in own:
            if endpoint not in self._links:
                await self._bind(endpoint)
        self._own = own

    def send(self, effects: list[Send]) -> None:
        """Send messages, those to one node together in one frame."""
        batches: dict[NodeName, list[Message]] = {}
        for effect in effects:
            batches.setdefault(effect.to, []).append(effect.message)
        for peer, messages in batches.items():
            targets = self._peers.get(peer)
            if targets:
                self._send_frame(peer, targets, self._codec.encode(tuple(messages)))

    async def close(self) -> None:
        """Close every socket."""
        for stream in self._streams.values():
            stream.close()
        await self.listen(())
        for task in tuple(self._incoming):
            task.cancel()
        await asyncio.gather(*self._incoming, return_exceptions=True)

    def arrived(self, data: bytes, link: LinkName) -> bytes | None:
        """Take a frame; return what to answer the sender of an unknown version."""
        self.counters[f"{link}.received"] += 1
        try:
            frame = self._codec.open(data)
            fresh = self._window.accept(frame.sender, frame.generation, frame.sequence)
        except Rejected as fault:
            self._refused(fault, link)
            return refusal() if fault.code == "version" else None
        self._pass_on(frame, link, fresh=fresh)
        return None

    def _pass_on(self, frame: Frame, link: LinkName, *, fresh: bool) -> None:
        if not fresh or not frame.messages:
            self._deliver(LinkHeard(frame.sender, link))
            return
        for message in frame.messages:
            self._deliver(Received(frame.sender, frame.generation, link, message))

    def _refused(self, fault: Rejected, link: LinkName) -> None:
        self.counters[f"{link}.{fault.code}"] += 1
        key, now_ms = (link, fault.code), monotonic_ms()
        if now_ms - self._logged.get(key, -LOG_EVERY_MS) >= LOG_EVERY_MS:
            self._logged[key] = now_ms
            log.warning("dropped on link %s: %s", link, fault)

    def _send_frame(self, peer: NodeName, targets: tuple[Endpoint, ...], frame: bytes) -> None:
        if len(frame) > DATAGRAM_BYTES_MAX:
            stream = self._streams.get(peer)
            if stream is None or stream.targets != targets:
                if stream is not None:
                    stream.close()
                stream = self._streams[peer] = _Stream(targets)
            stream.put(frame)
            return
        by_link = {endpoint.link: datagrams for endpoint, datagrams in self._links.items()}
        for target in targets:
            datagrams = by_link.get(target.link)
            if datagrams is not None and datagrams.transport is not None:
                self.counters[f"{target.link}.sent"] += 1
                datagrams.transport.sendto(frame, (target.host, target.port))

    async def _bind(self, endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        where = (endpoint.host, endpoint.port)
        try:
            _, datagrams = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self, endpoint.link), local_addr=where
            )
            self._links[endpoint] = datagrams
            self._servers[endpoint] = await asyncio.start_server(
                lambda r, w: self._serve(endpoint.link, r, w), *where
            )
        except OSError as fault:
            log.error(
                "link %s: cannot listen on %s port %d (%s); the other links carry on",
                endpoint.link,
                *where,
                fault.strerror,
            )

    async def _serve(
        self, link: LinkName, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._incoming) >= STREAMS_MAX:
            return
        self._incoming.add(task)
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                    if size > FRAME_BYTES_MAX:
                        self._refused(Rejected("too-large", f"a frame of {size} bytes"), link)
                        return
                    data = await reader.readexactly(size)
                if data.startswith(KNOCK):
                    if self.door is not None:
                        await self.door.answer(data, reader, writer)
                    return
                self.arrived(data, link)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return  # the peer sends again on a new connection
        finally:
            self._incoming.discard(task)
            writer.close()


class _Stream:
    """One outgoing TCP connection to a peer, made when needed, over whichever link works."""

    def __init__(self, targets: tuple[Endpoint, ...]) -> None:
        self.targets = targets
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, frame: bytes) -> None:
        if self._queue.qsize() >= STREAM_QUEUE_MAX:
            self._queue.get_nowait()
        self._queue.put_nowait(frame)

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        writer: asyncio.StreamWriter | None = None
        try:
            while True:
                frame = await self._queue.get()
                for target in self.targets:
                    try:
                        async with asyncio.timeout(CONNECT_TIMEOUT_S):
                            if writer is None:
                                _, writer = await asyncio.open_connection(target.host, target.port)
                            writer.write(_LENGTH.pack(len(frame)) + frame)
                            await writer.drain()
                        break
                    except (OSError, TimeoutError):
                        if writer is not None:
                            writer.close()
                        writer = None
        finally:
            if writer is not None:
                writer.close()
