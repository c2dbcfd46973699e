"""Work that is done beside the steps of a holder, one piece at a time.

Owns: the task. A write may have to wait for another coordinator; what happens meanwhile is told.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

from cim_provider.tasks import end_tasks

T = TypeVar("T")


class Beside(Generic[T]):
    """One kind of work; `wake` is called when a piece of it has ended."""

    def __init__(self, name: str, wake: Callable[[], None]) -> None:
        self._name = name
        self._wake = wake
        self._task: asyncio.Task[T] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether it goes on, or nobody has taken its result."""
        return self._task is not None

    def begin(self, work: Coroutine[object, object, T]) -> None:
        """Begin; not while it is busy."""
        assert self._task is None, self._name
        self._task = asyncio.create_task(work, name=self._name)
        self._task.add_done_callback(lambda _: self._wake())

    def result(self) -> T | None:
        """Return what came of it, once; None while it goes on. Raises what it raised."""
        task = self._task
        if task is None or not task.done():
            return None
        self._task = None
        return task.result()

    async def stop(self) -> None:
        """Break it off."""
        if self._task is not None:
            await end_tasks(self._task)
            self._task = None
