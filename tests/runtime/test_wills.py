"""Last wills of the clients of a control socket: due when they vanish, and only then."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ha_core.client import Client
from ha_core.commands import Command, Outcome, Shelve
from ha_core.errors import RefusedError
from ha_core.replication.shelf import ShelfCondition, ShelfPut
from ha_core.runtime.control import Access, Peer, Trust
from ha_core.runtime.wills import CHARACTERS_MAX, PUTS_MAX
from tests.fake_cluster import FakeCluster, served

WILL = Shelve((ShelfPut("a/holder", "nobody"),))
OTHER = Shelve((ShelfPut("a/holder", "somebody"),))
MARK = Shelve((ShelfPut("a/mark", "x"),))


def told(directory: Path, cluster: FakeCluster, work: Callable[[Client], Awaitable[None]]) -> None:
    """Run with a client that has vanished when this returns."""

    async def whole() -> None:
        async with Client(directory) as client:
            await work(client)

    with served(directory, cluster):
        asyncio.run(whole())


async def until_written(client: Client, key: str, since: int = 0) -> str:
    """Wait until something stands under a key; return it."""
    async with asyncio.timeout(10):
        while True:
            for item in (given := await client.shelf("a/", 0, 0)).items:
                if item.key == key and item.revision > since:
                    return item.text
            await client.shelf("a/", given.revision, 200)


def test_the_will_of_a_client_that_vanishes_is_carried_out_in_its_name(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def work(client: Client) -> None:
        async with Client(tmp_path) as other:
            await other.will(OTHER)
            await other.will(WILL)
            assert cluster.given == []
        assert await until_written(client, "a/holder") == "nobody"

    told(tmp_path, cluster, work)
    assert cluster.given == [(WILL, Peer(os.getuid()).name)]


def test_a_will_that_is_withdrawn_is_not_carried_out(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def work(client: Client) -> None:
        async with Client(tmp_path) as other:
            await other.will(WILL)
            await other.will(None)
        async with Client(tmp_path) as later:
            await later.will(MARK)
        assert await until_written(client, "a/mark") == "x"

    told(tmp_path, cluster, work)
    assert [command for command, _ in cluster.given] == [MARK]


def test_a_client_that_is_silent_for_too_long_is_taken_for_gone(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def work(client: Client) -> None:
        async with Client(tmp_path) as frozen:
            await frozen.will(WILL, 50)
            assert await until_written(client, "a/holder") == "nobody"
            assert (await frozen.hello()).node == "n1", "it may go on"

    told(tmp_path, cluster, work)
    assert [command for command, _ in cluster.given] == [WILL], "once, although it ended later"


def test_a_client_that_waits_for_an_answer_is_not_silent(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def work(client: Client) -> None:
        async with Client(tmp_path) as lively:
            await lively.will(WILL, 1_000)
            await lively.changed(cluster.now.version, 1_200)
            assert cluster.given == []

    told(tmp_path, cluster, work)


def test_a_will_that_is_out_of_date_does_nothing(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def work(client: Client) -> None:
        revision = (await client.command(OTHER)).revision
        late = Shelve(WILL.puts, (ShelfCondition("a/holder", revision),))
        async with Client(tmp_path) as other:
            await other.will(late)
            assert (await client.command(OTHER)).ok
        async with Client(tmp_path) as later:
            await later.will(MARK)
        await until_written(client, "a/mark")
        assert await until_written(client, "a/holder") == "somebody"

    told(tmp_path, cluster, work)


def test_a_will_waits_for_a_quorum(tmp_path: Path) -> None:
    cluster = FakeCluster()
    tries: list[Command] = []

    def obey(command: Command) -> Outcome:
        tries.append(command)
        return Outcome("no-quorum") if len(tries) == 1 else cluster.carry_out(command)

    cluster.obey = obey

    async def work(client: Client) -> None:
        async with Client(tmp_path) as other:
            await other.will(WILL)
        assert await until_written(client, "a/holder") == "nobody"

    told(tmp_path, cluster, work)
    assert tries == [WILL, WILL]


@pytest.mark.parametrize(
    ("will", "said"),
    [
        (Shelve((ShelfPut("", "x"),)), "printable characters"),
        (Shelve((ShelfPut("a", "x" * (CHARACTERS_MAX + 1)),)), "at most"),
        (Shelve(tuple(ShelfPut(f"a{n}", "") for n in range(PUTS_MAX + 1))), "at most"),
    ],
)
def test_a_will_that_could_not_be_written_is_refused(
    tmp_path: Path, will: Shelve, said: str
) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(RefusedError, match=said):
            await client.will(will)

    told(tmp_path, cluster := FakeCluster(), work)
    assert cluster.given == []


class Membership(Access):
    """Whoever comes is only a member of the group."""

    def trust(self, peer: Peer) -> Trust:
        """See `Access`."""
        return Trust.MEMBER


def test_a_member_of_the_group_leaves_no_will(tmp_path: Path) -> None:
    cluster = FakeCluster()

    async def work() -> None:
        async with Client(tmp_path) as client:
            with pytest.raises(RefusedError, match="may not use the shelf"):
                await client.will(WILL)

    with served(tmp_path, cluster, Membership()):
        asyncio.run(work())
    assert cluster.given == []
