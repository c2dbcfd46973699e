"""Does a large cluster of real daemons on one small machine stay stable? Needs root.

`--nodes` in namespaces with D = 3000 ms; one is killed whole every `--every` seconds and comes back
before the next. Prints how long the start took, the processors' use at rest, how long each loss
took to be told, and what was lost that was not killed; ends with 1 if anything was.

    python benchmarks/scale.py [--nodes 32] [--minutes 10] [--every 60]
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from _verbs import events, ha, status
from netlab import cluster, names, wait_until_whole

from ha_core.layout import Layout
from ha_core.runtime import launch

REST_S = 10.0


def processor_s(lab: dict[str, Any]) -> float:
    """Return the processor time that all daemons have used."""
    total = 0.0
    for node in lab["nodes"].values():
        times = psutil.Process(launch.running_pid(Layout(Path(node["root"]))) or 0).cpu_times()
        total += times.user + times.system
    return total


def kill_one(lab: dict[str, Any], name: str, every_s: float) -> dict[str, Any]:
    """Kill a node, see that it alone is lost, and bring it back; take `every_s` in all."""
    begun = time.monotonic()
    asked = next(other for other in names(lab) if other != name)
    first = max(event["seq"] for event in events(lab, asked))
    killed = time.time()
    ha("lab", "kill", name, "--dir", lab["dir"])
    while status(lab, asked)["nodes"][name]["state"] != "lost":
        if time.monotonic() - begun > every_s:
            break
        time.sleep(0.2)
    ha("lab", "restart", name, "--dir", lab["dir"])
    wait_until_whole(lab, asked)
    time.sleep(max(every_s - (time.monotonic() - begun), 0))
    fresh = events(lab, asked, first)
    lost = {event["subject"]: event["time"] for event in fresh if event["kind"] == "node-lost"}
    told_s = lost.pop(name, None)
    others = sorted(lost) + [e["node"] for e in fresh if e["kind"] == "lease-lost"]
    return {
        "killed": name,
        "told_after_s": None if told_s is None else round(told_s - killed, 2),
        "coordinators": [e["node"] for e in fresh if e["kind"] == "coordinator-elected"],
        "lost_besides": [other for other in others if other != name],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--dead-after", type=int, default=3000, help="D in milliseconds")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, begun = random.Random(options.seed), time.monotonic()
    with cluster(options.nodes, options.dead_after) as (lab, _):
        print(f"{options.nodes} nodes are up after {time.monotonic() - begun:.1f} s", flush=True)
        before_s = processor_s(lab)
        time.sleep(REST_S)
        use = (processor_s(lab) - before_s) / REST_S
        print(f"at rest all daemons together take {use:.2f} of a processor", flush=True)
        rounds = []
        for _ in range(round(options.minutes * 60 / options.every)):
            rounds.append(kill_one(lab, chance.choice(names(lab)), options.every))
            print(json.dumps(rounds[-1]), flush=True)
    good = all(r["told_after_s"] is not None and not r["lost_besides"] for r in rounds)
    print(json.dumps({"nodes": options.nodes, "kills": len(rounds), "ok": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
