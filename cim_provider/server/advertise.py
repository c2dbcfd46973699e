"""SLP on the network: answers questions, and keeps the server registered with directory agents.

Owns: the socket, the multicast group, and the registrations, which are renewed
well before they end and taken back at the stop. What is said is `slp`'s. The
port needs a privilege that the server does not have: systemd opens it and hands
it over, or the administrator lets everybody bind it.
Source: RFC 2608, sections 6.1 (ports, group) and 9.3 (registration);
sd_listen_fds(3).
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.world import ServerIdentity
from cim_provider.server.settings import EVERYWHERE, SLP_PORT, Settings
from cim_provider.slp import messages
from cim_provider.slp.agent import SCOPE, Advert, ServiceAgent, attribute_list, service_type
from cim_provider.slp.messages import Acknowledge, Fault, MessageError
from cim_provider.slp.template import advert_of

GROUP: Final = "239.255.255.253"
FIRST_DESCRIPTOR: Final = 3
ACK_S: Final = 2.0
TRIES: Final = 3
RENEW_S: Final = messages.LIFETIME_S / 2
AGAIN_S: Final = 60.0
"""A directory agent that does not answer is asked again after this."""

log = logging.getLogger(__name__)


class AdvertiseError(Exception):
    """The port cannot be opened; the text holds the cure."""


class Advertiser(asyncio.DatagramProtocol):
    """Answers on one socket, and registers with directory agents while it runs."""

    def __init__(
        self,
        advert: Advert,
        directory_agents: Iterable[tuple[str, int]] = (),
        *,
        ack_s: float = ACK_S,
    ) -> None:
        self._advert = advert
        self._agent = ServiceAgent(advert)
        self._directory_agents = tuple(directory_agents)
        self._ack_s = ack_s
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def run(self, sock: socket.socket) -> None:
        """Answer and stay registered until cancelled."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.Event().wait(), name="answer")
                for place in self._directory_agents:
                    group.create_task(self._stay_registered(place), name="register")
        finally:
            for place in self._directory_agents:
                for url in self._advert.urls:
                    self._send(messages.deregistration(_transaction(), url, (SCOPE,)), place)
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio."""
        if len(data) >= 2 and data[1] == messages.Function.ACKNOWLEDGE:
            self._acknowledged(data, addr[0])
            return
        answer = self._agent.answer(data, addr[0], asyncio.get_running_loop().time())
        if answer is not None:
            self._send(answer, addr)

    def error_received(self, exc: Exception) -> None:
        """See asyncio: somebody does not listen, and will ask again or not."""
        log.debug("SLP: %s", exc)

    def _acknowledged(self, data: bytes, sender: str) -> None:
        try:
            message = messages.decode(data)
        except MessageError:
            return
        is_ours = any(sender == host for host, _ in self._directory_agents)
        waiting = self._waiting.get(message.header.transaction)
        if isinstance(message, Acknowledge) and is_ours and waiting and not waiting.done():
            waiting.set_result(message.fault)

    def _send(self, data: bytes, place: tuple[str, int]) -> None:
        assert self._transport is not None, "it runs"
        with suppress(OSError):
            self._transport.sendto(data, place)

    async def _stay_registered(self, place: tuple[str, int]) -> None:
        was_registered = None
        while True:
            results = [await self._register(url, place) for url in self._advert.urls]
            is_registered = all(results)
            if is_registered is not was_registered:
                words = "is registered with" if is_registered else "cannot be registered with"
                log.info("SLP: the server %s %s", words, place[0])
            was_registered = is_registered
            await asyncio.sleep(RENEW_S if is_registered else AGAIN_S)

    async def _register(self, url: str, place: tuple[str, int]) -> bool:
        transaction = _transaction()
        attributes = attribute_list(self._advert.attributes)
        message = messages.registration(transaction, url, service_type(url), (SCOPE,), attributes)
        waiting = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(TRIES):
                self._send(message, place)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._ack_s):
                        return bool(await asyncio.shield(waiting) == Fault.NONE)
            return False
        finally:
            del self._waiting[transaction]


@dataclass(frozen=True, slots=True)
class Slp:
    """An advertiser and the port that it will answer on."""

    advertiser: Advertiser
    sock: socket.socket

    async def run(self) -> None:
        """Answer and stay registered until cancelled."""
        await self.advertiser.run(self.sock)


def open_port(port: int = SLP_PORT) -> socket.socket:
    """Return the socket that the service manager has opened for us, else one of our own.

    Raises: AdvertiseError: the port is not ours to open.
    """
    sock = _handed_over()
    if sock is None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            # Another service agent of this machine may answer for other services.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
        except OSError as fault:
            sock.close()
            cure = "enable ha-cimd-slp.socket, or turn slp off in cimd.yaml"
            raise AdvertiseError(f"slp: port {port}: {fault.strerror}: {cure}") from fault
    sock.setblocking(False)
    try:
        group = socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError as fault:
        log.warning("SLP: no multicast (%s): only those who know this machine can ask", fault)
    return sock


def _handed_over() -> socket.socket | None:
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    for number in range(int(os.environ.get("LISTEN_FDS", "0"))):
        sock = socket.socket(fileno=FIRST_DESCRIPTOR + number)
        if sock.family == socket.AF_INET and sock.type == socket.SOCK_DGRAM:
            return sock
        sock.detach()
    return None


def open_slp(settings: Settings, identity: ServerIdentity, https_port: int) -> Slp | None:
    """Return what to run so that the server is found, None if that is not wanted.

    Raises: AdvertiseError: the port cannot be opened.
    """
    if not settings.slp:
        return None
    own = own_address()
    bound = [each for each in settings.bind if each not in EVERYWHERE] or [own]
    urls = [f"https://{f'[{each}]' if ':' in each else each}:{https_port}" for each in bound]
    agents = [(each, SLP_PORT) for each in settings.slp_directory_agents]
    advertiser = Advertiser(advert_of(identity, urls, own), agents)
    return Slp(advertiser, open_port(settings.slp_port))


def own_address() -> str:
    """Return the address by which this machine reaches the group, loopback if it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((GROUP, SLP_PORT))
        except OSError:
            return "127.0.0.1"
        return str(sock.getsockname()[0])


def _transaction() -> int:
    return secrets.randbelow(65_535) + 1
