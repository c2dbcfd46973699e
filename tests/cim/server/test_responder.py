"""Answers that are kept: never one for another request, never one of another time."""

import asyncio
from dataclasses import dataclass, field

import pytest

from cim_provider.server.auth import Identity
from cim_provider.server.kept import KEPT_ONE_BYTES_MAX, Kept, KeptAnswers
from cim_provider.server.responder import Responder
from cim_provider.server.roles import Role
from cim_provider.wbem import operations
from cim_provider.wbem.errors import ProtocolError
from cim_provider.wbem.http import Expected
from tests.cim.server.harness import CLASS, body, instance

ANN = Identity("ann", Role.OPERATE)
EXPECTED = Expected("", "EnumerateInstances", "root/cimv2")


@dataclass
class Performer:
    """Answers with one instance; the version may change while it does."""

    now: int = 1
    changes_meanwhile: bool = False
    performed: list[operations.Operation] = field(default_factory=list)

    async def version(self) -> str:
        """See the protocol."""
        return str(self.now)

    async def perform(self, operation: operations.Operation, user: str) -> operations.Answer:
        """See the protocol."""
        self.performed.append(operation)
        self.now += self.changes_meanwhile
        return operations.Instances((instance(self.now),))


def ask(performer: Performer, *requests: bytes, expected: Expected = EXPECTED) -> list[bytes]:
    """Return the answers to requests that are sent one after the other."""

    async def run() -> list[bytes]:
        responder = Responder(performer, "localhost")
        return [b"".join(await responder.respond(expected, item, ANN)) for item in requests]

    return asyncio.run(run())


def test_kept_answer_differs_in_the_message_id_alone() -> None:
    performer = Performer()
    first, second = ask(performer, body("1"), body("two.2"))
    assert len(performer.performed) == 1
    assert first.replace(b'ID="1"', b'ID="two.2"') == second


def test_requests_that_differ_elsewhere_are_performed_each() -> None:
    performer = Performer()
    other = body().replace(CLASS.encode(), b"HA_Node")
    ask(performer, body(), other, body(), other)
    assert len(performer.performed) == 2


@pytest.mark.parametrize(
    "change",
    [
        (b"<MESSAGE", b"<!-- x --><MESSAGE"),
        (b"<CIM ", b'<!-- <MESSAGE ID="9"> --><CIM '),
        (b'ID="1"', b'ID="&#49;"'),
        (b'ID="1"', b"ID='1'"),
        (b'ID="1"', b'ID="' + b"1" * 65 + b'"'),
    ],
)
def test_request_of_unusual_form_is_answered_and_not_kept(change: tuple[bytes, bytes]) -> None:
    performer = Performer()
    answers = ask(performer, *[body().replace(*change)] * 2)
    assert len(performer.performed) == 2
    assert b'ID="1' in answers[0]


def test_order_of_attributes_does_not_confuse_the_message_id() -> None:
    performer = Performer()
    turned = [
        body(message_id).replace(
            f'ID="{message_id}" PROTOCOLVERSION="1.0"'.encode(),
            f'PROTOCOLVERSION="1.0" ID="{message_id}"'.encode(),
        )
        for message_id in ("a", "b")
    ]
    answers = ask(performer, *turned)
    assert len(performer.performed) == 1
    assert [b'ID="a"' in answers[0], b'ID="b"' in answers[1]] == [True, True]


def test_answer_is_not_kept_when_the_world_changes_meanwhile() -> None:
    performer = Performer(changes_meanwhile=True)
    first, second = ask(performer, body(), body())
    assert len(performer.performed) == 2
    assert first != second


def test_headers_are_compared_though_an_answer_is_kept() -> None:
    performer = Performer()

    async def run() -> None:
        responder = Responder(performer, "localhost")
        await responder.respond(EXPECTED, body(), ANN)
        with pytest.raises(ProtocolError, match="CIMObject"):
            await responder.respond(Expected("", "EnumerateInstances", "root/x"), body(), ANN)

    asyncio.run(run())


def test_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    for answers in (KeptAnswers(kept_max=3), KeptAnswers(bytes_max=3 * 22)):
        answers.find("1", (b"", b""), EXPECTED)
        for number in range(3):
            answers.keep("1", (b"%d" % number, b"x"), Kept(EXPECTED, (b"a" * 20,)))
        answers.find("1", (b"0", b"x"), EXPECTED)
        answers.keep("1", (b"3", b"x"), Kept(EXPECTED, (b"b" * 20,)))
        there = [answers.find("1", (b"%d" % number, b"x"), EXPECTED) for number in range(4)]
        assert there == [(b"a" * 20,), None, (b"a" * 20,), (b"b" * 20,)]


def test_one_answer_that_is_very_long_is_not_kept() -> None:
    answers = KeptAnswers()
    answers.find("1", (b"", b""), EXPECTED)
    answers.keep("1", (b"", b""), Kept(EXPECTED, (b"a" * KEPT_ONE_BYTES_MAX,)))
    answers.keep("1", (b"", b"x"), Kept(EXPECTED, (b"a" * KEPT_ONE_BYTES_MAX,)))
    assert answers.find("1", (b"", b""), EXPECTED) is not None
    assert answers.find("1", (b"", b"x"), EXPECTED) is None


def test_other_version_forgets_everything_and_takes_nothing_late() -> None:
    answers = KeptAnswers()
    answers.find("1", (b"", b""), EXPECTED)
    answers.find("2", (b"", b""), EXPECTED)
    answers.keep("1", (b"", b""), Kept(EXPECTED, (b"old",)))
    assert answers.find("2", (b"", b""), EXPECTED) is None
    assert len(answers) == 0


@dataclass
class Slow(Performer):
    """Answers when it is told to."""

    began: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def perform(self, operation: operations.Operation, user: str) -> operations.Answer:
        """See the protocol."""
        self.performed.append(operation)
        self.began.release()
        await self.may_answer.wait()
        return operations.Instances((instance(self.now),))


@pytest.mark.parametrize(("gone", "expected"), [(4, 1), (0, 2)])
def test_what_many_ask_at_once_is_made_once_whoever_goes_away(gone: int, expected: int) -> None:
    async def run() -> tuple[list[bytes], int]:
        performer = Slow()
        responder = Responder(performer, "localhost")
        asked = [
            asyncio.create_task(responder.respond(EXPECTED, body(str(n)), ANN)) for n in range(9)
        ]
        await performer.began.acquire()
        asked.pop(gone).cancel()
        performer.may_answer.set()
        found = await asyncio.gather(*asked)
        return [b"".join(parts) for parts in found], len(performer.performed)

    answers, performed = asyncio.run(run())
    assert performed == expected
    numbers = [number for number in range(9) if number != gone]
    told = zip(numbers, answers, strict=True)
    assert [f'ID="{number}"'.encode() in answer for number, answer in told] == [True] * 8


def test_who_asks_after_a_change_gets_no_answer_that_was_begun_before_it() -> None:
    async def run() -> bytes:
        performer = Slow()
        responder = Responder(performer, "localhost")
        early = asyncio.create_task(responder.respond(EXPECTED, body(), ANN))
        await performer.began.acquire()
        performer.now = 2
        late = asyncio.create_task(responder.respond(EXPECTED, body(), ANN))
        await performer.began.acquire()
        performer.may_answer.set()
        await early
        return b"".join(await late)

    assert b"resource-2" in asyncio.run(run())


def test_kept_answer_comes_without_waiting_until_something_changes() -> None:
    async def run() -> None:
        performer = Performer()
        responder = Responder(performer, "localhost")
        assert responder.recall(EXPECTED, body()) is None
        answer = await responder.respond(EXPECTED, body(), ANN)
        assert responder.recall(EXPECTED, body()) == answer
        assert responder.recall(Expected("", "Other", "root/cimv2"), body()) is None
        performer.now = 2
        assert responder.recall(EXPECTED, body()) is None

    asyncio.run(run())
