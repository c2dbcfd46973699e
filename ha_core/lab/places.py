"""Addresses and ports that a lab may take: found free, and different from every other lab's.

Owns: where nodes, services and WBEM servers of a lab are. On loopback a lab
has 256 addresses of 127.0.0.0/8 of its own; with namespaces it has networks of
198.18.0.0/15, which no real network uses. Source: RFC 2544, RFC 5735.
"""

import errno
import random
import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from ha_core.config.model import Address, Configuration
from ha_core.errors import RefusedError
from ha_core.ids import LinkName

WBEM_HTTP: Final = 5988
WBEM_HTTPS: Final = 5989
PORTS: Final = range(20_000, 32_000)
"""Below the ports that the kernel gives to outgoing connections, which would take ours."""
TRIES: Final = 50
_TRIAL_NETWORKS: Final = IPv4Network("198.18.0.0/15")
_LINK_ADDRESSES: Final = 64
_FIRST_SERVICE: Final = 193
_HOST: Final = 254


@dataclass(frozen=True, slots=True)
class Block:
    """The addresses of one lab: on loopback all in one /24, else a /24 for each link."""

    base: IPv4Address
    is_loopback: bool

    def node(self, link: int, node: int) -> str:
        """Return the address of a node (from 1) on a link (from 0)."""
        step = _LINK_ADDRESSES if self.is_loopback else 256
        return str(self.base + link * step + node)

    def service(self, number: int) -> str:
        """Return the address of a service (from 0)."""
        return str(self.base + _FIRST_SERVICE + number)

    def host(self) -> str:
        """Return this machine's own address in the lab's first network, with its prefix."""
        return f"{self.base + _HOST}/24"


LOOPBACK_LINKS_MAX: Final = 3
"""So many times 64 addresses fit a lab's block, beside its services."""


def loopback_block(configuration: Configuration) -> tuple[Block, dict[str, tuple[Address, ...]]]:
    """Return a free block on loopback, and where each node listens in it.

    Raises: RefusedError: no free one was found.
    """
    links = configuration.links
    if len(links) > LOOPBACK_LINKS_MAX:
        text = f"{len(links)} links, a lab on loopback has {LOOPBACK_LINKS_MAX}: use --netns"
        raise RefusedError("invalid", text)
    chance = random.SystemRandom()
    for attempt in range(TRIES):
        base = IPv4Address(f"127.{chance.randint(1, 254)}.{chance.randint(0, 255)}.0")
        block = Block(base, is_loopback=True)
        # The configured ports first: other addresses are enough, unless somebody listens on all.
        ports = [link.port if attempt < TRIES // 2 else chance.choice(PORTS) for link in links]
        places = listening(configuration, block, ports)
        wanted = [(item.host, item.port) for items in places.values() for item in items]
        if are_free(wanted):
            return block, places
    raise RefusedError("busy", "no free addresses were found in 127.0.0.0/8: end other labs")


def network_block(
    configuration: Configuration, taken: Iterable[IPv4Network]
) -> tuple[Block, dict[str, tuple[Address, ...]]]:
    """Return a block that overlaps with no network that is taken, and where each node listens.

    Raises: RefusedError: no free one was found.
    """
    known = list(taken)
    count = len(configuration.links)
    networks = list(_TRIAL_NETWORKS.subnets(new_prefix=24))
    first = random.SystemRandom().randrange(len(networks))
    for shift in range(len(networks)):
        at = (first + shift) % len(networks)
        wanted = networks[at : at + count]
        if len(wanted) == count and not any(
            net.overlaps(other) for net in wanted for other in known
        ):
            block = Block(wanted[0].network_address, is_loopback=False)
            ports = [link.port for link in configuration.links]
            return block, listening(configuration, block, ports)
    raise RefusedError("busy", f"no free network was found in {_TRIAL_NETWORKS}: end other labs")


def listening(
    configuration: Configuration, block: Block, ports: Sequence[int]
) -> dict[str, tuple[Address, ...]]:
    """Return where each node listens in a block, with the port of each link."""
    return {
        node.name: tuple(
            Address(LinkName(link.name), block.node(number, index), port)
            for number, (link, port) in enumerate(zip(configuration.links, ports, strict=True))
        )
        for index, node in enumerate(configuration.nodes, 1)
    }


def wbem_ports(count: int, first: int | None) -> tuple[tuple[int, int], ...]:
    """Return free ports of 127.0.0.1, for HTTP and HTTPS of each node, one after the other.

    Raises: RefusedError: those from `first` on are not free, or none were found.
    """
    if first is not None:
        ports = range(first, first + 2 * count)
        for port in ports:
            if port > 65_535 or not are_free([("127.0.0.1", port)]):
                text = f"port {port} of 127.0.0.1 is not free: name another --wbem-port"
                raise RefusedError("busy", text)
        return _pairs(ports)
    chance = random.SystemRandom()
    for _ in range(TRIES):
        start = chance.randrange(PORTS.start, PORTS.stop - 2 * count)
        ports = range(start, start + 2 * count)
        if are_free([("127.0.0.1", port) for port in ports]):
            return _pairs(ports)
    raise RefusedError("busy", "no free ports were found for WBEM: name them with --wbem-port")


def _pairs(ports: range) -> tuple[tuple[int, int], ...]:
    return tuple(zip(ports[::2], ports[1::2], strict=True))


def are_free(places: Iterable[tuple[str, int]]) -> bool:
    """Return whether datagrams and connections can be taken at all of these at once.

    Raises: OSError: they cannot be tried, for another reason than that they are taken.
    """
    with ExitStack() as held:
        for place in places:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                trial = held.enter_context(socket.socket(socket.AF_INET, kind))
                if kind is socket.SOCK_STREAM:
                    # Connections of a server that has ended do not stand in the way.
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    trial.bind(place)
                except OSError as fault:
                    if fault.errno in (errno.EADDRINUSE, errno.EACCES):
                        return False
                    raise
    return True
