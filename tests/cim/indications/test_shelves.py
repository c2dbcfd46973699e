"""The shelf, wherever it is: conditions, whole writes, what others wrote, and its bounds."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cim_provider.engines.ha_core_shelf import HaCoreShelf
from cim_provider.indications.keeping import RegistryReader, ShelfError, change
from cim_provider.indications.registry import Filter, Names, Registry
from cim_provider.indications.shelf import REGISTRY, Code, Item, Shelf
from cim_provider.indications.sqlite_shelf import SqliteShelf
from ha_core.commands import Outcome, Shelve
from ha_core.replication.shelf import ShelfChange, ShelfCondition, ShelfPut
from tests.fake_cluster import FakeCluster, served

Work = Callable[[Shelf, Shelf], Awaitable[None]]


def with_two(kind: str, directory: Path, work: Work) -> None:
    """Run with two shelves that are one: of two servers, or of two connections."""

    async def with_files() -> None:
        shelves = [SqliteShelf(directory / "shelf.db") for _ in range(2)]
        await work(shelves[0], shelves[1])
        for shelf in shelves:
            shelf.close()

    async def with_cluster() -> None:
        async with AsyncExitStack() as stack:
            shelves = [await stack.enter_async_context(HaCoreShelf(directory)) for _ in range(2)]
            for shelf in shelves:
                await shelf.changed(-1)
            await work(shelves[0], shelves[1])

    if kind == "file":
        asyncio.run(with_files())
        return
    with served(directory, FakeCluster()):
        asyncio.run(with_cluster())


@pytest.fixture(params=["file", "cluster"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def seen(shelf: Shelf, key: str, text: str) -> None:
    """Wait until a shelf shows a text."""
    async with asyncio.timeout(10):
        while key not in shelf.items or shelf.items[key].text != text:
            await shelf.changed(shelf.revision)


def test_what_one_writes_the_other_sees(kind: str, tmp_path: Path) -> None:
    async def work(one: Shelf, other: Shelf) -> None:
        written = await one.write({"wbem/a": "x", "wbem/b": "y"}, {})
        assert written.ok
        assert one.items["wbem/a"].revision == written.revision
        await seen(other, "wbem/b", "y")
        assert (await other.write({"wbem/a": None, "wbem/b": "z"}, {"wbem/a": written.revision})).ok
        await seen(one, "wbem/b", "z")
        assert "wbem/a" not in one.items

    with_two(kind, tmp_path, work)


def test_of_two_writers_one_is_stale_and_changes_nothing(kind: str, tmp_path: Path) -> None:
    async def work(one: Shelf, other: Shelf) -> None:
        results = await asyncio.gather(
            one.write({"wbem/holder": "one", "wbem/more": "one"}, {"wbem/holder": 0}),
            other.write({"wbem/holder": "other", "wbem/more": "other"}, {"wbem/holder": 0}),
        )
        assert sorted(each.code.value for each in results) == ["done", "stale"]
        winner = "one" if results[0].ok else "other"
        for shelf in (one, other):
            assert shelf.items["wbem/holder"].text == shelf.items["wbem/more"].text == winner

    with_two(kind, tmp_path, work)


def test_the_registry_is_changed_by_both_and_loses_nothing(kind: str, tmp_path: Path) -> None:
    async def work(one: Shelf, other: Shelf) -> None:
        async def add(shelf: Shelf, name: str) -> None:
            new = Filter(Names(name), "SELECT * FROM CIM_AlertIndication", "WQL")
            await change(shelf, RegistryReader(), lambda known: known.with_filter(new))

        names = [f"filter {number}" for number in range(10)]
        await asyncio.gather(*(add(one if n % 2 else other, name) for n, name in enumerate(names)))
        await seen(other, REGISTRY, one.items[REGISTRY].text)
        registry, _ = RegistryReader().read(other.items)
        assert [each.names.name for each in registry.filters] == names

    with_two(kind, tmp_path, work)


def test_a_file_keeps_all_when_it_is_opened_again(tmp_path: Path) -> None:
    async def work() -> None:
        shelf = SqliteShelf(tmp_path / "shelf.db")
        written = await shelf.write({"wbem/a": "x"}, {})
        shelf.close()
        shelf = SqliteShelf(tmp_path / "shelf.db")
        assert shelf.items["wbem/a"].revision == written.revision
        assert (await shelf.write({"wbem/a": "y"}, {"wbem/a": 0})).code is Code.STALE
        shelf.close()

    asyncio.run(work())


def test_a_full_file_refuses_more_and_takes_removals(tmp_path: Path) -> None:
    async def work() -> None:
        shelf = SqliteShelf(tmp_path / "shelf.db", 100)
        assert (await shelf.write({"wbem/a": "x" * 90}, {})).ok
        assert (await shelf.write({"wbem/b": "x" * 20}, {})).code is Code.FULL
        assert (await shelf.write({"wbem/a": None}, {})).ok
        assert (await shelf.write({"wbem/b": "x" * 20}, {})).ok
        shelf.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("no-quorum", Code.REFUSED),
        ("invalid", Code.REFUSED),
        ("full", Code.FULL),
        ("timeout", Code.UNKNOWN),
    ],
)
def test_what_the_cluster_says_of_a_write(tmp_path: Path, outcome: str, code: Code) -> None:
    async def work() -> None:
        async with HaCoreShelf(tmp_path) as shelf:
            await shelf.changed(-1)
            written = await shelf.write({"wbem/a": "x"}, {})
            assert (written.code, written.text) == (code, "because")

    cluster = FakeCluster()
    cluster.obey = lambda _: Outcome(outcome, "because")
    with served(tmp_path, cluster):
        asyncio.run(work())


def test_without_a_daemon_a_write_has_an_unknown_fate_and_the_shelf_is_not_reached(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with HaCoreShelf(tmp_path) as shelf:
            assert not shelf.is_reached
            assert (await shelf.write({"wbem/a": "x"}, {})).code is Code.UNKNOWN
            with pytest.raises(ShelfError):
                await change(shelf, RegistryReader(), with_one)

    asyncio.run(work())


def test_what_was_written_is_seen_before_the_daemon_has_learnt_of_it(tmp_path: Path) -> None:
    answers = iter((Outcome("done", "", 7), Outcome("done", "", 9), Outcome("done", "", 8)))

    async def work() -> None:
        async with HaCoreShelf(tmp_path) as shelf:
            await shelf.changed(-1)
            seen_before = shelf.revision
            await shelf.write({"wbem/a": "x", "wbem/b": "x"}, {})
            assert shelf.items["wbem/a"] == Item("x", 7)
            assert shelf.revision != seen_before, "whoever waits for a change looks"
            await shelf.write({"wbem/a": "y", "wbem/b": None}, {})
            await shelf.write({"wbem/a": "older", "wbem/b": "older"}, {})
            assert dict(shelf.items) == {"wbem/a": Item("y", 9)}
            # The daemon has caught up: what it shows counts, others' writes included.
            cluster.shelved.apply(ShelfChange((ShelfPut("wbem/a", "theirs"),)), 10)
            cluster.become()
            await seen(shelf, "wbem/a", "theirs")
            assert dict(shelf.items) == {"wbem/a": Item("theirs", 10)}

    cluster = FakeCluster()
    cluster.obey = lambda _: next(answers)
    with served(tmp_path, cluster):
        asyncio.run(work())


def test_what_a_server_leaves_is_written_when_it_has_vanished(tmp_path: Path) -> None:
    async def work() -> None:
        async with HaCoreShelf(tmp_path) as living:
            await living.changed(-1)
            async with HaCoreShelf(tmp_path) as shelf:
                written = await shelf.write({"wbem/holder": "n1"}, {})
                await shelf.leave({"wbem/holder": "old"}, {"wbem/holder": 0})
                await shelf.leave({"wbem/holder": ""}, {"wbem/holder": written.revision})
            await seen(living, "wbem/holder", "")

    cluster = FakeCluster()
    with served(tmp_path, cluster):
        asyncio.run(work())
    assert [command for command, _ in cluster.given][1:] == [
        Shelve((ShelfPut("wbem/holder", ""),), (ShelfCondition("wbem/holder", 1),))
    ]


def with_one(known: Registry) -> Registry:
    """Return the registry with a filter."""
    return known.with_filter(Filter(Names("one"), "SELECT * FROM CIM_AlertIndication", "WQL"))
