"""Ethernet frames that ask who has an address, and tell neighbours who has it now.

Owns: bytes of ARP and neighbour discovery. Sends nothing. Source: RFC 826 and
RFC 5227 (probe, announcement); RFC 4861 sections 4.3 and 4.4 (solicitation,
advertisement); RFC 4862 section 5.4 (probe from the unspecified address).
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

ETH_P_ARP: Final = 0x0806
ETH_P_IPV6: Final = 0x86DD
FRAME_BYTES_MAX: Final = 1518
_BROADCAST: Final = b"\xff" * 6
_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_ARP_REQUEST: Final = 1
_ARP_REPLY: Final = 2
_ETHERNET: Final = 1
_IPV4: Final = 0x0800
_ICMPV6: Final = 58
_SOLICITATION: Final = 135
_ADVERTISEMENT: Final = 136
_OVERRIDE: Final = 0x20000000
ALL_NODES: Final = IPv6Address("ff02::1")
_UNSPECIFIED: Final = IPv6Address("::")


def arp_probe(mac: bytes, address: IPv4Address) -> bytes:
    """Return a question whether anybody has the address, from nobody's address."""
    return _arp(mac, _ARP_REQUEST, b"\0" * 4, address.packed)


def arp_announcement(mac: bytes, address: IPv4Address) -> bytes:
    """Return a gratuitous request: neighbours that know the address learn its new place."""
    return _arp(mac, _ARP_REQUEST, address.packed, address.packed)


def _arp(mac: bytes, operation: int, sender: bytes, target: bytes) -> bytes:
    body = _ARP.pack(_ETHERNET, _IPV4, 6, 4, operation, mac, sender, b"\0" * 6, target)
    return _BROADCAST + mac + struct.pack("!H", ETH_P_ARP) + body


def arp_owner(frame: bytes, address: IPv4Address) -> bytes | None:
    """Return the hardware address of whoever says in this frame that it has the address."""
    if len(frame) < 14 + _ARP.size or frame[12:14] != struct.pack("!H", ETH_P_ARP):
        return None
    _, _, _, _, operation, mac, sender, _, _ = _ARP.unpack_from(frame, 14)
    says_so = sender == address.packed and operation in (_ARP_REQUEST, _ARP_REPLY)
    return bytes(mac) if says_so else None


def neighbour_probe(mac: bytes, address: IPv6Address) -> bytes:
    """Return a solicitation for the address from the unspecified one."""
    group = IPv6Address(IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:])
    body = struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + address.packed
    return _icmp(mac, _UNSPECIFIED, group, body)


def neighbour_announcement(mac: bytes, address: IPv6Address) -> bytes:
    """Return an unasked advertisement that replaces what neighbours remember, for a raw socket.

    The kernel adds the headers below and the checksum.
    """
    head = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE)
    option = struct.pack("!BB", 2, 1) + mac  # target link-layer address
    return head + address.packed + option


def _icmp(mac: bytes, source: IPv6Address, group: IPv6Address, body: bytes) -> bytes:
    pseudo = source.packed + group.packed + struct.pack("!II", len(body), _ICMPV6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    head = struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 255) + source.packed + group.packed
    destination = b"\x33\x33" + group.packed[12:]
    return destination + mac + struct.pack("!H", ETH_P_IPV6) + head + body


def neighbour_owner(frame: bytes, address: IPv6Address) -> bytes | None:
    """Return the hardware address of whoever advertises the address in this frame."""
    icmp = frame[54:]
    if len(icmp) < 24 or frame[12:14] != struct.pack("!H", ETH_P_IPV6) or frame[20] != _ICMPV6:
        return None
    says_so = icmp[0] == _ADVERTISEMENT and icmp[8:24] == address.packed
    return frame[6:12] if says_so else None


def checksum(data: bytes) -> int:
    """Return the Internet checksum. Source: RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
