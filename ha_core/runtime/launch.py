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
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from ha_core.errors import ConnectError, RefusedError
from ha_core.layout import Layout
from ha_core.runtime import pids

READY_S: Final = 20.0
END_S: Final = 90.0
ERROR_CHARACTERS: Final = 2000
DAEMON: Final = (b"ha_core.runtime.daemon", b"had")
WHILE_NEEDED: Final = "--while-needed"
"""Mark of a witness that no service manager has started, and that ends with its last cluster."""
WITNESS: Final = (b"ha_core.runtime.witness", b"ha")


class Starting:
    """A program that was started in the background and has not said yet that it is ready.

    Several can be under way at once; each needs its `wait` or its `close`. `errors` takes what
    the program writes to standard error, `what` names it in messages.
    """

    def __init__(
        self,
        arguments: list[str],
        errors: Path,
        what: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._errors, self._what = errors, what
        self._directory = tempfile.TemporaryDirectory(prefix="bk-")
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = f"{self._directory.name}/ready"
        self._ready.bind(path)
        with errors.open("wb") as log:
            self._child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                # Neither keeps the caller's directory busy, nor finds modules in it.
                cwd="/",
                env={**(os.environ if environment is None else environment), "NOTIFY_SOCKET": path},
            )

    def wait(self, within_s: float = READY_S) -> int:
        """Wait until it is ready; return its pid.

        Raises: ConnectError: it ended or said nothing in time; the text has its own words.
        """
        try:
            is_ready = _is_ready(self._ready, self._child.pid, within_s)
        finally:
            self.close()
        if is_ready:
            # The daemon outlives this program: nobody here will wait for it.
            self._child.returncode = 0
            return self._child.pid
        what, code = f"{self._what} did not start", self._child.poll()
        if code is None:
            self._child.kill()
            self._child.wait()
            what += f" within {within_s:g} s"
        words = ""
        with suppress(FileNotFoundError):  # who ended it has cleared its directory, too
            words = self._errors.read_text(errors="replace")[-ERROR_CHARACTERS:].strip()
        raise ConnectError(f"{what}: {words or _silent_end(code)}")

    def close(self) -> None:
        """Hear no word of it any more; the program itself is left alone."""
        self._ready.close()
        self._directory.cleanup()


def start(layout: Layout) -> int:
    """Start the node's daemon; return its pid."""
    arguments = [sys.executable, "-m", "ha_core.runtime.daemon"]
    if layout.root is not None:
        arguments += ["--root", str(layout.root.absolute())]
    layout.run.mkdir(parents=True, exist_ok=True)
    return Starting(arguments, layout.run / "had.stderr", "had").wait()


def start_witness(root: Path | None, directory: Path) -> int:
    """Start the witness of this root; return its pid."""
    arguments = [sys.executable, "-m", "ha_core.runtime.witness", WHILE_NEEDED]
    if root is not None:
        arguments += ["--root", str(root.absolute())]
    directory.mkdir(parents=True, exist_ok=True)
    return Starting(arguments, directory / "witness.stderr", "the witness").wait()


def running_pid(layout: Layout) -> int | None:
    """Return the pid of the daemon that runs on this root, or None."""
    return holder_of(layout.lock_file, DAEMON)


def holder_of(lock_file: Path, words: tuple[bytes, bytes]) -> int | None:
    """Return the pid of the process of ours that holds the lock, or None.

    Whoever holds the lock is it: a number in a file could be anybody's by now. `words` are the
    module and the command by which it was started.
    The lock's own device is not compared, for some file systems report another one here than there.
    Source: proc(5), /proc/locks.
    """
    try:
        inode = str(lock_file.stat().st_ino)
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None
    for line in locks.splitlines():
        _, kind, _, mode, pid, place, *_ = line.split()
        is_here = (kind, mode) == ("FLOCK", "WRITE") and place.rpartition(":")[2] == inode
        if is_here and _is_ours(int(pid), words) and _has_open(int(pid), lock_file):
            return int(pid)
    return None


def signal_holder(lock_file: Path, words: tuple[bytes, bytes], number: signal.Signals) -> bool:
    """Send a signal to the process of ours that holds the lock; return whether there was one."""
    pid = holder_of(lock_file, words)
    return pid is not None and pids.signal_if(
        pid, number, lambda: holder_of(lock_file, words) == pid
    )


def end_unneeded_witness(lock_file: Path, within_s: float) -> bool:
    """Have the witness end that `start_witness` started; return whether one did within the time."""
    pid = holder_of(lock_file, WITNESS)
    if pid is None:
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if holder_of(lock_file, WITNESS) != pid or WHILE_NEEDED.encode() not in words:
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        ended, _, _ = select.select([descriptor], [], [], within_s)
        return bool(ended)
    except (ProcessLookupError, FileNotFoundError, PermissionError):
        return False
    finally:
        os.close(descriptor)


def _has_open(pid: int, file: Path) -> bool:
    """Return whether a process has this very file open: inodes of other devices have its number."""
    try:
        wanted = file.stat()
        names = os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        return True  # another user's: its lock and its name must do
    except OSError:
        return False
    for name in names:
        try:
            found = os.stat(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def _is_ours(pid: int, words: tuple[bytes, bytes]) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    module, name = words
    return module in command or any(part.rpartition(b"/")[2] == name for part in command)


def stop(layout: Layout, pid: int, timeout_s: float = END_S) -> bool:
    """Ask the daemon of this root, which was `pid`, to end; return whether it did within the time.

    Raises: RefusedError: it belongs to another user.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if running_pid(layout) == pid:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        elif not _is_ours(pid, DAEMON):
            return True  # the number is another process's by now
        ended, _, _ = select.select([descriptor], [], [], timeout_s)
        return bool(ended)
    except ProcessLookupError:
        return True
    except PermissionError:
        text = f"process {pid} belongs to another user: run as that user or as root"
        raise RefusedError("denied", text) from None
    finally:
        os.close(descriptor)


def _silent_end(code: int | None) -> str:
    """Say how a child has ended that said nothing; None: it has not, and was killed."""
    if code is None:
        return "it said nothing, and was ended"
    return f"it ended {f'by signal {-code}' if code < 0 else f'with code {code}'} and said nothing"


def _is_ready(ready: socket.socket, pid: int, within_s: float) -> bool:
    """Wait for the word READY=1 or the child's end, whichever comes first."""
    child = os.pidfd_open(pid)
    try:
        end = time.monotonic() + within_s
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
