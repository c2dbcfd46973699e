"""The other side of SLP: what a user agent asks and reads, by RFC 2608 alone."""

import struct
from dataclasses import dataclass

MULTICAST = 0x2000


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def message(function: int, body: bytes, flags: int = 0, transaction: int = 77) -> bytes:
    head = struct.pack(">BB", 2, function) + (16 + len(body)).to_bytes(3)
    return head + struct.pack(">H3xHH", flags, transaction, 2) + b"en" + body


def services(kind: str, scopes: str = "DEFAULT", predicate: str = "", **more: object) -> bytes:
    """Return a request for services; `seen` and `signer` and `flags` may be given."""
    seen, signer = str(more.get("seen", "")), str(more.get("signer", ""))
    body = text(seen) + text(kind) + text(scopes) + text(predicate) + text(signer)
    return message(1, body, int(str(more.get("flags", 0))))


def attributes(url: str, tags: str = "", scopes: str = "DEFAULT", flags: int = 0) -> bytes:
    body = text("") + text(url) + text(scopes) + text(tags) + text("")
    return message(6, body, flags)


def types(authority: str | None = None, flags: int = 0) -> bytes:
    named = b"\xff\xff" if authority is None else text(authority)
    return message(9, text("") + named + text("DEFAULT"), flags)


@dataclass
class Reply:
    """One reply, taken apart as far as all have the same form."""

    function: int
    flags: int
    transaction: int
    body: bytes


def reply(data: bytes) -> Reply:
    version, function = data[0], data[1]
    assert version == 2
    assert int.from_bytes(data[2:5]) == len(data)
    flags, transaction, size = struct.unpack_from(">H3xHH", data, 5)
    assert data[14 : 14 + size] == b"en"
    return Reply(function, flags, transaction, data[14 + size :])


def urls(data: bytes) -> tuple[int, list[tuple[int, str]]]:
    """Return the error code of a reply to a request for services, and lifetimes and URLs."""
    got = reply(data)
    assert got.function == 2
    fault, count = struct.unpack_from(">HH", got.body)
    at, found = 4, []
    for _ in range(count):
        lifetime, length = struct.unpack_from(">xHH", got.body, at)
        found.append((lifetime, got.body[at + 5 : at + 5 + length].decode()))
        at += 5 + length
        assert got.body[at] == 0, "no authentication blocks"
        at += 1
    assert at == len(got.body)
    return fault, found


def texts(data: bytes, function: int) -> tuple[int, str]:
    """Return the error code and the list of a reply to a request for attributes or types."""
    got = reply(data)
    assert got.function == function
    fault, length = struct.unpack_from(">HH", got.body)
    return fault, got.body[4 : 4 + length].decode()
