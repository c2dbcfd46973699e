"""The loop with a real node and a real store: the order of deeds, and how it ends."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import ClassVar

import pytest

from ha_core import commands
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Configuration,
    Link,
    Node,
    Primitive,
)
from ha_core.effects import CancelOperation, Effect, Journal, Persist, RunOperation
from ha_core.errors import StoreError
from ha_core.events import Declared, Event, OperationDone, StopAsked, Tick
from ha_core.gates import Gates
from ha_core.ids import LinkName, Millis, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.node import Node as Machine
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.runtime.clock import monotonic_ms, wall_offset_ms
from ha_core.runtime.disk import Store
from ha_core.runtime.loop import EVENTS_AT_HAND, PAUSE_MS, Loop
from ha_core.runtime.observing import Observer

N1 = NodeName("n1")
CONFIGURATION = Configuration(
    nodes=(Node(N1, (Address(LinkName("ring0"), "127.0.0.1", 6940),)),),
    links=(Link(LinkName("ring0")),),
)
FIRST = Snapshot(1, 1, (ConfigurationChange(1, CONFIGURATION, "admin", "", 0),))
PATIENCE_S = 10.0


@dataclass
class Keeper:
    """A guardian that only remembers."""

    held: list[Millis] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, until_ms: Millis) -> None:
        """Note the lease."""
        self.held.append(until_ms)
        self.called.set()


class SlowStore(Store):
    """A store that writes when it is let."""

    may_write = threading.Event()
    fault: StoreError | None = None

    def persist(self, record: Persist) -> None:
        """Wait, then write or fail."""
        assert self.may_write.wait(PATIENCE_S)
        if self.fault is not None:
            raise self.fault
        super().persist(record)


@asynccontextmanager
async def looping(
    path: Path, kind: type[Store] = Store, early: Event | None = None
) -> AsyncIterator[tuple[Loop, Keeper]]:
    """Run a one-node cluster; `early` comes before the loop is told to start."""
    store = kind.open(path / "store.db")
    if not store.recover().snapshot:
        Store.persist(store, Persist(snapshot=FIRST))
    machine = Machine(N1, store.recover(), Random(1), monotonic_ms())
    loop, keeper = Loop(machine, store), Keeper()
    loop.guardian = keeper
    try:
        if early is not None:
            loop.post(early)
        loop.start()
        yield loop, keeper
    finally:
        await loop.close()
        store.close()


def run(body: Coroutine[None, None, None]) -> list[BaseException]:
    """Run a test; return what reached the event loop's handler."""
    faults: list[BaseException] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: faults.append(context["exception"])
        )
        async with asyncio.timeout(PATIENCE_S):
            await body

    asyncio.run(main())
    return faults


def test_command_is_done_and_found_by_the_next_start(tmp_path: Path) -> None:
    async def body() -> None:
        async with looping(tmp_path) as (loop, keeper):
            while loop.snapshot().coordinator != N1:
                await loop.changed(loop.node.version, 100)
            outcome = await loop.command(commands.SetStandby(N1, True), "admin")
            assert outcome.ok, outcome
            assert keeper.held
            revision = loop.node.configuration
            assert [event.seq for event in await loop.events(0, 100)] == sorted(
                {event.seq for event in await loop.events(0, 100)}
            )
        async with looping(tmp_path) as (loop, _):
            while loop.snapshot().coordinator != N1:
                await loop.changed(loop.node.version, 100)
            assert loop.node.configuration == revision

    assert run(body()) == []


def test_all_events_have_a_date_of_today_even_if_one_is_early(tmp_path: Path) -> None:
    async def body() -> None:
        before_ms = monotonic_ms() + wall_offset_ms()
        async with looping(tmp_path, early=Declared(Gates())) as (loop, _):
            while not (told := await loop.events(0, 100)):
                await loop.changed(loop.node.version, 100)
            assert told[0].kind == "coordinator-elected"
            assert [event for event in told if event.at_wall_ms < before_ms] == []

    assert run(body()) == []


def test_nothing_is_done_before_it_is_on_disk(tmp_path: Path) -> None:
    class Slow(SlowStore):
        may_write = threading.Event()

    async def body() -> None:
        async with looping(tmp_path, Slow) as (loop, keeper):
            await asyncio.sleep(0.3)
            assert keeper.held == []
            assert loop._queue
            Slow.may_write.set()
            await keeper.called.wait()

    assert run(body()) == []


def test_event_that_stands_behind_a_write_is_waited_for(tmp_path: Path) -> None:
    class Slow(SlowStore):
        may_write = threading.Event()

    async def body() -> None:
        async with looping(tmp_path, Slow) as (loop, _):
            while not any(isinstance(effect, Journal) for effect in loop._queue):
                await loop.changed(loop.node.version, 100)
            asked = asyncio.ensure_future(loop.events(0, 10))
            await asyncio.sleep(0)
            assert not asked.done()
            Slow.may_write.set()
            assert await asked

    assert run(body()) == []


def test_store_that_fails_ends_the_daemon_and_its_lease(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(SlowStore):
        may_write = threading.Event()
        fault = StoreError("the disk is full")

    async def body() -> None:
        Broken.may_write.set()
        async with looping(tmp_path, Broken) as (loop, keeper):
            await loop.ended.wait()
            assert loop.failure is Broken.fault
            assert keeper.held == [0]
            loop.post(Tick())
            assert keeper.held == [0], "after the end nothing is done any more"
            outcome = await loop.command(commands.SetStandby(N1, True), "admin")
            assert outcome.code == "timeout"

    assert run(body()) == []
    assert "the disk is full" in caplog.text


def test_bug_ends_the_daemon_and_its_lease(tmp_path: Path) -> None:
    async def body() -> None:
        async with looping(tmp_path) as (loop, keeper):
            await keeper.called.wait()
            loop.node.handle = None  # type: ignore[method-assign, assignment]
            with pytest.raises(TypeError):
                loop.post(Tick())
            assert loop.ended.is_set()
            assert "a bug in handling Tick" in str(loop.failure)
            assert keeper.held[-1] == 0

    assert run(body()) == []


def test_garbage_collector_waits_while_the_node_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with looping(tmp_path) as (loop, _keeper):
            seen: list[bool] = []
            monkeypatch.setattr(loop.node, "handle", lambda *_: seen.append(gc.isenabled()) or ())
            loop.post(Tick())
            assert (seen, gc.isenabled()) == ([False], True)

    assert run(body()) == []


def test_node_asked_to_stop_ends(tmp_path: Path) -> None:
    async def body() -> None:
        async with looping(tmp_path) as (loop, _):
            loop.post(StopAsked())
            await loop.ended.wait()
            assert loop.failure is None

    assert run(body()) == []


class Hasty(Machine):
    """A node that gives up each of its looks at a resource but the first."""

    looks = 0

    def handle(self, event: Event, now_ms: Millis) -> list[Effect]:
        """Begin a look at each tick."""
        if not isinstance(event, Tick):
            return super().handle(event, now_ms)
        self.looks += 1
        web = Primitive(ResourceId("web"), AgentRef(AgentClass.PROCESS))
        look = RunOperation(self.looks, web, "monitor", 1000, interval_ms=1000)
        return [look] if self.looks == 1 else [look, CancelOperation(self.looks)]


@dataclass
class Runner:
    """The first operation succeeds, those that are given up end as such."""

    loop: Loop

    def run(self, operation: RunOperation) -> None:
        """Let it succeed, if it is the first."""
        if operation.operation_id == 1:
            self.loop.observer.ended(OperationDone(1, 0))

    def cancel(self, operation_id: int) -> None:
        """End it."""
        self.loop.observer.ended(OperationDone(operation_id, 1, reason="it was cancelled"))


def test_operation_that_was_given_up_is_no_result(tmp_path: Path) -> None:
    async def body() -> None:
        store = Store.open(tmp_path / "store.db")
        loop = Loop(Hasty(N1, store.recover(), Random(1), monotonic_ms()), store)
        loop.operations = Runner(loop)
        loop.post(Tick())
        known = loop.observed(0, 10)
        loop.post(Tick())
        assert loop.observed(0, 10) == known
        assert len(known[0]) == 1
        await loop.close()
        store.close()

    assert run(body()) == []


class Broken(Observer):
    """Meets a bug at the first look, and tells of the next."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop.node, lambda _: None)
        self.looks = 0
        self.looked_again = asyncio.Event()

    def step(self, now_ms: Millis) -> None:
        """Look."""
        self.looks += 1
        if self.looks == 1:
            raise LookupError(now_ms)
        self.looked_again.set()


def test_bug_beside_the_node_does_not_end_the_looks_at_the_wall_clock(tmp_path: Path) -> None:
    async def body() -> None:
        async with looping(tmp_path) as (loop, _):
            loop.observer = broken = Broken(loop)
            await broken.looked_again.wait()
            assert loop.failure is None

    assert [type(fault) for fault in run(body())] == [LookupError]


def event(seq: int) -> JournalEvent:
    """Return a numbered event."""
    return JournalEvent(N1, 1, seq, 0, "kind", "subject", f"event {seq}", seq=seq)


class CountingStore(Store):
    """A store that counts what it is given."""

    batches: list[int]

    def journal(self, events: Sequence[JournalEvent]) -> None:
        """Count, and keep."""
        self.batches.append(len(events))
        super().journal(events)


def test_burst_of_events_is_written_in_few_transactions_and_read_back(tmp_path: Path) -> None:
    class Counting(CountingStore):
        batches: ClassVar[list[int]] = []

    many = EVENTS_AT_HAND + 1000

    async def body() -> None:
        async with looping(tmp_path, Counting) as (loop, _):
            Counting.batches.clear()
            for seq in range(10_000_001, 10_000_001 + many):
                loop._do(Journal(event(seq)))
        assert sum(Counting.batches) >= many
        assert len(Counting.batches) < many / 50
        async with looping(tmp_path) as (loop, _):
            first = await loop.events(10_000_000, 10)
            assert [item.seq for item in first] == list(range(10_000_001, 10_000_011))
            last = await loop.events(10_000_000 + many - 5, 10)
            assert [item.text for item in last][-1] == f"event {10_000_000 + many}"

    assert run(body()) == []


def test_events_that_cannot_be_written_are_said_and_cost_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Store):
        def journal(self, events: Sequence[JournalEvent]) -> None:
            raise StoreError("the disk is full")

    async def body() -> None:
        async with looping(tmp_path, Broken) as (loop, _):
            loop._do(Journal(event(10_000_001)))
            assert (await loop.events(10_000_000, 10))[0].seq == 10_000_001
        assert loop.failure is None

    assert run(body()) == []
    assert "events are not kept: the disk is full" in caplog.text


def test_gap_in_the_daemons_own_time_is_told(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        async with looping(tmp_path) as (loop, _):
            while loop.snapshot().coordinator != N1:
                await loop.changed(loop.node.version, 100)
            threading.Event().wait((PAUSE_MS + 250) / 1000)  # the whole process stands still
            while not (told := [e for e in await loop.events(0, 100) if "paused" in e.kind]):
                await loop.changed(loop.node.version, 100)
            assert told[0].text.startswith("had on n1 did not run for ")

    run(body())
