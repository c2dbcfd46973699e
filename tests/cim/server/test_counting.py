"""What the responder counts: each request once, under its operation, with its times and sizes."""

import asyncio
import re
from dataclasses import dataclass

import pytest

from cim_provider.mapping.counters import BATCH_NAME, UNKNOWN_NAME, Counts, Statistics
from cim_provider.server.auth import Identity
from cim_provider.server.responder import Responder
from cim_provider.server.roles import Role
from cim_provider.wbem import operations
from cim_provider.wbem.errors import ProtocolError
from cim_provider.wbem.http import Expected
from tests.cim.server.harness import FakePerformer, body

ANN = Identity("ann", Role.ADMINISTER)
SIMPLE = re.search(rb"<SIMPLEREQ>.*</SIMPLEREQ>", body())
assert SIMPLE is not None
CALL = (
    b'<SIMPLEREQ><METHODCALL NAME="Stop"><LOCALCLASSPATH><LOCALNAMESPACEPATH>'
    b'<NAMESPACE NAME="root"/><NAMESPACE NAME="cimv2"/></LOCALNAMESPACEPATH>'
    b'<CLASSNAME NAME="HA_PrimitiveResource"/></LOCALCLASSPATH></METHODCALL></SIMPLEREQ>'
)


@dataclass
class Slow(FakePerformer):
    """Takes its time."""

    async def perform(self, operation: operations.Operation, user: str) -> operations.Answer:
        """See `Performer`."""
        await asyncio.sleep(0)
        return await super().perform(operation, user)


def counted(*requests: tuple[Expected, bytes], gathers: bool = True) -> dict[str, Counts]:
    """Send requests one after the other; return what was counted, by name."""
    statistics = Statistics(is_gathering=gathers)

    async def run() -> None:
        responder = Responder(Slow(), "localhost", statistics=statistics)
        for expected, content in requests:
            if responder.recall(expected, content) is None:
                await responder.respond(expected, content, ANN)

    asyncio.run(run())
    return {each.name: each for each in statistics.all() if each.count}


def plain(method: str = "EnumerateInstances") -> tuple[Expected, bytes]:
    return Expected("", method, "root/cimv2"), body("1", method)


def test_request_is_counted_once_whether_it_is_made_or_remembered() -> None:
    (only,) = counted(plain(), plain(), plain()).values()
    assert (only.name, only.count) == ("EnumerateInstances", 3)
    assert only.request_bytes == 3 * len(plain()[1])
    assert only.response_bytes > only.request_bytes
    assert only.total_us >= only.provider_us > 0
    assert only.last_ms > 0


def test_batch_is_one_request_of_its_own_kind() -> None:
    content = body().replace(SIMPLE[0], b"<MULTIREQ>" + SIMPLE[0] * 3 + b"</MULTIREQ>")
    (only,) = counted((Expected("", "", "", is_batch=True), content)).values()
    assert (only.name, only.count) == (BATCH_NAME, 1)
    assert only.provider_us > 0


def test_methods_share_a_line_and_so_do_operations_that_nobody_knows() -> None:
    call = body().replace(SIMPLE[0], CALL)
    where = Expected("", "Stop", "root/cimv2:HA_PrimitiveResource")
    found = counted((where, call), plain("Dream"), plain("Sleep"))
    assert {name: each.count for name, each in found.items()} == {
        "InvokeMethod": 1,
        UNKNOWN_NAME: 2,
    }


def test_what_is_no_request_and_what_comes_while_counting_is_off_is_not_counted() -> None:
    assert counted(plain(), gathers=False) == {}
    with pytest.raises(ProtocolError):
        counted((plain()[0], b"<CIM/>"))
