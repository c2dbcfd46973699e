"""The watchdog: what it is told by its calls, and that only a lease feeds it.

A stand-in takes the place of the device (tests/standin/watchdog.py); the calls are the real ones.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ha_core.config.model import AgentClass
from ha_core.runtime.address import Notes
from ha_core.runtime.guardian import boottime_ms
from ha_core.runtime.guardian_watch import Watch
from ha_core.runtime.nodefile import WatchdogPlace
from tests.runtime.operations_bench import Bench, bench, passed, primitive, script
from tests.standin.watchdog import MAGICCLOSE, SETTIMEOUT, Model, WatchdogStandIn, preload, watchdog

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from ha_core.runtime.watchdog import Watchdog, WatchdogError
try:
    device = Watchdog(sys.argv[1], int(sys.argv[2]))
except WatchdogError as fault:
    print(fault, flush=True)
    sys.exit(3)
print(device.timeout_s, device.identity, device.has_no_way_out, flush=True)
for line in sys.stdin:
    getattr(device, line.strip())()
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library that carries the calls to the stand-in."""
    return preload(tmp_path_factory.mktemp("standin"))


class Holder:
    """A process that has the device open."""

    def __init__(self, library: Path, device: Path, timeout_s: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(device), str(timeout_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "LD_PRELOAD": str(library)},
        )
        self.said = self.line()

    def line(self) -> str:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def do(self, deed: str) -> None:
        """Let it do something with the device."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{deed}\n")
        self.process.stdin.flush()
        assert self.line() == "done"

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


def settled(stand_in: WatchdogStandIn, is_armed: bool, within_ms: int = 10_000) -> bool:
    """Wait until the stand-in has heard of a close."""
    end_ms = boottime_ms() + within_ms
    while stand_in.is_armed is not is_armed and boottime_ms() < end_ms:
        stand_in.fired.wait(0.01)
    return stand_in.is_armed is is_armed


def test_open_device_is_armed_and_only_the_magic_close_disarms_it(
    tmp_path: Path, library: Path
) -> None:
    with watchdog(tmp_path / "watchdog", Model()) as stand_in:
        holder = Holder(library, stand_in.path, 7)
        assert holder.said == "7 stand-in False"
        assert stand_in.is_armed
        assert stand_in.model.timeout_s == 7
        fed = len(stand_in.feeds)
        holder.do("feed")
        assert len(stand_in.feeds) == fed + 1
        holder.do("disarm")
        assert settled(stand_in, False)
        holder.end()


def test_device_fires_when_who_fed_it_is_killed(tmp_path: Path, library: Path) -> None:
    with watchdog(tmp_path / "watchdog", Model()) as stand_in:
        holder = Holder(library, stand_in.path, 1)
        holder.end()
        assert stand_in.is_armed
        assert stand_in.fired.wait(10)


def test_device_that_cannot_be_disarmed_says_so(tmp_path: Path, library: Path) -> None:
    with watchdog(tmp_path / "watchdog", Model(options=SETTIMEOUT, nowayout=True)) as stand_in:
        holder = Holder(library, stand_in.path, 60)
        assert holder.said == "60 stand-in True"
        holder.do("disarm")
        holder.end()
        assert stand_in.is_armed


@pytest.mark.parametrize(
    ("model", "timeout_s", "said"),
    [
        (Model(longest_s=5), 6, "refuses a time-out of 6 s (Invalid argument)"),
        (Model(options=MAGICCLOSE, timeout_s=60), 10, "has a time-out of 60 s where at most 10 s"),
    ],
)
def test_time_out_that_the_device_cannot_do_is_refused_and_the_device_let_go(
    tmp_path: Path, library: Path, model: Model, timeout_s: int, said: str
) -> None:
    with watchdog(tmp_path / "watchdog", model) as stand_in:
        holder = Holder(library, stand_in.path, timeout_s)
        assert f"watchdog {stand_in.path} {said}" in holder.said
        assert settled(stand_in, False)
        holder.end()


def test_fixed_time_out_that_is_short_enough_will_do(tmp_path: Path, library: Path) -> None:
    with watchdog(tmp_path / "watchdog", Model(options=MAGICCLOSE, timeout_s=5)) as stand_in:
        holder = Holder(library, stand_in.path, 10)
        assert holder.said == "5 stand-in False"
        holder.end()


def test_device_in_use_or_missing_is_named(tmp_path: Path, library: Path) -> None:
    with watchdog(tmp_path / "watchdog", Model()) as stand_in:
        first = Holder(library, stand_in.path, 10)
        second = Holder(library, stand_in.path, 10)
        assert second.said.endswith("cannot be opened (Device or resource busy)")
        for holder in (second, first):
            holder.end()
    holder = Holder(library, tmp_path / "none", 10)
    assert holder.said.endswith("cannot be opened (No such file or directory)")
    holder.end()


# --- the guardian feeds it -----------------------------------------------------------------


async def used(node: Bench, stand_in: WatchdogStandIn, timeout_s: int = 1) -> None:
    """Let the node count on the stand-in."""
    place = WatchdogPlace(str(stand_in.path), timeout_s)
    assert await node.operations.watched.use(place, "node.yaml") == (timeout_s * 1000, "")


def notes_of(node: Bench) -> Notes:
    """Return what the node remembers while its machine is up."""
    return Notes(node.layout.run.absolute() / "watched")


async def until(what: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    async with asyncio.timeout(20):
        while not what():
            await passed(boottime_ms() + 5)


@pytest.fixture
def stand_in(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WatchdogStandIn]:
    """Return a device that a guardian started from here can open."""
    monkeypatch.setenv("LD_PRELOAD", str(library))
    with watchdog(tmp_path / "watchdog", Model()) as made:
        yield made


def test_watchdog_is_tried_out_and_armed_only_while_something_needs_it(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            await used(node, stand_in)
            assert stand_in.feeds, "it was tried out"
            await until(lambda: not stand_in.is_armed)
            assert (await node.guardian.watch("disk", None)).fault == ""
            assert stand_in.is_armed
            assert not await asyncio.to_thread(stand_in.fired.wait, 1.5), "it is fed"
            await node.guardian.unwatch("disk")
            await until(lambda: not stand_in.is_armed)

    asyncio.run(scenario())


def test_watchdog_is_never_fed_after_the_end_of_the_lease_and_fires_in_time(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> int:
        async with bench(tmp_path / "n1") as node:
            await used(node, stand_in)
            assert (await node.guardian.watch("disk", None)).fault == ""
            until_ms = node.hold(700)
            assert await asyncio.to_thread(stand_in.fired.wait, 10)
            return until_ms

    until_ms = asyncio.run(scenario())
    assert max(stand_in.feeds) * 1000 <= until_ms + 1


def test_resource_is_not_started_without_lease_or_without_the_watchdog(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            await used(node, stand_in)
            await until(lambda: not stand_in.is_armed)
            node.guardian.hold(0)
            assert (await node.guardian.watch("disk", None)).fault == "lease ran out"
            assert not stand_in.is_armed
            node.hold()
            taken = await asyncio.to_thread(Holder, library_of(), stand_in.path, 10)
            fault = (await node.guardian.watch("disk", None)).fault
            assert fault.endswith("cannot be opened (Device or resource busy)")
            await asyncio.to_thread(taken.end)

    asyncio.run(scenario())


def library_of() -> Path:
    """Return the library that is in use."""
    return Path(os.environ["LD_PRELOAD"])


def test_new_guardian_feeds_on_what_a_killed_one_has_armed(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            await used(node, stand_in, 4)
            await node.guardian.watch("disk", None)
            first = node.guardian.pid
            os.kill(first, signal.SIGKILL)
            await until(lambda: node.guardian.pid not in (0, first))
            assert not await asyncio.to_thread(stand_in.fired.wait, 6)
            await node.guardian.unwatch("disk")
            await until(lambda: not stand_in.is_armed)

    asyncio.run(scenario())


def test_daemon_that_is_back_feeds_only_under_a_lease_of_its_own(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def first() -> None:
        async with bench(tmp_path / "n1") as node:
            await used(node, stand_in, 2)
            await node.guardian.watch("disk", None)
            notes_of(node).write("disk", b"2")

    async def second() -> None:
        async with bench(tmp_path / "n1") as node:
            node.guardian.hold(0)
            fed = len(stand_in.feeds)
            await used(node, stand_in, 2)
            await passed(boottime_ms() + 100)
            assert len(stand_in.feeds) == fed, "not to be opened before there is a lease"
            node.hold()
            assert not await asyncio.to_thread(stand_in.fired.wait, 3)

    asyncio.run(first())
    assert stand_in.is_armed, "something may still run"
    asyncio.run(second())


def test_what_was_started_without_a_watchdog_forbids_to_count_on_one(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            notes_of(node).write("disk", b"unwatched")
            place = WatchdogPlace(str(stand_in.path), 1)
            timeout_ms, why = await node.operations.watched.use(place, "node.yaml")
            assert timeout_ms == 0
            assert why.startswith("disk was started without it")
            assert await node.operations.watched.use(None, "node.yaml") == (
                0,
                "'watchdog' is not set in node.yaml",
            )

    asyncio.run(scenario())
    assert not stand_in.feeds


def test_watchdog_that_cannot_be_fed_is_told_once(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        async with bench(tmp_path / "n1") as node:
            node.guardian.on_broken = told.append
            await used(node, stand_in)
            stand_in.model.fails_after_feeds = len(stand_in.feeds) + 2
            assert (await node.guardian.watch("disk", None)).fault == ""
            await until(lambda: bool(told))
            assert await asyncio.to_thread(stand_in.fired.wait, 10)
        return told

    assert asyncio.run(scenario()) == [
        f"watchdog {stand_in.path} fails at call 5 of its interface (Input/output error)"
    ]


def test_longer_time_out_of_an_earlier_start_is_declared_while_something_of_it_may_run(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path / "n1") as node:
            node.guardian.hold(0)
            notes_of(node).write("disk", b"30")
            place = WatchdogPlace(str(stand_in.path), 5)
            assert await node.operations.watched.use(place, "node.yaml") == (30_000, "")

    asyncio.run(scenario())


# --- when it is armed, and when it is let go ------------------------------------------------

DISK = primitive("disk", AgentClass.LSB, "disk")
"""What only a watchdog ends."""
GUEST = primitive("disk", AgentClass.OCF, "test", "disk")
"""The same of an agent that knows live migration."""
RUNS = "#!/bin/sh\nexit 0\n"
IS_AWAY = "#!/bin/sh\n[ $1 = status ] && exit 3\nexit 0\n"


@asynccontextmanager
async def guarded(
    tmp_path: Path, stand_in: WatchdogStandIn, agent: str = RUNS
) -> AsyncIterator[Bench]:
    """Run a node that counts on the stand-in, with this agent."""
    script(tmp_path / "disk", agent)
    script(tmp_path / "ocf/resource.d/test/disk", agent)
    root = tmp_path / "n1"
    async with bench(root, scripts=tmp_path, ocf_root=str(tmp_path / "ocf")) as node:
        await used(node, stand_in, 2)
        await until(lambda: not stand_in.is_armed)
        yield node


@pytest.mark.parametrize("action", ["start", "migrate_from", "monitor"])
def test_watchdog_is_armed_for_what_starts_arrives_or_is_found_until_it_is_stopped(
    tmp_path: Path, stand_in: WatchdogStandIn, action: str
) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, stand_in) as node:
            assert (await node.run(GUEST, action)).exit_code == 0
            assert stand_in.is_armed
            assert notes_of(node).all() == {"disk": b"2"}
            assert (await node.run(GUEST, "stop")).exit_code == 0
            await until(lambda: not stand_in.is_armed)
            assert notes_of(node).all() == {}

    asyncio.run(scenario())


def test_watchdog_stays_armed_for_what_a_recurring_monitor_misses(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, stand_in, IS_AWAY) as node:
            assert (await node.run(DISK, "start")).exit_code == 0
            assert (await node.run(DISK, "monitor", interval_ms=10_000)).exit_code == 7
            assert notes_of(node).all() == {"disk": b"2"}, "parts of it may go on until the stop"
            assert not await asyncio.to_thread(settled, stand_in, False, 300)
            assert (await node.run(DISK, "monitor")).exit_code == 7
            await until(lambda: not stand_in.is_armed)

    asyncio.run(scenario())


def test_what_is_found_running_has_failed_if_the_watchdog_cannot_be_armed(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        async with guarded(tmp_path, stand_in) as node:
            node.guardian.on_broken = told.append
            taken = await asyncio.to_thread(Holder, library_of(), stand_in.path, 10)
            done = await node.run(DISK, "monitor")
            assert done.exit_code == 1
            assert done.reason.endswith("cannot be opened (Device or resource busy)")
            await asyncio.to_thread(taken.end)
        return told

    assert len(asyncio.run(scenario())) == 1, "the node does not keep what it has declared"


def test_what_is_found_running_without_a_lease_is_guarded_from_the_next_one_on(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, stand_in) as node:
            node.guardian.hold(0)
            assert (await node.run(DISK, "monitor")).exit_code == 0
            await until(lambda: not stand_in.is_armed)  # to arm it is to feed it
            assert not stand_in.fired.is_set()
            node.hold()
            await until(lambda: stand_in.is_armed)

    asyncio.run(scenario())


def test_start_that_is_refused_leaves_no_watchdog_wanted(
    tmp_path: Path, stand_in: WatchdogStandIn
) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, stand_in) as node:
            node.guardian.hold(0)
            assert (await node.run(DISK, "start")).exit_code == 1
            assert notes_of(node).all() == {}
            node.hold()
            assert (await node.guardian.check("disk", 5000)).fault == ""
            await until(lambda: not stand_in.is_armed)  # it may not have heard of the try's end
            assert not stand_in.fired.is_set()

    asyncio.run(scenario())


def test_watchdog_is_not_said_to_be_armed_when_the_lease_has_ended_since_it_was_looked_at() -> None:
    watch = Watch()
    assert watch.use("/dev/watchdog", 10, ("other",)) == ""
    assert watch.want("disk", boottime_ms() - 1) is False
