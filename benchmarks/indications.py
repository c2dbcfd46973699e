"""From a failover to a listener: how long it takes, and whether anything is lost or told twice.

A real cluster of three nodes on loopback (`ha lab up`). The node that runs the service is killed
whole, `--failovers N` times; about every third time it is also the one that delivers indications.
With `--outages` the listener is away during every tenth failover. What the listener got is
compared with the journal. Times run from the cluster's own time stamp of an event to the arrival
of its alert, by one clock; takeovers of the delivery are in them. Prints the distribution, of all
alerts and of those that did not have to wait for a listener that was away; exits with 1 if anything
was lost, told twice without a mark, or out of order.

    python benchmarks/indications.py [--failovers 20] [--outages] [--dead-after 1000]
"""

import argparse
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pywbem
from _verbs import events, ha, status
from failover import cluster, wait_until_whole

QUERY: Final = "SELECT * FROM HA_Indication WHERE MessageID <> 'LHA034'"
MODEL: Final = "root/cimv2"
WAIT_S: Final = 60.0
KINDS: Final = {"LHA003": "node-lost", "LHA001": "node-joined"}
"""Alerts that stand for one event of the journal each."""
MOVED: Final = "LHA020"


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Listener:
    """Notes what comes, and when."""

    port: int = field(default_factory=free_port)
    got: list[tuple[float, pywbem.CIMInstance]] = field(default_factory=list)
    _listener: pywbem.WBEMListener | None = None

    def start(self) -> None:
        """Listen."""
        self._listener = pywbem.WBEMListener("127.0.0.1", http_port=self.port)
        self._listener.add_callback(lambda item, host: self.got.append((time.time(), item)))
        self._listener.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def distinct(self) -> list[tuple[float, pywbem.CIMInstance]]:
        """Return first arrivals: a copy bears the same context and number."""
        seen: dict[tuple[str, int], tuple[float, pywbem.CIMInstance]] = {}
        for came, item in list(self.got):
            if item.get("SequenceNumber") is not None:
                seen.setdefault(
                    (item["SequenceContext"], int(item["SequenceNumber"])), (came, item)
                )
        return list(seen.values())

    def count(self, message: str) -> int:
        """Return how many alerts of a message have come."""
        return sum(item["MessageID"] == message for _, item in self.distinct())


def subscribe(lab: dict[str, Any], port: int) -> None:
    """Subscribe to all alerts at the first node."""
    where = lab["wbem"][0]
    client = pywbem.WBEMConnection(where["http"], (where["user"], where["password"]), timeout=20)
    values = {"Name": "bench", "Query": QUERY, "QueryLanguage": "WQL", "SourceNamespaces": [MODEL]}
    chosen = client.CreateInstance(pywbem.CIMInstance("CIM_IndicationFilter", values), "interop")
    url = {"Name": "bench", "Destination": f"http://127.0.0.1:{port}"}
    made = pywbem.CIMInstance("CIM_ListenerDestinationCIMXML", url)
    ends = {"Filter": chosen, "Handler": client.CreateInstance(made, "interop")}
    client.CreateInstance(pywbem.CIMInstance("CIM_IndicationSubscription", ends), "interop")


def wait_for(listener: Listener, message: str, count: int) -> None:
    """Wait until so many alerts of a message have come."""
    end = time.monotonic() + WAIT_S
    while listener.count(message) < count:
        if time.monotonic() > end:
            raise SystemExit(f"{listener.count(message)} of {count} {message} came")
        time.sleep(0.05)


def fail_over(lab: dict[str, Any], listener: Listener, *, is_away: bool) -> tuple[float, float]:
    """Kill the node that serves and bring it back; return when it began and ended."""
    owner = wait_until_whole(lab)
    began, moves = time.time(), listener.count(MOVED)
    if is_away:
        listener.stop()
    ha("lab", "kill", owner, "--dir", lab["dir"])
    other = next(name for name in lab["nodes"] if name != owner)
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        web = status(lab, other)["resources"]["responder"]
        if web["state"] == "started" and web["nodes"] != [owner]:
            break
        time.sleep(0.1)
    if is_away:
        listener.start()
    wait_for(listener, MOVED, moves + 2)  # the address and the program
    ha("lab", "restart", owner, "--dir", lab["dir"])
    return began, time.time()


def delays_ms(
    got: Sequence[tuple[float, pywbem.CIMInstance]], without: Sequence[tuple[float, float]]
) -> list[float]:
    """Return how long each took, but for those that came in one of these spans."""
    return [
        (came - item["EventTime"].datetime.timestamp()) * 1000
        for came, item in got
        if not any(began <= came <= ended for began, ended in without)
    ]


def shown(values: list[float]) -> dict[str, object]:
    """Return a distribution in milliseconds."""
    if len(values) < 2:
        return {"count": len(values)}
    parts = statistics.quantiles(values, n=100, method="inclusive")
    ranks = {f"p{n}": round(parts[n - 1]) for n in (50, 90, 95, 99)}
    return {"count": len(values), **ranks, "max": round(max(values))}


def faults(lab: dict[str, Any], listener: Listener, since: int) -> list[str]:
    """Return what the listener did not get as the journal has it."""
    told = [event for event in events(lab, "n1") if event["seq"] > since]
    found: list[str] = []
    for message, kind in KINDS.items():
        wanted = sum(event["kind"] == kind for event in told)
        if listener.count(message) != wanted:
            found.append(f"{listener.count(message)} alerts {message}, {wanted} events {kind}")
    numbers = [int(item["SequenceNumber"]) for _, item in listener.distinct()]
    if numbers != list(range(len(numbers))):
        found.append(f"numbers with gaps or out of order: {numbers}")
    names = [item["IndicationIdentifier"] for _, item in listener.distinct()]
    if len(set(names)) != len(names):
        found.append("an indication came under two numbers")
    return found


def measure(failovers: int, dead_after_ms: int, *, outages: bool) -> dict[str, object]:
    """Return the distribution and what was wrong."""
    listener, spans = Listener(), []
    listener.start()
    try:
        with cluster(dead_after_ms) as (lab, _):
            wait_until_whole(lab)
            subscribe(lab, listener.port)
            since = max(event["seq"] for event in events(lab, "n1"))
            for number in range(failovers):
                is_away = outages and number % 10 == 5
                span = fail_over(lab, listener, is_away=is_away)
                if is_away:
                    spans.append(span)
            wait_until_whole(lab)
            last = sum(
                event["kind"] == "node-joined" and event["seq"] > since
                for event in events(lab, "n1")
            )
            wait_for(listener, "LHA001", last)
            wrong = faults(lab, listener, since)
            got = listener.distinct()
    finally:
        listener.stop()
    moved = sum(item["MessageID"] == MOVED for _, item in got)
    return {
        "failovers": failovers,
        "dead_after_ms": dead_after_ms,
        "load": [round(each, 1) for each in os.getloadavg()],
        "moves_told": moved,
        "copies_marked": len(listener.got) - len(got),
        "all_ms": shown(delays_ms(got, ())),
        "listener_there_ms": shown(delays_ms(got, spans)),
        "wrong": wrong,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--failovers", type=int, default=20)
    parser.add_argument("--dead-after", type=int, default=1000)
    parser.add_argument("--outages", action="store_true")
    given = parser.parse_args()
    result = measure(given.failovers, given.dead_after, outages=given.outages)
    print(json.dumps(result, indent=1))
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
