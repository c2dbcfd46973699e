"""Real labs for tests: made by the real command, asked from outside, and gone in the end.

Owns: running `ha`, what a lab must leave behind (nothing), and waiting for what
a cluster is to become, by its own word or by its services' answers.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from ha_core.client import Client
from ha_core.lab.demo import Visitor
from ha_core.snapshot import ClusterSnapshot

HA: Final = (sys.executable, "-m", "ha_core.cli.main")
PATIENCE_S: Final = 30.0
"""A bound on correctness, not on speed: machines that run tests may be slow."""
POLL_MS: Final = 1_000


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `ha` and return how it ended."""
    return subprocess.run(
        [*HA, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, **environment},
        timeout=100,
    )


def traces(directory: Path) -> list[str]:
    """Return everything that is left of a lab: processes, files, namespaces."""
    found = [str(directory)] if directory.exists() else []
    for process in psutil.process_iter(["pid", "cmdline", "environ", "status"]):
        info = process.info
        if info["pid"] == os.getpid() or info["status"] == psutil.STATUS_ZOMBIE:
            continue
        words = [*(info["cmdline"] or ()), *(info["environ"] or {}).values()]
        if any(str(directory) in word for word in words):
            found.append(f"{info['pid']}: {info['cmdline']}")
    return found


def alive(pids: Iterable[int]) -> list[int]:
    """Return which of these processes still run; one that nobody has reaped yet does not."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def lasting(node: Mapping[str, Any]) -> list[int]:
    """Return the processes of a node, as `ha lab` tells it, without agents, which come and go."""
    return [pid for pid in node["pids"] if node["roles"][str(pid)] != "agent"]


@dataclass
class Laboratory:
    """A lab that is up; `value` is what `ha lab up --json` printed."""

    directory: Path
    value: dict[str, Any]

    def lab(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a verb of `ha lab` on it."""
        return run("lab", *words, "--dir", str(self.directory))

    def told(self, *words: str) -> dict[str, Any]:
        """Run a verb of `ha lab` that must succeed; return its JSON."""
        done = self.lab(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        value = json.loads(done.stdout)
        assert isinstance(value, dict)
        return value

    def status(self, node: str) -> dict[str, Any]:
        """Return what `ha status --json` says on the node."""
        done = run("--root", str(self.root(node)), "status", "--json")
        assert done.returncode == 0, done.stderr
        value = json.loads(done.stdout)
        assert isinstance(value, dict)
        return value

    def root(self, node: str) -> Path:
        """Return the node's directory."""
        return Path(self.value["nodes"][node]["root"])

    def service(self, resource: str) -> str:
        """Return the address that a service has in this lab."""
        return next(
            str(item["address"]) for item in self.value["services"] if item["resource"] == resource
        )

    def becomes(
        self,
        node: str,
        is_so: Callable[[ClusterSnapshot], bool],
        within_s: float = PATIENCE_S,
    ) -> ClusterSnapshot:
        """Wait until the node sees the cluster so; return how it sees it."""
        return asyncio.run(_becomes(self.root(node), is_so, within_s))

    def mend(self) -> None:
        """Put everything in order again, and wait until every node says so."""
        self.told("heal")
        nodes = self.told("status")["nodes"]
        down = [name for name, node in nodes.items() if node["faults"]]
        if down:
            self.told("restart", *down)
        for name in nodes:
            self.becomes(name, all_run)

    def inside(self, node: str, *words: str) -> str:
        """Run a command in the node's own network; return what it prints."""
        command = ["ip", "netns", "exec", str(self.value["nodes"][node]["namespace"]), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def hardware(self, node: str) -> bytes:
        """Return the hardware address of the first interface in the node's own network."""
        text = self.inside(node, "cat", "/sys/class/net/eth0/address")
        return bytes.fromhex(text.strip().replace(":", ""))

    def events(self, node: str) -> list[dict[str, Any]]:
        """Return the events that the node knows, oldest first."""
        done = run("--root", str(self.root(node)), "events", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def owner(self, node: str, resource: str) -> str:
        """Return where the resource runs, as that node knows."""
        return str(self.status(node)["resources"][resource]["nodes"][0])


async def _becomes(
    root: Path, is_so: Callable[[ClusterSnapshot], bool], within_s: float
) -> ClusterSnapshot:
    async with asyncio.timeout(within_s), Client(root) as client:
        while not is_so(snapshot := await client.snapshot()):
            await client.changed(snapshot.version, POLL_MS)
        return snapshot


def states(snapshot: ClusterSnapshot) -> dict[str, str]:
    """Return the state of every node."""
    return {node.name: node.state for node in snapshot.nodes}


def all_run(snapshot: ClusterSnapshot) -> bool:
    """Return whether all nodes are online and all resources started."""
    return (
        snapshot.quorate
        and set(states(snapshot).values()) == {"online"}
        and all(item.state == "started" for item in snapshot.resources)
    )


def moved_from(node: str, snapshot: ClusterSnapshot) -> bool:
    """Return whether everything runs, and nothing of it on that node."""
    return (
        states(snapshot)[node] == "lost"
        and all(item.state == "started" for item in snapshot.resources)
        and not any(node in item.nodes for item in snapshot.resources)
    )


@contextmanager
def laboratory(directory: Path, *words: str) -> Iterator[Laboratory]:
    """Make a lab, and remove it in the end; nothing of it may be left."""
    done = run("lab", "up", "--dir", str(directory), "--json", *words)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        yield Laboratory(directory, json.loads(done.stdout))
    finally:
        ended = run("lab", "down", "--dir", str(directory))
    assert ended.returncode == 0, ended.stderr
    assert not traces(directory)


@contextmanager
def visited(host: str) -> Iterator[Visitor]:
    """Visit the web site at that address all the time; it answers when this begins."""
    visitor = Visitor(host)
    visitor.start()
    try:
        assert visitor.wait_for(lambda: visitor.answers > 0), "the web site does not answer"
        yield visitor
    finally:
        visitor.end()
