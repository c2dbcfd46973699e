"""The guardian's deputy: a second process that ends everything should the guardian stand still.

Owns: a page of memory that three processes share, and a wait for what stands in it. The daemon
writes until when the lease runs, the guardian whether it holds anything; it ends that itself a
little before. If something is still held a little after, or the guardian dies, the deputy kills
every process under the guardian, and the guardian. So a process outlives its lease only if both
are stopped and the process is not. Part of the guardian, hence: the standard library's smallest
parts alone, and no disk. Source: memfd_create(2), eventfd(2), pidfd_send_signal(2).
"""

import contextlib
import itertools
import mmap
import os
import select
import signal
import struct
from collections.abc import Container, Iterable
from typing import Final

from ha_core.runtime import guardian_os as kernel

LATE_MS: Final = 25
"""How long after the lease's end the deputy strikes: the guardian has had its turn, and nobody
takes over before this where D is 300 ms or more (`timers`: D less R).
"""
_STRUCK: Final = 2
"""Number of the word that says how late the guardian was when its deputy struck."""
RESTART_PAUSE_MS: Final = 1000
"""A deputy that dies young is not replaced at once, so that a broken one does not spin."""
_WORD: Final = struct.Struct("q")
_KIN: Final = struct.Struct("qq")
_KIN_COUNT: Final = 3
"""Number of the word that says how many descendants are listed."""
KIN_MAX: Final = 1200
"""More descendants are not listed; those that have their marks are found without."""
_BYTES: Final = mmap.PAGESIZE + KIN_MAX * _KIN.size
_FILES_MAX: Final = 1 << 20


class Page:
    """What daemon, guardian and deputy share: the lease's end, whether anything is held, and, if
    the deputy struck, why.
    """

    def __init__(self, memory: int, wake: int) -> None:
        self.descriptors = (memory, wake)
        self._words = mmap.mmap(memory, _BYTES)

    @staticmethod
    def made() -> "Page":
        """Return a new page. Raises OSError."""
        memory = os.memfd_create("beatkeeper-lease", os.MFD_CLOEXEC)
        os.ftruncate(memory, _BYTES)
        return Page(memory, os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))

    @property
    def until_ms(self) -> int:
        """Until when the lease runs."""
        return int(_WORD.unpack_from(self._words, 0)[0])

    def let_run(self, until_ms: int) -> None:
        """Set the lease's end; the deputy learns of an earlier one at once."""
        is_shorter = until_ms < self.until_ms
        _WORD.pack_into(self._words, 0, until_ms)
        if is_shorter:
            self._ring()

    @property
    def is_held(self) -> bool:
        """Whether the guardian holds anything."""
        return bool(_WORD.unpack_from(self._words, _WORD.size)[0])

    def note(self, is_held: bool) -> None:
        """Say whether the guardian holds anything."""
        if is_held != self.is_held:
            _WORD.pack_into(self._words, _WORD.size, is_held)
            self._ring()

    @property
    def struck_ms(self) -> int:
        """How long after the lease's end the deputy found the guardian late; 0: it did not."""
        return int(_WORD.unpack_from(self._words, _STRUCK * _WORD.size)[0])

    def note_strike(self, late_ms: int) -> None:
        """Say how late the guardian is (`late_ms`), right before it is killed for that; 0: a new
        guardian begins.
        """
        _WORD.pack_into(self._words, _STRUCK * _WORD.size, late_ms)

    def note_kin(self, kin: Iterable[tuple[int, int]]) -> None:
        """List the guardian's descendants by number and beginning, for whoever survives it."""
        count = 0
        for count, (pid, began) in enumerate(itertools.islice(kin, KIN_MAX), 1):
            _KIN.pack_into(self._words, mmap.PAGESIZE + (count - 1) * _KIN.size, pid, began)
        _WORD.pack_into(self._words, _KIN_COUNT * _WORD.size, count)

    def kin(self) -> dict[int, int]:
        """Return that list. A guardian may have been killed while it wrote: look at each again."""
        (count,) = _WORD.unpack_from(self._words, _KIN_COUNT * _WORD.size)
        there = self._words[mmap.PAGESIZE : mmap.PAGESIZE + count * _KIN.size]
        return dict(_KIN.iter_unpack(there))

    def _ring(self) -> None:
        os.eventfd_write(self.descriptors[1], 1)

    def close(self) -> None:
        """Let go of it."""
        self._words.close()
        for descriptor in self.descriptors:
            os.close(descriptor)


class Deputy:
    """The guardian's view of its deputy."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._started_ms = 0
        self.pid = 0

    def look_after(self, reaped: Container[int]) -> None:
        """Begin a deputy if there is none."""
        if self.pid in reaped:
            self.pid = 0
        if self.pid or kernel.now_ms() < self._started_ms + RESTART_PAUSE_MS:
            return
        self._started_ms = kernel.now_ms()
        guardian = os.getpid()
        mark = kernel.keeper_mark(guardian)
        try:
            self.pid = os.fork()
        except OSError:
            return  # no room at the moment
        if self.pid == 0:
            try:
                _close_all_but(self._page.descriptors[1])
                kernel.harden()
                _watch(self._page, guardian, mark)
            finally:
                os._exit(0)


def _close_all_but(kept: int) -> None:
    """Let go of the guardian's channel and claims, or they would outlive it."""
    os.closerange(3, kept)
    os.closerange(kept + 1, min(os.sysconf("SC_OPEN_MAX"), _FILES_MAX))


def _watch(page: Page, guardian: int, mark: str) -> None:
    """Wait until the guardian is late or dead, and end everything under it."""
    try:
        handle = os.pidfd_open(guardian)
    except ProcessLookupError:
        kernel.kill_known(page.kin())
        kernel.sweep_of(mark)
        return
    wake = page.descriptors[1]
    timer, poll = kernel.Timer(), select.poll()
    for fd in (wake, handle, timer.fd):
        poll.register(fd, select.POLLIN)
    while True:
        timer.set(page.until_ms + LATE_MS if page.is_held else 0)
        ready = {fd for fd, _ in poll.poll()}
        timer.take()
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(wake)
        if handle in ready:
            break
        if page.is_held and _is_over(page):
            page.note_strike(kernel.now_ms() - page.until_ms)
            break
    # Those that left their group and forgot their marks are known as long as it lives; of a dead
    # one the list on the page is left.
    kernel.kill_descendants(guardian, but=os.getpid(), handle=handle)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    kernel.kill_known(page.kin())
    kernel.sweep_of(mark)


def _is_over(page: Page) -> bool:
    return kernel.now_ms() >= page.until_ms + LATE_MS
