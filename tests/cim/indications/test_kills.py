"""A thousand indications, while servers are killed and the listener comes and goes.

Real processes that share a shelf and a cluster; pywbem's listener. Nothing is
lost, nothing comes twice under two numbers, and the order holds.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cim_provider.engines.memory import MemoryEngine
from tests.cim.indications.process import Process, write_state
from tests.cim.indications.rig import ALERTS, Listener, Node, free_port, until
from tests.cim.mapping.views import cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHANGES = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA HA_PrimitiveResource"


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener(free_port())
    yield found
    found.stop()


def subscribed(directory: Path, listener: Listener, query: str) -> None:
    """Subscribe once, by a server that then ends."""

    async def work() -> None:
        node = Node(MemoryEngine(cluster()), directory, "n3")
        await node.subscribe(listener.url, query)
        await node.stop()

    asyncio.run(work())


def messages(listener: Listener) -> list[str]:
    """Return the texts of the different indications, in order of arrival."""
    return [str(each["Message"]) for each in listener.distinct()]


def assert_in_order(listener: Listener) -> None:
    """First arrivals have the numbers 0, 1, 2, … of one context."""
    pairs = list(dict.fromkeys(listener.numbers()))
    assert len({context for context, _ in pairs}) == 1
    assert [number for _, number in pairs] == list(range(len(pairs)))


def test_a_thousand_alerts_survive_kills_and_outages(tmp_path: Path, listener: Listener) -> None:
    write_state(tmp_path, "at first")
    listener.start()
    subscribed(tmp_path, listener, ALERTS)
    rng = random.Random(7)
    servers = {name: Process(tmp_path, name) for name in ("n1", "n2")}
    safe: list[str] = []
    doubtful: set[str] = set()
    kills = outages = 0
    for number in range(100):
        texts = [f"alert {number}.{part}" for part in range(10)]
        victim = rng.choice(sorted(servers))
        if number % 20 == 10:
            listener.stop()
            outages += 1
        if number % 20 == 16:
            listener.start()
        giver = rng.choice(sorted(servers))
        if number % 12 == 6:
            cut = threading.Timer(rng.random() / 20, servers[victim].kill)
            cut.start()
        (safe.extend if servers[giver].alert(*texts) else doubtful.update)(texts)
        if number % 12 == 6:
            cut.join()
            servers[victim] = Process(tmp_path, victim)
            kills += 1
    asyncio.run(listener.wait(len(safe), 90))
    for server in servers.values():
        server.stop()
    got = messages(listener)
    assert kills >= 8
    assert outages >= 4
    assert [text for text in got if text in set(safe)] == safe
    assert set(got) - set(safe) <= doubtful
    assert len(got) == len(set(got))
    assert_in_order(listener)


def test_every_change_is_told_once_however_often_the_deliverer_dies(
    tmp_path: Path, listener: Listener
) -> None:
    write_state(tmp_path, "change 0")
    listener.start()
    subscribed(tmp_path, listener, CHANGES)
    servers = {name: Process(tmp_path, name) for name in ("n1", "n2")}
    first = servers["n1"].alert() and "n1" if servers["n1"].holds else "n2"
    last = 200
    for number in range(1, last + 1):
        gone = {first: "lost"} if 100 < number < 140 else {}
        write_state(tmp_path, f"change {number}", **gone)
        if number == 100:
            servers[first].kill()  # the other one goes on, as its node is lost
        elif number == 140:
            servers[first] = Process(tmp_path, first)
        elif number % 40 == 20 and number != 100:
            servers[first].kill()
            servers[first] = Process(tmp_path, first)
        elif number % 40 == 30:
            listener.stop()
        elif number % 40 == 35:
            listener.start()
        threading.Event().wait(0.03)

    def is_over() -> bool:
        return bool(listener.got) and after(listener.got[-1]) == f"change {last}"

    def after(indication: object) -> str:
        return str(indication["SourceInstance"]["Description"])  # type: ignore[index]  # pywbem's

    asyncio.run(until(is_over, 60))
    for server in servers.values():
        server.stop()
    told = listener.distinct()
    assert_in_order(listener)
    before = "change 0"
    for each in told:
        # A chain without a gap: what was told last is what the next one begins with.
        assert each["PreviousInstance"]["Description"] == before
        before = after(each)
    assert before == f"change {last}"
