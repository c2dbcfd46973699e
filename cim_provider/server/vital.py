"""Work in the background without which the server would answer, and answer wrongly.

Owns: what happens when such a task ends though nobody asked it to: the reason is logged, and the
server ends, so that its supervisor starts a new one. Half a server that says for ever that the
cluster does not answer is worse than none for a second.
"""

import asyncio
import logging
from collections.abc import Iterable

from cim_provider.engine import OtherClusterError

log = logging.getLogger(__name__)


class BrokenError(Exception):
    """Work in the background has ended; the text says which, and why."""


class Vital:
    """Watches tasks until the server stops; `stopping` is set when one of them ends before."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._fault = ""

    def watch(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Watch some more."""
        for task in tasks:
            task.add_done_callback(self._ended)

    def check(self) -> None:
        """Raise BrokenError if one has ended before the server was to stop."""
        if self._fault:
            raise BrokenError(self._fault)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._stopping.is_set():
            return
        fault = None if task.cancelled() else task.exception()
        why = "was cancelled" if task.cancelled() else "returned"
        if fault is not None:
            why = f"{type(fault).__name__}: {fault}"
        self._fault = f"'{task.get_name()}' has ended: {why}"
        trace = None if isinstance(fault, OtherClusterError) else fault
        log.critical("%s; the server ends, to be started anew", self._fault, exc_info=trace)
        self._stopping.set()
