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
from functools import partial
from typing import Final

from ha_core.config.model import Configuration, Link
from ha_core.effects import Send
from ha_core.events import Event, LinkHeard, Outdated, Received, StrangersHeard, Unbound
from ha_core.figures import LinkFigures
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.messages import SIGNS_OF_LIFE
from ha_core.runtime.clock import monotonic_ms, monotonic_us
from ha_core.runtime.media import SocketAddress, destination, is_shared, open_shared, spec_of
from ha_core.runtime.names import Names
from ha_core.runtime.peers import Peers, endpoints, is_device
from ha_core.runtime.roundtrips import RoundTrips
from ha_core.runtime.serial import SerialLine
from ha_core.runtime.strangers import STRANGE, Strangers
from ha_core.runtime.streams import Doorkeeper, Endpoint, Incoming, Outgoing
from ha_core.runtime.tasks import end_tasks
from ha_core.wire import (
    CLUSTER_BYTES,
    SALT_BYTES,
    Codec,
    Frame,
    Rejected,
    ReplayWindow,
    StaleGenerationError,
    batches,
    encode_message,
    parse_header,
)

DATAGRAM_BYTES_MAX: Final = 1400
"""Frames above this go over TCP: fragments of a datagram are lost together."""
BATCH_BYTES_MAX: Final = 1200
"""Encoded messages in one frame, so that with the longest header it still is a datagram."""
BUFFER_BYTES: Final = 1024 * 1024
LOG_EVERY_MS: Final = 60_000
ANSWER_EVERY_MS: Final = 500
BIND_AGAIN_S: Final = 2.0
DEAF_MS: Final = 5_000
ANSWERED: Final = ("version", "feature")
"""Refusals that the peer is told; others could be anybody's, and silence is the better answer."""
UNAUTHENTIC: Final = ("bad-tag", "unknown-key", "foreign-cluster")
"""Refusals of frames that are not proved to be of a node of the cluster."""
BEATS_SENT: Final = "beats.sent"
BEATS_RECEIVED: Final = "beats.received"

log = logging.getLogger(__name__)


class _Datagrams(asyncio.DatagramProtocol):
    """A socket of one link; `group` is where all of it goes on a shared medium."""

    def __init__(
        self, owner: "Transport", link: LinkName, group: SocketAddress | None = None
    ) -> None:
        self._owner = owner
        self._link = link
        self.group = group
        self.heard_ms = monotonic_ms()
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

    async def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
            await self.lost.wait()

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        if self.group is not None:
            self.heard_ms = monotonic_ms()
            self._owner.overheard(data, self._link)
            return
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
        self._specs: dict[LinkName, Link] = {}
        self._links: dict[tuple[Endpoint, Link], _Datagrams | SerialLine] = {}
        self._by_link: dict[LinkName, _Datagrams | SerialLine] = {}
        self._names = Names()
        self._peers = Peers(codec.name, self._names)
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self._outgoing: dict[NodeName, Outgoing] = {}
        self._incoming = Incoming(self._taken, self._refused)
        self._logged: dict[tuple[str, str], int] = {}
        self.strangers = Strangers()
        """Who sends frames that are refused, over and over."""
        self._look: asyncio.TimerHandle | None = None
        self._answered: dict[NodeName, Millis] = {}
        self._changing = asyncio.Lock()
        self._binding: asyncio.Task[None] | None = None
        self._unbound: tuple[str, ...] = ()
        self._is_isolated = False
        self._renewing: set[asyncio.Task[None]] = set()
        self.deaf_ms: Millis = DEAF_MS
        """A shared medium that does not even hear this node for so long is opened anew."""
        self.counters: Counter[str] = Counter()
        self._trips = RoundTrips()

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
            self._specs = {link.name: link for link in configuration.links}
            self._peers.configure(configuration, monotonic_ms())
            for peer in sorted(self._outgoing):
                if not self._peers.targets(peer, monotonic_ms()):
                    await self._outgoing.pop(peer).close()
        own = endpoints(configuration, self._codec.name)
        if own:
            await self.listen(own)

    async def listen(self, own: tuple[Endpoint, ...]) -> None:
        """Listen on these endpoints, and once all of them are bound on no others.

        One that cannot be bound is told and tried again: the other links carry on, and so
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
                self.counters[BEATS_SENT] += isinstance(effect.message, SIGNS_OF_LIFE)
                self._trips.sent(effect.to, effect.message, monotonic_us())
                parts.setdefault(effect.to, []).append(encode_message(effect.message))
        for peer, encoded in parts.items():
            for batch in batches(encoded, BATCH_BYTES_MAX):
                self._send_frame(peer, self._codec.seal(batch, peer))

    async def close(self) -> None:
        """Close every socket."""
        if self._look is not None:
            self._look.cancel()
        await end_tasks(*self._renewing, self._binding)
        async with self._changing:
            self._own = ()
            await self._unbind_others()
            for stream in self._outgoing.values():
                await stream.close()
            self._outgoing.clear()
            await self._incoming.close()
        await self._names.close()

    def arrived(
        self,
        data: bytes,
        link: LinkName,
        source: tuple[str, int] | None = None,
        *,
        is_stream: bool = False,
    ) -> bytes | None:
        """Take a frame; return what to answer a sender that this node cannot understand.

        `source` is where a datagram came from that was sent to this node's own address.
        """
        if self._is_isolated:
            return None
        self.counters[f"{link}.received"] += 1
        self.counters[f"{link}.bytes-received"] += len(data)
        try:
            frame = self._codec.open(data)
            fresh = self._window.accept(frame.sender, frame.generation, frame.sequence)
        except Rejected as fault:
            self._refused(fault, link)
            if source is not None and fault.code in STRANGE:
                self._is_strange(link, source[0], str(fault))
            return self._codec.refusal() if fault.code in ANSWERED else None
        if fresh and source is not None:
            self._peers.heard(frame.sender, link, source, monotonic_ms())
        # What came over a stream was sent over no other link.
        self._pass_on(frame, link, 0 if is_stream else frame.sequence, fresh=fresh)
        return None

    def overheard(self, data: bytes, link: LinkName) -> None:
        """Take a frame off a medium where everybody hears everything, if it is for this node.

        The header is in the clear: what is for others, from this node itself, or of another
        cluster on the same group costs no cryptography and no line in the log.
        """
        try:
            header = parse_header(data)
        except Rejected as fault:
            self._refused(fault, link)
            return
        own = self._codec.name
        is_ours = header.cluster == self._codec.ring.cluster_id[:CLUSTER_BYTES]
        if not is_ours or header.receiver != own or header.sender == own:
            self.counters[f"{link}.others"] += 1
            return
        self.arrived(data, link)

    def _taken(self, data: bytes, link: LinkName) -> bool:
        """Take a frame of a stream; return whether it came from a node of the cluster."""
        before = self.counters[f"{link}.fresh"]
        self.arrived(data, link, is_stream=True)
        return self.counters[f"{link}.fresh"] > before

    def _pass_on(self, frame: Frame, link: LinkName, number: int, *, fresh: bool) -> None:
        self.counters[f"{link}.{'fresh' if fresh else 'repeated'}"] += 1
        self._trips.came(frame.sender, link, frame.messages, monotonic_us())
        if not fresh or not frame.messages:
            self._deliver(LinkHeard(frame.sender, link, number))
            return
        for message in frame.messages:
            self.counters[BEATS_RECEIVED] += isinstance(message, SIGNS_OF_LIFE)
            self._deliver(Received(frame.sender, frame.generation, link, message, number))

    def _refused(self, fault: Rejected, link: LinkName) -> None:
        self.counters[f"{link}.{fault.code}"] += 1
        key, now_ms = (link, fault.code), monotonic_ms()
        if isinstance(fault, StaleGenerationError):
            self._answer_outdated(fault, now_ms)
        if now_ms - self._logged.get(key, -LOG_EVERY_MS) >= LOG_EVERY_MS:
            self._logged[key] = now_ms
            log.warning("dropped on link %s: %s", link, fault)

    def _is_strange(self, link: LinkName, host: str, text: str) -> None:
        """Somebody sends what is refused: as long as that goes on, the node's status says so."""
        if self.strangers.heard(link, host, text, monotonic_ms()):
            self._deliver(StrangersHeard(self.strangers.standing()))
        if self._look is None:
            self._look_later()

    def _look_later(self) -> None:
        after_ms = self.strangers.look_after_ms()
        if after_ms is not None:
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(after_ms / 1000, self._forget_strangers)

    def _forget_strangers(self) -> None:
        self._look = None
        if self.strangers.forget(monotonic_ms()):
            self._deliver(StrangersHeard(self.strangers.standing()))
        self._look_later()

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
        shared: set[LinkName] = set()
        for target in targets:
            medium = self._by_link.get(target.link)
            if isinstance(medium, SerialLine):
                way = "sent" if medium.send(frame) else "full"
                self._count_sent(target.link, way, frame)
            elif medium is not None and target.link not in shared:
                if medium.group is not None:
                    shared.add(target.link)
                self._send_datagram(medium, target, frame)

    def _count_sent(self, link: LinkName, way: str, frame: bytes) -> None:
        self.counters[f"{link}.{way}"] += 1
        if way == "sent":
            self.counters[f"{link}.bytes-sent"] += len(frame)

    def figures(self) -> tuple[LinkFigures, ...]:
        """Return what was counted on each link of the configuration."""
        counted = self.counters
        return tuple(
            LinkFigures(
                link,
                counted[f"{link}.sent"],
                counted[f"{link}.received"],
                counted[f"{link}.full"] + counted[f"{link}.unknown-host"],
                counted[f"{link}.bytes-sent"],
                counted[f"{link}.bytes-received"],
                sum(counted[f"{link}.{code}"] for code in UNAUTHENTIC),
                round_trip_us=self._trips.longest_us(link, monotonic_us()),
            )
            for link in sorted(self._specs)
        )

    def _send_datagram(self, datagrams: _Datagrams, target: Endpoint, frame: bytes) -> None:
        address = datagrams.group
        if address is not None and monotonic_ms() - datagrams.heard_ms >= self.deaf_ms:
            self._renew(target)
        if address is None:
            address = self._names.address(target.host, target.port, datagrams.family)
        if address is None or datagrams.transport is None:
            self.counters[f"{target.link}.unknown-host"] += 1
        elif datagrams.is_full:
            # An old sign of life is worth nothing: better lost than kept and sent late.
            self.counters[f"{target.link}.full"] += 1
        else:
            self._count_sent(target.link, "sent", frame)
            datagrams.transport.sendto(frame, address)

    def _send_stream(self, peer: NodeName, targets: tuple[Endpoint, ...], frame: bytes) -> None:
        targets = tuple(target for target in targets if not is_device(target))
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
        faults = []
        for endpoint in self._own:
            try:
                await self._bind(endpoint)
            except OSError as fault:
                self.counters[f"{endpoint.link}.unbound"] += 1
                faults.append(_unbound(endpoint, fault))
        if not faults:
            await self._unbind_others()
        if tuple(faults) != self._unbound:
            for text in faults:
                log.warning("this node %s", text)
            self._unbound = tuple(faults)
            self._deliver(Unbound(self._unbound))
        return not faults

    async def _unbind_others(self) -> None:
        wanted = {(endpoint, self._spec(endpoint)) for endpoint in self._own}
        for key in [key for key in self._links if key not in wanted]:
            await self._unbind(key)
        for endpoint in [item for item in self._servers if item not in self._own]:
            self._servers.pop(endpoint).close()

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

    def _renew(self, endpoint: Endpoint) -> None:
        """Open a shared medium anew: its interface may have gone and come back.

        The kernel forgets who belongs to a group with the interface, and says nothing.
        """
        if not self._renewing:
            task = asyncio.get_running_loop().create_task(self._open_anew(endpoint.link))
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)

    async def _open_anew(self, link: LinkName) -> None:
        async with self._changing:
            self.counters[f"{link}.renewed"] += 1
            for key in [key for key in self._links if key[0].link == link]:
                await self._unbind(key)
            if not await self._bind_all() and self._binding is None:
                self._binding = asyncio.get_running_loop().create_task(self._bind_again())

    def _spec(self, endpoint: Endpoint) -> Link:
        return spec_of(self._specs, endpoint.link, endpoint.host)

    async def _bind(self, endpoint: Endpoint) -> None:
        link = self._spec(endpoint)
        if (endpoint, link) not in self._links:
            made = await self._open(endpoint, link)
            self._links[(endpoint, link)] = self._by_link[endpoint.link] = made
        if endpoint not in self._servers and not is_device(endpoint):
            self._servers[endpoint] = await asyncio.start_server(
                lambda r, w: self._incoming.accept(endpoint.link, r, w),
                endpoint.host,
                endpoint.port,
            )

    async def _open(self, endpoint: Endpoint, link: Link) -> _Datagrams | SerialLine:
        if is_device(endpoint):
            return SerialLine(
                endpoint.host,
                link.speed,
                partial(self._took_off_line, link.name),
                partial(self._line_is_gone, endpoint, link),
            )
        loop = asyncio.get_running_loop()
        if is_shared(link):
            shared = open_shared(link, endpoint.host)
            transport, found = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self, endpoint.link, destination(link)), sock=shared
            )
        else:
            transport, found = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self, endpoint.link), local_addr=(endpoint.host, endpoint.port)
            )
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        found.family, found.transport = sock.family, transport
        return found

    def _took_off_line(self, link: LinkName, frame: bytes) -> None:
        self.arrived(frame, link)

    def _line_is_gone(self, endpoint: Endpoint, link: Link, why: str) -> None:
        """A serial device was pulled out, or the port is down: open it again when it is back."""
        text = f"the serial device {endpoint.host} is gone ({why}); the other links carry on"
        self._refused(Rejected("unbound", text), endpoint.link)
        line = self._links.pop((endpoint, link), None)
        if self._by_link.get(endpoint.link) is line:
            self._by_link.pop(endpoint.link, None)
        if self._binding is None:
            self._binding = asyncio.get_running_loop().create_task(self._bind_again())

    async def _unbind(self, key: tuple[Endpoint, Link]) -> None:
        medium = self._links.pop(key)
        if self._by_link.get(key[0].link) is medium:
            self._by_link.pop(key[0].link, None)
        if isinstance(medium, SerialLine):
            medium.close()
        else:
            await medium.close()


def _unbound(endpoint: Endpoint, fault: OSError) -> str:
    """Say where a node cannot listen, why, and what helps."""
    # What asyncio says of its own is long; a name that is not known has a number below 0.
    number = fault.errno or 0
    why = os.strerror(number) if number > 0 else fault.strerror or str(fault)
    if is_device(endpoint):
        what, cure = f"use the serial device {endpoint.host}", "see whether it is there and free"
    else:
        what = f"listen on {endpoint.host} port {endpoint.port}"
        cure = "bring the address up, or end what uses the port: a copy of this node, perhaps"
    return f"cannot {what} ({why}), and is deaf on link {endpoint.link}: {cure}; it is tried again"
