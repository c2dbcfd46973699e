"""A cluster in network namespaces with a service that is asked every 5 ms, for the figures.

Needs root. Nodes are those of `ha lab up --netns`: real daemons, two links, one kernel. The service
is an address and a small responder, which may run twice, so that a move starts it first. The asker
runs as a process of its own, ahead of others, so that silence is the service's and not its own.
"""

import contextlib
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from _verbs import ha, status

ADDRESS: Final = "192.0.2.100"
PORT: Final = 7777
ASK_EVERY_S: Final = 0.005
SILENCE_MS: Final = 12
"""Longer stretches without an answer count as silence: three questions in a row."""
WAIT_S: Final = 120.0
VOTERS: Final = 7
NEIGHBOURS: Final = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
CONFIGURATION: Final = """\
cluster: figures
options: {{dead_after: {dead_after}ms}}
nodes:
{nodes}
links: {{ring0: {{}}, ring1: {{}}}}
defaults: {{resource: {{stickiness: 100}}}}
resources:
  ip: {{agent: address, parameters: {{address: {address}}}}}
  responder:
    agent: process
    exclusivity: none
    parameters: {{command: "{python} {responder} 0.0.0.0 {port}"}}
constraints:
  together: {{colocation: responder, with: ip}}
"""


class Asker:
    """Asks the service all the time; `silences` tells when nobody answered, and for how long."""

    def __init__(self, place: tuple[str, int]) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._pipe = ours
        self._process = multiprocessing.Process(target=_ask, args=(place, theirs), daemon=True)

    def __enter__(self) -> "Asker":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def silences(self) -> list[tuple[float, float]]:
        """Return begin and length of each silence since the last call, in seconds; the time in
        which the asker itself did not run is left out.
        """
        self._pipe.send("tell")
        found: list[tuple[float, float]] = self._pipe.recv()
        return found


def _ask(place: tuple[str, int], pipe: Connection) -> None:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50))
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.setblocking(False)
    found: list[tuple[float, float]] = []
    answered = due = time.monotonic()
    late = 0.0
    while True:
        with contextlib.suppress(OSError):  # no neighbour: it counts as silence
            asker.sendto(b"?", place)
        due += ASK_EVERY_S
        time.sleep(max(due - time.monotonic(), 0))
        now = time.monotonic()
        late += now - due
        due = max(due, now - ASK_EVERY_S)
        heard = False
        try:
            while asker.recv(64):
                heard = True
        except OSError:
            pass
        if heard:
            silent = now - answered - late
            if silent * 1000 > SILENCE_MS:
                found.append((answered, silent))
            answered, late = now, 0.0
        if pipe.poll():
            pipe.recv()
            pipe.send(found)
            found = []


@contextmanager
def room_for_neighbours(size: int) -> Iterator[None]:
    """Let the kernel remember so many nodes' neighbours: all namespaces share one ARP table, and
    what does not fit into it is not heard. As after `sysctl net.ipv4.neigh.default.gc_thresh3`.
    """
    given = int(NEIGHBOURS.read_text())
    NEIGHBOURS.write_text(str(max(given, 4 * size * size)))
    try:
        yield
    finally:
        NEIGHBOURS.write_text(str(given))


@contextmanager
def cluster(size: int, dead_after_ms: int) -> Iterator[tuple[dict[str, Any], tuple[str, int]]]:
    """Make a cluster; yield what `ha lab up` said, and where the service is."""
    nodes = "\n".join(
        f"  n{n}: {{addresses: {{ring0: 192.0.2.{n}, ring1: 198.51.100.{n}}}"
        + (", voter: false}" if n > VOTERS else "}")
        for n in range(1, size + 1)
    )
    with (
        room_for_neighbours(size),
        tempfile.TemporaryDirectory(prefix="bk-figures-") as scratch,
    ):
        file, directory = Path(scratch, "figures.yaml"), str(Path(scratch, "lab"))
        text = CONFIGURATION.format(
            dead_after=dead_after_ms,
            nodes=nodes,
            address=ADDRESS,
            port=PORT,
            python=sys.executable,
            responder=Path(__file__).with_name("responder.py").resolve(),
        )
        file.write_text(text)
        try:
            options = ("--netns", "--no-wbem", "--dir", directory, "--config", str(file))
            lab = ha("lab", "up", *options)
            given = {item["given"]: item["address"] for item in lab["services"]}
            yield lab, (given.get(ADDRESS, ADDRESS), PORT)
        finally:
            ha("lab", "down", "--dir", directory)


def wait_until_whole(lab: dict[str, Any], asked: str) -> dict[str, Any]:
    """Wait until every node is online and the service runs; return the status."""
    end = time.monotonic() + WAIT_S
    seen: dict[str, Any] = {}
    while time.monotonic() < end:
        seen = status(lab, asked)
        everyone = all(node["state"] == "online" for node in seen["nodes"].values())
        running = all(item["state"] == "started" for item in seen["resources"].values())
        if everyone and seen["quorate"] and running and not seen["pending"]:
            return seen
        time.sleep(0.2)
    raise SystemExit(f"the cluster is not whole: {seen}")


def names(lab: dict[str, Any]) -> list[str]:
    """Return the nodes in the order in which they were named."""
    return sorted(lab["nodes"], key=lambda name: int(name.removeprefix("n")))
