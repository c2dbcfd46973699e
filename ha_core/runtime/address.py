"""Class `address`: holds a service address through the guardian, and tells the neighbours.

Owns: finding the interface, asking whether somebody else has the address,
announcing it, and reading whether it is there. The guardian alone adds and
removes it, so that it goes with the lease. What is removed is noted below
`run/addresses` first: a killed guardian cannot clean up, its successor does.
"""

import asyncio
import fcntl
import logging
import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ha_core.agents.address import AddressSpec
from ha_core.errors import ConfigError
from ha_core.ids import Millis
from ha_core.runtime import address_frames as frames, netlink
from ha_core.runtime.gate import Place

OWNER_S: Final = 0.2
OWNER_BYTES_MAX: Final = 200
_HOPS: Final = 255  # RFC 4861 section 7.1.2
_SIOCGIFHWADDR: Final = 0x8927  # netdevice(7)
_IFREQ: Final = struct.Struct("16s24s")
_NO_MAC: Final = b"\0" * 6

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an address sits: on which interface, with which prefix and label."""

    present: netlink.Present
    label: str = ""
    shares_route: bool = False
    """Another address of the interface is of the same network."""

    @property
    def add(self) -> bytes:
        """Request that puts it there."""
        return netlink.add_request(self.present, self.label, shares_route=self.shares_route)

    @property
    def remove(self) -> bytes:
        """Request that takes it away."""
        return netlink.remove_request(self.present)

    @property
    def place(self) -> Place:
        """The same for the kernel gate."""
        return Place(self.present.address, self.present.interface, self.remove)


def seat_of(spec: AddressSpec) -> Seat:
    """Return where the address belongs: the given interface, else the one with its network.

    Raises:
        ConfigError: no interface fits; the text says which were looked at.
    """
    present = netlink.addresses()
    index = _index(spec.interface) if spec.interface else None
    fitting = [
        item
        for item in present
        if index in (None, item.index)
        and item.address.version == spec.address.version
        and _same_network(item, spec)
    ]
    widest = spec.address.max_prefixlen
    if fitting:
        best = max(fitting, key=lambda item: item.prefix if item.prefix < widest else -1)
        prefix = best.prefix if spec.prefix is None else spec.prefix
        shares = prefix == best.prefix and best.address != spec.address
        present_there = netlink.Present(spec.address, prefix, best.index)
        return Seat(present_there, spec.label, shares)
    if index is None:
        looked = sorted({f"{item.address}/{item.prefix}" for item in present})
        raise ConfigError(
            f"no interface has a network with {spec.address}: there are {', '.join(looked)}; "
            "parameter 'interface' names one"
        )
    prefix = widest if spec.prefix is None else spec.prefix
    return Seat(netlink.Present(spec.address, prefix, index), spec.label)


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        names = ", ".join(name for _, name in socket.if_nameindex())
        raise ConfigError(
            f"interface '{interface}' does not exist on this node, which has {names}"
        ) from None


def _same_network(item: netlink.Present, spec: AddressSpec) -> bool:
    shift = spec.address.max_prefixlen - item.prefix
    return int(item.address) >> shift == int(spec.address) >> shift


def find(spec: AddressSpec) -> tuple[Seat, ...]:
    """Return every place where the address is now, in this network namespace."""
    return tuple(
        Seat(item, spec.label)
        for item in netlink.addresses()
        if item.address == spec.address and (not spec.interface or _sits_on(item, spec.interface))
    )


def _sits_on(item: netlink.Present, interface: str) -> bool:
    return item.interface == interface


# --- neighbours --------------------------------------------------------------------------------


def hardware_address(interface: str) -> bytes:
    """Return the interface's MAC; six zeros for one that has none, such as loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        request = _IFREQ.pack(interface.encode(), b"")
        return fcntl.ioctl(query, _SIOCGIFHWADDR, request)[18:24]


async def other_owner(seat: Seat, probe_ms: Millis) -> str:
    """Ask the link who has the address; return the hardware address of another host, or nothing.

    Source: RFC 5227 section 2.1.1, with one probe: the proof that the previous
    owner is gone comes from the cluster, this one finds hosts outside of it.
    """
    address, interface = seat.present.address, seat.present.interface
    mac = hardware_address(interface)
    if probe_ms == 0 or mac == _NO_MAC:
        return ""
    is_v4 = isinstance(address, IPv4Address)
    protocol = frames.ETH_P_ARP if is_v4 else frames.ETH_P_IPV6
    loop = asyncio.get_running_loop()
    link = packet_socket()
    try:
        link.bind((interface, protocol))
        if isinstance(address, IPv4Address):
            link.send(frames.arp_probe(mac, address))
        else:
            link.send(frames.neighbour_probe(mac, address))
        async with asyncio.timeout(probe_ms / 1000):
            while True:
                frame = await loop.sock_recv(link, frames.FRAME_BYTES_MAX)
                owner = (
                    frames.arp_owner(frame, address)
                    if isinstance(address, IPv4Address)
                    else frames.neighbour_owner(frame, address)
                )
                if owner not in (None, mac):
                    return (owner or b"").hex(":")
    except TimeoutError:
        return ""
    finally:
        # The kernel makes whoever closes it wait until no processor can be using it any more.
        await asyncio.to_thread(link.close)


def announce(seat: Seat, link: socket.socket) -> None:
    """Tell the link where the address is now, over a `packet_socket`. Raises OSError.

    The advertisement of IPv6 goes the way of all packets, through the gate; a frame of ARP meets
    the gate's hook for outgoing frames, where the kernel has one.
    """
    address, interface = seat.present.address, seat.present.interface
    mac = hardware_address(interface)
    if mac == _NO_MAC:
        return
    if isinstance(address, IPv4Address):
        link.sendto(frames.arp_announcement(mac, address), (interface, frames.ETH_P_ARP))
        return
    kind, protocol = socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6
    with socket.socket(socket.AF_INET6, kind, protocol) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, seat.present.index)
        raw.bind((str(address), 0))
        group = (str(frames.ALL_NODES), 0, 0, seat.present.index)
        raw.sendto(frames.neighbour_announcement(mac, address), group)


def packet_socket() -> socket.socket:
    """Return a socket for frames of any interface; it hears nothing until it is bound.

    Raises:
        OSError: no right to it.
    """
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)


# --- claims ------------------------------------------------------------------------------------


async def claim_owner(name: str) -> str:
    """Return who holds a machine-wide claim: what it says itself, and what the kernel knows."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asker:
        try:
            async with asyncio.timeout(OWNER_S):
                await loop.sock_connect(asker, "\0" + name)
                raw = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                said = await loop.sock_recv(asker, OWNER_BYTES_MAX)
        except (OSError, TimeoutError):
            return "a process that does not say who it is"
    pid, _, _ = struct.unpack("iII", raw)
    return f"{said.decode('utf-8', 'replace')} (process {pid})"


# --- notes -------------------------------------------------------------------------------------


class Notes:
    """What must be removed if nobody is left who would: one file for each address held."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, resource: str, remove: bytes) -> None:
        """Note how an address is removed; the note lives as long as the machine is up."""
        self._directory.mkdir(parents=True, exist_ok=True)
        new = self._directory / f".{quote(resource, safe='')}"
        new.write_text(remove.hex(), encoding="ascii")
        os.replace(new, self._directory / quote(resource, safe=""))

    def drop(self, resource: str) -> None:
        """Forget a note."""
        (self._directory / quote(resource, safe="")).unlink(missing_ok=True)

    def all(self) -> dict[str, bytes]:
        """Return every note by the quoted name of its resource; damaged ones are left out."""
        found: dict[str, bytes] = {}
        paths = sorted(self._directory.glob("[!.]*")) if self._directory.is_dir() else []
        for path in paths:
            try:
                found[path.name] = bytes.fromhex(path.read_text(encoding="ascii"))
            except ValueError:
                continue
        return found
