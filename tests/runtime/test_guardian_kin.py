"""What left its group, its session and its marks behind: whose it is."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

from ha_core.config.model import Primitive
from ha_core.runtime.guardian import boottime_ms
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
