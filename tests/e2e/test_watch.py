"""`ha lab up --watch` on a terminal and in a pipe; `make demo`: both end without trace."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.e2e.laboratory import HA, run, traces

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0


class Terminal:
    """A terminal in which `ha lab up --watch` runs."""

    def __init__(self, directory: Path) -> None:
        words = [*HA, "lab", "up", "--watch", "--nodes", "2", "--no-wbem", "--dir", str(directory)]
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execv(words[0], words)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
        self.seen = b""

    def wait_for(self, text: bytes) -> bool:
        """Read until the text has been shown; return whether it was before the end."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            ready, _, _ = select.select([self._fd], [], [], deadline - time.monotonic())
            if not ready or not self._read():
                return False
        return True

    def _read(self) -> bool:
        try:
            part = os.read(self._fd, 65_536)
        except OSError:  # the other end is closed
            return False
        self.seen += part
        return bool(part)

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def hang_up(self) -> None:
        os.close(self._fd)

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_terminal_shows_changes_live_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    terminal = Terminal(directory)
    assert terminal.wait_for(b"RESOURCES")
    assert b"lab kill n1" in terminal.seen
    assert b"\x1b[32mstarted\x1b[0m" in terminal.seen.replace(b"  ", b"").replace(b" \x1b", b"\x1b")
    drawn = terminal.seen.count(b"\x1b[H")
    assert run("lab", "isolate", "n2", "--dir", str(directory)).returncode == 0
    assert terminal.wait_for(b"no quorum")
    assert terminal.seen.count(b"\x1b[H") > drawn
    terminal.type(b"\x03")
    assert terminal.wait_for(b"is removed")
    assert terminal.exit_code() == 0
    assert not traces(directory)


def test_closed_terminal_ends_the_lab(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    terminal = Terminal(directory)
    assert terminal.wait_for(b"RESOURCES")
    terminal.hang_up()
    terminal.exit_code()
    assert not traces(directory)


def begin(directory: Path, *words: str) -> "subprocess.Popen[str]":
    """Start the watching command with a pipe for its output."""
    command = [*HA, "lab", "up", "--watch", "--nodes", "2", "--no-wbem", "--dir", str(directory)]
    return subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_pipe_gets_plain_lines_and_a_signal_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    directory = tmp_path / "lab"
    with begin(directory) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.endswith("resource web: started on n1\n"):
                break
        process.send_signal(number)
        rest, errors = process.communicate(timeout=PATIENCE_S)
    text = "".join([*lines, rest])
    assert process.returncode == 0, errors
    assert "\x1b" not in text
    assert "cluster demo: 2 nodes" in text
    assert text.endswith("is removed\n")
    assert not traces(directory)


def test_reader_that_goes_away_ends_the_lab(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with begin(directory) as process:
        assert process.stdout is not None
        while "web: started" not in process.stdout.readline():
            assert process.poll() is None
        process.stdout.close()
        assert run("lab", "isolate", "n2", "--dir", str(directory)).returncode == 0
        process.wait(PATIENCE_S)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert not traces(directory)


def test_json_lines_are_the_lab_and_then_the_status(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with begin(directory, "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f'{{"dir": "{directory}"')
        assert process.stdout.readline().startswith('{"name": "demo"')
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert not traces(directory)


def test_killed_watcher_leaves_a_lab_that_can_be_removed(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with begin(directory) as process:
        assert process.stdout is not None
        while "web: started" not in process.stdout.readline():
            assert process.poll() is None
        process.kill()
        process.communicate()
    refused = run("lab", "up", "--dir", str(directory))
    assert refused.returncode == 1
    assert "a lab runs in" in refused.stderr
    assert run("lab", "down", "--dir", str(directory)).returncode == 0
    assert not traces(directory)


def test_demonstration_shows_only_what_is_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ha_core.lab.demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "silence for the visitor" in done.stdout
    assert "All of it was so" in done.stdout
    assert not list(tmp_path.iterdir())


def test_interrupted_demonstration_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ha_core.lab.demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        while "the web site says" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "interrupted: nothing of the lab is left" in errors
    assert not list(tmp_path.iterdir())
