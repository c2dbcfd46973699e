"""The loop: one task owns the node, feeds it events and performs its effects in order.

Owns: the order of deeds. `Persist` is a barrier: what stands behind it waits
until the store has it, while signs of life pass. A store that fails ends the
daemon: a node that cannot remember must not promise. So does a bug: a node
that lost its thread half-way must not go on. No decision lives here.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Final, Protocol

from ha_core.commands import Command, Outcome
from ha_core.effects import (
    MAY_PASS_PERSIST,
    CancelFence,
    CancelOperation,
    CommandAnswered,
    ConfigurationApplied,
    Effect,
    Fence,
    HoldLease,
    Journal,
    Persist,
    RunOperation,
    Send,
    StateChanged,
    Stopped,
)
from ha_core.errors import HaError, StoreError
from ha_core.events import (
    CommandGiven,
    Event,
    Noticed,
    OperationDone,
    Received,
    StopAsked,
    Tick,
    WallClock,
)
from ha_core.ids import Millis
from ha_core.journal import JournalEvent
from ha_core.messages import Order
from ha_core.node import Node
from ha_core.observed import Item
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import Shelf
from ha_core.runtime.clock import monotonic_ms, wall_offset_ms
from ha_core.runtime.collector import collector_waits
from ha_core.runtime.disk import Store
from ha_core.runtime.observing import Observer
from ha_core.runtime.ping import Pinger
from ha_core.runtime.tasks import end_tasks
from ha_core.runtime.transport import Transport
from ha_core.snapshot import ClusterSnapshot

WALL_CHECK_S: Final = 1.0
WALL_JUMP_MS: Final = 500
"""A wall clock that moves by more than this against the monotonic one is read anew."""
AWAITED: Final = (Order,)
"""What a service may be waiting for: sent at once, not together with what comes behind it."""
PAUSE_MS: Final = 250
"""Being so late with what was due is worth a word in the journal: it may have cost the lease."""
EVENTS_AT_HAND: Final = 2000
"""Newest events kept in memory; older ones are read from the store."""
WRITTEN_S: Final = 5.0
"""A disk that takes longer for a write is not waited for: there are no news yet."""
EVENTS_PER_WRITE: Final = 200
"""Events in one transaction: with one each, a burst would keep a `Persist` waiting."""
EVENTS_UNWRITTEN_MAX: Final = 10_000
"""Events waiting for a slow disk; the oldest are not kept on this node, others have them."""
ENDS: Final = Outcome("timeout", "the daemon ends; ask another node")

log = logging.getLogger(__name__)


class OperationRunner(Protocol):
    """Runs agents; answers come back as `OperationDone` events."""

    def run(self, operation: RunOperation) -> None:
        """Begin an operation."""
        ...

    def cancel(self, operation_id: int) -> None:
        """Kill an operation."""
        ...


class FenceRunner(Protocol):
    """Calls fence agents; answers come back as `FenceDone` events."""

    def run(self, call: Fence) -> None:
        """Begin a call."""
        ...

    def cancel(self, call_id: int) -> None:
        """Kill a call."""
        ...


class LeaseKeeper(Protocol):
    """Whoever ends what runs under the lease when it is over."""

    def hold(self, until_ms: Millis) -> None:
        """Keep what is held until then and no longer."""
        ...


class Loop:
    """Owns the node; also what the control socket serves (`ControlPort`)."""

    def __init__(
        self,
        node: Node,
        store: Store,
        codec_transport: Transport | None = None,
        *,
        events_at_hand: int = EVENTS_AT_HAND,
    ) -> None:
        self.node = node
        self._store = store
        self.transport = codec_transport
        self.pinger: Pinger | None = None
        self.observer = Observer(node, self._send)
        self.operations: OperationRunner | None = None
        self.fence_agents: FenceRunner | None = None
        self.on_link_up: Callable[[], None] = _nothing
        """Called when a peer is heard again over a link: some may have missed what was told."""
        self.guardian: LeaseKeeper | None = None
        self.ended = asyncio.Event()
        self.failure: HaError | None = None
        self._queue: deque[Effect] = deque()
        self._is_syncing = False
        self._worker = ThreadPoolExecutor(1, "store")
        self._sends: list[Send] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms: Millis | None = None
        self._due_ms: Millis | None = None
        """When the node had to be called at the latest."""
        self._wall_offset_ms: Millis | None = None
        self._answers: dict[str, asyncio.Future[Outcome]] = {}
        self._changed = asyncio.Event()
        self._journal: deque[JournalEvent] = deque(
            store.newest_events(events_at_hand), maxlen=events_at_hand
        )
        self._unwritten: deque[JournalEvent] = deque(maxlen=EVENTS_UNWRITTEN_MAX)
        self._is_journaling = False
        self._configuring: set[asyncio.Task[None]] = set()
        self._request_numbers = count(1)
        self._loop = asyncio.get_running_loop()

    # --- events in -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin: let the node run, and look at the wall clock from time to time."""
        self.post(Tick())
        self._check_wall()

    def post(self, event: Event) -> None:
        """Give the node an event now and perform what follows."""
        if self.ended.is_set():
            return
        with collector_waits(), self._ends_at_a_bug(f"handling {type(event).__name__}"):
            now_ms = monotonic_ms()
            paused_ms = now_ms - self._due_ms if self._due_ms is not None else 0
            self._due_ms = None
            if self._wall_offset_ms is None:
                # Before all else: a node that elects itself at once has news to date.
                self._wall_offset_ms = wall_offset_ms()
                self._handle(WallClock(self._wall_offset_ms), now_ms)
            if paused_ms >= PAUSE_MS:
                self._handle(paused(self.node.name, paused_ms), now_ms)
            if isinstance(event, Received):
                self.observer.heard(event)
            self._handle(event, now_ms)
            self._perform()
            self._set_timer()

    def _handle(self, event: Event, now_ms: Millis) -> None:
        for effect in self.node.handle(event, now_ms):
            if isinstance(effect, Send) and isinstance(effect.message, MAY_PASS_PERSIST):
                self._do(effect)
            else:
                self._queue.append(effect)

    def operation_done(self, event: OperationDone) -> None:
        """Take an operation's result."""
        self.observer.ended(event)
        self.post(event)

    def ask_to_stop(self) -> None:
        """Let the node drain and end."""
        self.post(StopAsked())

    async def close(self) -> None:
        """Stop the timer and wait for the store's last write."""
        self.ended.set()
        if self._timer is not None:
            self._timer.cancel()
        self._answer_all()
        await end_tasks(*self._configuring)
        while self._unwritten and self.failure is None:
            await asyncio.wrap_future(self._worker.submit(self._write_events, self._next_events()))
        await asyncio.to_thread(self._worker.shutdown, True)

    def _answer_all(self) -> None:
        for future in self._answers.values():
            if not future.done():
                future.set_result(ENDS)
        self._changed.set()

    # --- what the control socket serves --------------------------------------------------

    def snapshot(self) -> ClusterSnapshot:
        """Return the picture as it is now."""
        return self.node.snapshot(monotonic_ms())

    async def command(self, command: Command, author: str) -> Outcome:
        """Give a command to the cluster and wait for its outcome (the node bounds the wait)."""
        if self.ended.is_set():
            return ENDS
        number = next(self._request_numbers)
        request_id = f"{self.node.name}-{self.node.generation}-{number}"
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._answers[request_id] = future
        try:
            self.post(CommandGiven(request_id, author, command))
            return await future
        finally:
            self._answers.pop(request_id, None)

    async def events(self, since_seq: int, limit: int) -> tuple[JournalEvent, ...]:
        """Return at most `limit` events numbered above `since_seq`, oldest first."""
        await self._kept_after(since_seq)
        oldest = min((event.seq for event in self._journal), default=0)
        if since_seq + 1 < oldest and len(self._journal) == self._journal.maxlen:
            read = self._loop.run_in_executor(self._worker, self._store.events, since_seq, limit)
            return await read
        found = sorted((e for e in self._journal if e.seq > since_seq), key=lambda e: e.seq)
        return tuple(found[:limit])

    async def _kept_after(self, since_seq: int) -> None:
        """Return once what stands behind a write is kept, if nothing newer is: whoever has seen
        its version looks for it now, and would not be woken again.
        """
        try:
            async with asyncio.timeout(WRITTEN_S):
                while self._is_only_queued(since_seq) and not self.ended.is_set():
                    await self._changed.wait()
        except TimeoutError:
            return

    def _is_only_queued(self, since_seq: int) -> bool:
        queued = (effect.event for effect in self._queue if isinstance(effect, Journal))
        if all(event.seq <= since_seq for event in queued):
            return False
        return all(event.seq <= since_seq for event in self._journal)

    def observed(self, since: int, limit: int) -> tuple[tuple[Item, ...], int]:
        """Return results and links of all nodes that are newer than a number, and how far."""
        return self.observer.since(since, limit)

    def history(self) -> tuple[ConfigurationChange, ...]:
        """Return the kept revisions of the configuration, oldest first."""
        return self.node.replication.revisions

    async def changed(self, version: str, timeout_ms: Millis) -> None:
        """Return when the snapshot's version differs from `version`, or time is up."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while self.node.version == version and not self.ended.is_set():
                    await self._changed.wait()
        except TimeoutError:
            return

    def shelf(self) -> Shelf:
        """Return what the log keeps for programs beside the cluster: read only."""
        return self.node.replication.shelf

    async def shelf_changed(self, since: int, timeout_ms: Millis) -> None:
        """Return when the shelf's revision differs from `since`, or time is up.

        And not before the disk has all that is shown: whoever acts on what was read could
        otherwise know more than this node after a loss of power.
        """
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                while self.shelf().revision == since and not self.ended.is_set():
                    await self._changed.wait()
        except TimeoutError:
            pass  # it is answered with what there is
        while (self._is_syncing or self._queue) and not self.ended.is_set():
            await self._changed.wait()

    # --- effects out ---------------------------------------------------------------------

    def _perform(self) -> None:
        while self._queue and not self._is_syncing:
            effect = self._queue.popleft()
            if isinstance(effect, Persist):
                self._sync(effect)
            else:
                self._do(effect)
        if self._sends:
            self._loop.call_soon(self._flush)
        self._changed.set()
        self._changed = asyncio.Event()

    def _sync(self, record: Persist) -> None:
        self._is_syncing = True
        future = self._loop.run_in_executor(self._worker, self._store.persist, record)
        future.add_done_callback(self._synced)

    def _synced(self, future: "asyncio.Future[None]") -> None:
        if future.cancelled():
            return
        fault = future.exception()
        if isinstance(fault, StoreError):
            self.fail(fault)
            return
        if self.ended.is_set():
            return
        with self._ends_at_a_bug("writing to the store"):
            if fault is not None:
                raise fault
            self._is_syncing = False
            self._perform()

    @contextmanager
    def _ends_at_a_bug(self, deed: str) -> Iterator[None]:
        """Let whatever is raised through, to be logged with its place, but end the daemon."""
        done = False
        try:
            yield
            done = True
        finally:
            if not done:
                self.fail(HaError(f"a bug in {deed}: the node ends, so that others take over"))

    def fail(self, fault: HaError) -> None:
        """Nothing behind the barrier happens: give up the lease and end."""
        log.critical("%s", fault)
        self.failure = fault
        self._queue.clear()
        if self.guardian is not None:
            self.guardian.hold(0)
        self.ended.set()
        self._answer_all()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(effect)
            case RunOperation():
                assert self.operations is not None
                self.observer.began(effect)
                self.operations.run(effect)
            case CancelOperation(operation_id=operation_id):
                assert self.operations is not None
                self.observer.cancelled(operation_id)
                self.operations.cancel(operation_id)
            case Fence():
                assert self.fence_agents is not None
                self.fence_agents.run(effect)
            case CancelFence(call_id=call_id):
                assert self.fence_agents is not None
                self.fence_agents.cancel(call_id)
            case HoldLease(until_ms=until_ms):
                assert self.guardian is not None
                self.guardian.hold(until_ms)
            case CommandAnswered(request_id=request_id, outcome=outcome):
                future = self._answers.get(request_id)
                if future is not None and not future.done():
                    future.set_result(outcome)
            case Journal(event=event):
                self._keep(event)
            case ConfigurationApplied():
                self._reconfigure()
            case StateChanged():
                log.info("%s: %s -> %s (%s)", effect.machine, effect.old, effect.new, effect.why)
                if effect.machine.startswith("link ") and effect.new == "up":
                    self.on_link_up()
            case Stopped():
                self._flush()
                self.ended.set()
            case Persist():
                raise AssertionError("a Persist is a barrier, not a deed")

    def _keep(self, event: JournalEvent) -> None:
        log.info("event %d %s %s: %s", event.seq, event.kind, event.subject, event.text)
        self._journal.append(event)
        self._unwritten.append(event)
        if not self._is_journaling:
            self._write_on()

    def _write_on(self) -> None:
        """Write what waits, one transaction at a time, so that a `Persist` comes between."""
        self._is_journaling = bool(self._unwritten)
        if self._unwritten:
            future = self._loop.run_in_executor(
                self._worker, self._write_events, self._next_events()
            )
            future.add_done_callback(self._events_written)

    def _next_events(self) -> list[JournalEvent]:
        most = min(EVENTS_PER_WRITE, len(self._unwritten))
        return [self._unwritten.popleft() for _ in range(most)]

    def _write_events(self, events: list[JournalEvent]) -> None:
        try:
            self._store.journal(events)
        except StoreError as fault:
            log.error("%d events are not kept: %s", len(events), fault)

    def _events_written(self, _future: "asyncio.Future[None]") -> None:
        if not self.ended.is_set():
            self._write_on()

    def _send(self, effect: Send) -> None:
        self._sends.append(effect)
        if isinstance(effect.message, AWAITED):
            self._flush()

    def _flush(self) -> None:
        sends, self._sends = self._sends, []
        if sends and self.transport is not None:
            self.transport.send(sends)

    def _reconfigure(self) -> None:
        if self.pinger is not None:
            self.pinger.configure(self.node.configuration)
        if self.transport is None:
            return
        task = self._loop.create_task(self.transport.configure(self.node.configuration))
        self._configuring.add(task)
        task.add_done_callback(self._configured)

    def _configured(self, task: "asyncio.Task[None]") -> None:
        self._configuring.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the new configuration's links: %s", task.exception())

    def _set_timer(self) -> None:
        deadline_ms = self._due_ms = self.node.deadline_ms()
        if deadline_ms is None or deadline_ms == self._timer_at_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_ms = deadline_ms
        delay_s = max(deadline_ms - monotonic_ms(), 0) / 1000
        self._timer = self._loop.call_later(delay_s, self._alarm)

    def _alarm(self) -> None:
        self._timer_at_ms = None
        self.post(Tick())

    def _check_wall(self) -> None:
        offset_ms, known_ms = wall_offset_ms(), self._wall_offset_ms
        if known_ms is not None and abs(offset_ms - known_ms) > WALL_JUMP_MS:
            self._wall_offset_ms = offset_ms
            self.post(WallClock(offset_ms))
        if not self.ended.is_set():
            self._loop.call_later(WALL_CHECK_S, self._check_wall)
            self.observer.step(monotonic_ms())
            self._flush()


def paused(name: str, paused_ms: Millis) -> Noticed:
    """Return the event of a daemon that finds a gap in its own time."""
    text = f"had on {name} did not run for {paused_ms} ms"
    return Noticed("daemon-paused", text, "it was stopped, or this machine was too busy or asleep")


def _nothing() -> None:
    return
