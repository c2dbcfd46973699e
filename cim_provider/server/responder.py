"""From the body of a request to the body of its answer: parse, authorize, perform, render.

Owns: the order of these, batches, which answers are kept and shared, and that a
long one lets others have their turn. An answer that is there already is given
without waiting (`recall`). Knows nothing of connections and of how a user was
authenticated.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from time import perf_counter_ns, time
from typing import Final, TypeVar

import pywbem

from cim_provider.mapping.counters import BATCH_NAME, METHOD_NAME, Statistics
from cim_provider.server.audit import Audit, LogAudit, guarded
from cim_provider.server.auth import Identity
from cim_provider.server.kept import Kept, KeptAnswers, Question, take_apart
from cim_provider.server.roles import is_write
from cim_provider.wbem.errors import OperationError, Status
from cim_provider.wbem.fragments import Fragments
from cim_provider.wbem.http import Expected
from cim_provider.wbem.operations import (
    PULLS,
    Answer,
    EnumerateClassNames,
    Operation,
    Performer,
    is_lasting,
)
from cim_provider.wbem.parse import Batch, Message, parse_message
from cim_provider.wbem.render import (
    Rest,
    error_pieces,
    render_pieces,
    response,
    rest_of_batch,
    rest_of_message,
    simple_response,
)

OPERATION_S_MAX: Final = 60.0
"""Methods bound themselves well below this."""
TURN_S: Final = 0.002
"""So long a long answer is made before others have their turn."""
LONG_REQUEST_BYTES: Final = 32_768
"""A longer request is parsed in a thread: what it takes is the client's choice."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Simple:
    """The answer to one operation, and whether it lasts as long as the version."""

    pieces: list[bytes]
    is_lasting: bool


class Responder:
    """Answers the bodies of requests; `host` is the server's name in full paths."""

    def __init__(
        self,
        performer: Performer,
        host: str,
        operation_s_max: float = OPERATION_S_MAX,
        audit: Audit | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self._performer = performer
        self._host = host
        self._operation_s_max = operation_s_max
        self._audit = audit or LogAudit()
        self._statistics = statistics or Statistics(is_gathering=False)
        self._kept = KeptAnswers()
        self._fragments = Fragments()
        self._going_on = asyncio.Lock()
        self._under_way: dict[tuple[str, Question], asyncio.Future[Rest]] = {}
        """What several clients ask at once is made once."""

    def recall(self, expected: Expected, body: bytes) -> tuple[bytes, ...] | None:
        """Return the response to a request if it is there already and still true, else None.

        Nothing that is kept is closed to any role.
        """
        if not self._kept:
            return None
        began_ns = perf_counter_ns()
        asked = take_apart(body)
        version = None if asked is None else _at_once(self._performer.version())
        if asked is None or version is None:
            return None
        question, message_id = asked
        rest = self._kept.find(version, question, expected)
        if rest is None:
            return None
        parts = response(message_id, rest)
        self._count(expected, began_ns, body, parts)
        return parts

    async def respond(
        self, expected: Expected, body: bytes, identity: Identity
    ) -> tuple[bytes, ...]:
        """Return the response to a request whose headers promise `expected`, in parts.

        Raises: ProtocolError: the body is no request, or not the one that the headers promise.
        """
        began_ns = perf_counter_ns()
        parts = await self._responded(expected, body, identity)
        self._count(expected, began_ns, body, parts)
        return parts

    def _count(
        self, expected: Expected, began_ns: int, body: bytes, parts: tuple[bytes, ...]
    ) -> None:
        if self._statistics.is_gathering:
            self._statistics.count(
                _counted_as(expected),
                int(time() * 1000),
                total_us=(perf_counter_ns() - began_ns) // 1000,
                request_bytes=len(body),
                response_bytes=sum(map(len, parts)),
            )

    async def _responded(
        self, expected: Expected, body: bytes, identity: Identity
    ) -> tuple[bytes, ...]:
        message = await self._parsed(expected, body)
        if isinstance(message, Batch):
            simples = [
                (await self._simple(each, identity, expected)).pieces for each in message.items
            ]
            return response(message.message_id, rest_of_batch(simples))
        asked = take_apart(body)
        if asked is None or isinstance(message, OperationError) or not _is_shared(message):
            simple = await self._simple(message, identity, expected)
            return response(message.message_id, rest_of_message(simple.pieces))
        question, message_id = asked
        version = await self._performer.version()
        rest = self._kept.find(version, question, expected)
        if rest is None:
            rest = await self._made(version, question, expected, message, identity)
        return response(message_id, rest)

    async def _parsed(self, expected: Expected, body: bytes) -> Message | Batch | OperationError:
        try:
            if len(body) > LONG_REQUEST_BYTES:
                return await asyncio.to_thread(parse_message, body, expected)
            return parse_message(body, expected)
        except OperationError as fault:
            return fault

    async def _made(
        self,
        version: str,
        question: Question,
        expected: Expected,
        message: Message,
        identity: Identity,
    ) -> Rest:
        """Return an answer that is made now, or is being made for another client."""
        key = (version, question)
        while (shared := self._under_way.get(key)) is not None:
            await asyncio.wait((shared,))
            if not shared.cancelled():
                return shared.result()
            kept = self._kept.find(version, question, expected)
            if kept is not None:
                return kept
        shared = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            rest = await self._make(version, question, expected, message, identity)
            shared.set_result(rest)
        finally:
            del self._under_way[key]
            shared.cancel()  # without a result: who waits for it asks by itself
        return rest

    async def _make(
        self,
        version: str,
        question: Question,
        expected: Expected,
        message: Message,
        identity: Identity,
    ) -> Rest:
        simple = await self._simple(message, identity, expected)
        rest = rest_of_message(simple.pieces)
        # What changed meanwhile may be in the answer or not: it is good for once.
        if simple.is_lasting and await self._performer.version() == version:
            self._kept.keep(version, question, Kept(expected, rest))
        return rest

    async def _simple(
        self, message: Message | OperationError, identity: Identity, expected: Expected
    ) -> _Simple:
        if isinstance(message, OperationError):
            return _failed(message, await self._first_fault(message, identity))
        operation = message.operation
        began_ns = perf_counter_ns()
        try:
            answer = await self._perform(operation, identity)
        except pywbem.CIMError as fault:
            return _failed(message, fault)
        finally:
            took_us = (perf_counter_ns() - began_ns) // 1000
            self._statistics.provided(_counted_as(expected), took_us)
        if took_us > TURN_S * 1e6:
            await asyncio.sleep(0)
        pieces = await self._rendered(operation, answer)
        simple = simple_response(message.method, message.is_intrinsic, pieces)
        return _Simple(simple, is_lasting(operation, answer))

    async def _first_fault(self, fault: OperationError, identity: Identity) -> pywbem.CIMError:
        """Return what is told of a call with wrong parameters: its namespace is looked at first."""
        if fault.namespace and fault.cim_error.status_code == Status.INVALID_PARAMETER:
            try:
                await self._performer.perform(EnumerateClassNames(fault.namespace), identity.name)
            except pywbem.CIMError as earlier:
                if earlier.status_code == Status.INVALID_NAMESPACE:
                    return earlier
        return fault.cim_error

    async def _perform(self, operation: Operation, identity: Identity) -> Answer:
        async def perform() -> Answer:
            try:
                async with asyncio.timeout(self._operation_s_max):
                    return await self._performer.perform(operation, identity.name)
            except TimeoutError as fault:
                text = f"{type(operation).__name__} took longer than {self._operation_s_max:g} s"
                raise pywbem.CIMError(Status.FAILED, text) from fault

        return await guarded(operation, identity, self._audit, perform)

    async def _rendered(self, operation: Operation, answer: Answer) -> list[bytes]:
        clock = asyncio.get_running_loop().time
        pieces: list[bytes] = []
        until_s = clock() + TURN_S
        rest = render_pieces(operation, answer, self._host, self._fragments)
        for piece in rest:
            pieces.append(piece)
            if clock() > until_s:
                break
        else:
            return pieces
        # What each turn made is put together in it: all of it at the end would be a long turn.
        done = [b"".join(pieces)]
        pieces.clear()
        # Of those that are long, one goes on at a time: who has something short to ask waits for
        # one turn of one of them, however many there are.
        async with self._going_on:
            await asyncio.sleep(0)
            until_s = clock() + TURN_S
            for piece in rest:
                pieces.append(piece)
                if clock() > until_s:
                    done.append(b"".join(pieces))
                    pieces.clear()
                    await asyncio.sleep(0)
                    until_s = clock() + TURN_S
        return [*done, b"".join(pieces)]


def _counted_as(expected: Expected) -> str:
    """Return the name under which a request is counted."""
    if expected.is_batch:
        return BATCH_NAME
    return METHOD_NAME if ":" in expected.object else expected.method


def _is_shared(message: Message) -> bool:
    """Return whether all who ask this at the same time get the same answer."""
    return not is_write(message.operation) and not isinstance(message.operation, PULLS)


def _failed(message: Message | OperationError, fault: pywbem.CIMError) -> _Simple:
    pieces = simple_response(message.method, message.is_intrinsic, error_pieces(fault))
    return _Simple(pieces, is_lasting=False)


def _at_once(work: Coroutine[object, object, T]) -> T | None:
    """Return the result of what need not wait; None if it would have to, and then it is dropped.

    A task for each question would take longer than most answers.
    """
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    except RuntimeError:
        # There is no task around it: it cannot so much as begin to wait.
        return None
    work.close()
    return None
