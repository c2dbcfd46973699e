"""Signals to processes that are known by their numbers: never to another that has it by now.

Owns: holding a process before it is looked at. A number is free again as soon as its process was
reaped, and a busy machine goes through all of them within minutes. The guardian uses this: no
library, no disk. Source: pidfd_open(2), pidfd_send_signal(2), proc(5).
"""

import os
import select
import signal
from collections.abc import Callable
from typing import Final

_PARENT: Final = 1
_START_TIME: Final = 19
"""Places behind the command's name in /proc/pid/stat."""
_STAT_BYTES_MAX: Final = 1024


def signal_if(pid: int, caught: int, is_meant: Callable[[], bool]) -> bool:
    """Send a signal to a process, if `is_meant` says so; return whether it was sent or forbidden.

    What `is_meant` sees of that number is the process that is held, or one that came after its
    end: then nothing is hit.
    """
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not is_meant():
            return False
        signal.pidfd_send_signal(handle, caught)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    finally:
        os.close(handle)
    return True


def has_ended(handle: int) -> bool:
    """Return whether the process of a pidfd has ended: from then on its number may be another's."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


def began(pid: int) -> int:
    """Return when a process began, in ticks since the boot; 0 if it has gone."""
    return int(_field(pid, _START_TIME))


def parent(pid: int) -> int:
    """Return the number of a process's parent; 0 if it has gone."""
    return int(_field(pid, _PARENT))


def _field(pid: int, place: int) -> bytes:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b"0"
    try:
        return os.read(fd, _STAT_BYTES_MAX).rpartition(b")")[2].split()[place]
    except OSError:
        return b"0"
    finally:
        os.close(fd)
