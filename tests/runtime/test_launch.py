"""A program that is started in the background: its word that it is ready, and how it failed to."""

import os
import signal
import sys
from pathlib import Path

import pytest

from ha_core.errors import ConnectError
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
