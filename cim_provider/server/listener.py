"""The open sockets of the server, and the clients connected to them.

Owns: binding, accepting, TLS handshakes, the bound on connections, and an
orderly end. What is said on a connection is `connection`'s.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from cim_provider.server.connection import Connection

CONNECTIONS_MAX: Final = 100
BACKLOG: Final = 128
HANDSHAKE_S: Final = 10.0
SHUTDOWN_S: Final = 2.0
"""Few clients say goodbye in TLS: nothing is lost by not waiting for it."""
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

MakeConnection: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Connection]

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
        handshake_s: float = HANDSHAKE_S,
    ) -> None:
        self._make_connection = make_connection
        self._connections_max = connections_max
        self._handshake_s = handshake_s
        self._accepting: list[asyncio.Task[None]] = []
        self._serving: dict[asyncio.Task[None], Connection | None] = {}
        self._bound: list[Bound] = []
        self._was_full = False

    def start(self, bound: Bound, context: ssl.SSLContext | None = None) -> None:
        """Accept clients on these sockets, with TLS if a context is given."""
        self._bound.append(bound)
        for listening in bound.sockets:
            task = asyncio.create_task(self._accept(listening, context), name="accept")
            self._accepting.append(task)

    async def stop(self) -> None:
        """Accept no more, let running requests end within bounds, and close everything."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for bound in self._bound:
            for listening in bound.sockets:
                listening.close()
        for task, connection in self._serving.items():
            if connection is None:
                task.cancel()
            else:
                connection.stop()
        if self._serving:
            await asyncio.wait(self._serving, timeout=STOP_S)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _accept(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listening)
            except OSError as fault:
                log.warning("no client can be accepted: %s", fault)
                await asyncio.sleep(PAUSE_S)
                continue
            if len(self._serving) >= self._connections_max:
                self._turn_away(client, has_tls=context is not None)
                continue
            self._was_full = False
            task = asyncio.create_task(self._serve(client, context), name="serve")
            self._serving[task] = None
            task.add_done_callback(self._served)

    def _turn_away(self, client: socket.socket, *, has_tls: bool) -> None:
        if not self._was_full:
            log.warning("%d clients are connected: more are turned away", self._connections_max)
        self._was_full = True
        with client, suppress(OSError):
            client.setblocking(False)
            if not has_tls:
                client.send(_BUSY)

    async def _serve(self, client: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                client,
                ssl=context,
                ssl_handshake_timeout=None if context is None else self._handshake_s,
                ssl_shutdown_timeout=None if context is None else SHUTDOWN_S,
            )
        except (OSError, TimeoutError) as fault:
            # ssl.SSLError is an OSError: noise and port scans end here.
            log.info("a client was lost at the handshake: %s", fault)
            client.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        connection = self._make_connection(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = connection
        await connection.serve()

    def _served(self, task: asyncio.Task[None]) -> None:
        connection = self._serving.pop(task)
        if task.cancelled():
            return
        fault = task.exception()
        if fault is not None:
            log.error("a request met a fault of the server: please report it", exc_info=fault)
            if connection is not None:
                connection.fail()
