"""What only a watchdog can end: real daemons take it over after the reset, and nobody is asked.

The device is a stand-in that kills every process of its node (tests/standin/watchdog.py).
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from ha_core.agents.registry import RESET_MS
from ha_core.timers import with_drift
from tests.daemon.fleet import Fleet, NodeUnderTest, eventually, sees_voters, traces
from tests.standin.watchdog import Model, WatchdogStandIn, preload, watchdog

AGENTS = Path("/usr/lib/ocf/resource.d/heartbeat/Dummy")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AGENTS.is_file(), reason="needs Debian's resource-agents"),
]
DISK = "resources:\n  disk: {agent: 'ocf:heartbeat:Dummy'}\n"
TIMEOUT_S = 8
WAIT_MS = 1000 + with_drift(TIMEOUT_S * 1000 + RESET_MS)


class Machine:
    """A node with a watchdog; a reset ends all its processes and empties its memory."""

    def __init__(self, node: NodeUnderTest, library: Path, stack: ExitStack) -> None:
        self.node = node
        self._library = library
        path = node.root / "watchdog"
        self.watchdog: WatchdogStandIn = stack.enter_context(watchdog(path, Model(), self.reset))
        node.layout.node_file.write_text(
            node.layout.node_file.read_text()
            + f"watchdog: {{device: {path}, timeout: {TIMEOUT_S}s}}\n"
        )

    def start(self) -> None:
        """Start the daemon so that it finds the device."""
        result = self.node.ha("start", LD_PRELOAD=str(self._library))
        assert result.returncode == 0, result.stderr

    def reset(self) -> None:
        """Do what a machine's reset does."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.node.layout.run / "resource-agents", ignore_errors=True)

    def freeze(self) -> None:
        """Stop everything of the node but what it serves."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def processes(self) -> list[int]:
        """Return daemon, guardian and deputy."""
        daemon = self.node.pid
        return [*([daemon] if daemon else []), *traces(self.node.root)]

    @property
    def has_disk(self) -> bool:
        """Whether the resource is active here, as its agent left it."""
        return (self.node.layout.run / "resource-agents" / "Dummy-disk.state").exists()


class Watcher:
    """Looks all the time how many machines have the resource; keeps the most it saw."""

    def __init__(self, machines: list[Machine]) -> None:
        self._machines = machines
        self._ended = threading.Event()
        self.most = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.002):
            self.most = max(self.most, sum(machine.has_disk for machine in self._machines))

    def end(self) -> int:
        """Return the most owners at one time."""
        self._ended.set()
        self._thread.join()
        return self.most


@pytest.fixture
def machines(fleet: Fleet, tmp_path: Path) -> Iterator[list[Machine]]:
    """Return three nodes with watchdogs that vote, one of which has the resource."""
    nodes = fleet.cluster(3)
    library = preload(tmp_path)
    with ExitStack() as stack:
        made = [Machine(node, library, stack) for node in nodes]
        for machine in made:
            machine.node.done("stop")
            machine.start()
            for node in nodes:
                eventually(f"{node.name} sees all", lambda n=node: sees_voters(n, 3))
        nodes[0].applied(DISK)
        yield made
        for machine in made:
            machine.node.kill(signal.SIGCONT)
            machine.reset()


def owner_of(machines: list[Machine]) -> tuple[Machine, list[Machine]]:
    """Return who has the resource, and the others."""
    name = machines[0].node.reaches("disk", "started")["nodes"][0]
    owner = next(m for m in machines if m.node.name == name)
    return owner, [m for m in machines if m is not owner]


def test_frozen_owner_is_reset_and_its_disk_taken_over_without_an_operator(
    machines: list[Machine],
) -> None:
    coordinator = machines[0].node.status()["coordinator"]
    machines[0].node.done("resource", "move", "disk", "--to", coordinator)
    owner, others = owner_of(machines)
    assert owner.node.name == coordinator, "its successor knows its watchdog from the log alone"
    shown = others[0].node.resource("disk")
    assert (shown["guard"], shown["takeover_wait_ms"]) == ("watchdog", WAIT_MS)
    assert [m.watchdog.is_armed for m in (owner, *others)] == [True, False, False]
    watcher, began = Watcher(machines), time.monotonic()
    owner.freeze()
    eventually(
        "others know that it may still run",
        lambda: others[0].node.resource("disk").get("state") == "blocked",
    )
    why = others[0].node.done("why", "disk")
    assert "may still run on" in why
    eventually("it runs elsewhere", lambda: any(m.has_disk for m in others), 30)
    took_ms = round((time.monotonic() - began) * 1000)
    assert owner.watchdog.fired.is_set(), "only after the reset"
    assert watcher.end() == 1
    assert took_ms >= TIMEOUT_S * 1000
    assert any(event["kind"] == "guard-waited" for event in others[0].node.events())


def test_daemon_that_is_killed_and_comes_back_in_time_keeps_its_machine_and_its_disk(
    machines: list[Machine],
) -> None:
    owner, _ = owner_of(machines)
    owner.node.end()
    assert owner.watchdog.is_armed
    owner.start()
    eventually("it is back", lambda: sees_voters(machines[0].node, 3))
    owner.node.reaches("disk", "started")
    fed = len(owner.watchdog.feeds)
    eventually("its watchdog is fed again", lambda: len(owner.watchdog.feeds) > fed + 2)
    assert not owner.watchdog.fired.is_set()
    assert owner.has_disk


def test_watchdog_is_disarmed_when_the_disk_has_moved_away_and_before_the_daemon_ends(
    machines: list[Machine],
) -> None:
    owner, others = owner_of(machines)
    owner.node.done("stop")
    assert not owner.watchdog.is_armed
    assert not owner.watchdog.fired.is_set()
    assert [m.has_disk for m in others].count(True) == 1
    assert [m.watchdog.is_armed for m in others] == [m.has_disk for m in others]


def test_node_whose_watchdog_breaks_gives_its_disk_away_and_ends(
    machines: list[Machine],
) -> None:
    owner, others = owner_of(machines)
    watcher = Watcher(machines)
    owner.watchdog.model.timeout_s = 3600  # it is broken: it does not fire either
    owner.watchdog.deadline_s = time.clock_gettime(time.CLOCK_BOOTTIME) + 3600
    owner.watchdog.model.fails_after_feeds = 0
    owner.node.gone()
    eventually("it runs elsewhere", lambda: any(m.has_disk for m in others))
    assert watcher.end() == 1
    told = [e["text"] for e in others[0].node.events() if e["kind"] == "watchdog-broken"]
    assert len(told) == 1
    assert "Input/output error" in told[0]


def test_lost_quorum_stops_the_disk_before_the_watchdog_has_to(machines: list[Machine]) -> None:
    owner, others = owner_of(machines)
    frozen = [psutil.Process(m.node.pid) for m in others]
    for process in frozen:
        process.suspend()
    eventually("it is stopped", lambda: not owner.has_disk)
    eventually("and disarmed", lambda: not owner.watchdog.is_armed)
    assert not owner.watchdog.fired.is_set()
    for process in frozen:
        process.resume()
    eventually("it runs again", lambda: any(m.has_disk for m in machines))
