"""A guardian never ends without a word: who ended it, and why."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ha_core.runtime.guardian_end import CRASHED, KILLED, LATE_GUARDIAN, NO_GUARDIAN, cause_of
from tests.runtime.operations_bench import SLEEPER, Bench, bench, ends_within, stands_still, started

CASES = [
    # status, late_ms, is_replaced, what is said
    (-9, 0, True, KILLED),
    (-9, 0, False, "somebody else killed it, or the kernel for want of memory (SIGKILL)"),
    (-11, 0, False, "somebody else killed it, or the kernel for want of memory (SIGSEGV)"),
    (-40, 0, False, "somebody else killed it, or the kernel for want of memory (SIGRTMIN+6)"),
    (-32, 0, False, "somebody else killed it, or the kernel for want of memory (unknown)"),
    (1, 0, False, f"{CRASHED} (exit code 1)"),
    (-9, 31, False, "31 ms after the lease's end it still held what should have ended with it"),
    (-9, 31, True, "31 ms after the lease's end it still held what should have ended with it"),
]


@pytest.mark.parametrize(("status", "late_ms", "is_replaced", "said"), CASES)
def test_reason_names_whoever_ended_it(
    status: int, late_ms: int, is_replaced: bool, said: str
) -> None:
    assert cause_of(status, late_ms, is_replaced=is_replaced).startswith(said)


def told_by(node: Bench) -> asyncio.Queue[tuple[int, str]]:
    """Return what will hold the ends of guardians."""
    told: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    node.guardian.on_ended = lambda pid, why: told.put_nowait((pid, why))
    return told


def test_late_guardian_is_told_as_late_although_the_lease_was_renewed_meanwhile(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            told = told_by(node)
            node.guardian.hold(0)
            node.hold(400)
            await started(node)
            node.hold(400)
            first = node.guardian.pid
            handle = os.pidfd_open(first)
            stands_still(first)
            assert ends_within(handle)  # nobody of this loop has seen it yet
            node.hold()
            assert (await node.death()).reason == LATE_GUARDIAN
            pid, why = await told.get()
            assert pid == first
            assert "its deputy ended both" in why

    asyncio.run(scenario())


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (40, "SIGRTMIN+6")])
def test_guardian_that_somebody_kills_is_told_as_killed(
    tmp_path: Path, number: int, name: str
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            told = told_by(node)
            await started(node)
            first = node.guardian.pid
            os.kill(first, number)
            assert (await node.death()).reason == NO_GUARDIAN
            pid, why = await told.get()
            assert (pid, name in why) == (first, True)
            assert (await node.run(SLEEPER, "start")).exit_code == 0  # another one is there

    asyncio.run(scenario())


def test_guardian_that_its_daemon_replaces_is_told_as_such_and_the_next_one_is_not(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            told = told_by(node)
            await started(node)
            os.kill(node.guardian.pid, signal.SIGSTOP)
            await node.run(SLEEPER, "monitor", timeout_ms=200)
            assert (await told.get())[1] == KILLED
            assert (await node.run(SLEEPER, "start")).exit_code == 0
            os.kill(node.guardian.pid, signal.SIGKILL)
            assert "(SIGKILL)" in (await told.get())[1]

    asyncio.run(scenario())
