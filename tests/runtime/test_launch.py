"""A program that is started in the background: its word that it is ready, and how it failed to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ha_core.errors import ConnectError
from ha_core.runtime import launch
from ha_core.runtime.launch import Starting

READY = """
import os, socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
"""
SLEEP = "import time; time.sleep(60)"


def starting(directory: Path, program: str) -> Starting:
    return Starting([sys.executable, "-I", "-S", "-c", program], directory / "errors", "had")


def test_program_that_says_that_it_is_ready_runs_on(tmp_path: Path) -> None:
    pid = starting(tmp_path, READY + SLEEP).wait()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("program", "within_s", "text"),
    [
        ("import sys; sys.exit('the disk is full')", 20, "had did not start: the disk is full"),
        ("import sys; sys.exit(3)", 20, "had did not start: it ended with code 3 and said nothing"),
        (
            "import os; os.kill(os.getpid(), 9)",
            20,
            "had did not start: it ended by signal 9 and said nothing",
        ),
        (SLEEP, 0.2, "had did not start within 0.2 s: it said nothing, and was ended"),
    ],
)
def test_program_that_does_not_get_ready_is_ended_and_the_text_says_how(
    tmp_path: Path, program: str, within_s: float, text: str
) -> None:
    with pytest.raises(ConnectError) as fault:
        starting(tmp_path, program).wait(within_s)
    assert str(fault.value) == text


def test_lock_of_another_file_with_that_inode_names_nobody(tmp_path: Path) -> None:
    lock = tmp_path / "had.lock"
    program = f"""
import fcntl, time
file = open({str(lock)!r}, "w")
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program, "ha_core.runtime.daemon"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert launch.holder_of(lock, launch.DAEMON) == holder.pid
        same = SameInode(lock)
        assert launch.holder_of(same, launch.DAEMON) is None
        assert not launch.signal_holder(same, launch.DAEMON, signal.SIGTERM)
        assert holder.poll() is None
        assert launch.signal_holder(lock, launch.DAEMON, signal.SIGTERM)
        assert holder.wait(20) == -signal.SIGTERM
    assert not launch.signal_holder(lock, launch.DAEMON, signal.SIGTERM)


class SameInode(type(Path())):  # type: ignore[misc]  # the class of paths depends on the system
    """A file on another device that happens to have the same number there."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return what is known of the file, on another device."""
        known = list(super().stat(follow_symlinks=follow_symlinks))
        known[2] += 1
        return os.stat_result(known)
