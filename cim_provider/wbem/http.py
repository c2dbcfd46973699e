"""The HTTP headers of CIM operations, checked and made without a socket.

Owns: methods, media types, the CIM extension headers with and without the
prefix of M-POST, and how they must agree with the body. Knows nothing of
connections, authentication or XML.
Source: DSP0200 1.4, section 6; RFC 2774 (M-POST); RFC 2047 (encoded words).
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import pywbem

from cim_provider.wbem.errors import CimErrorHeader, ProtocolError
from cim_provider.wbem.framing import Head

JUDGED_MAX: Final = 256
"""Heads remembered with what they mean: a client sends the same few over and over."""
JUDGED_BYTES_MAX: Final = 4_096
"""A longer head is judged anew each time."""
CONTENT_TYPE: Final = 'application/xml; charset="utf-8"'
HEADER_CHARS_MAX: Final = 16_384
MAN_URI: Final = "http://www.dmtf.org/cim/mapping/http/v1.0"

_MAN = re.compile(
    r'"?' + re.escape(MAN_URI) + r'"?\s*;\s*ns\s*=\s*"?([0-9]{2})"?\s*', re.IGNORECASE
)
_TARGET = re.compile(r"/|https?://", re.IGNORECASE)
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]*)"?', re.IGNORECASE)
_MEDIA = ("application/xml", "text/xml")
_ACCEPTED = {*_MEDIA, "*/*", "application/*", "text/*"}
_NO_QUALITY = re.compile(r";\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)", re.IGNORECASE)
_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9-]+)\?[bB]\?([A-Za-z0-9+/=]*)\?=")
_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_OBJECT = re.compile(r"(?:https?:)?(?://[^/]*/)?/*([^:]*):([^.:,]+)(?:\.(.*))?", re.DOTALL)
_KEY = re.compile(r'([^=,"]+)=("(?:[^"\\]|\\.)*"|[^,"]*)(?:,|$)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the headers promise of the body; `prefix` is `NN-` for M-POST, else empty.

    A batch has neither method nor object: each of its operations names its own.
    """

    prefix: str
    method: str
    object: str
    protocol_version: str | None = None
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the head of a request means: a promise of the body, or a fault."""

    expected: Expected | None
    fault: ProtocolError | None = None
    is_fatal: bool = False
    """Whether the fault leaves the client nothing to go on with."""
    is_waiting: bool = False
    """Whether the client wants to be asked for the body."""
    success: bytes = b""
    """Head of an answer with status 200, up to where its length follows."""
    prefix: str = ""
    """That of the CIM headers, also where they are refused."""


def judge(head: Head) -> Judgement:
    """Return what a head means; equal heads mean the same."""
    size = len(head.target) + sum(len(name) + len(value) for name, value in head.headers)
    return _judged(head) if size > JUDGED_BYTES_MAX else _judged_before(head)


def _judged(head: Head) -> Judgement:
    try:
        headers = collect_headers(head.headers)
        if "host" not in headers and head.version == "1.1":
            raise ProtocolError(400, None, "header Host is missing")
        expect = headers.get("expect")
        if expect is not None and expect.lower() != "100-continue":
            raise ProtocolError(417, None, f"Expect is {expect[:32]!r}, expected 100-continue")
        is_waiting = expect is not None and head.version == "1.1"
    except ProtocolError as fault:
        return Judgement(None, fault, is_fatal=True)
    try:
        expected = check_headers(head.method, head.target.decode("latin-1"), headers)
    except ProtocolError as fault:
        prefix = _prefix(headers) if head.method == "M-POST" else None
        return Judgement(None, fault, is_waiting=is_waiting, prefix=prefix or "")
    success = answer_head(200, response_headers(expected.prefix))
    return Judgement(expected, is_waiting=is_waiting, success=success)


_judged_before: Final = lru_cache(JUDGED_MAX)(_judged)


def collect_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their names in lower case.

    Raises:
        ProtocolError: one that decides what a request means is given twice.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        if name not in headers:
            headers[name] = value
        elif name == "accept":
            headers[name] += f", {value}"
        elif "cim" in name or name in ("man", "content-type", "authorization", "host"):
            raise ProtocolError(400, None, f"header {name[:64]} is given twice")
    return headers


def check_headers(method: str, target: str, headers: Mapping[str, str]) -> Expected:
    """Return what the headers of a request say that its body holds; any path will do.

    `headers` are by name in lower case, see `collect_headers`.

    Raises:
        ProtocolError: the request is no CIM operation, or one that we do not take.
    """
    if method not in ("POST", "M-POST"):
        raise ProtocolError(405, None, f"method {method[:16]!r}, expected POST or M-POST")
    if not _TARGET.match(target):
        raise ProtocolError(400, None, f"target {target[:64]!r}, expected a path such as /cimom")
    _check_media(headers)
    prefix = _required_prefix(headers) if method == "M-POST" else ""

    operation = headers.get(f"{prefix}cimoperation")
    if operation is None:
        raise ProtocolError(400, None, f"header {prefix}CIMOperation is missing")
    if operation.lower() != "methodcall":
        raise ProtocolError(
            400,
            CimErrorHeader.UNSUPPORTED_OPERATION,
            f"CIMOperation is {operation[:32]!r}, expected MethodCall",
        )
    version = headers.get(f"{prefix}cimprotocolversion")
    if version is not None and not re.fullmatch(r"1\.[0-9]{1,3}", version):
        raise ProtocolError(
            501,
            CimErrorHeader.UNSUPPORTED_PROTOCOL_VERSION,
            f"CIMProtocolVersion is {version[:32]!r}, expected 1.x",
        )
    if f"{prefix}cimbatch" in headers:
        for name in (f"{prefix}CIMMethod", f"{prefix}CIMObject"):
            if name.lower() in headers:
                raise _mismatch(f"header {name} beside {prefix}CIMBatch")
        return Expected(prefix, "", "", version, is_batch=True)
    return Expected(
        prefix,
        _decoded(headers, f"{prefix}CIMMethod"),
        _decoded(headers, f"{prefix}CIMObject"),
        version,
    )


def _check_media(headers: Mapping[str, str]) -> None:
    content_type = headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in _MEDIA:
        raise ProtocolError(
            415, None, f"Content-Type is {content_type[:64]!r}, expected {' or '.join(_MEDIA)}"
        )
    charset = _CHARSET.search(content_type)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ProtocolError(415, None, f"charset is {charset[1][:32]!r}, expected utf-8")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProtocolError(415, None, "Content-Encoding is not accepted")
    accept = headers.get("accept", "").strip()
    if accept and not any(_is_acceptable(part) for part in accept.split(",")):
        raise ProtocolError(406, None, f"Accept is {accept[:64]!r}, answers are {_MEDIA[0]}")


def _is_acceptable(part: str) -> bool:
    media = part.partition(";")[0].strip().lower()
    return media in _ACCEPTED and not _NO_QUALITY.search(part)


def _prefix(headers: Mapping[str, str]) -> str | None:
    """Return the prefix that the Man header of an M-POST gives to the CIM headers."""
    for part in headers.get("man", "").split(","):
        match = _MAN.fullmatch(part.strip())
        if match:
            return f"{match[1]}-"
    return None


def _required_prefix(headers: Mapping[str, str]) -> str:
    prefix = _prefix(headers)
    if prefix is None:
        raise ProtocolError(400, None, f"M-POST without a header 'Man: {MAN_URI}; ns=NN'")
    return prefix


def _decoded(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower())
    if value is None:
        raise _mismatch(f"header {name} is missing")
    try:
        return decode_header(value)
    except ValueError as error:
        raise _mismatch(f"header {name}: {error}") from error


def decode_header(value: str) -> str:
    """Return a header's text: base64 words, then percent escapes, both of UTF-8.

    Raises:
        ValueError: an escape is cut short, or the bytes are not UTF-8.
    """
    if len(value) > HEADER_CHARS_MAX:
        raise ValueError(f"longer than {HEADER_CHARS_MAX} characters")
    # The pattern has two groups, so that texts, charsets and words take turns.
    pieces = _ENCODED_WORD.split(value)
    decoded = [_unescaped(text) for text in pieces[0::3]]
    words = [_word(charset, word) for charset, word in zip(pieces[1::3], pieces[2::3], strict=True)]
    return decoded[0] + "".join(word + text for word, text in zip(words, decoded[1:], strict=True))


def _unescaped(text: str) -> str:
    if _ESCAPE.search(text):
        raise ValueError("a percent sign without two hexadecimal digits")
    raw = unquote_to_bytes(text.encode("latin-1"))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if text.isascii():
            raise
        # pywbem escapes nothing, and its HTTP library writes text as Latin-1.
        return raw.decode("latin-1")


def _word(charset: str, word: str) -> str:
    try:
        return b64decode(word, validate=True).decode(charset)
    except (Base64Error, LookupError) as error:
        raise ValueError(f"encoded word {word[:32]!r}") from error


def match_batch(expected: Expected, protocol_version: str, *, is_batch: bool) -> None:
    """Compare the headers with the message around the calls.

    Raises:
        ProtocolError: they differ in version, or in whether there is one call or a batch.
    """
    _match_version(expected, protocol_version)
    if is_batch and not expected.is_batch:
        raise _mismatch("the body is a MULTIREQ, and there is no header CIMBatch")
    if expected.is_batch and not is_batch:
        raise _mismatch("there is a header CIMBatch, and the body is no MULTIREQ")


def match_call(
    expected: Expected,
    protocol_version: str,
    method: str,
    namespace: str,
    target: pywbem.CIMInstanceName | pywbem.CIMClassName | None,
) -> None:
    """Compare the headers with the body; `target` is None for an intrinsic operation.

    Raises:
        ProtocolError: they differ in more than case, quoting or the order of keys.
    """
    _match_version(expected, protocol_version)
    if expected.method.lower() != method.lower():
        raise _mismatch(f"CIMMethod is {expected.method[:64]!r}, the body calls {method[:64]!r}")
    if target is None:
        is_same = _folded(expected.object) == _folded(namespace)
    else:
        is_same = _is_same_object(expected.object, namespace, target)
    if not is_same:
        raise _mismatch(f"CIMObject is {expected.object[:128]!r}, the body names another object")


def _match_version(expected: Expected, protocol_version: str) -> None:
    if expected.protocol_version not in (None, protocol_version):
        raise _mismatch(
            f"CIMProtocolVersion is {expected.protocol_version}, PROTOCOLVERSION {protocol_version}"
        )


def _folded(namespace: str) -> str:
    return namespace.strip("/").lower()


def _is_same_object(
    text: str, namespace: str, target: pywbem.CIMInstanceName | pywbem.CIMClassName
) -> bool:
    match = _OBJECT.fullmatch(text)
    if match is None or _folded(match[1]) != _folded(namespace):
        return False
    if match[2].lower() != target.classname.lower():
        return False
    keys = _keys(match[3] or "")
    if isinstance(target, pywbem.CIMClassName):
        return keys == {}
    return keys is not None and _are_same_keys(keys, target)


def _keys(text: str) -> dict[str, str] | None:
    """Return the keys of an object path, or None if it is no list of keys."""
    keys: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _KEY.match(text, position)
        if match is None:
            return None
        value = match[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        keys[match[1].strip().lower()] = value
        position = match.end()
    return keys


def _are_same_keys(keys: dict[str, str], path: pywbem.CIMInstanceName) -> bool:
    bindings = dict(path.keybindings.items())
    if None in bindings:
        return True  # a lone value without its key's name: nothing to compare by
    if keys.keys() != {name.lower() for name in bindings}:
        return False
    return all(_is_same_key(keys[name.lower()], value) for name, value in bindings.items())


def _is_same_key(text: str, value: object) -> bool:
    if isinstance(value, str):
        return text == value
    if isinstance(value, pywbem.CIMInstanceName | pywbem.CIMClassName):
        return True  # written in too many ways; the body is what counts
    return text.strip().lower() == str(value).lower()


def _mismatch(text: str) -> ProtocolError:
    return ProtocolError(400, CimErrorHeader.HEADER_MISMATCH, text)


def response_headers(prefix: str = "") -> list[tuple[str, str]]:
    """Return the headers of an answer; `prefix` is that of the request."""
    headers = [("Content-Type", CONTENT_TYPE), (f"{prefix}CIMOperation", "MethodResponse")]
    return headers + _extension_headers(prefix)


def error_headers(error: ProtocolError, prefix: str = "") -> list[tuple[str, str]]:
    """Return the headers of a refusal, which has no body.

    `PGErrorDetail` is not of the standard: it is where the known clients look for a text.
    """
    headers = [("PGErrorDetail", quote(error.text[:512], safe=" '():,./=_-"))]
    if error.cim_error is not None:
        headers.insert(0, (f"{prefix}CIMError", error.cim_error.value))
    if error.http_status == 405:
        headers.append(("Allow", "POST, M-POST"))
    return headers + _extension_headers(prefix)


def _extension_headers(prefix: str) -> list[tuple[str, str]]:
    if not prefix:
        return []
    return [("Ext", ""), ("Man", f"{MAN_URI}; ns={prefix[:2]}"), ("Cache-Control", "no-cache")]


_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


def answer_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return the head of an answer up to where its length follows."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {_REASONS[status]}\r\n{lines}Content-Length: ".encode("latin-1")


@lru_cache(maxsize=2)
def http_date(second: int) -> bytes:
    """Return a time, in seconds since 1970, as the header Date has it, 29 characters long.

    Source: RFC 9110, sections 5.6.7 and 6.6.1 (all answers below 500 have it).
    """
    return formatdate(second, usegmt=True).encode("ascii")
