"""Messages of SLP 2, the part of them that a service agent needs: bytes to values and back.

Owns: the form of requests, replies and registrations, and their bounds. Pure.
Left out: authentication blocks (none is sent, some are ignored) and extensions.
Source: RFC 2608, sections 7 (errors), 8 (required) and 10 (optional).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

VERSION: Final = 2
LANGUAGE: Final = "en"
DATAGRAM_BYTES_MAX: Final = 1_400
"""What a request may have, and an answer; a longer answer says that it is cut off."""
LIFETIME_S: Final = 10_800
HEADER_BYTES: Final = 14
"""Without the language tag."""
OVERFLOW: Final = 0x8000
FRESH: Final = 0x4000
MULTICAST: Final = 0x2000
ALL_AUTHORITIES: Final = 0xFFFF


class Function(IntEnum):
    """What a message is."""

    SERVICE_REQUEST = 1
    SERVICE_REPLY = 2
    REGISTRATION = 3
    DEREGISTRATION = 4
    ACKNOWLEDGE = 5
    ATTRIBUTE_REQUEST = 6
    ATTRIBUTE_REPLY = 7
    DIRECTORY_ADVERT = 8
    TYPE_REQUEST = 9
    TYPE_REPLY = 10
    AGENT_ADVERT = 11


class Fault(IntEnum):
    """Error codes of replies."""

    NONE = 0
    PARSE_ERROR = 2
    SCOPE_NOT_SUPPORTED = 4
    AUTHENTICATION_UNKNOWN = 5


class MessageError(Exception):
    """The bytes are no message that a service agent reads."""


@dataclass(frozen=True, slots=True)
class Header:
    """What all messages begin with."""

    function: Function
    transaction: int
    is_multicast: bool = False


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """Asks for the URLs of a type of service."""

    header: Header
    responders: tuple[str, ...]
    """Addresses that have answered this question already."""
    service_type: str
    scopes: tuple[str, ...]
    predicate: str
    signer: str


@dataclass(frozen=True, slots=True)
class AttributeRequest:
    """Asks for the attributes of one service, or of all of a type."""

    header: Header
    responders: tuple[str, ...]
    url: str
    scopes: tuple[str, ...]
    tags: tuple[str, ...]
    signer: str


@dataclass(frozen=True, slots=True)
class TypeRequest:
    """Asks which types of services there are; `authority` None means of all."""

    header: Header
    responders: tuple[str, ...]
    authority: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Says what became of a registration."""

    header: Header
    fault: int


Message: TypeAlias = ServiceRequest | AttributeRequest | TypeRequest | Acknowledge


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def number(self, size: int = 2) -> int:
        end = self._at + size
        if end > len(self._data):
            raise MessageError("it ends too soon")
        value = int.from_bytes(self._data[self._at : end])
        self._at = end
        return value

    def text(self, size: int | None = None) -> str:
        length = self.number() if size is None else size
        end = self._at + length
        if end > len(self._data):
            raise MessageError("a text ends too soon")
        try:
            value = self._data[self._at : end].decode("utf-8")
        except UnicodeDecodeError as fault:
            raise MessageError("a text is not UTF-8") from fault
        self._at = end
        return value

    def texts(self) -> tuple[str, ...]:
        return tuple(each.strip() for each in self.text().split(",") if each.strip())


def header_of(data: bytes) -> tuple[Header, int]:
    """Return the header of a message and where its body begins.

    Raises: MessageError: these are not the bytes of one message of version 2.
    """
    if not HEADER_BYTES <= len(data) <= DATAGRAM_BYTES_MAX:
        raise MessageError(f"{len(data)} bytes")
    if data[0] != VERSION:
        raise MessageError(f"version {data[0]}, expected {VERSION}")
    if int.from_bytes(data[2:5]) != len(data):
        raise MessageError("its length is not what it says")
    try:
        function = Function(data[1])
    except ValueError as fault:
        raise MessageError(f"function {data[1]}") from fault
    flags, transaction = int.from_bytes(data[5:7]), int.from_bytes(data[10:12])
    begin = HEADER_BYTES + int.from_bytes(data[12:14])
    if begin > len(data):
        raise MessageError("its language ends too soon")
    return Header(function, transaction, bool(flags & MULTICAST)), begin


def decode(data: bytes) -> Message:
    """Return the message. Raises: MessageError: it is none that a service agent reads."""
    header, begin = header_of(data)
    read = _READERS.get(header.function)
    if read is None:
        raise MessageError(f"a {header.function.name} is not for a service agent")
    return read(header, _Reader(data, begin))


def _service_request(header: Header, body: _Reader) -> ServiceRequest:
    return ServiceRequest(header, body.texts(), body.text(), body.texts(), body.text(), body.text())


def _attribute_request(header: Header, body: _Reader) -> AttributeRequest:
    return AttributeRequest(
        header, body.texts(), body.text(), body.texts(), body.texts(), body.text()
    )


def _type_request(header: Header, body: _Reader) -> TypeRequest:
    responders, size = body.texts(), body.number()
    authority = None if size == ALL_AUTHORITIES else body.text(size)
    return TypeRequest(header, responders, authority, body.texts())


def _acknowledge(header: Header, body: _Reader) -> Acknowledge:
    return Acknowledge(header, body.number())


_READERS: Final[dict[Function, Callable[[Header, _Reader], Message]]] = {
    Function.SERVICE_REQUEST: _service_request,
    Function.ATTRIBUTE_REQUEST: _attribute_request,
    Function.TYPE_REQUEST: _type_request,
    Function.ACKNOWLEDGE: _acknowledge,
}


def service_reply(transaction: int, fault: Fault, urls: Iterable[str]) -> bytes:
    """Return the answer to a request for services."""
    found = list(urls)
    return _message(
        Function.SERVICE_REPLY,
        transaction,
        _number(fault) + _number(len(found)) + b"".join(map(_entry, found)),
        _number(fault) + _number(0),
    )


def attribute_reply(transaction: int, fault: Fault, attributes: str) -> bytes:
    """Return the answer to a request for attributes."""
    body = _number(fault) + _text(attributes) + bytes(1)
    return _message(
        Function.ATTRIBUTE_REPLY, transaction, body, _number(fault) + _text("") + bytes(1)
    )


def type_reply(transaction: int, fault: Fault, types: Iterable[str]) -> bytes:
    """Return the answer to a request for types of services."""
    body = _number(fault) + _text(",".join(types))
    return _message(Function.TYPE_REPLY, transaction, body, _number(fault) + _text(""))


def agent_advert(transaction: int, url: str, scopes: Iterable[str], attributes: str) -> bytes:
    """Return the answer to a request for service agents."""
    body = _text(url) + _text(",".join(scopes)) + _text(attributes) + bytes(1)
    return _message(Function.AGENT_ADVERT, transaction, body, body)


def registration(
    transaction: int, url: str, service_type: str, scopes: Iterable[str], attributes: str
) -> bytes:
    """Return what makes a service known to a directory agent for `LIFETIME_S`."""
    body = (
        _entry(url) + _text(service_type) + _text(",".join(scopes)) + _text(attributes) + bytes(1)
    )
    return _message(Function.REGISTRATION, transaction, body, body, flags=FRESH)


def deregistration(transaction: int, url: str, scopes: Iterable[str]) -> bytes:
    """Return what takes a service back from a directory agent."""
    body = _text(",".join(scopes)) + _entry(url) + _text("")
    return _message(Function.DEREGISTRATION, transaction, body, body)


def _message(
    function: Function, transaction: int, body: bytes, when_too_long: bytes, flags: int = 0
) -> bytes:
    language = LANGUAGE.encode()
    length = HEADER_BYTES + len(language) + len(body)
    if length > DATAGRAM_BYTES_MAX and when_too_long is not body:
        flags |= OVERFLOW
        body = when_too_long
        length = HEADER_BYTES + len(language) + len(body)
    head = bytes((VERSION, function)) + length.to_bytes(3) + _number(flags) + bytes(3)
    return head + _number(transaction) + _number(len(language)) + language + body


def _number(value: int) -> bytes:
    return value.to_bytes(2)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _number(len(encoded)) + encoded


def _entry(url: str) -> bytes:
    return bytes(1) + _number(LIFETIME_S) + _text(url) + bytes(1)
