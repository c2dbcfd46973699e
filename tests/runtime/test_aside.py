"""What may hang on a disk or a file server holds up nobody else."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ha_core.runtime import operations_process, process_log
from ha_core.runtime.aside import THREADS_MAX, Aside
from tests.runtime.operations_bench import ROOT, SLEEPER, bench, command

ENDS = """
import asyncio, threading
from ha_core.runtime.aside import Aside
async def main():
    try:
        await Aside().call(threading.Event().wait, 0.1)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""


class Disk:
    """Answers nobody until it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def hang(self, path: object) -> bool:
        """Wait for it."""
        return self.answers.wait()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Return a disk that hangs while the test runs."""
    made = Disk()
    yield made
    made.answers.set()


def test_call_brings_what_it_returns_or_raises() -> None:
    async def scenario() -> None:
        aside = Aside(KeyError)
        assert await aside.call(lambda: 7, 10) == 7
        with pytest.raises(FileNotFoundError):
            await aside.call(lambda: os.stat("/nowhere"), 10)
        with pytest.raises(KeyError):
            await aside.call(lambda: {}["web"], 10)

    asyncio.run(scenario())


def test_no_more_than_so_many_calls_hang_at_a_time(disk: Disk) -> None:
    async def scenario() -> None:
        aside = Aside()
        for _ in range(THREADS_MAX):
            with pytest.raises(TimeoutError):
                await aside.call(disk.answers.wait, 0)
        with pytest.raises(OSError, match="32 calls hang already"):
            await aside.call(disk.answers.wait, 10)
        disk.answers.set()

    asyncio.run(scenario())


def test_process_ends_though_a_call_hangs() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "given up\n", "")


def test_start_whose_directory_hangs_fails_at_its_limit_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            monkeypatch.setattr(operations_process.os.path, "isdir", disk.hang)
            begun = node.begin(command("far", "sleep 600", directory="/far"), "start")
            assert (await node.run(SLEEPER, "monitor")).exit_code == 7, "it is looked at meanwhile"
            assert not begun.done()
            node.operations.cancel(node.last_id - 1)
            far = command("far", "sleep 600", directory="/far")
            done = await node.run(far, "start", timeout_ms=300)
            assert (done.exit_code, done.timed_out) == (1, True)
            assert "cannot be looked at within 300 ms" in done.reason

    asyncio.run(scenario())


def test_log_that_hangs_says_nothing_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            assert (await node.run(SLEEPER, "start")).exit_code == 0
            monkeypatch.setattr(process_log, "trim", disk.hang)
            for _ in range(2):
                assert (await node.run(SLEEPER, "monitor")).exit_code == 0

    asyncio.run(scenario())
