"""Sockets of shared media: broadcast, and multicast over IPv4 and IPv6.

Owns: how they are opened. One socket sends and hears; it is bound to the group
itself, so that no unicast comes in over it. A node hears its own frames and
those for others, and drops them by their clear header (`transport`).
Source: ip(7), ipv6(7), RFC 1112, RFC 3493.
"""

import socket
import struct

from ha_core.config.model import Link, Medium
from ha_core.ids import LinkName

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


def destination(link: Link) -> SocketAddress:
    """Return where frames of the link are sent. Raises OSError for an interface that is not."""
    if ":" in link.group:
        return (link.group, link.port, 0, socket.if_nametoindex(link.interface))
    return (link.group, link.port)


def open_shared(link: Link, host: str) -> socket.socket:
    """Return the socket of a broadcast or multicast link on the interface with that address.

    Raises OSError: no such interface or address, or the port is taken by something else.
    """
    family = socket.AF_INET6 if ":" in link.group else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if link.medium is Medium.BROADCAST:
            _broadcast(sock, link)
        elif family == socket.AF_INET6:
            _multicast6(sock, link)
        else:
            _multicast4(sock, link, host)
        sock.bind(destination(link))
    except OSError:
        sock.close()
        raise
    return sock


def is_shared(link: Link | None) -> bool:
    """Return whether everybody on the link hears everything."""
    return link is not None and link.medium in (Medium.BROADCAST, Medium.MULTICAST)


def spec_of(links: dict[LinkName, Link], name: LinkName, host: str) -> Link:
    """Return what matters of a link for its socket; of one that is not known what its place says.

    A socket is opened anew when this changes, so that what does not matter is left out.
    """
    known = links.get(name, Link(name))
    if host.startswith("/"):
        return Link(name, medium=Medium.SERIAL, speed=known.speed)
    return known if is_shared(known) else Link(name)


def _broadcast(sock: socket.socket, link: Link) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if link.interface:
        name = link.interface.encode() + b"\0"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)


def _multicast4(sock: socket.socket, link: Link, host: str) -> None:
    index = socket.if_nametoindex(link.interface) if link.interface else 0
    here = socket.inet_aton("0.0.0.0" if index else host)
    whom = struct.pack("=4s4si", socket.inet_aton(link.group), here, index)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, whom)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, whom)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, link.ttl)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)


def _multicast6(sock: socket.socket, link: Link) -> None:
    index = socket.if_nametoindex(link.interface)
    group = socket.inet_pton(socket.AF_INET6, link.group)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=I", index))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, link.ttl)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
