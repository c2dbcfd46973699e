"""Bytes of one connection to requests, one at a time, within bounds.

Owns: where a request begins and ends, the shim for the method M-POST, and the
bounds on lines, headers and bodies. httptools reads HTTP; the stream is cut for
it at every place where a request may end, so that what follows a request is not
looked at before that request has been answered. A head that comes again, byte for
byte, on the same connection is not read again: what the library made of it is
remembered. Knows nothing of sockets, nor of what the headers mean.
Source: RFC 9112; RFC 2774 (M-POST).
"""

import re
from dataclasses import dataclass
from typing import Final

import httptools

MANDATORY: Final = b"M-POST "
"""The one method of ours that the library does not know: it reads POST instead."""
END: Final = b"\r\n\r\n"
"""Every head and every chunked body ends with it."""
CUTS_MAX: Final = 10_000
"""Ends of lines that look like the end of a chunked body: each costs a call of the library."""
KNOWN_MAX: Final = 8
KNOWN_BYTES_MAX: Final = 2_048
"""A client sends few different heads, and short ones."""
OVERHEAD: Final = 4
"""A chunked body may be so many times as long as what it carries, plus a head."""


_UPGRADE = re.compile(rb"\r\n(upgrade *:)", re.IGNORECASE)
_METHOD = re.compile(rb"[A-Z][A-Z-]{0,31} [^ \r\n]+ HTTP/1")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a request is read."""

    header_bytes: int = 65_536
    line_bytes: int = 16_384
    headers: int = 100
    body_bytes: int = 1_048_576


@dataclass(frozen=True, slots=True)
class Head:
    """The request line and the headers as they came, but for two that differ between requests.

    Equal heads mean the same, whoever sends them and however long the body is.
    """

    method: str
    target: bytes
    version: str
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What became of a head whose body has a length, or is none."""

    head: Head
    authorization: bytes | None
    length: int | None


class FramingError(Exception):
    """The bytes are no request, or one beyond the bounds; nothing after them can be read."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Framing:
    """Reads one request after the other; `next_request` goes on after one that is complete."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._parser = httptools.HttpRequestParser(self)
        self._fault: FramingError | None = None
        self._known: dict[bytes, _Known] = {}
        self._begin()

    def _begin(self) -> None:
        self.is_begun = False
        self.keeps_body = True
        """Set to false where nobody wants the body: it is read over."""
        self.keeps_alive = False
        """Whether the client is ready for another request on this connection."""
        self._held = b""
        self._is_mandatory = False
        self._is_known = False
        self._whole = b""
        """The head as it came, if it came in one piece."""
        self._raw: list[bytes] = []
        """The head as the library got it."""
        self._head_size = 0
        self._begin_head()

    def _begin_head(self) -> None:
        self.head: Head | None = None
        """The head, once it is whole."""
        self.authorization: bytes | None = None
        self.length: int | None = None
        """Bytes of the body, if they are told."""
        self.is_complete = False
        self._tail = b""
        self._is_chunked = False
        self._target: list[bytes] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_size = 0
        self._raw_size = 0
        self._cuts = 0

    @property
    def body(self) -> bytes:
        """Return the body of a complete request."""
        return self._body[0] if len(self._body) == 1 else b"".join(self._body)

    def next_request(self) -> None:
        """Forget the request that is complete and begin with the next."""
        assert self.is_complete, "the last request has not ended"
        self._remember()
        self._begin()

    def feed(self, data: bytes) -> int:
        """Take bytes until the head is whole, the request is complete, or there are no more.

        Returns how many were taken.
        Raises: FramingError: the connection must end with the answer.
        """
        position = 0
        while position < len(data) and not self.is_complete:
            had_head = self.head is not None
            if not self.is_begun:
                taken = self._first(data, position)
            else:
                end = self._cut(data, position)
                self._take(data[position:end] if position or end < len(data) else data)
                taken = end - position
            position += taken
            if self.head is not None and not had_head:
                break
        return position

    def _recall(self, data: bytes, position: int) -> int:
        """Take a whole head that came before; return its length, or 0."""
        end = data.find(END, position) + len(END)
        if not len(END) <= end - position <= KNOWN_BYTES_MAX:
            return 0
        whole = data[position:end]
        known = self._known.get(whole)
        if known is None:
            self._whole = whole
            return 0
        self.is_begun = self._is_known = self.keeps_alive = True
        self.head, self.authorization, self.length = known.head, known.authorization, known.length
        self.is_complete = not known.length
        return end - position

    def _remember(self) -> None:
        """Remember what became of a request's head, if the next may be just like it."""
        if self._whole and self.head and self.keeps_alive and not self._is_chunked:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[self._whole] = _Known(self.head, self.authorization, self.length)

    def _first(self, data: bytes, position: int) -> int:
        """Take the beginning of a request, up to where it is known whether it is an M-POST."""
        if not self._held:
            known = self._recall(data, position)
            if known:
                return known
        start = position
        if not self._held:
            while position < len(data) and data[position] in b"\r\n":
                position += 1
        missing = len(MANDATORY) - len(self._held)
        begun = self._held + data[position : position + missing]
        if len(begun) < len(MANDATORY) and MANDATORY.startswith(begun):
            self._held = begun
            return len(data) - start
        self.is_begun = True
        if begun == MANDATORY:
            self._is_mandatory = True
            self._take(b"POST ")
            return position + missing - start
        if self._held:
            self._take(self._held)
        return position - start

    def _cut(self, data: bytes, position: int) -> int:
        """Return where the request may end, at the latest."""
        if self.head is not None and not self._is_chunked:
            assert self.length is not None, "a body that has no length is none"
            return min(len(data), position + self.length - self._raw_size)
        if self._tail:
            joined = self._tail + data[position : position + 3]
            found = joined.find(END)
            if found >= 0:
                return position + found + len(END) - len(self._tail)
        found = data.find(END, position)
        return len(data) if found < 0 else found + len(END)

    def _take(self, piece: bytes) -> None:
        is_head = self.head is None
        if not is_head:
            self._count_body(piece)
        else:
            self._count_head(piece)
        if self._is_known:
            # The library has not seen the head, and there is nothing to be read in the body.
            self.on_body(piece)
            self.is_complete = self._raw_size == self.length
            if self._fault is not None:
                raise self._fault
            return
        self._tail = piece[-3:] if len(piece) > 2 else (self._tail + piece)[-3:]
        if is_head:
            self._raw.append(piece)
        try:
            self._feed(piece)
        except httptools.HttpParserInvalidMethodError as fault:
            status = 501 if _METHOD.match(piece) else 400
            raise FramingError(status, "no method that is known here, expected POST") from fault
        except httptools.HttpParserUpgrade as fault:
            raise FramingError(400, "no other protocol is spoken here") from fault
        except httptools.HttpParserError as fault:
            raise self._fault or FramingError(400, f"no HTTP: {fault}") from fault
        if self._fault is not None:
            raise self._fault
        if is_head and self.head is not None:
            self._tail = b""

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            # A wish for another protocol, which a server may pass over; the library may not, and
            # takes the body for that protocol. It reads the head again, without the wish.
            self._begin_head()
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(_UPGRADE.sub(rb"\r\nX-\1", b"".join(self._raw)))

    def _count_head(self, piece: bytes) -> None:
        self._head_size += len(piece)
        if self._head_size > self._bounds.header_bytes:
            raise FramingError(431, f"the head is longer than {self._bounds.header_bytes} bytes")

    def _count_body(self, piece: bytes) -> None:
        self._raw_size += len(piece)
        if self._is_chunked:
            self._cuts += 1
            bounds = self._bounds
            if self._raw_size > OVERHEAD * bounds.body_bytes + bounds.header_bytes:
                raise FramingError(413, "the chunks are longer than any body may be")
            if self._cuts > CUTS_MAX:
                raise FramingError(413, f"more than {CUTS_MAX} pieces of a chunked body")

    # What follows is called by the library; an exception from there would lose its type.

    def on_message_begin(self) -> None:
        """See httptools."""
        if self.is_complete:
            self._fault = FramingError(400, "a request begins where none can")

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._target.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools; trailers come here, too, and mean nothing, but for the bounds."""
        bounds = self._bounds
        if len(name) + len(value) > bounds.line_bytes:
            self._fault = FramingError(431, f"a header is longer than {bounds.line_bytes} bytes")
        elif len(self._headers) >= bounds.headers:
            self._fault = FramingError(431, f"more than {bounds.headers} headers")
        elif self.head is not None:
            self._headers.append((name, value))
        elif len(name) == 14 and name.lower() == b"content-length":
            self._length(value)
        elif len(name) == 13 and name.lower() == b"authorization":
            if self.authorization is not None:
                self._fault = FramingError(400, "Authorization is given twice")
            self.authorization = value
        else:
            self._headers.append((name, value))
            if len(name) == 17 and name.lower() == b"transfer-encoding":
                self._coding(value)

    def _length(self, value: bytes) -> None:
        digits = value.strip()
        if self.length is not None or len(digits) > 32 or not digits.isdigit():
            self._fault = FramingError(400, "Content-Length is no number, or given twice")
        else:
            self.length = int(digits)

    def _coding(self, value: bytes) -> None:
        if self._is_chunked or value.strip().lower() != b"chunked":
            name = value[:32].decode("latin-1")
            text = f"Transfer-Encoding is {name!r}, expected chunked"
            self._fault = self._fault or FramingError(501, text)
        self._is_chunked = True

    def on_headers_complete(self) -> None:
        """See httptools."""
        version = self._parser.get_http_version()
        if self._is_chunked and (self.length is not None or version != "1.1"):
            self._fault = self._fault or FramingError(400, "Transfer-Encoding with a length")
        if version not in ("1.0", "1.1"):
            self._fault = self._fault or FramingError(505, f"HTTP/{version}, expected 1.1")
        method = "M-POST" if self._is_mandatory else self._parser.get_method().decode()
        self.keeps_alive = self._parser.should_keep_alive()
        self.head = Head(method, b"".join(self._target), version, tuple(self._headers))

    def on_body(self, data: bytes) -> None:
        """See httptools."""
        self._body_size += len(data)
        if self._body_size > self._bounds.body_bytes:
            self._body.clear()
            self._fault = FramingError(
                413, f"the body is longer than {self._bounds.body_bytes} bytes"
            )
        elif self.keeps_body:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """See httptools."""
        self.is_complete = True
