"""Pings: ICMP echo requests to the hosts of the configuration, answers as events.

Owns: the sockets, one for each address family, and when each host is asked.
Whether silence means anything is decided in `membership.reachability`. Needs no
privilege where `net.ipv4.ping_group_range` holds our group; else root.
Source: RFC 792 and RFC 4443 (echo), icmp(7) (ping_group_range).
"""

import asyncio
import logging
import os
import secrets
import socket
import struct
from collections.abc import Callable
from typing import Final

from ha_core.config.model import Configuration, Ping
from ha_core.events import Event, PingAnswered, PingRefused
from ha_core.runtime.address_frames import checksum
from ha_core.runtime.names import Names
from ha_core.runtime.tasks import end_tasks

_ECHO: Final = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""
_TOKEN_BYTES: Final = 8
_RECEIVE_BYTES: Final = 2048
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_IPV4_HEADER_MIN: Final = 20

log = logging.getLogger(__name__)


class PingPermissionError(Exception):
    """This process may open neither kind of socket."""


class EchoSocket:
    """One socket that pings; with a datagram socket the kernel keeps identifier and checksum."""

    def __init__(self, family: int) -> None:
        """Open it. Raises PingPermissionError, or OSError where the family is not there."""
        self.family = family
        self._identifier = secrets.randbits(16)
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        self.is_raw = False
        try:
            self.sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
        except PermissionError:
            try:
                self.sock = socket.socket(family, socket.SOCK_RAW, protocol)
            except PermissionError:
                raise PingPermissionError from None
            self.is_raw = True
        self.sock.setblocking(False)

    @property
    def _types(self) -> tuple[int, int]:
        """The types of request and reply."""
        return (8, 0) if self.family == socket.AF_INET else (128, 129)

    def send(self, address: str, sequence: int, token: bytes) -> None:
        """Ask; what cannot be sent is not answered, which says the same."""
        data = self._packet(sequence, token)
        try:
            self.sock.sendto(data, (address, 0))
        except OSError as fault:
            log.debug("ping to %s was not sent (%s)", address, fault.strerror)

    def receive(self) -> tuple[str, int, bytes] | None:
        """Return source, sequence and token of an answer; None for anything else.

        Raises BlockingIOError if nothing is there.
        """
        data, source = self.sock.recvfrom(_RECEIVE_BYTES)
        if self.is_raw and self.family == socket.AF_INET:
            if len(data) < _IPV4_HEADER_MIN:
                return None
            data = data[(data[0] & 0x0F) * 4 :]
        if len(data) != _ECHO.size + _TOKEN_BYTES:
            return None
        kind, _, _, identifier, sequence = _ECHO.unpack_from(data)
        if kind != self._types[1] or (self.is_raw and identifier != self._identifier):
            return None
        return str(source[0]).partition("%")[0], sequence, data[_ECHO.size :]

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    def _packet(self, sequence: int, token: bytes) -> bytes:
        head = _ECHO.pack(self._types[0], 0, 0, self._identifier, sequence)
        if not (self.is_raw and self.family == socket.AF_INET):
            return head + token  # the kernel fills in the checksum
        sum_ = checksum(head + token)
        return _ECHO.pack(self._types[0], 0, sum_, self._identifier, sequence) + token


class Pinger:
    """Pings every host of the configuration at its interval."""

    def __init__(self, deliver: Callable[[Event], None], open_: type[EchoSocket] = EchoSocket):
        self._deliver = deliver
        self._open = open_
        self._ping = Ping()
        self._hosts: tuple[str, ...] = ()
        self._names = Names()
        self._sockets: dict[int, EchoSocket] = {}
        self._asked: dict[tuple[int, bytes], str] = {}
        """Host by sequence and token, for the last round and the one before."""
        self._former: dict[tuple[int, bytes], str] = {}
        self._sequence = 0
        self._refused = ""
        self._task: asyncio.Task[None] | None = None
        self.is_isolated = False
        """As if the cables were pulled out: nothing is sent."""

    def configure(self, configuration: Configuration) -> None:
        """Ping as the configuration says from now on."""
        ping = configuration.ping.times(configuration.options.dead_after_ms)
        if ping == self._ping:
            return
        self._ping = ping
        self._hosts = tuple(sorted({host for target in ping.targets for host in target.hosts}))
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._hosts:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop, and close the sockets."""
        await end_tasks(self._task)
        for family in list(self._sockets):
            self._drop(family)
        await self._names.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self._round()
            due_s = max(due_s + self._ping.interval_ms / 1000, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def _round(self) -> None:
        """Ask every host once."""
        self._former, self._asked = self._asked, {}
        if self.is_isolated:
            return
        for host in self._hosts:
            for family in _FAMILIES:
                found = self._names.address(host, 0, family)
                if found is not None and (":" in found[0]) == (family == socket.AF_INET6):
                    self._ask(host, found[0], family)
                    break

    def _ask(self, host: str, address: str, family: int) -> None:
        echo = self._socket(family)
        if echo is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        token = secrets.token_bytes(_TOKEN_BYTES)
        self._asked[(self._sequence, token)] = host
        echo.send(address, self._sequence, token)

    def _socket(self, family: int) -> EchoSocket | None:
        found = self._sockets.get(family)
        if found is not None:
            return found
        try:
            found = self._open(family)
        except PingPermissionError:
            self._refuse()
            return None
        except OSError as fault:
            log.debug("no pings over address family %d (%s)", family, fault.strerror)
            return None
        self._refused = ""
        self._sockets[family] = found
        asyncio.get_running_loop().add_reader(found.sock, self._arrived, family)
        return found

    def _drop(self, family: int) -> None:
        echo = self._sockets.pop(family)
        asyncio.get_running_loop().remove_reader(echo.sock)
        echo.close()

    def _refuse(self) -> None:
        group = os.getegid()
        reason = (
            f"group {group} is outside of net.ipv4.ping_group_range: run"
            f" 'sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"', or had as root"
        )
        if reason != self._refused:
            self._refused = reason
            log.error("this node cannot ping: %s", reason)
            self._deliver(PingRefused(reason))

    def _arrived(self, family: int) -> None:
        echo = self._sockets.get(family)
        while echo is not None:
            try:
                answer = echo.receive()
            except BlockingIOError:
                return
            except OSError as fault:
                log.debug("ping: %s", fault.strerror)  # an error that a host sent back
                return
            if answer is not None:
                self._answered(answer[1], answer[2])

    def _answered(self, sequence: int, token: bytes) -> None:
        key = (sequence, token)
        host = self._asked.pop(key, None) or self._former.pop(key, None)
        if host is not None and not self.is_isolated:
            self._deliver(PingAnswered(host))
