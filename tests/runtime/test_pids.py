"""A signal hits the process that is meant, or none: never one that has got its number since."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ha_core.runtime import pids

LAST = Path("/proc/sys/kernel/ns_last_pid")
TRIES = 200


@contextmanager
def sleeper(*words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process that waits."""
    command = words or ("sleep", "100")
    process = subprocess.Popen(command, stdout=subprocess.PIPE if words else None)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def successor(number: int, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process with that number, which is free."""
    for _ in range(TRIES):
        try:
            LAST.write_text(str(number - 1))
        except OSError:
            pytest.skip("only root may choose the number of a process")
        with sleeper(*words) as process:
            if process.pid == number:
                yield process
                return
    pytest.skip(f"others took process number {number}")


def test_process_that_is_meant_gets_the_signal() -> None:
    with sleeper() as process:
        assert pids.signal_if(process.pid, signal.SIGTERM, lambda: True)
        assert process.wait(10) == -signal.SIGTERM


def test_process_that_is_not_meant_gets_none() -> None:
    with sleeper() as process:
        assert not pids.signal_if(process.pid, signal.SIGKILL, lambda: False)
        assert process.poll() is None


def test_successor_in_the_number_gets_nothing_although_it_looks_like_the_one_that_is_meant() -> (
    None
):
    first = subprocess.Popen(["sleep", "100"])
    later: list[subprocess.Popen[bytes]] = []

    def is_meant() -> bool:
        """Look at it while it dies and its number is given away."""
        first.kill()
        first.wait()
        later.append(stack.__enter__())
        return Path(f"/proc/{first.pid}/cmdline").read_bytes() == b"sleep\x00100\x00"

    stack = successor(first.pid)
    try:
        assert not pids.signal_if(first.pid, signal.SIGKILL, is_meant)
        assert later[0].pid == first.pid
        assert later[0].poll() is None
    finally:
        first.kill()
        first.wait()
        if later:
            stack.__exit__(None, None, None)


def test_number_that_is_free_hits_nobody() -> None:
    with sleeper() as process:
        number = process.pid
    assert not pids.signal_if(number, signal.SIGKILL, lambda: True)
    assert (pids.began(number), pids.parent(number)) == (0, 0)


def test_beginning_and_parent_tell_processes_apart() -> None:
    assert pids.began(os.getpid()) > 0
    with sleeper() as process:
        assert pids.parent(process.pid) == os.getpid()
        handle = os.pidfd_open(process.pid)
        assert not pids.has_ended(handle)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert pids.has_ended(handle)
        os.close(handle)
