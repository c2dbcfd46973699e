"""Addresses of interfaces over rtnetlink: read them, and prepare what adds or removes one.

Owns: netlink's headers and attributes, which `nft` needs too, and the few
messages that addresses need, built by hand: they must be ready before they are
needed, because the guardian sends them without any library when a lease ends;
a netlink library would also cost the daemon 14 MB.
Source: rtnetlink(7), RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR; linux/if_addr.h.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Final, TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

ANSWER_BYTES_MAX: Final = 256 * 1024
DUMP_PARTS_MAX: Final = 10_000
HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
ATTRIBUTE: Final = struct.Struct("=HH")  # nlattr: length, type
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
_IFADDR: Final = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, interface
_RTM_NEWADDR: Final = 20
_RTM_DELADDR: Final = 21
_RTM_GETADDR: Final = 22
_REQUEST_ACK: Final = 0x1 | 0x4
_REQUEST_DUMP: Final = 0x1 | 0x300
_CREATE_EXCLUSIVE: Final = 0x400 | 0x200
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_IFA_LABEL: Final = 3
_IFA_BROADCAST: Final = 4
_IFA_CACHEINFO: Final = 6
_IFA_FLAGS: Final = 8
_FOREVER: Final = 0xFFFFFFFF
_IFA_F_NOPREFIXROUTE: Final = 0x200
_IFA_F_NODAD: Final = 0x02  # the probe is made before, and takes no second of tentative state


@dataclass(frozen=True, slots=True)
class Present:
    """An address on an interface."""

    address: IPAddress
    prefix: int
    index: int

    @property
    def interface(self) -> str:
        """Name of the interface."""
        return socket.if_indextoname(self.index)


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded."""
    padding = b"\0" * (-len(value) % 4)
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value + padding


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, 1, 0) + body


def _family(address: IPAddress) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def add_request(present: Present, label: str = "", *, shares_route: bool = False) -> bytes:
    """Return the request that puts the address on its interface; fails if it is there already.

    It ends with the lifetimes: for good, unless they are replaced. `shares_route`: another
    address has brought the route to this network; a lifetime must not become that route's.
    """
    address = present.address
    flags = _IFA_F_NODAD | (_IFA_F_NOPREFIXROUTE if shares_route and address.version == 6 else 0)
    head = _IFADDR.pack(_family(address), present.prefix, flags & 0xFF, 0, present.index)
    body = head + attribute(_IFA_LOCAL, address.packed) + attribute(_IFA_ADDRESS, address.packed)
    if address.version == 4 and present.prefix < 31:
        network = ip_interface(f"{address}/{present.prefix}").network
        body += attribute(_IFA_BROADCAST, network.broadcast_address.packed)
    if label and address.version == 4:
        body += attribute(_IFA_LABEL, label.encode() + b"\0")
    body += attribute(_IFA_FLAGS, struct.pack("=I", flags))
    body += attribute(_IFA_CACHEINFO, struct.pack("=IIII", _FOREVER, _FOREVER, 0, 0))
    return _message(_RTM_NEWADDR, _REQUEST_ACK | _CREATE_EXCLUSIVE, body)


def remove_request(present: Present) -> bytes:
    """Return the request that takes the address from its interface."""
    packed = present.address.packed
    head = _IFADDR.pack(_family(present.address), present.prefix, 0, 0, present.index)
    body = head + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    return _message(_RTM_DELADDR, _REQUEST_ACK, body)


def carry_out(request: bytes) -> int:
    """Have the kernel carry out one request; return the number of its error, or 0.

    Raises:
        OSError: there is no netlink, or it does not answer.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(1.0)
        netlink.send(request)
        answer = netlink.recv(ANSWER_BYTES_MAX)
    (code,) = struct.unpack_from("=i", answer, HEADER.size)
    assert isinstance(code, int)
    return -code


def addresses() -> tuple[Present, ...]:
    """Return every address of every interface of this network namespace.

    Raises:
        OSError: the kernel refuses.
    """
    request = _message(_RTM_GETADDR, _REQUEST_DUMP, _IFADDR.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
    found: list[Present] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(1.0)
        netlink.send(request)
        for _ in range(DUMP_PARTS_MAX):
            if _take_dump(netlink.recv(ANSWER_BYTES_MAX), found):
                break
    return tuple(found)


def _take_dump(part: bytes, found: list[Present]) -> bool:
    """Add the addresses of one part of a dump; return whether it was the last."""
    for kind, body in split(part):
        if kind == NLMSG_DONE:
            return True
        if kind == NLMSG_ERROR:
            (code,) = struct.unpack_from("=i", body)
            raise OSError(-code, "addresses cannot be read over netlink")
        if kind == _RTM_NEWADDR:
            found.extend(_present(body))
    return False


def split(answer: bytes) -> Iterator[tuple[int, bytes]]:
    """Return kind and body of each message in what was received."""
    at = 0
    while at + HEADER.size <= len(answer):
        length, kind, *_ = HEADER.unpack_from(answer, at)
        yield kind, answer[at + HEADER.size : at + length]
        at += max(length + -length % 4, HEADER.size)


def _present(body: bytes) -> list[Present]:
    _, prefix, _, _, index = _IFADDR.unpack_from(body)
    values: dict[int, bytes] = {}
    at = _IFADDR.size
    while at + ATTRIBUTE.size <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, at)
        values[kind] = body[at + ATTRIBUTE.size : at + length]
        at += max(length + -length % 4, ATTRIBUTE.size)
    packed = values.get(_IFA_LOCAL, values.get(_IFA_ADDRESS))
    return [] if packed is None else [Present(ip_address(packed), prefix, index)]
