"""From a failover to a listener: how long it takes, and whether anything is lost or told twice.

A real cluster of three nodes on loopback (`ha lab up`). The node that runs the service dies,
`--failovers N` times: every `--whole`th time all of it like a power cut, its WBEM server too, else
its daemon alone, whose guardian then ends the service. With `--outages` the listener is away
during every tenth failover, and at every fifth the server that delivers is killed as well.
What the listener got is compared with the journal. A line of progress goes to standard error after
every ten. Exits with 1 if anything was lost, told twice without a mark, or out of order.

Times run from the cluster's own time stamp of an event to the arrival of its alert, by one clock.
An alert *meets* a span of time if it happened before its end and came after its beginning. Printed
apart: all alerts; of these, those that meet no absence of the listener, which lasts from when it
stops to the first that comes when it listens again; of these, those that meet no failover in which
the deliverer died; and, again of those with a listener, those that meet no time without a
coordinator, from the kill of one to the election of the next: nothing can be written then.

A failover begins when the cluster is whole again after the one before. The alerts of that are under
way just then, and are caught by the kill: two faults within 0.1 s. With `--rest SECONDS` it begins
when none comes for so long.

    python benchmarks/indications.py [--failovers 20] [--minutes M] [--outages] [--whole 1]
        [--dead-after 1000] [--rest 0]
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import pywbem
from _nodes import Nodes
from failover import cluster

QUERY: Final = "SELECT * FROM HA_Indication WHERE MessageID <> 'LHA034'"
MODEL: Final = "root/cimv2"
WAIT_S: Final = 60.0
KINDS: Final = {"LHA003": "node-lost", "LHA001": "node-joined"}
"""Alerts that stand for one event of the journal each."""
MOVED: Final = "LHA020"
ELECTED: Final = "LHA009"
SERVICE: Final = "responder"

Arrival: TypeAlias = tuple[float, pywbem.CIMInstance]
Span: TypeAlias = tuple[float, float]
"""From when to when, by the wall clock."""


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Listener:
    """Notes what comes, and when."""

    port: int = field(default_factory=free_port)
    got: list[Arrival] = field(default_factory=list)
    absences: list[Span] = field(default_factory=list)
    _left: float | None = None
    _listener: pywbem.WBEMListener | None = None

    def start(self) -> None:
        """Listen."""
        self._listener = pywbem.WBEMListener("127.0.0.1", http_port=self.port)
        self._listener.add_callback(lambda item, host: self.got.append((time.time(), item)))
        self._listener.start()
        if self._left is not None:
            self.absences.append((self._left, time.time()))
            self._left = None

    def stop(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._left = time.time()
            self._listener.stop()
            self._listener = None

    def waits(self) -> list[Span]:
        """Return its absences, each to the first that came after it."""
        return [
            (left, min((came for came, _ in list(self.got) if came >= back), default=back))
            for left, back in self.absences
        ]

    def distinct(self) -> list[Arrival]:
        """Return first arrivals: a copy bears the same context and number."""
        seen: dict[tuple[str, int], Arrival] = {}
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
    """Wait until so many alerts of a message have come. Raises TimeoutError: they do not."""
    end = time.monotonic() + WAIT_S
    while listener.count(message) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{listener.count(message)} of {count} {message} came")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Failover:
    """One of them: what died, and from when to when it went on."""

    began: float
    ended: float
    is_whole: bool
    is_away: bool
    has_deliverer_died: bool
    has_coordinator_died: bool


def fail_over(
    nodes: Nodes, listener: Listener, number: int, options: argparse.Namespace
) -> Failover:
    """Kill the node that serves and bring it back."""
    owner = nodes.wait_until_whole(SERVICE)
    wait_for_rest(listener, options.rest)
    deliverer = nodes.deliverer()
    is_away = options.outages and number % 10 == 5
    is_whole = number % options.whole == 0
    kills_server = options.outages and number % 5 == 2
    was_leading = nodes.snapshot(nodes.names[0]).coordinator == owner
    began, moves = time.time(), listener.count(MOVED)
    if is_away:
        listener.stop()
    nodes.kill(owner, whole=is_whole)
    if kills_server and deliverer:
        nodes.kill_server(deliverer)
        if deliverer != owner:
            nodes.bring_back(deliverer)
    nodes.wait_until_moved(SERVICE, owner)
    if is_away:
        listener.start()
    nodes.bring_back(owner)
    wait_for(listener, MOVED, moves + 2)  # the address and the program
    has_died = kills_server or (is_whole and owner == deliverer)
    return Failover(began, time.time(), is_whole, is_away, has_died, was_leading)


def happened(item: pywbem.CIMInstance) -> float:
    """Return when that happened of which an alert tells, by the wall clock."""
    return float(item["EventTime"].datetime.timestamp())


def delays_ms(got: Sequence[Arrival], without: Sequence[Span]) -> list[float]:
    """Return how long each took, but for those that meet one of these spans."""
    return [
        (came - happened(item)) * 1000
        for came, item in got
        if not any(happened(item) < ended and came > began for began, ended in without)
    ]


def leaderless(got: Sequence[Arrival], done: Sequence[Failover]) -> list[Span]:
    """Return the times without a coordinator, as the alerts of elections tell their ends."""
    elections = [happened(item) for _, item in got if item["MessageID"] == ELECTED]
    kills = [each.began for each in done if each.has_coordinator_died]
    return [(at, min((end for end in elections if end > at), default=at)) for at in kills]


def wait_for_rest(listener: Listener, seconds: float) -> None:
    """Wait until no alert comes for so long."""
    since = time.time()
    while (left := since + seconds - time.time()) > 0:
        time.sleep(left)
        since = max([since, *(came for came, _ in listener.got[-1:])])


def shown(values: list[float]) -> dict[str, object]:
    """Return a distribution in milliseconds."""
    if len(values) < 2:
        return {"count": len(values)}
    parts = statistics.quantiles(values, n=100, method="inclusive")
    ranks = {f"p{n}": round(parts[n - 1]) for n in (50, 90, 95, 99)}
    return {"count": len(values), **ranks, "max": round(max(values))}


def faults(nodes: Nodes, listener: Listener, since: int) -> list[str]:
    """Return what the listener did not get as the journal has it."""
    told = Counter(event.kind for event in nodes.events(since))
    got = listener.distinct()
    found: list[str] = []
    for message, kind in KINDS.items():
        if listener.count(message) != told[kind]:
            found.append(f"{listener.count(message)} alerts {message}, {told[kind]} events {kind}")
    numbers = [int(item["SequenceNumber"]) for _, item in got]
    if numbers != list(range(len(numbers))):
        gaps = [each for each in range(max(numbers) + 1) if each not in set(numbers)]
        found.append(f"numbers out of order, or lost: {gaps[:50]}")
    names = [item["IndicationIdentifier"] for _, item in got]
    if len(set(names)) != len(names):
        found.append("an indication came under two numbers")
    return found


def result_of(listener: Listener, done: Sequence[Failover], wrong: list[str]) -> dict[str, object]:
    """Return what was done and seen until now."""
    got = listener.distinct()
    away = listener.waits()
    dead = [(each.began, each.ended) for each in done if each.has_deliverer_died]
    return {
        "failovers": len(done),
        "whole_nodes": sum(each.is_whole for each in done),
        "deliverer_died": len(dead),
        "coordinator_died": sum(each.has_coordinator_died for each in done),
        "listener_away": len(away),
        "load": [round(each, 1) for each in os.getloadavg()],
        "moves_told": listener.count(MOVED),
        "copies_marked": len(listener.got) - len(got),
        "all_ms": shown(delays_ms(got, ())),
        "listener_there_ms": shown(delays_ms(got, away)),
        "deliverer_lived_ms": shown(delays_ms(got, [*away, *dead])),
        "coordinated_ms": shown(delays_ms(got, [*away, *leaderless(got, done)])),
        "wrong": wrong,
    }


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Return the distribution and what was wrong."""
    listener, done = Listener(), []
    listener.start()
    end = time.monotonic() + options.minutes * 60
    try:
        with cluster(options.dead_after) as (lab, _):
            nodes = Nodes(Path(lab["dir"]))
            nodes.wait_until_whole(SERVICE)
            subscribe(lab, listener.port)
            since = max(event.seq for event in nodes.events())
            for number in range(options.failovers):
                if time.monotonic() > end:
                    break
                done.append(fail_over(nodes, listener, number, options))
                if number % 10 == 9:
                    wrong = faults(nodes, listener, since) if number % 100 == 99 else []
                    print(json.dumps(result_of(listener, done, wrong)), file=sys.stderr)
            nodes.wait_until_whole(SERVICE)
            joined = sum(each.kind == "node-joined" for each in nodes.events(since))
            with contextlib.suppress(TimeoutError):  # what is missing is among the faults
                wait_for(listener, "LHA001", joined)
            return result_of(listener, done, faults(nodes, listener, since))
    finally:
        listener.stop()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--failovers", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after")
    parser.add_argument("--whole", type=int, default=1, help="every how manieth kills all")
    parser.add_argument("--dead-after", type=int, default=1000)
    parser.add_argument("--outages", action="store_true")
    parser.add_argument("--rest", type=float, default=0.0, help="seconds without an alert between")
    result = measure(parser.parse_args())
    print(json.dumps(result, indent=1))
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
