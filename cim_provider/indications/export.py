"""ExportIndication: one indication to one listener over HTTP or HTTPS, taken or not.

Owns: destination URLs, the request, the connection that is kept, and what
counts as taken. Redirects are not followed, answers are bounded in size and time.
Source: DSP0200 1.4, section 5.4 (export messages) and 7.3 (headers); DSP0201 2.4.
"""

import asyncio
import base64
import ipaddress
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

import h11

from cim_provider.engines.ha_core_secrecy import HIDDEN

CONNECT_S: Final = 5.0
ANSWER_S: Final = 20.0
"""A listener that has not answered by then has not taken it."""
ANSWER_BYTES_MAX: Final = 64 * 1024
URL_CHARACTERS_MAX: Final = 1024
PORTS: Final = {"http": 5988, "https": 5990}
"""Ports where the URL names none."""
_HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8" ?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0">'
    '<MESSAGE ID="{id}" PROTOCOLVERSION="1.0"><SIMPLEEXPREQ><EXPMETHODCALL NAME="ExportIndication">'
    '<EXPPARAMVALUE NAME="NewIndication">'
)
_TAIL: Final = "</EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>\n"


class UrlError(Exception):
    """A destination's URL cannot be used; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a destination's URL leads."""

    is_tls: bool
    host: str
    port: int
    path: str
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one try went; `text` says why it was not taken."""

    is_taken: bool
    text: str = ""


def target_of(url: str) -> Target:
    """Return where a URL leads. Raises UrlError."""
    shown = url[:80]
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise UrlError(f"destination {shown!r}: expected a URL of printable ASCII characters")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as fault:
        raise UrlError(f"destination {shown!r} is no URL: {fault}") from fault
    if parts.scheme.lower() not in PORTS or not host or port == 0:
        raise UrlError(
            f"destination {shown!r}: expected http://host:port/path, https://host:port/path or, "
            "where listener_files allows it, file://NAME"
        )
    path = parts.path or "/"
    path += f"?{parts.query}" if parts.query else ""
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    scheme = parts.scheme.lower()
    return Target(scheme == "https", host, port or PORTS[scheme], path, authorization)


def message_of(number: int, instance: str) -> bytes:
    """Return the whole message that exports an indication."""
    return f"{_HEAD.format(id=number)}{instance}{_TAIL}".encode()


def without_password(url: str) -> str:
    """Return a URL as it may be shown to whoever reads: with HIDDEN for a password."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return url
    return url if password is None else url.replace(f":{password}@", f":{HIDDEN}@", 1)


@dataclass(frozen=True, slots=True)
class Policy:
    """To whom indications may go, and how listeners are verified."""

    context: ssl.SSLContext | None = None
    """For HTTPS; None: the machine's own authorities."""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    """Listeners must be in one of them; none given: anywhere."""
    files: Path | None = None
    """Directory of destinations that are files; None: there may be none."""

    def allows(self, address: str) -> bool:
        """Return whether a listener may have this address."""
        if not self.networks:
            return True
        known = ipaddress.ip_address(address.partition("%")[0])
        return any(known in network for network in self.networks)


class Exporter:
    """Sends to one destination; keeps the connection where the listener does."""

    def __init__(self, url: str, policy: Policy) -> None:
        self._target = target_of(url)
        self._policy = policy
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._ids = count(1)

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()

    async def send(self, instance: str) -> Delivery:
        """Send one indication; return whether it was taken."""
        body = message_of(next(self._ids), instance)
        try:
            if self._streams is not None:
                with suppress(OSError, h11.RemoteProtocolError, EOFError):
                    return await self._exchange(body)
                # It was kept open, and the listener has closed it since: that is no failure.
                await self.close()
            await self._connect()
            return await self._exchange(body)
        except TimeoutError:
            await self.close()
            return Delivery(False, "it did not answer in time")
        except (OSError, EOFError, UnicodeError, h11.ProtocolError, _RefusedError) as fault:
            await self.close()
            return Delivery(False, str(fault) or type(fault).__name__)

    async def _connect(self) -> None:
        target = self._target
        context: ssl.SSLContext | None = None
        if target.is_tls:
            context = self._policy.context or ssl.create_default_context()
        async with asyncio.timeout(CONNECT_S):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            allowed = [item for item in found if self._policy.allows(str(item[4][0]))]
            if not allowed:
                raise _RefusedError(f"{target.host} is in none of the networks that are allowed")
            fault: OSError | None = None
            for item in allowed:
                address = str(item[4][0])
                name = target.host if context is not None else None
                try:
                    self._streams = await asyncio.open_connection(
                        address, target.port, ssl=context, server_hostname=name
                    )
                    return
                except OSError as failed:
                    fault = failed
            assert fault is not None
            raise fault

    async def _exchange(self, body: bytes) -> Delivery:
        assert self._streams is not None
        reader, writer = self._streams
        target, machine = self._target, h11.Connection(h11.CLIENT)
        host = f"[{target.host}]" if ":" in target.host else target.host
        headers = [
            ("Host", f"{host}:{target.port}"),
            ("Content-Type", 'application/xml; charset="utf-8"'),
            ("Content-Length", str(len(body))),
            ("CIMExport", "MethodRequest"),
            ("CIMExportMethod", "ExportIndication"),
            ("CIMProtocolVersion", "1.0"),
        ]
        if target.authorization:
            headers.append(("Authorization", target.authorization))
        head = machine.send(h11.Request(method="POST", target=target.path, headers=headers))
        data, end = machine.send(h11.Data(body)), machine.send(h11.EndOfMessage())
        async with asyncio.timeout(ANSWER_S):
            writer.write((head or b"") + (data or b"") + (end or b""))
            await writer.drain()
            status, answer = await _answer(machine, reader)
        if machine.our_state is not h11.DONE or machine.their_state is not h11.DONE:
            await self.close()
        if status != 200:
            return Delivery(False, f"HTTP status {status}")
        fault = fault_of(answer)
        return Delivery(not fault, fault)


class _RefusedError(Exception):
    """It is not even tried."""


async def _answer(machine: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer. Raises EOFError, h11.RemoteProtocolError, _RefusedError."""
    status, body = 0, b""
    while True:
        event = machine.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65_536)
            if not data and status == 0:
                raise EOFError("the listener closed the connection without an answer")
            machine.receive_data(data)
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
            if len(body) > ANSWER_BYTES_MAX:
                raise _RefusedError(f"its answer is longer than {ANSWER_BYTES_MAX} bytes")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return status, body


def fault_of(answer: bytes) -> str:
    """Return why an answer does not say that the indication was taken; empty if it does."""
    found: list[str] = []
    errors: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        found.append(name)
        if len(found) > 1000:
            raise ValueError("too many elements")
        if name == "ERROR":
            code, text = attributes.get("CODE", "?"), attributes.get("DESCRIPTION", "")
            errors.append(f"error {code[:8]} {text[:200]}".strip())

    def doctype(*_: object) -> None:
        raise ValueError("a document type declaration")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(answer, True)
    except (expat.ExpatError, ValueError) as fault:
        return f"its answer is not understood: {fault}"
    if errors:
        return errors[0]
    return "" if "EXPMETHODRESPONSE" in found else "its answer is no EXPMETHODRESPONSE"
