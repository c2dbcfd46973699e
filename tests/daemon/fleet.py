"""Whole nodes as processes, begun with `ha init` and `ha join` as a user would, and their traces.

Each fleet has loopback addresses of its own, so that tests of one machine do not
meet. Nothing here waits for a fixed time: everything is polled until it holds.
"""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ha_core.layout import Layout
from ha_core.runtime import launch

PATIENCE_S = 30.0
POLL_S = 0.02
PORT = 6940
REPOSITORY = Path(__file__).resolve().parents[2]
_fleets = count(1)
HA = (sys.executable, "-m", "ha_core.cli.main")
HAD = (sys.executable, "-m", "ha_core.runtime.daemon")


def eventually(what: str, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Poll until `holds` returns something true, and return that."""
    end, pause = time.monotonic() + patience_s, threading.Event()
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {patience_s:g} s: {what}"
        pause.wait(POLL_S)  # other processes have no event that could be waited for
    return found


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: the checkout that these tests stand in."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BEATKEEPER", "NOTIFY"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


def ha(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [*HA, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
    )


@dataclass
class NodeUnderTest:
    """One node: its directory and its daemon."""

    name: str
    host: str
    root: Path

    @property
    def layout(self) -> Layout:
        """Where its files lie."""
        return Layout(self.root)

    @property
    def pid(self) -> int:
        """Process id of its daemon; 0 if none runs."""
        return launch.running_pid(self.layout) or 0

    def ha(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this node."""
        return ha("--root", self.root, *words, **more)

    def done(self, *words: object) -> str:
        """Run the command line, which must succeed; return what it printed."""
        result = self.ha(*words)
        assert result.returncode == 0, f"ha {words}: {result.returncode} {result.stderr}"
        return result.stdout

    def status(self) -> dict[str, Any]:
        """Return `ha status --json`; empty while the daemon does not answer."""
        result = self.ha("status", "--json")
        found: dict[str, Any] = json.loads(result.stdout) if result.returncode == 0 else {}
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return what `ha events --json` prints."""
        return [json.loads(line) for line in self.done("events", "--json").splitlines()]

    def log(self) -> str:
        """Return the texts of the daemon's log, a line each."""
        path = self.layout.lib / "had.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return "\n".join(json.loads(line)["text"] for line in lines if line.endswith("}"))

    def logs(self, text: str) -> None:
        """Wait until the log has the text."""
        eventually(f"{self.name} logs {text!r}", lambda: text in self.log())

    def start(self) -> None:
        """Start the daemon by the command line."""
        self.done("start")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the daemon a signal."""
        if pid := self.pid:
            os.kill(pid, number)

    def end(self) -> None:
        """Kill the daemon and wait until it is gone."""
        self.kill()
        self.gone()

    def gone(self) -> None:
        """Wait until no daemon runs."""
        eventually(f"{self.name} ends", lambda: not self.pid)

    def run_daemon(self, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the daemon in the foreground until it ends."""
        return subprocess.run(
            [*HAD, "--root", str(self.root)],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(),
            **options,
        )

    def apply(self, text: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Apply this text behind the nodes of the configuration in force."""
        path = self.root.parent / f"{self.name}.yaml"
        members = self.done("export").partition("\nresources:")[0]
        path.write_text(f"{members}\n{text}")
        return self.ha("apply", path, *words)

    def applied(self, text: str) -> None:
        """Apply, which must succeed and have the effect."""
        result = self.apply(text)
        assert result.returncode == 0, result.stderr

    def resource(self, name: str) -> dict[str, Any]:
        """Return a resource as the status shows it; empty if it is not there."""
        found: dict[str, Any] = self.status().get("resources", {}).get(name, {})
        return found

    def reaches(self, resource: str, state: str) -> dict[str, Any]:
        """Wait until the resource is in that state; return it."""
        found: dict[str, Any] = eventually(
            f"{resource} is {state}",
            lambda: (item := self.resource(resource)).get("state") == state and item,
        )
        return found


@dataclass
class Fleet:
    """Nodes of one test."""

    directory: Path
    network: str
    nodes: dict[str, NodeUnderTest] = field(default_factory=dict)

    def node(self, name: str) -> NodeUnderTest:
        """Return a node, which need not exist yet."""
        if name not in self.nodes:
            host = f"{self.network}.{len(self.nodes) + 1}"
            self.nodes[name] = NodeUnderTest(name, host, self.directory / name)
        return self.nodes[name]

    def init(self, name: str = "n1", *words: object) -> NodeUnderTest:
        """Make the first node by the command line."""
        node = self.node(name)
        node.done("init", "--node", name, "--address", node.host, *words)
        return node

    def join(self, name: str, by: NodeUnderTest) -> NodeUnderTest:
        """Make another node by the command line."""
        node = self.node(name)
        token = json.loads(by.done("token", "--json"))["token"]
        node.done("join", token, "--node", name, "--address", node.host)
        return node

    def cluster(self, size: int, *words: object) -> list[NodeUnderTest]:
        """Make a cluster and wait until every node is online and votes."""
        first = self.init("n1", *words)
        nodes = [first, *(self.join(f"n{number}", first) for number in range(2, size + 1))]
        for node in nodes:
            eventually(f"{node.name} sees {size} voters", lambda n=node: sees_voters(n, size))
        return nodes

    def end(self) -> None:
        """Kill everything, and see that nothing is left over."""
        for node in self.nodes.values():
            node.kill(signal.SIGCONT)
            node.end()
        eventually("no process of the fleet is left", lambda: not traces(self.directory))


@dataclass(frozen=True)
class Nobody:
    """An ordinary user without a home: root becomes it, whoever else is one stays so."""

    python: str
    uid: int

    @staticmethod
    def found() -> "Nobody":
        """Return the user with an interpreter that it can run; skip the test if there is none."""
        if os.geteuid() != 0:
            return Nobody(sys.executable, os.geteuid())
        for python in (sys.executable, "/usr/bin/python3"):
            user = Nobody(python, pwd.getpwnam("nobody").pw_uid)
            probe = user.run("sh", "-c", f"{python} -c 'import click, msgspec, cryptography, yaml'")
            if probe.returncode == 0:
                return user
        pytest.skip("no interpreter that the user nobody can run")

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command as this user."""
        become = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        paths = f"{REPOSITORY}:{sysconfig.get_path('purelib')}"
        return subprocess.run(
            [*(become if os.geteuid() == 0 else []), *map(str, words)],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment(HOME="/nonexistent", PYTHONPATH=paths, PYTHONDONTWRITEBYTECODE="1"),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def ha(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run the command line as this user."""
        return self.run(self.python, "-m", "ha_core.cli.main", *words)

    def may_write(self, directory: Path) -> None:
        """Let this user work in a directory of pytest's, which only root may enter."""
        if os.geteuid() == 0:
            may_enter(directory)
            os.chown(directory, self.uid, self.uid)


def may_enter(directory: Path) -> None:
    """Let everyone enter a directory of pytest's."""
    for part in (directory, *directory.parents):
        if part.stat().st_uid == os.geteuid() and "pytest-" in str(part):
            part.chmod(0o755)


def sees_voters(node: NodeUnderTest, size: int) -> bool:
    """Return whether the node sees that many nodes online with a vote."""
    nodes = node.status().get("nodes", {}).values()
    return sum(item["state"] == "online" and item["voter"] for item in nodes) == size


def traces(directory: Path) -> list[int]:
    """Return every process that names a directory in its command line or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(directory).encode() + b"/" in words:
            found.append(int(entry.name))
    return found


def free_network() -> str:
    """Return the first three parts of loopback addresses that nobody uses."""
    while True:
        number = next(_fleets)
        network = f"127.{64 + os.getpid() % 128}.{number % 250}"
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((f"{network}.1", PORT))
            except OSError:
                continue
            return network


@contextmanager
def fleet(directory: Path) -> Iterator[Fleet]:
    """Give a test its nodes, and end them."""
    made = Fleet(directory, free_network())
    try:
        yield made
    finally:
        made.end()
