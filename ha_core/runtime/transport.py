"""Datagrams and streams between nodes: every small frame on every link, large ones over TCP.

Owns: sockets, addresses and counters. Authentication, versions and replays are
`wire`'s, connections `streams`'; what a message means is the node's. Whatever
comes in, nothing is raised out of here: a refused frame is counted and, at
most once a minute for each link and reason, logged in one sentence.
"""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

from ha_core.config.model import Configuration
from ha_core.effects import Send
from ha_core.events import Event, LinkHeard, Outdated, Received
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.names import Names
from ha_core.runtime.peers import Peers, endpoints
from ha_core.runtime.streams import Doorkeeper, Endpoint, Incoming, Outgoing
from ha_core.wire import (
    SALT_BYTES,
    Codec,
    Frame,
    Rejected,
    ReplayWindow,
    StaleGenerationError,
    batches,
    encode_message,
)

DATAGRAM_BYTES_MAX: Final = 1400
"""Frames above this go over TCP: fragments of a datagram are lost together."""
BATCH_BYTES_MAX: Final = 1200
"""Encoded messages in one frame, so that with the longest header it still is a datagram."""
BUFFER_BYTES: Final = 1024 * 1024
LOG_EVERY_MS: Final = 60_000
ANSWER_EVERY_MS: Final = 500
BIND_AGAIN_S: Final = 2.0
ANSWERED: Final = ("version", "feature")
"""Refusals that the peer is told; others could be anybody's, and silence is the better answer."""

log = logging.getLogger(__name__)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, owner: "Transport", link: LinkName) -> None:
        self._owner = owner
        self._link = link
        self.transport: asyncio.DatagramTransport | None = None
        self.family = 0
        self.is_full = False
        self.lost = asyncio.Event()

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        source = (str(addr[0]), int(addr[1]))
        answer = self._owner.arrived(data, self._link, source)
        if answer is not None and self.transport is not None:
            self.transport.sendto(answer, addr)

    def error_received(self, exc: Exception) -> None:
        self._owner.counters[f"{self._link}.icmp"] += 1


class Transport:
    """All sockets of one node."""

    def __init__(self, codec: Codec, deliver: Callable[[Event], None]) -> None:
        codec.use_salt(os.urandom(SALT_BYTES))
        self._codec = codec
        self._deliver = deliver
        self._window = ReplayWindow()
        self._own: tuple[Endpoint, ...] = ()
        self._links: dict[Endpoint, _Datagrams] = {}
        self._by_link: dict[LinkName, _Datagrams] = {}
        self._names = Names()
        self._peers = Peers(codec.name, self._names)
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self._outgoing: dict[NodeName, Outgoing] = {}
        self._incoming = Incoming(self._taken, self._refused)
        self._logged: dict[tuple[str, str], int] = {}
        self._answered: dict[NodeName, Millis] = {}
        self._changing = asyncio.Lock()
        self._binding: asyncio.Task[None] | None = None
        self._is_isolated = False
        self.counters: Counter[str] = Counter()

    @property
    def door(self) -> Doorkeeper | None:
        """Whoever answers nodes that ask to be let in."""
        return self._incoming.door

    @door.setter
    def door(self, door: Doorkeeper) -> None:
        """Let that one answer from now on."""
        self._incoming.door = door

    async def configure(self, configuration: Configuration) -> None:
        """Listen and send as the configuration says from now on."""
        async with self._changing:
            self._peers.configure(configuration, monotonic_ms())
            for peer in sorted(self._outgoing):
                if not self._peers.targets(peer, monotonic_ms()):
                    await self._outgoing.pop(peer).close()
        own = endpoints(configuration, self._codec.name)
        if own:
            await self.listen(own)

    async def listen(self, own: tuple[Endpoint, ...]) -> None:
        """Listen on these endpoints, and once all of them are bound on no others.

        One that cannot be bound is logged and tried again: the other links carry on, and so
        does an address that it was to replace.
        """
        async with self._changing:
            self._own = own
            if not await self._bind_all() and self._binding is None:
                self._binding = asyncio.get_running_loop().create_task(self._bind_again())

    async def isolate(self, is_isolated: bool) -> None:
        """Send and hear nothing, as if every cable were pulled out, or again: for `ha lab`."""
        self._is_isolated = is_isolated
        async with self._changing:
            for stream in self._outgoing.values():
                await stream.close()
            self._outgoing.clear()

    def send(self, effects: list[Send]) -> None:
        """Send messages, those to one node together as far as they fit one datagram."""
        if self._is_isolated:
            return
        now_ms = monotonic_ms()
        parts: dict[NodeName, list[bytes]] = {}
        for effect in effects:
            if self._peers.targets(effect.to, now_ms):
                parts.setdefault(effect.to, []).append(encode_message(effect.message))
        for peer, encoded in parts.items():
            for batch in batches(encoded, BATCH_BYTES_MAX):
                self._send_frame(peer, self._codec.seal(batch, peer))

    async def close(self) -> None:
        """Close every socket."""
        if self._binding is not None:
            self._binding.cancel()
            await asyncio.gather(self._binding, return_exceptions=True)
        async with self._changing:
            self._own = ()
            await self._unbind_others()
            for stream in self._outgoing.values():
                await stream.close()
            self._outgoing.clear()
            await self._incoming.close()
        await self._names.close()

    def arrived(
        self, data: bytes, link: LinkName, source: tuple[str, int] | None = None
    ) -> bytes | None:
        """Take a frame; return what to answer a sender that this node cannot understand.

        `source` is where a datagram came from.
        """
        if self._is_isolated:
            return None
        self.counters[f"{link}.received"] += 1
        try:
            frame = self._codec.open(data)
            fresh = self._window.accept(frame.sender, frame.generation, frame.sequence)
        except Rejected as fault:
            self._refused(fault, link)
            return self._codec.refusal() if fault.code in ANSWERED else None
        if fresh and source is not None:
            self._peers.heard(frame.sender, link, source, monotonic_ms())
        # What came over a stream was sent over no other link.
        self._pass_on(frame, link, frame.sequence if source is not None else 0, fresh=fresh)
        return None

    def _taken(self, data: bytes, link: LinkName) -> bool:
        """Take a frame of a stream; return whether it came from a node of the cluster."""
        before = self.counters[f"{link}.fresh"]
        self.arrived(data, link)
        return self.counters[f"{link}.fresh"] > before

    def _pass_on(self, frame: Frame, link: LinkName, number: int, *, fresh: bool) -> None:
        self.counters[f"{link}.{'fresh' if fresh else 'repeated'}"] += 1
        if not fresh or not frame.messages:
            self._deliver(LinkHeard(frame.sender, link, number))
            return
        for message in frame.messages:
            self._deliver(Received(frame.sender, frame.generation, link, message, number))

    def _refused(self, fault: Rejected, link: LinkName) -> None:
        self.counters[f"{link}.{fault.code}"] += 1
        key, now_ms = (link, fault.code), monotonic_ms()
        if isinstance(fault, StaleGenerationError):
            self._answer_outdated(fault, now_ms)
        if now_ms - self._logged.get(key, -LOG_EVERY_MS) >= LOG_EVERY_MS:
            self._logged[key] = now_ms
            log.warning("dropped on link %s: %s", link, fault)

    def _answer_outdated(self, fault: StaleGenerationError, now_ms: Millis) -> None:
        """Let the node tell an earlier start of a peer, now and then, that nobody listens to it."""
        if now_ms - self._answered.get(fault.sender, -ANSWER_EVERY_MS) >= ANSWER_EVERY_MS:
            self._answered[fault.sender] = now_ms
            self._deliver(Outdated(fault.sender, fault.generation, fault.known))

    def _send_frame(self, peer: NodeName, frame: bytes) -> None:
        targets = self._peers.targets(peer, monotonic_ms())
        if len(frame) > DATAGRAM_BYTES_MAX:
            self._send_stream(peer, targets, frame)
            return
        for target in targets:
            datagrams = self._by_link.get(target.link)
            if datagrams is not None:
                self._send_datagram(datagrams, target, frame)

    def _send_datagram(self, datagrams: _Datagrams, target: Endpoint, frame: bytes) -> None:
        address = self._names.address(target.host, target.port, datagrams.family)
        if address is None or datagrams.transport is None:
            self.counters[f"{target.link}.unknown-host"] += 1
        elif datagrams.is_full:
            # An old sign of life is worth nothing: better lost than kept and sent late.
            self.counters[f"{target.link}.full"] += 1
        else:
            self.counters[f"{target.link}.sent"] += 1
            datagrams.transport.sendto(frame, address)

    def _send_stream(self, peer: NodeName, targets: tuple[Endpoint, ...], frame: bytes) -> None:
        stream = self._outgoing.get(peer)
        if stream is not None:
            stream.targets = targets
        else:
            stream = Outgoing(targets, lambda: self._codec.seal((), peer))
            self._outgoing[peer] = stream
        self.counters["stream.sent"] += 1
        self.counters["stream.dropped"] += stream.put(frame)

    async def _bind_all(self) -> bool:
        """Bind what is not bound; return whether everything is."""
        done = True
        for endpoint in self._own:
            try:
                await self._bind(endpoint)
            except OSError as fault:
                done = False
                text = f"cannot listen on {endpoint.host} port {endpoint.port} ({fault.strerror})"
                self._refused(
                    Rejected("unbound", f"{text}; the other links carry on"), endpoint.link
                )
        if done:
            await self._unbind_others()
        return done

    async def _unbind_others(self) -> None:
        bound = self._links.keys() | self._servers.keys()
        for endpoint in sorted(bound - set(self._own), key=lambda e: (e.link, e.host, e.port)):
            await self._unbind(endpoint)

    async def _bind_again(self) -> None:
        """Addresses may come up after the daemon, and ports be given free."""
        done = False
        while not done:
            await asyncio.sleep(BIND_AGAIN_S)
            async with self._changing:
                done = await self._bind_all()
                if done:
                    self._binding = None
                    log.info("every link of this node listens now")

    async def _bind(self, endpoint: Endpoint) -> None:
        where = (endpoint.host, endpoint.port)
        if endpoint not in self._links:
            made = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Datagrams(self, endpoint.link), local_addr=where
            )
            sock: socket.socket = made[0].get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            made[1].family = sock.family
            made[1].transport, self._links[endpoint] = made
            self._by_link[endpoint.link] = made[1]
        if endpoint not in self._servers:
            self._servers[endpoint] = await asyncio.start_server(
                lambda r, w: self._incoming.accept(endpoint.link, r, w), *where
            )

    async def _unbind(self, endpoint: Endpoint) -> None:
        server = self._servers.pop(endpoint, None)
        if server is not None:
            server.close()
        datagrams = self._links.pop(endpoint, None)
        if self._by_link.get(endpoint.link) is datagrams:
            self._by_link.pop(endpoint.link, None)
        if datagrams is not None and datagrams.transport is not None:
            datagrams.transport.close()
            await datagrams.lost.wait()
