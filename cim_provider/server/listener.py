"""The open sockets of the server, and the clients connected to them.

Owns: binding, accepting, TLS handshakes, the bounds on connections in all and
from one address, and an orderly end. What is said on a connection is
`connection`'s.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias
from weakref import WeakSet

from cim_provider.server.connection import Connection
from cim_provider.server.secure import SecureTransport, secured
from cim_provider.tasks import end_tasks

CONNECTIONS_MAX: Final = 256
CONNECTIONS_PER_ADDRESS_MAX: Final = 128
"""One client that goes wild leaves room for others."""
BACKLOG: Final = 128
HANDSHAKE_S: Final = 10.0
PAUSE_S: Final = 0.2
"""Out of descriptors: others must close before accepting can succeed again."""
STOP_S: Final = 5.0
"""So long may requests take that are being answered when the server is asked to stop."""
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
_LEFT_OUT: Final = frozenset(
    {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL}
)

MakeConnection: TypeAlias = Callable[[Callable[[Connection], None]], Connection]
"""Makes a connection that calls what it is given once it has ended."""

log = logging.getLogger(__name__)


class BindError(Exception):
    """An address cannot be listened on; the text names it and the cure."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The listening sockets of one scheme, all on one port."""

    scheme: str
    port: int
    sockets: tuple[socket.socket, ...]


def bind(scheme: str, addresses: Iterable[str], port: int) -> Bound:
    """Listen on the port of all addresses; port 0 takes a free one.

    Addresses that this machine does not have are left out as long as one is left: the loopback
    address of IPv6 is missing on some.

    Raises: BindError: no address is left, or the port is taken.
    """
    sockets: list[socket.socket] = []
    missing: list[str] = []
    for address in addresses:
        try:
            opened = _listen(address, port)
        except (OSError, OverflowError) as fault:
            if isinstance(fault, OSError) and fault.errno in _LEFT_OUT:
                missing.append(f"{address} ({fault.strerror})")
                continue
            for earlier in sockets:
                earlier.close()
            cure = "choose another port, or end what uses it"
            raise BindError(f"{scheme}: {address} port {port}: {fault}: {cure}") from fault
        sockets.append(opened)
        port = opened.getsockname()[1]
    if not sockets:
        raise BindError(f"{scheme}: no address to listen on: {', '.join(missing) or 'none given'}")
    return Bound(scheme, port, tuple(sockets))


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # The IPv4 half, where it is wanted, has a socket of its own.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        opened.listen(BACKLOG)
    except (OSError, OverflowError):
        opened.close()
        raise
    return opened


class Listener:
    """Accepts clients on bound sockets until it is stopped."""

    def __init__(
        self,
        make_connection: MakeConnection,
        *,
        connections_max: int = CONNECTIONS_MAX,
        connections_per_address_max: int = CONNECTIONS_PER_ADDRESS_MAX,
        handshake_s: float = HANDSHAKE_S,
    ) -> None:
        self._make_connection = make_connection
        self._connections_max = connections_max
        self._per_address_max = connections_per_address_max
        self._handshake_s = handshake_s
        self._accepting: list[asyncio.Task[None]] = []
        self._greeting: set[asyncio.Task[None]] = set()
        self._secure: WeakSet[SecureTransport] = WeakSet()
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._bound: list[Bound] = []
        self._was_full = False
        self._has_ended = asyncio.Event()

    @property
    def connections(self) -> int:
        """Return how many clients are connected, those in the handshake included."""
        return self._by_address.total()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which no client is accepted."""
        return tuple(self._accepting)

    def start(self, bound: Bound, context: ssl.SSLContext | None = None) -> None:
        """Accept clients on these sockets, with TLS if a context is given."""
        self._bound.append(bound)
        for listening in bound.sockets:
            task = asyncio.create_task(self._accept(listening, context), name="accept")
            self._accepting.append(task)

    async def stop(self) -> None:
        """Accept no more, let running requests end within bounds, and close everything."""
        await end_tasks(*self._accepting, *self._greeting)
        for bound in self._bound:
            for listening in bound.sockets:
                listening.close()
        for connection in tuple(self._connections):
            connection.stop()
        for transport in self._secure:
            if transport.is_shaking:
                transport.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._until_all_have_ended()
        for connection in tuple(self._connections):
            connection.abort()
        await self._until_all_have_ended()

    async def _until_all_have_ended(self) -> None:
        while self.connections:
            self._has_ended.clear()
            await self._has_ended.wait()

    async def _accept(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(listening)
            except OSError as fault:
                log.warning("no client can be accepted: %s", fault)
                await asyncio.sleep(PAUSE_S)
                continue
            address = str(peer[0])
            if self._is_full(address):
                self._turn_away(client, address, has_tls=context is not None)
                continue
            self._was_full = False
            self._by_address[address] += 1
            if context is not None:
                self._secure_client(client, peer, context)
                continue
            task = asyncio.create_task(self._greet(client, address), name="greet")
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    def _is_full(self, address: str) -> bool:
        return (
            self.connections >= self._connections_max
            or self._by_address[address] >= self._per_address_max
        )

    def _turn_away(self, client: socket.socket, address: str, *, has_tls: bool) -> None:
        if not self._was_full:
            log.warning(
                "%d clients are connected, %d of them from %s: more are turned away",
                self.connections,
                self._by_address[address],
                address,
            )
        self._was_full = True
        with client, suppress(OSError):
            client.setblocking(False)
            if not has_tls:
                client.send(_BUSY)

    async def _greet(self, client: socket.socket, address: str) -> None:
        """Make a connection of a client."""
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as fault:
            self._has_gone(client, address, fault)
            return
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: self._make(address), client)

    def _secure_client(
        self, client: socket.socket, peer: tuple[object, ...], context: ssl.SSLContext
    ) -> None:
        """Make a connection of a client after the handshake."""
        address = str(peer[0])
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = secured(client, context)
        except OSError as fault:
            self._has_gone(client, address, fault)
            return
        transport = SecureTransport(
            stream, peer, lambda: self._make(address), lambda: self._leave(address)
        )
        self._secure.add(transport)
        transport.begin(self._handshake_s)

    def _make(self, address: str) -> Connection:
        def end(connection: Connection) -> None:
            self._connections.discard(connection)
            self._leave(address)

        connection = self._make_connection(end)
        self._connections.add(connection)
        return connection

    def _has_gone(self, client: socket.socket, address: str, fault: OSError) -> None:
        log.info("a client has gone at once: %s", fault)
        client.close()
        self._leave(address)

    def _leave(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        self._has_ended.set()
