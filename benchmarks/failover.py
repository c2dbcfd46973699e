"""How long a service is away when its node dies, and whether a loaded machine loses any node.

Both parts run a real cluster of three nodes on loopback (`ha lab up`). A client asks the service
every 5 ms by UDP.

`--kills N`: the node that serves is killed whole with SIGKILL, N times; each outage runs from the
last answer before the kill to the first answer of the new owner. Prints the median, in ms and over
D; exits with 1 if the median is above D + 300 ms.

`--steady SECONDS --load PROCESSES`: nobody is killed while busy loops take the processors. Prints
how many nodes were lost, services moved and coordinators changed; exits with 1 if any was.

    python benchmarks/failover.py [--kills 20] [--steady 0] [--load 2] [--dead-after 1000]
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from _load import loaded
from _verbs import events, ha, status

ASK_EVERY_S: Final = 0.005
ADDRESS: Final = "127.83.7.1"
SLACK_MS: Final = 300
WAIT_S: Final = 60.0
CONFIGURATION: Final = """\
cluster: failover
options: {{dead_after: {dead_after}ms}}
nodes:
  n1: {{addresses: {{ring0: 127.0.1.1, ring1: 127.0.2.1}}}}
  n2: {{addresses: {{ring0: 127.0.1.2, ring1: 127.0.2.2}}}}
  n3: {{addresses: {{ring0: 127.0.1.3, ring1: 127.0.2.3}}}}
links: {{ring0: {{}}, ring1: {{}}}}
resources:
  ip: {{agent: address, parameters: {{address: {address}}}}}
  responder:
    agent: process
    parameters: {{command: "{python} {responder} {address} {port}"}}
  service: {{group: [ip, responder]}}
"""


class Prober:
    """Asks the service all the time and notes when each answer came, and from which process."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.5)
        self._ended = threading.Event()
        self._came = threading.Condition()
        self._answers: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=run) for run in (self._ask, self._listen)]

    def __enter__(self) -> "Prober":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _ask(self) -> None:
        while not self._ended.wait(ASK_EVERY_S):
            try:
                self._socket.sendto(b"?", self._place)
            except ConnectionRefusedError:
                continue

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                answer, _ = self._socket.recvfrom(64)
            except (TimeoutError, ConnectionRefusedError):
                continue
            with self._came:
                self._answers.append((time.monotonic(), answer.decode()))
                self._came.notify_all()

    def serving(self) -> str:
        """Wait for an answer that comes from now on; return its process."""
        with self._came:
            return self._wait_beyond(len(self._answers))[1]

    def outage_s(self, process: str) -> float:
        """Wait for another process to answer; return for how long nobody did."""
        with self._came:
            last = max(number for number, each in enumerate(self._answers) if each[1] == process)
            return self._wait_beyond(last + 1)[0] - self._answers[last][0]

    def _wait_beyond(self, count: int) -> tuple[float, str]:
        if not self._came.wait_for(lambda: len(self._answers) > count, WAIT_S):
            raise SystemExit(f"the service did not answer within {WAIT_S:g} s")
        return self._answers[count]


@contextmanager
def cluster(dead_after_ms: int) -> Iterator[tuple[dict[str, Any], tuple[str, int]]]:
    """Start a cluster in a directory of its own; yield what `ha lab up` said, and the service."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bk-failover-") as scratch:
        file = Path(scratch, "failover.yaml")
        responder = Path(__file__).with_name("responder.py").resolve()
        text = CONFIGURATION.format(
            dead_after=dead_after_ms,
            address=ADDRESS,
            port=port,
            python=sys.executable,
            responder=responder,
        )
        file.write_text(text)
        directory = str(Path(scratch, "lab"))
        try:
            lab = ha("lab", "up", "--nodes", "3", "--dir", directory, "--config", str(file))
            # A lab moves service addresses to its own, so that several can run at once.
            given = {item["given"]: item["address"] for item in lab["services"]}
            yield lab, (given.get(ADDRESS, ADDRESS), port)
        finally:
            ha("lab", "down", "--dir", directory)


def wait_until_whole(lab: dict[str, Any]) -> str:
    """Wait until every node is online and the service runs; return its node."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        seen = status(lab, "n1")
        everyone = all(node["state"] == "online" for node in seen["nodes"].values())
        web = seen["resources"]["responder"]
        if everyone and seen["quorate"] and web["state"] == "started":
            return str(web["nodes"][0])
        time.sleep(0.1)
    raise SystemExit(f"the cluster is not whole: {seen}")


def kill_owner(lab: dict[str, Any], prober: Prober) -> float:
    """Kill the node that serves; return the outage in milliseconds, and bring the node back."""
    owner = wait_until_whole(lab)
    process = prober.serving()
    ha("lab", "kill", owner, "--dir", lab["dir"])
    outage_ms = prober.outage_s(process) * 1000
    ha("lab", "restart", owner, "--dir", lab["dir"])
    return outage_ms


def measure_kills(kills: int, dead_after_ms: int) -> dict[str, object]:
    """Return the outages of `kills` killed owners."""
    with cluster(dead_after_ms) as (lab, place), Prober(place) as prober:
        outages = [kill_owner(lab, prober) for _ in range(kills)]
    median = statistics.median(outages)
    return {
        "dead_after_ms": dead_after_ms,
        "kills": kills,
        "outage_ms": {
            "min": round(min(outages)),
            "median": round(median),
            "max": round(max(outages)),
        },
        "median_over_dead_after": round(median / dead_after_ms, 2),
        "ok": median <= dead_after_ms + SLACK_MS,
    }


def measure_steady(seconds: float, load: int, dead_after_ms: int) -> dict[str, object]:
    """Return what happened in a loaded cluster that nobody touched."""
    with cluster(dead_after_ms) as (lab, place), Prober(place) as prober:
        wait_until_whole(lab)
        process = prober.serving()
        first = max((event["seq"] for event in events(lab, "n1")), default=0)
        with loaded(load):
            time.sleep(seconds)
        happened = events(lab, "n1", first)
        same = prober.serving() == process
    kinds = [event["kind"] for event in happened]
    lost, moved = kinds.count("node-lost"), kinds.count("resource-started")
    return {
        "steady_s": seconds,
        "busy_processes": load,
        "dead_after_ms": dead_after_ms,
        "nodes_lost": lost,
        "services_started_again": moved,
        "coordinators_elected": kinds.count("coordinator-elected"),
        "ok": same and not lost and not moved,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steady", type=float, default=0.0, help="seconds")
    parser.add_argument("--load", type=int, default=2, help="busy processes while it is steady")
    parser.add_argument("--dead-after", type=int, default=1000, help="D in milliseconds")
    options = parser.parse_args()
    results = []
    if options.kills:
        results.append(measure_kills(options.kills, options.dead_after))
    if options.steady:
        results.append(measure_steady(options.steady, options.load, options.dead_after))
    for result in results:
        print(json.dumps(result))
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
