"""nftables over netlink: messages, batches and the socket, as bytes built by hand.

Owns: the encoding above `netlink`'s, and one exchange with the kernel. Knows
nothing of leases or of what the tables are for. By hand because a batch goes
out with every renewal of a lease, and because a netlink library would cost the
daemon 14 MB; tests read the result back with nft itself.
Source: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h, netlink(7).
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ha_core.runtime.netlink import (
    ANSWER_BYTES_MAX,
    ATTRIBUTE,
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    attribute,
    split,
)

ANSWERS_MAX: Final = 4096
BATCH_BYTES_MAX: Final = 8 * 1024 * 1024
"""A transaction is one packet; each service address takes 230 bytes of it."""

_FAMILY: Final = struct.Struct("!BBH")  # nfgenmsg: family, version, resource
_NESTED: Final = 0x8000
_SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES
_NETFILTER: Final = 12  # NETLINK_NETFILTER
_BATCH_BEGIN: Final = 0x10
_BATCH_END: Final = 0x11
_BATCH_GENERATION: Final = 1
_REQUEST: Final = 0x1
_ACK: Final = 0x4
_DUMP: Final = 0x300
_CREATE: Final = 0x400
_APPEND: Final = 0x800
_CAP_ACK: Final = 10  # NETLINK_CAP_ACK: an error need not bring the whole request back
_SOL_NETLINK: Final = 270
_SNDBUFFORCE: Final = 32  # SO_SNDBUFFORCE goes beyond net.core.wmem_max


class Family(IntEnum):
    """Families of tables."""

    INET = 1
    ARP = 3
    NETDEV = 5


class Kind(IntEnum):
    """Kinds of messages."""

    NEWTABLE = 0
    GETTABLE = 1
    DELTABLE = 2
    NEWCHAIN = 3
    GETCHAIN = 4
    NEWRULE = 6
    GETRULE = 7
    DELRULE = 8
    NEWSET = 9
    NEWSETELEM = 12
    GETSETELEM = 13
    DELSETELEM = 14
    GETGEN = 16


@dataclass(frozen=True, slots=True)
class Message:
    """One change, or one question, about a table of a family."""

    kind: Kind
    family: Family
    body: bytes


# --- encoding ----------------------------------------------------------------------------------


def nest(kind: int, *parts: bytes) -> bytes:
    """Return an attribute made of attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """Return a text attribute."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return a number of 32 bits in network order; negative ones as two's complement."""
    return attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def long_number(kind: int, value: int) -> bytes:
    """Return a number of 64 bits in network order."""
    return attribute(kind, struct.pack("!Q", value))


def _packed(message: Message, flags: int, sequence: int) -> bytes:
    head = _FAMILY.pack(message.family, 0, 0)
    kind = _SUBSYSTEM << 8 | message.kind
    length = HEADER.size + len(head) + len(message.body)
    return HEADER.pack(length, kind, flags, sequence, 0) + head + message.body


def batch(messages: Sequence[Message], generation: int | None, *, commits: bool = True) -> bytes:
    """Return a transaction: all of it happens, or nothing.

    `generation`: refused with ERESTART unless this is the ruleset's state; None does not ask.
    Without `commits` the kernel only tries it out.
    """
    begin = _FAMILY.pack(0, 0, _SUBSYSTEM)
    if generation is not None:
        begin += number(_BATCH_GENERATION, generation)
    parts = [HEADER.pack(HEADER.size + len(begin), _BATCH_BEGIN, _REQUEST, 0, 0), begin]
    for place, message in enumerate(messages, 1):
        flags = _REQUEST | _CREATE
        if place == len(messages):
            flags |= _ACK  # one word for the whole batch; errors come in any case
        if message.kind is Kind.NEWRULE:
            flags |= _APPEND
        parts.append(_packed(message, flags, place))
    if commits:
        end = _FAMILY.pack(0, 0, _SUBSYSTEM)
        parts += [HEADER.pack(HEADER.size + len(end), _BATCH_END, _REQUEST, 0, 0), end]
    return b"".join(parts)


# --- rules -------------------------------------------------------------------------------------


class Meta(IntEnum):
    """What is known of a packet besides its bytes."""

    PROTOCOL = 1
    NFPROTO = 15


ACCEPT: Final = 1
DROP: Final = 0
JUMP: Final = -3
GOTO: Final = -4
FIRST: Final = 1
"""The one register of 16 bytes that is used."""
_NETWORK_HEADER: Final = 1


def _expression(name: str, *parts: bytes) -> bytes:
    return nest(1, text(1, name), nest(2, *parts))


def payload(offset: int, length: int) -> bytes:
    """Load bytes of the packet, counted from its network header, into the first register."""
    parts = (number(1, FIRST), number(2, _NETWORK_HEADER), number(3, offset), number(4, length))
    return _expression("payload", *parts)


def meta(key: Meta) -> bytes:
    """Load a fact about the packet into the first register."""
    return _expression("meta", number(1, FIRST), number(2, key))


def equals(value: bytes) -> bytes:
    """Go on if the first register is this."""
    return _expression("cmp", number(1, FIRST), number(2, 0), nest(3, attribute(1, value)))


def load(value: int) -> bytes:
    """Load a constant, as nft prints and reads it: a number generator with one number."""
    parts = (number(1, FIRST), number(2, 1), number(3, 0), number(4, value))
    return _expression("numgen", *parts)


def is_in(name: str) -> bytes:
    """Go on if the first register is an element of the set."""
    return _expression("lookup", text(1, name), number(2, FIRST))


def verdict(code: int, chain: str = "") -> bytes:
    """Decide: accept, drop, or go on in another chain for good."""
    parts = [number(1, code)] + ([text(2, chain)] if chain else [])
    return _expression("immediate", number(1, 0), nest(2, nest(2, *parts)))


# --- the exchange ------------------------------------------------------------------------------


class NftError(OSError):
    """The kernel refused a batch or an answer; `errno` says why."""


def open_socket() -> socket.socket:
    """Return a socket to nftables of this network namespace. Raises OSError.

    It never waits: the kernel's answers are there when `send` returns.
    """
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    netlink.setblocking(False)
    netlink.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
    with contextlib.suppress(PermissionError):  # root of a user namespace has to do without
        netlink.setsockopt(socket.SOL_SOCKET, _SNDBUFFORCE, BATCH_BYTES_MAX)
    return netlink


def exchange(netlink: socket.socket, packet: bytes) -> None:
    """Send a batch and take the kernel's answers, which are all there when `send` returns.

    Raises:
        NftError: with the first error that the kernel reports; nothing was changed then.
        OSError: it does not answer.
    """
    netlink.send(packet)
    codes: list[int] = []
    for _ in range(ANSWERS_MAX):
        try:
            answer = netlink.recv(ANSWER_BYTES_MAX)
        except BlockingIOError:
            break
        codes += [_code(body) for kind, body in split(answer) if kind == NLMSG_ERROR]
    fault = next((code for code in codes if code), 0)
    if not codes:
        fault = errno.ENODATA
    if fault:
        raise NftError(fault, os.strerror(fault))


def _code(body: bytes) -> int:
    (code,) = struct.unpack_from("=i", body)
    assert isinstance(code, int)
    return -code


def ask(netlink: socket.socket, question: Message) -> list[bytes]:
    """Return the bodies of all answers to a question, behind nfgenmsg. Raises NftError, OSError."""
    flags = _REQUEST | (_ACK if question.kind is Kind.GETGEN else _DUMP)
    netlink.send(_packed(question, flags, 1))
    found: list[bytes] = []
    for _ in range(ANSWERS_MAX):
        for kind, body in split(netlink.recv(ANSWER_BYTES_MAX)):
            if kind == NLMSG_ERROR and _code(body):
                raise NftError(_code(body), os.strerror(_code(body)))
            if kind in (NLMSG_ERROR, NLMSG_DONE):
                return found
            found.append(body[_FAMILY.size :])
    raise NftError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))


def generation(netlink: socket.socket) -> int:
    """Return the number of the ruleset's state, which grows with every change by anybody.

    Raises:
        NftError, OSError: it cannot be asked.
    """
    (body, *_) = ask(netlink, Message(Kind.GETGEN, Family.INET, b""))
    length, _ = ATTRIBUTE.unpack_from(body)
    assert length == 8, "NFTA_GEN_ID comes first"
    (found,) = struct.unpack_from("!I", body, ATTRIBUTE.size)
    assert isinstance(found, int)
    return found
