"""Calls that may hang, on a disk or a file server: made beside the event loop.

Owns: one thread for each call. Nobody waits for one that hangs, neither the loop nor the process
when it ends; so many at a time, and no more, may hang.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

THREADS_MAX: Final = 32

T = TypeVar("T")
Outcome = TypeVar("Outcome")


class Aside:
    """Makes calls; `expected` are what they may raise."""

    def __init__(self, *expected: type[Exception]) -> None:
        self._expected: tuple[type[Exception], ...] = (OSError, *expected)
        self._room = threading.Semaphore(THREADS_MAX)

    async def call(self, deed: Callable[[], T], timeout_s: float) -> T:
        """Return what it returns, or raise what it raises.

        Raises:
            TimeoutError: it takes longer; it goes on alone.
            OSError: too many hang already.
        """
        if not self._room.acquire(blocking=False):
            raise OSError(f"{THREADS_MAX} calls hang already: on a disk, or on a file server?")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        run = self._run
        threading.Thread(target=lambda: run(deed, future), daemon=True).start()
        async with asyncio.timeout(timeout_s):
            return await future

    def _run(self, deed: Callable[[], T], future: asyncio.Future[T]) -> None:
        """Make the call in its thread; hand over what comes of it, if anybody still waits."""
        try:
            settle = partial(_settle, future, future.set_result, deed())
        except self._expected as fault:
            settle = partial(_settle, future, future.set_exception, fault)
        finally:
            self._room.release()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            future.get_loop().call_soon_threadsafe(settle)


def _settle(future: asyncio.Future[T], tell: Callable[[Outcome], None], outcome: Outcome) -> None:
    if not future.done():
        tell(outcome)
