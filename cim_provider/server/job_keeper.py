"""What looks after jobs in the background: their end is written down, time is up, old ones go.

Owns: the loop of one server. Every server runs one; it does not matter which of
them is the first to see the end of a job, nor which of them had begun it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from cim_provider.engine import ClusterEngine
from cim_provider.indications.shelf import Shelf
from cim_provider.mapping.job_book import JobBook, JobError
from cim_provider.mapping.job_progress import Progress, progress
from cim_provider.mapping.job_records import COMPLETED, EXCEPTION, RUNNING, JobRecord
from cim_provider.mapping.states import plain
from cim_provider.mapping.world import World
from cim_provider.tasks import end_tasks

STEP_S: Final = 0.5
AGAIN_S: Final = 5.0
SURE_S: Final = 3.0
"""What has come to rest short of its goal for so long will not reach it by itself."""

LOOK_S: Final = 1.0
"""So long a job that another server may just have begun is waited for."""

log = logging.getLogger(__name__)


class JobKeeper:
    """Keeps the records of jobs up to date; use `run`, or `step` by step."""

    def __init__(
        self,
        book: JobBook,
        world: Callable[[], Awaitable[World]],
        now_s: Callable[[], float],
    ) -> None:
        self._book = book
        self._world = world
        self._now_s = now_s
        self._resting_since_s: dict[str, float] = {}
        self._said = ""

    async def run(self, engine: ClusterEngine) -> None:
        """Keep them until cancelled; after a bug, which is logged, begin again."""
        while True:
            task = asyncio.create_task(self._keep(engine), name="keeper of jobs")
            try:
                await asyncio.wait({task})
            finally:
                await end_tasks(task)
            log.error("keeping jobs has ended", exc_info=task.exception())
            await asyncio.sleep(AGAIN_S)

    async def _keep(self, engine: ClusterEngine) -> None:
        """Look after every change of the cluster, and twice a second while jobs are under way."""
        changes = asyncio.Event()
        watching = asyncio.create_task(_watch(engine, changes), name="watch for jobs")
        try:
            while True:
                changes.clear()
                await self._step_safely()
                try:
                    async with asyncio.timeout(STEP_S):
                        await changes.wait()
                    # Many changes in a row are looked at together.
                    await asyncio.sleep(STEP_S / 5)
                except TimeoutError:
                    continue
        finally:
            await end_tasks(watching)

    async def _step_safely(self) -> None:
        try:
            await self.step()
            self._said = ""
        except JobError as fault:
            if str(fault) != self._said:
                log.warning("jobs wait: %s", fault)
            self._said = str(fault)

    async def step(self) -> None:
        """Do once what is due. Raises JobError."""
        records = tuple(self._book.held().records.values())
        if not records:
            self._resting_since_s.clear()
            return
        world, now_ms = await self._world(), self._book.now_ms()
        for record in records:
            if record.has_ended:
                self._resting_since_s.pop(record.id, None)
                is_over = now_ms >= record.changed_wall_ms + record.kept_s * 1000
                if record.goes and is_over:
                    await self._book.forget(record.id)
            else:
                await self._look_at(record, progress(world, record.job), now_ms, world)

    async def _look_at(self, record: JobRecord, found: Progress, now_ms: int, world: World) -> None:
        if now_ms >= record.submitted_wall_ms + record.limit_s * 1000:
            text = plain(f"not done within {record.limit_s} s: {found.text}")
            await self._book.end(record.id, EXCEPTION, text, found.percent)
        elif not world.running or found.state == RUNNING:
            self._resting_since_s.pop(record.id, None)
        elif found.state == COMPLETED or self._is_sure(record.id):
            await self._book.end(record.id, found.state, plain(found.text), found.percent)

    def _is_sure(self, name: str) -> bool:
        since_s = self._resting_since_s.setdefault(name, self._now_s())
        return self._now_s() - since_s >= SURE_S


async def _watch(engine: ClusterEngine, changed: asyncio.Event) -> None:
    async for _ in engine.changes(""):
        changed.set()


async def look(shelf: Shelf, is_there: Callable[[], bool], within_s: float = LOOK_S) -> None:
    """Wait, at most so many seconds, until a change of the shelf has brought something."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not is_there():
                await shelf.changed(shelf.revision)
