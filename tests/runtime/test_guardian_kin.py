"""What left its group, its session and its marks behind: whose it is, and what a kill has left."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ha_core.config.model import Primitive
from ha_core.runtime import guardian_os
from ha_core.runtime.guardian import boottime_ms
from ha_core.runtime.guardian_deputy import Page
from ha_core.runtime.guardian_kin import LEFT
from ha_core.runtime.guardian_main import Guardian
from ha_core.runtime.guardian_process import Process
from tests.runtime.operations_bench import Bench, bench, command, ends_within, passed, script

WRAPPER = """#!/bin/sh
trap '' TERM
env -i setsid sleep 600 &
echo $! >{fifo}
wait
wait
"""
"""As `su` and the like: what it runs has a session and an environment of its own."""


def hidden(tmp_path: Path, name: str) -> tuple[Primitive, Path]:
    """Return a command with such a child, and where the number of that is told."""
    fifo = tmp_path / f"{name}-fifo"
    os.mkfifo(fifo)
    return command(name, str(script(tmp_path / name, WRAPPER.format(fifo=fifo)))), fifo


async def started(node: Bench, tmp_path: Path, name: str) -> tuple[Primitive, int]:
    """Start such a command; return it and a pidfd of its child, once the guardian has met that."""
    primitive, fifo = hidden(tmp_path, name)
    begun = node.begin(primitive, "start")
    child = int(await asyncio.to_thread(fifo.read_text))
    assert (await begun).exit_code == 0
    await until(lambda: child in node.guardian._page.kin())
    return primitive, os.pidfd_open(child)


async def until(what: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    async with asyncio.timeout(20):
        while not what():
            await passed(boottime_ms() + 5)


def test_stop_ends_what_left_its_session_and_forgot_its_marks_and_nobody_else_s(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            web, child = await started(node, tmp_path, "web")
            _, other = await started(node, tmp_path, "other")
            assert (await node.run(web, "stop", timeout_ms=300)).exit_code == 0
            assert ends_within(child, 0), "it is said to have stopped"
            assert (await node.run(web, "monitor")).exit_code == 7
            assert not ends_within(other, 0)

    asyncio.run(scenario())


def test_command_that_dies_takes_what_it_hid_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            _, child = await started(node, tmp_path, "web")
            os.kill(await node.pid("web"), signal.SIGKILL)
            assert "killed by signal 9" in (await node.death()).reason
            assert ends_within(child, 0)

    asyncio.run(scenario())


def test_guardian_that_is_killed_takes_what_was_hidden_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            web, child = await started(node, tmp_path, "web")
            os.kill(node.guardian.pid, signal.SIGKILL)
            assert (await node.death()).reason == "the guardian died"
            assert (await node.run(web, "stop")).exit_code == 0
            assert ends_within(child, 0)

    asyncio.run(scenario())


# --- what outlives a kill ------------------------------------------------------------------


@pytest.fixture
def survivor() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that runs on, as one that hangs in the kernel does."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


class Asked:
    """A guardian in this process, whose kills do nothing; what it says is read back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guardian_os, "kill_one", lambda pid, is_meant: True)
        self.channel, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._page = Page.made()
        self.guardian = Guardian(self._theirs, self._page, "scope", "owner")

    def end(self) -> None:
        """Let go of it."""
        self.channel.close()
        self._theirs.close()
        self._page.close()

    def died(self, survivor: int, why: str) -> dict[str, object]:
        """Let a service have died that left this; return what is told when that is given up."""
        process = Process("web", 0, survivor, -1)
        process.why = why
        self.guardian._processes["web"] = process
        self.guardian._look_at_kin()
        process.status, process.clear_until_ms = 9, 1
        self.guardian._clear(process)
        return self.said()

    def ask(self, what: str) -> str:
        """Return the fault of a request."""
        self.guardian._do({"do": what, "id": 5, "resource": "web", "grace": 0})
        return str(self.said()["fault"])

    def said(self) -> dict[str, object]:
        """Return the next word of it."""
        self.guardian._flush()
        said: dict[str, object] = json.loads(self.channel.recv(4096))
        return said


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """Return such a guardian."""
    made = Asked(monkeypatch)
    yield made
    made.end()


def test_what_survives_a_kill_fails_each_stop_and_look_until_it_is_gone(
    asked: Asked, survivor: subprocess.Popen[bytes]
) -> None:
    reason = asked.died(survivor.pid, "the lease ran out")["reason"]
    assert reason == f"the lease ran out; {LEFT}"
    assert [asked.ask(what) for what in ("stop", "stop", "check")] == [LEFT] * 3
    survivor.kill()
    survivor.wait()
    assert asked.ask("check") == ""
    assert asked.ask("stop") == ""


def test_nothing_is_said_of_what_a_dead_command_has_left_while_that_is_being_ended(
    asked: Asked, survivor: subprocess.Popen[bytes]
) -> None:
    process = Process("web", 0, survivor.pid, -1)
    process.status = 9
    asked.guardian._processes["web"] = process
    asked.guardian._do({"do": "check", "id": 5, "resource": "web"})
    assert not asked.guardian._outbox
    assert len(asked.guardian._queue) == 1, "asked again when that is known"
    os.close(process.pidfd)


def test_what_the_lease_s_end_has_left_over_is_told_as_that(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            node.guardian.on_died("web", f"the lease ran out; {LEFT}")
            died = await node.death()
            assert died.has_left
            assert not died.with_lease, "it has not ended with the lease"

    asyncio.run(scenario())
