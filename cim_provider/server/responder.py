"""One operation from the body of a request to the body of its answer, with a memory.

Owns: the order parse, authorize, perform, render, and the answers of reads that
are kept for as long as what they were read from stays the same. Knows nothing
of connections and of how a user was authenticated.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import pywbem

from cim_provider.server.audit import Audit, LogAudit, guarded
from cim_provider.server.auth import Identity
from cim_provider.wbem.errors import OperationError, Status
from cim_provider.wbem.http import Expected
from cim_provider.wbem.operations import (
    Answer,
    Operation,
    Performer,
    is_lasting,
)
from cim_provider.wbem.parse import Message, parse_message
from cim_provider.wbem.render import envelope, render_body, render_error

OPERATION_S_MAX: Final = 60.0
"""Methods bound themselves well below this."""
KEPT_MAX: Final = 256
KEPT_BYTES_MAX: Final = 8 * 1024 * 1024

# Nothing but a declaration and attributes may stand before the message id: so the text
# that is cut out is the id, and two requests that differ in it alone ask the same.
_ID = re.compile(
    rb'\s*(?:<\?xml[^<>]*\?>)?\s*<CIM(?:\s+[A-Z]+="[^"<&]*")*\s*>\s*'
    rb'<MESSAGE(?:\s+(?!ID=)[A-Z]+="[^"<&]*")*\s+ID="([A-Za-z0-9._:-]{1,64})"'
)
_Key = tuple[Expected, bytes, bytes]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    operation: Operation
    method: str
    body: bytes


class _Memory:
    """Rendered answers of one version of the world, oldest use first."""

    def __init__(self) -> None:
        self._version = ""
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._size = 0

    def find(self, version: str, key: _Key) -> _Kept | None:
        if version != self._version:
            self._kept.clear()
            self._version, self._size = version, 0
            return None
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, version: str, key: _Key, answer: _Kept) -> None:
        size = _size(key, answer)
        if version != self._version or key in self._kept or size > KEPT_BYTES_MAX // 4:
            return
        self._kept[key] = answer
        self._size += size
        while len(self._kept) > KEPT_MAX or self._size > KEPT_BYTES_MAX:
            self._size -= _size(*self._kept.popitem(last=False))


def _size(key: _Key, answer: _Kept) -> int:
    return len(key[1]) + len(key[2]) + len(answer.body)


class Responder:
    """Answers the bodies of requests; `host` is the server's name in full paths."""

    def __init__(
        self,
        performer: Performer,
        host: str,
        operation_s_max: float = OPERATION_S_MAX,
        audit: Audit | None = None,
    ) -> None:
        self._performer = performer
        self._host = host
        self._operation_s_max = operation_s_max
        self._audit = audit or LogAudit()
        self._memory = _Memory()

    async def respond(self, expected: Expected, body: bytes, identity: Identity) -> bytes:
        """Return the response to a request whose headers promise `expected`.

        Raises: ProtocolError: the body is no request, or not the one that the headers promise.
        """
        match = _ID.match(body)
        if match is None:
            return await self._answer(_parsed(body, expected), identity, None, "")
        key = (expected, body[: match.start(1)], body[match.end(1) :])
        version = await self._performer.version()
        kept = self._memory.find(version, key)
        if kept is not None:
            return envelope(match[1].decode(), kept.operation, kept.body, kept.method)
        return await self._answer(_parsed(body, expected), identity, key, version)

    async def _answer(
        self, message: Message | OperationError, identity: Identity, key: _Key | None, version: str
    ) -> bytes:
        if isinstance(message, OperationError):
            return render_error(
                message.message_id, message.method, message.is_intrinsic, message.cim_error
            )
        try:
            answer = await self._perform(message.operation, identity)
        except pywbem.CIMError as fault:
            return render_error(message.message_id, message.method, message.is_intrinsic, fault)
        body = render_body(message.operation, answer, self._host)
        is_kept = key is not None and is_lasting(message.operation, answer)
        if key is not None and is_kept and await self._performer.version() == version:
            self._memory.keep(version, key, _Kept(message.operation, message.method, body))
        return envelope(message.message_id, message.operation, body, message.method)

    async def _perform(self, operation: Operation, identity: Identity) -> Answer:
        async def perform() -> Answer:
            try:
                async with asyncio.timeout(self._operation_s_max):
                    return await self._performer.perform(operation, identity.name)
            except TimeoutError as fault:
                text = f"{type(operation).__name__} took longer than {self._operation_s_max:g} s"
                raise pywbem.CIMError(Status.FAILED, text) from fault

        return await guarded(operation, identity, self._audit, perform)


def _parsed(body: bytes, expected: Expected) -> Message | OperationError:
    try:
        return parse_message(body, expected)
    except OperationError as fault:
        return fault
