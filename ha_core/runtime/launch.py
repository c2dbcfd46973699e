"""Starting and ending a node's daemon from the command line, without a service manager.

Owns: the child process, its word that it is ready, and the wait for its end.
Source: sd_notify(3) for readiness, pidfd_open(2) for the end.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from ha_core.errors import ConnectError
from ha_core.layout import Layout

READY_S: Final = 20.0
END_S: Final = 90.0
ERROR_CHARACTERS: Final = 2000


def start_process(arguments: list[str], errors: Path, what: str) -> int:
    """Start a program in the background and wait until it says that it is ready; return its pid.

    Raises: ConnectError: it ended or said nothing in time; the text has its own words.
    """
    with tempfile.TemporaryDirectory(prefix="bk-") as directory:
        path = f"{directory}/ready"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, errors.open("wb") as log:
            ready.bind(path)
            child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "NOTIFY_SOCKET": path},
            )
            if _is_ready(ready, child.pid):
                # The daemon outlives this program: nobody here will wait for it.
                child.returncode = 0
                return child.pid
    if child.poll() is None:
        child.kill()
    child.wait()
    words = errors.read_text(errors="replace")[-ERROR_CHARACTERS:].strip()
    raise ConnectError(f"{what} did not start: {words or 'it said nothing'}")


def start(layout: Layout) -> int:
    """Start the node's daemon; return its pid."""
    arguments = [sys.executable, "-m", "ha_core.runtime.daemon"]
    if layout.root is not None:
        arguments += ["--root", str(layout.root)]
    layout.run.mkdir(parents=True, exist_ok=True)
    return start_process(arguments, layout.run / "had.stderr", "had")


def running_pid(layout: Layout) -> int | None:
    """Return the pid of the daemon that runs on this root, or None.

    Whoever holds the lock is the daemon: a number in a file could be anybody's by now.
    Devices are not compared, for some file systems report another one here than there.
    Source: proc(5), /proc/locks.
    """
    try:
        inode = str(layout.lock_file.stat().st_ino)
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None
    for line in locks.splitlines():
        _, kind, _, mode, pid, place, *_ = line.split()
        if (kind, mode) == ("FLOCK", "WRITE") and place.rpartition(":")[2] == inode:
            if _is_daemon(int(pid)):
                return int(pid)
    return None


def _is_daemon(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"ha_core.runtime.daemon" in command or any(
        part.rpartition(b"/")[2] == b"had" for part in command
    )


def stop(pid: int, timeout_s: float = END_S) -> bool:
    """Ask a process to end and wait; return whether it did within the time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        ended, _, _ = select.select([descriptor], [], [], timeout_s)
        return bool(ended)
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)


def _is_ready(ready: socket.socket, pid: int) -> bool:
    """Wait for the word READY=1 or the child's end, whichever comes first."""
    child = os.pidfd_open(pid)
    try:
        end = time.monotonic() + READY_S
        while (left_s := end - time.monotonic()) > 0:
            heard, _, _ = select.select([ready.fileno(), child], [], [], left_s)
            if ready.fileno() in heard:
                if b"READY=1" in ready.recv(4096):
                    return True
            elif child in heard:
                return False
        return False
    finally:
        os.close(child)
