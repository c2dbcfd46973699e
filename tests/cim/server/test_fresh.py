"""What is kept is never out of date: a change is seen by the next read, however busy the server."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cim_provider.engines.memory import MemoryEngine
from cim_provider.server.service import make_performer
from tests.cim.mapping.views import cluster
from tests.cim.server.harness import Served, read_reply, request, serving

CHANGES = 60
LOAD = 6


@pytest.fixture(scope="module")
def engine() -> MemoryEngine:
    return MemoryEngine(cluster())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, engine: MemoryEngine) -> Iterator[Served]:
    performer = make_performer(engine, "localhost")
    with serving(tmp_path_factory.mktemp("server"), performer=performer) as served:
        yield served


@contextmanager
def saturated(server: Served) -> Iterator[list[int]]:
    """Keep the server busy with the same question on several connections."""
    is_over, answers = threading.Event(), [0]

    def ask() -> None:
        with server.connect() as stream:
            rest = bytearray()
            while not is_over.is_set():
                stream.sendall(request() * 4)
                for _ in range(4):
                    assert read_reply(stream, rest).status == 200
                answers[0] += 4

    threads = [threading.Thread(target=ask) for _ in range(LOAD)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)


def reasons(body: bytes) -> list[bytes]:
    """Return the value of the one property that changes, of each resource."""
    return re.findall(rb'NAME="PlacementReason"[^>]*><VALUE.ARRAY><VALUE>([^<]*)', body)


def test_change_between_two_reads_of_a_saturated_server_is_seen(
    server: Served, engine: MemoryEngine
) -> None:
    with saturated(server) as answers, server.connect() as first, server.connect() as second:
        for number in range(CHANGES):
            word = f"change {number}"
            engine.change_primitive("server", why=word)
            for stream in (first, second):
                stream.sendall(request(str(number)))
                found = reasons(read_reply(stream).body)
                changed = [each for each in found if each.startswith(b"change")]
                assert (len(found), changed) == (4, [word.encode()])
    assert answers[0] > 0


def test_client_is_told_how_long_its_answer_took(server: Served) -> None:
    client = server.client()
    client.statistics.enable()
    client.EnumerateInstances("HA_PrimitiveResource")
    statistics = client.statistics.get_op_statistic("EnumerateInstances")
    assert 0 < statistics.avg_server_time <= statistics.avg_time
