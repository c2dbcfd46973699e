"""Does a cluster that nobody touches keep still on a bad machine and a bad network? Needs root.

Three nodes with D = 500 ms, `--load` busy processes, `--loss` percent of all frames lost on both
links in each direction, and all the time a daemon, its guardian or a service of some node stopped
for up to `--pause` milliseconds. Prints what happened meanwhile: nodes lost, leases lost, services
that ended or started, elections, and how long the longest pause was in truth; ends with 1 if a
service was touched or a node was lost.

    python benchmarks/false_alarms.py [--minutes 5] [--load 8] [--loss 20] [--pause 200]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from _load import loaded
from _verbs import events
from netlab import cluster, names, wait_until_whole

from ha_core.layout import Layout
from ha_core.runtime import launch

TOUCHED = ("node-lost", "lease-lost", "resource-started", "resource-stopped", "resource-failed")
BETWEEN_S = 1.0


def worsen(lab: dict[str, Any], percent: float) -> None:
    """Let each node lose so much of what reaches it, on each of its links."""
    share = round(percent * 10)
    rules = (
        "add table inet weather",
        "add chain inet weather into { type filter hook prerouting priority -500; }",
        f'add rule inet weather into iifname "eth*" numgen random mod 1000 < {share} drop',
    )
    for node in lab["nodes"].values():
        for rule in rules:
            subprocess.run(["ip", "netns", "exec", node["namespace"], "nft", rule], check=True)


def victims(lab: dict[str, Any]) -> list[int]:
    """Return daemons and what they started."""
    found = []
    for node in lab["nodes"].values():
        daemon = psutil.Process(launch.running_pid(Layout(Path(node["root"]))) or 0)
        found += [daemon.pid, *(child.pid for child in daemon.children(recursive=True))]
    return found


def disturb(
    lab: dict[str, Any], seconds: float, pause_ms: float, chance: random.Random
) -> list[float]:
    """Stop one process after another for a moment; return how long each stood, in milliseconds."""
    end, stood = time.monotonic() + seconds, []
    while time.monotonic() < end:
        pid, wanted_s = chance.choice(victims(lab)), chance.uniform(0, pause_ms / 1000)
        with at_once():
            begin = time.monotonic()
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                continue
            try:
                time.sleep(wanted_s)
            finally:
                os.kill(pid, signal.SIGCONT)
                stood.append((time.monotonic() - begin) * 1000)
        time.sleep(chance.uniform(0, BETWEEN_S))
    return stood


@contextmanager
def at_once() -> Iterator[None]:
    """Run before all else: a pause that ends when a busy machine lets it end is another one."""
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(2))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--load", type=int, default=8)
    parser.add_argument("--loss", type=float, default=20.0, help="percent")
    parser.add_argument("--pause", type=float, default=200.0, help="longest pause, milliseconds")
    parser.add_argument("--dead-after", type=int, default=500, help="D in milliseconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with cluster(3, options.dead_after) as (lab, _):
        asked = names(lab)[0]
        wait_until_whole(lab, asked)
        first = max(event["seq"] for event in events(lab, asked))
        worsen(lab, options.loss)
        with loaded(options.load):
            chance = random.Random(options.seed)
            pauses = disturb(lab, options.minutes * 60, options.pause, chance)
        wait_until_whole(lab, asked)
        happened = events(lab, asked, first)
    kinds = [event["kind"] for event in happened]
    touched = {kind: kinds.count(kind) for kind in TOUCHED}
    for event in happened:
        print(f"{event['time']:.3f} {event['node']} {event['kind']}: {event['text']}")
    result = {
        "dead_after_ms": options.dead_after,
        "minutes": options.minutes,
        "pauses": len(pauses),
        "longest_pause_ms": round(max(pauses, default=0.0)),
        **touched,
        "coordinators_elected": kinds.count("coordinator-elected"),
        "ok": not any(touched.values()),
    }
    print(json.dumps(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
