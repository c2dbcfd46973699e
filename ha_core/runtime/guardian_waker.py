"""A kernel timer that lets a stopped process go on when the lease ends.

Owns: one timer that sends SIGCONT to this process itself. A guardian that was
stopped (SIGSTOP, a debugger) together with everything else of its node would
otherwise keep what it holds until somebody lets it go on. The kernel resumes a
process when the signal is generated, whatever it is doing about it. Not a
remedy for the freezer of a control group, nor for a machine that stands still.
Part of the guardian, hence: the standard library's smallest parts alone.
Source: timer_create(2), timer_settime(2), signal(7).
"""

import ctypes
import signal
import struct
import time
from typing import Final

_SIGEV_SIGNAL: Final = 0
_EVENT: Final = struct.Struct("Pii48x")  # sigevent: value, signal, kind, padding
_TIMER_ABSTIME: Final = 1

_libc = ctypes.CDLL(None)


class Waker:
    """Wakes this process at a moment of CLOCK_BOOTTIME; does nothing if the user has no timers."""

    def __init__(self) -> None:
        event = _EVENT.pack(0, signal.SIGCONT, _SIGEV_SIGNAL)
        self._timer = ctypes.c_void_p()
        made = _libc.timer_create(time.CLOCK_BOOTTIME, event, ctypes.byref(self._timer))
        self._is_there = made == 0

    def set(self, at_ms: int) -> None:
        """Wake at `at_ms`; 0 or less: never."""
        if not self._is_there:
            return
        at_ms = max(at_ms, 0)
        value = struct.pack("qqqq", 0, 0, at_ms // 1000, at_ms % 1000 * 1_000_000)
        _libc.timer_settime(self._timer, _TIMER_ABSTIME, value, None)
