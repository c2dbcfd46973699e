"""The guardian stands still: its deputy ends what it holds, and it says so when it runs again."""

import asyncio
import os
import signal
from pathlib import Path

import psutil

from ha_core.ids import Millis
from ha_core.runtime.guardian import boottime_ms
from ha_core.runtime.guardian_main import KILL_LEAD_MS, PAUSE_MS
from tests.runtime.operations_bench import (
    SLEEPER,
    Daemon,
    bench,
    command,
    ends_within,
    passed,
    script,
    started,
)

HIDING = """#!/bin/sh
setsid env -i sh -c 'echo $$ > "'$PLACE'"; exec sleep 600' </dev/null >/dev/null 2>&1 &
exec sleep 600
"""


def deputy_of(guardian: int) -> int:
    """Return the guardian's child that is one of its own kind; 0 if there is none."""
    process = psutil.Process(guardian)
    kind = process.cmdline()
    alive = (c for c in process.children() if c.status() != psutil.STATUS_ZOMBIE)
    found = [child.pid for child in alive if child.cmdline() == kind]
    assert len(found) <= 1, "one deputy"
    return found[0] if found else 0


def test_service_ends_with_the_lease_though_daemon_and_guardian_are_both_frozen(
    tmp_path: Path,
) -> None:
    daemon = Daemon(tmp_path, "sleep 600", 1500)
    daemon.stop_all()
    assert not ends_within(daemon.service, 0), "not before the lease ends"
    assert ends_within(daemon.service)
    assert boottime_ms() >= daemon.until_ms - KILL_LEAD_MS
    daemon.end()


def test_grandchild_that_hid_its_marks_ends_with_a_frozen_guardian_s_lease(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    path = script(tmp_path / "hiding", HIDING)
    daemon = Daemon(tmp_path, f"env PLACE={tmp_path / 'fifo'} {path}", 1500)
    hidden = os.pidfd_open(int((tmp_path / "fifo").read_text()))
    daemon.stop_all()
    assert ends_within(hidden)
    daemon.end()


def test_grandchildren_do_not_outlive_a_guardian_that_is_killed_beside_a_frozen_daemon(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "fifo")
    path = script(tmp_path / "hiding", HIDING.replace("env -i ", ""))
    daemon = Daemon(tmp_path, f"env PLACE={tmp_path / 'fifo'} {path}", 60_000)
    hidden = os.pidfd_open(int((tmp_path / "fifo").read_text()))
    os.kill(daemon.process.pid, signal.SIGSTOP)
    os.kill(daemon.guardian, signal.SIGKILL)
    assert ends_within(hidden)
    daemon.end()


def test_dead_deputy_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            await started(node)
            first = deputy_of(node.guardian.pid)
            os.kill(first, signal.SIGKILL)
            while deputy_of(node.guardian.pid) in (0, first):
                await passed(boottime_ms() + 20)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_deputy_leaves_alone_what_is_renewed_while_the_guardian_stands_still(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            until_ms = node.hold(300)
            await started(node)
            os.kill(node.guardian.pid, signal.SIGSTOP)
            node.hold()
            await passed(until_ms + 200)
            os.kill(node.guardian.pid, signal.SIGCONT)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0
            assert node.deaths.empty()

    asyncio.run(scenario())


def test_guardian_says_how_long_it_did_not_run(tmp_path: Path) -> None:
    async def scenario() -> tuple[Millis, Millis]:
        async with bench(tmp_path) as node:
            told: asyncio.Queue[tuple[Millis, Millis]] = asyncio.Queue()
            node.guardian.on_paused = lambda paused, late: told.put_nowait((paused, late))
            await started(node)
            os.kill(node.guardian.pid, signal.SIGSTOP)
            await passed(boottime_ms() + PAUSE_MS + 300)
            os.kill(node.guardian.pid, signal.SIGCONT)
            return await asyncio.wait_for(told.get(), 20)

    paused_ms, late_ms = asyncio.run(scenario())
    assert paused_ms >= PAUSE_MS
    assert late_ms == 0


def test_guardian_ends_what_is_over_before_it_reads_any_request(tmp_path: Path) -> None:
    """Guardian and deputy were frozen beyond the lease; a start waits to be read."""

    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            until_ms = node.hold(1000)
            await started(node)
            frozen = (deputy_of(node.guardian.pid), node.guardian.pid)
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            begun = node.begin(command("db", "sleep 600"), "start")
            await passed(until_ms + 50)
            for pid in reversed(frozen):
                os.kill(pid, signal.SIGCONT)
            assert (await node.death()).resource == "web"
            assert "lease" in (await begun).reason or "guardian died" in (await begun).reason

    asyncio.run(scenario())
