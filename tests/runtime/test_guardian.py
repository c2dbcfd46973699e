"""The guardian: what it holds dies with the lease, with the daemon, and with itself."""

import asyncio
import os
import resource
import signal
import time
from pathlib import Path

from ha_core.events import LEASE_RAN_OUT
from ha_core.runtime.guardian import SLOW, boottime_ms
from ha_core.runtime.guardian_main import KILL_LEAD_MS
from ha_core.runtime.guardian_requests import Launch
from tests.runtime.operations_bench import (
    SLEEPER,
    Daemon,
    bench,
    command,
    ends_within,
    passed,
    script,
    stands_still,
    started,
)

LATE_MS_MAX = 100
"""How late a kill may be seen on a busy machine; the guardian itself is on time to a few ms."""


def test_process_dies_when_the_lease_ends_and_not_before(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            pidfd = await started(node)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0
            node.guardian.hold(0)
            assert "given up" in (await node.death()).reason
            assert ends_within(pidfd, 0)
            until_ms = node.hold(400)
            pidfd = await started(node)
            died = await node.death()
            now_ms = boottime_ms()
            assert died.reason.startswith("the lease ran out")
            assert died.with_lease
            assert until_ms - KILL_LEAD_MS <= now_ms <= until_ms + LATE_MS_MAX
            assert ends_within(pidfd, 0)

    asyncio.run(scenario())


def test_renewals_keep_a_process_alive_beyond_its_first_lease(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            first_ms = node.hold(250)
            await started(node)
            while boottime_ms() < first_ms + 300:
                node.hold(250)
                await passed(boottime_ms() + 50)
            assert node.deaths.empty()
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0

    asyncio.run(scenario())


def test_shorter_lease_replaces_a_longer_one(tmp_path: Path) -> None:
    """The cluster counts in other timers: who waits for a lease waits for no longer one."""

    async def scenario() -> None:
        async with bench(tmp_path) as node:
            await started(node)
            until_ms = node.hold(300)
            assert (await node.death()).with_lease
            assert until_ms - KILL_LEAD_MS <= boottime_ms() <= until_ms + LATE_MS_MAX

    asyncio.run(scenario())


def test_start_without_a_lease_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            assert (await node.run(SLEEPER, "start")).reason == LEASE_RAN_OUT
            node.hold()
            late = await node.run(SLEEPER, "start", not_after_ms=boottime_ms())
            assert (late.exit_code, late.reason) == (1, LEASE_RAN_OUT)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 7

    asyncio.run(scenario())


def test_renewal_after_the_end_of_a_lease_does_not_save_what_ran_under_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            until_ms = node.hold(300)
            await started(node)
            os.kill(node.guardian.pid, signal.SIGSTOP)
            await passed(until_ms)
            node.hold()
            os.kill(node.guardian.pid, signal.SIGCONT)
            assert (await node.death()).reason.startswith("the lease ran out")

    asyncio.run(scenario())


def test_renewal_that_was_given_in_time_counts_although_it_is_read_late(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            until_ms = node.hold(300)
            await started(node)
            os.kill(node.guardian.pid, signal.SIGSTOP)
            node.hold()
            await passed(until_ms)
            os.kill(node.guardian.pid, signal.SIGCONT)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0
            assert node.deaths.empty()

    asyncio.run(scenario())


def test_everything_ends_at_once_when_the_daemon_is_killed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "sleep 600", 60_000)
    guardian = os.pidfd_open(daemon.guardian)
    began = time.monotonic()
    daemon.process.kill()
    assert ends_within(daemon.service)
    assert time.monotonic() - began < 1.0
    assert ends_within(guardian)
    daemon.end()


def test_frozen_daemon_keeps_nothing_beyond_its_lease(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            node.hold(300)
            pidfd = await started(node)
            began = time.monotonic()
            assert ends_within(pidfd)  # the loop stands still, as in a frozen daemon
            assert time.monotonic() - began < 1.0

    asyncio.run(scenario())


def test_killed_guardian_takes_its_processes_along_and_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            pidfd = await started(node)
            first = node.guardian.pid
            os.kill(first, signal.SIGKILL)
            died = await node.death()
            assert (died.resource, died.reason) == ("web", "the guardian died")
            assert ends_within(pidfd)
            again = await node.run(SLEEPER, "start")
            assert again.exit_code == 0
            assert node.guardian.pid not in (0, first)

    asyncio.run(scenario())


HIDING = """#!/bin/sh
setsid sh -c 'echo $$ > "$PLACE"; exec sleep 600' </dev/null >/dev/null 2>&1 &
exec sleep 600
"""


def hiding(tmp_path: Path, fifo: str) -> str:
    """Return a command whose grandchild leaves its session and says its process id in a FIFO."""
    path = script(tmp_path / "hiding", HIDING)
    os.mkfifo(tmp_path / fifo)
    return f"env PLACE={tmp_path / fifo} {path}"


async def hidden(tmp_path: Path, fifo: str) -> int:
    """Return a pidfd of the grandchild."""
    text = await asyncio.to_thread((tmp_path / fifo).read_text)
    return os.pidfd_open(int(text))


def test_grandchild_that_left_the_session_dies_with_the_lease(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            begun = node.begin(command("web", hiding(tmp_path, "fifo")), "start")
            pidfd = await hidden(tmp_path, "fifo")
            await begun
            node.guardian.hold(0)
            await node.death()
            assert ends_within(pidfd, 1)

    asyncio.run(scenario())


def test_stop_is_done_only_when_hidden_grandchildren_are_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            service = command("web", hiding(tmp_path, "fifo"))
            begun = node.begin(service, "start")
            pidfd = await hidden(tmp_path, "fifo")
            await begun
            assert (await node.run(service, "stop")).exit_code == 0
            assert ends_within(pidfd, 0)

    asyncio.run(scenario())


def test_new_guardian_sweeps_up_what_a_killed_one_could_not_take_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            begun = node.begin(command("web", hiding(tmp_path, "fifo")), "start")
            pidfd = await hidden(tmp_path, "fifo")
            await begun
            os.kill(node.guardian.pid, signal.SIGKILL)
            await node.death()
            assert await asyncio.to_thread(ends_within, pidfd)

    asyncio.run(scenario())


def test_two_guardians_on_one_machine_leave_each_other_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as one:
            await started(one)
            async with bench(tmp_path / "n2") as two:
                await started(two)
                two.guardian.hold(0)
                await two.death()
            assert (await one.run(SLEEPER, "monitor")).exit_code == 0

    asyncio.run(scenario())


def test_guardian_that_does_not_answer_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            await started(node)
            os.kill(node.guardian.pid, signal.SIGSTOP)
            stuck = await node.run(SLEEPER, "monitor", timeout_ms=200)
            assert stuck.timed_out
            assert (await node.death()).reason == "the guardian died"
            assert (await node.run(SLEEPER, "monitor")).exit_code == 7

    asyncio.run(scenario())


def test_guardian_is_not_replaced_because_figures_do_not_come(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            await started(node)
            guardian = node.guardian.pid
            os.kill(guardian, signal.SIGSTOP)
            assert (await node.guardian.look("web", 50)).fault == SLOW
            os.kill(guardian, signal.SIGCONT)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0
            assert (node.guardian.pid, node.deaths.empty()) == (guardian, True)

    asyncio.run(scenario())


def test_stop_is_done_although_its_guardian_dies_of_it(tmp_path: Path) -> None:
    """What it held ended with it, and the next one has swept: nothing was left running."""

    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.hold(60_000)
            pidfd = await started(node)
            stands_still(node.guardian.pid)
            stop = asyncio.ensure_future(node.run(SLEEPER, "stop"))
            await asyncio.sleep(0)
            os.kill(node.guardian.pid, signal.SIGKILL)
            done = await stop
            assert (done.exit_code, done.reason) == (0, "")
            assert ends_within(pidfd, 0)

    asyncio.run(scenario())


def test_guardian_is_small(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with bench(tmp_path) as node:
            return await asyncio.to_thread(
                Path(f"/proc/{node.guardian.pid}/status").read_text, encoding="ascii"
            )

    values = dict(line.split(":", 1) for line in asyncio.run(scenario()).splitlines())
    assert int(values["RssAnon"].split()[0]) < 8_000
    assert int(values["VmRSS"].split()[0]) < 20_000


def test_guardian_without_open_files_left_refuses_one_start_and_keeps_the_others(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            await started(node)
            pid = node.guardian.pid
            most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            numbers = await asyncio.to_thread(os.listdir, f"/proc/{pid}/fd")
            highest = max(int(number) for number in numbers)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, most[1]))
            begun = [
                node.begin(command(f"more{number}", "sleep 600"), "start")
                for number in range(highest)
            ]
            reasons = {done.reason for done in await asyncio.gather(*begun)}
            assert "no process can be made: Too many open files" in reasons
            assert all(reason.endswith("Too many open files") for reason in reasons if reason)
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0
            assert node.guardian.pid == pid
            resource.prlimit(pid, resource.RLIMIT_NOFILE, most)
            assert (await node.run(command("db", "sleep 600"), "start")).exit_code == 0

    asyncio.run(scenario())


def test_guardian_that_was_stopped_goes_on_by_itself_when_the_lease_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            node.hold(400)
            pidfd = await started(node)
            first = node.guardian.pid
            os.kill(first, signal.SIGSTOP)
            assert (await node.death()).reason == "the lease ran out"
            assert ends_within(pidfd)
            assert node.guardian.pid == first

    asyncio.run(scenario())


def test_guardian_that_stands_still_at_the_lease_s_end_is_killed_with_all_it_holds(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            node.guardian.hold(0)
            node.hold(400)
            pidfd = await started(node)
            node.hold(400)
            first = node.guardian.pid
            stands_still(first)
            assert (await node.death()).reason.startswith(
                "the lease ran out; the guardian was late"
            )
            assert ends_within(pidfd)
            assert node.guardian.pid != first

    asyncio.run(scenario())


def test_guardian_that_reads_is_not_replaced_because_one_start_hangs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            await started(node)
            pid = node.guardian.pid
            os.mkfifo(tmp_path / "log")  # opening it for writing waits for a reader
            launch = Launch("stuck", ("/bin/sleep", "600"), {}, tmp_path / "log")
            assert (await node.guardian.launch(launch, 300)).fault == SLOW
            assert (await node.guardian.stop("stuck", 0)).fault == ""
            assert node.guardian.pid == pid
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0

    asyncio.run(scenario())
