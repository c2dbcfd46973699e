"""Restart all nodes one after another and print every silence of the service; needs root.

Each daemon is stopped as an operator does (`ha stop`: it hands over what it runs), started again,
and the next one follows when the cluster is whole. Only switchovers may be heard: prints each
silence in milliseconds by the node that was restarted; ends with 1 if one is longer than --most
(default 50), or a node was lost.

    python benchmarks/rolling_restart.py [--nodes 3] [--dead-after 500] [--rounds 1]
"""

import argparse
import json
import sys
import time

from _verbs import events, ha
from netlab import Asker, cluster, names, wait_until_whole


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--dead-after", type=int, default=500, help="D in milliseconds")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--most", type=float, default=50.0, help="longest silence in milliseconds")
    options = parser.parse_args()
    worst, restarts = 0.0, []
    with cluster(options.nodes, options.dead_after) as (lab, place), Asker(place) as asker:
        for name in names(lab) * options.rounds:
            others = [other for other in names(lab) if other != name]
            served = wait_until_whole(lab, others[0])["resources"]["ip"]["nodes"] == [name]
            asker.silences()
            ha("--root", lab["nodes"][name]["root"], "stop")
            ha("lab", "restart", name, "--dir", lab["dir"])
            wait_until_whole(lab, others[0])
            time.sleep(1.0)
            heard = [round(length * 1000, 1) for _, length in asker.silences()]
            restarts.append({"node": name, "served": served, "silences_ms": heard})
            worst = max([worst, *heard])
        kinds = [event["kind"] for event in events(lab, names(lab)[0])]
    good = worst <= options.most and "node-lost" not in kinds
    result = {
        "dead_after_ms": options.dead_after,
        "restarts": restarts,
        "worst_ms": round(worst, 1),
        "nodes_lost": kinds.count("node-lost"),
        "ok": good,
    }
    print(json.dumps(result))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
