"""Why a guardian has ended, in one clause, and how one is ended that lingers.

Owns: these words. A guardian never ends unasked but by a kill, its deputy's, its
daemon's or somebody else's, or by a bug.
"""

import logging
import subprocess
from typing import Final

from ha_core.ids import Millis
from ha_core.runtime.signals import signal_name

NO_GUARDIAN: Final = "the guardian died"
LATE_GUARDIAN: Final = "the lease ran out; the guardian was late, and its deputy ended this"
KILLED: Final = "it did not answer, and its daemon killed it"
CRASHED: Final = "a bug: its last words are on the daemon's standard error"
SHUTDOWN_S: Final = 5.0

log = logging.getLogger(__name__)


def cause_of(status: int, late_ms: Millis, *, is_replaced: bool) -> str:
    """Return why a guardian ended; `status` as subprocess has it, negative for a signal.

    `late_ms`: how late its deputy found it (0: not at all); `is_replaced`: its daemon killed it.
    """
    if late_ms:
        return (
            f"{late_ms} ms after the lease's end it still held what should have ended with it, so"
            " its deputy ended both: it was stopped, or this machine was too busy"
        )
    if is_replaced:
        return KILLED
    if status >= 0:
        return f"{CRASHED} (exit code {status})"
    return f"somebody else killed it, or the kernel for want of memory ({signal_name(-status)})"


def tell(pid: int, why: str) -> None:
    """Write into the log that a guardian has ended, and why."""
    log.error("the guardian (process %d) has ended: %s", pid, why)


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a guardian that has closed its end; kill it if it lingers."""
    try:
        process.wait(SHUTDOWN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
