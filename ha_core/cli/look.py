"""Looking at a cluster and this machine for `ha doctor` and `ha report`: gathers, judges nothing.

Owns: what is asked of the daemon, of the machine and of the WBEM server, each question bounded in
time. What could not be looked at becomes a text, never an error: a doctor that gives up at the
first fault is of no use.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

import msgspec

from ha_core.cli.look_machine import machine_facts
from ha_core.client import Client
from ha_core.control_protocol import Greeting, ObservedGiven
from ha_core.doctor.facts import Examined, Server, Told
from ha_core.errors import ConnectError, RefusedError
from ha_core.figures import NodeFigures
from ha_core.ids import Millis, NodeName
from ha_core.journal import JournalEvent
from ha_core.layout import Layout
from ha_core.observed import LinkStanding, OperationResult
from ha_core.replication.entries import ConfigurationChange
from ha_core.runtime.service import product
from ha_core.snapshot import ClusterSnapshot

SERVER: Final = "cim_provider.server.condition"
"""The provider's module that looks at its server; the cluster goes without the provider."""
SHELF_PREFIX: Final = "wbem/"
AGE_MS: Final[Millis] = 2_000
"""A node measures itself at most once a second, and another one keeps that for a second."""
ANEW_S: Final = 1.1
PAGES_MAX: Final = 1_000
"""Of results and links: more than any cluster has."""


class Desk(Protocol):
    """Where figures are asked for; see `Client.figures`."""

    async def figures(self, max_age_ms: Millis) -> tuple[NodeFigures, ...]:
        """Return figures of all nodes."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What the daemon has told; `fault`: why it has told no more."""

    greeting: Greeting | None = None
    snapshot: ClusterSnapshot | None = None
    told: tuple[Told, ...] = ()
    events: tuple[JournalEvent, ...] = ()
    results: tuple[OperationResult, ...] = ()
    links: tuple[LinkStanding, ...] = ()
    revisions: tuple[ConfigurationChange, ...] = ()
    shelf: Mapping[str, str] | None = None
    shelf_fault: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """All that was looked at, and what the daemon told beside that."""

    examined: Examined
    seen: Seen


async def look(root: Path | None) -> Whole:
    """Return what is known of the cluster, this machine and its WBEM server now.

    Raises: ConnectError: this machine is no node of a cluster, or this user may not ask;
        RefusedError: likewise; WireError: the daemon is of another version.
    """
    layout = Layout(root)
    seen = await _daemon(layout)
    machine = await asyncio.to_thread(machine_facts, layout)
    server = await asyncio.to_thread(_server, layout.root, seen)
    examined = Examined(
        at_wall_ms=wall_ms(),
        program=version_of(product()),
        machine=machine,
        # One that fell silent in between has not told enough to call anything well.
        snapshot=None if seen.fault else seen.snapshot,
        daemon_fault=seen.fault,
        daemon=version_of(seen.greeting.product) if seen.greeting is not None else "",
        told=seen.told,
        events=seen.events,
        links=seen.links,
        server=server,
    )
    return Whole(examined, seen)


def wall_ms() -> int:
    """Return the wall clock in milliseconds."""
    return round(time.time() * 1000)


def version_of(product: str) -> str:
    """Return the version in how a daemon introduces itself: a name may stand before it."""
    return product.rpartition(" ")[2]


async def _daemon(layout: Layout) -> Seen:
    """Ask the daemon; what it has told before it fell silent is kept."""
    async with Client(layout.root) as cluster:
        seen = Seen()
        try:
            greeting = await cluster.hello()
            snapshot = await cluster.snapshot()
            seen = Seen(greeting, snapshot)
            told = await figures(cluster, snapshot.local)
            observed = await _observed(cluster)
            events = tuple([event async for event in cluster.events()])
            revisions = await cluster.history()
            shelf, shelf_fault = await _shelf(cluster)
        except ConnectError as fault:
            if not layout.node_file.exists() or isinstance(fault.__cause__, PermissionError):
                raise
            return replace(seen, fault=str(fault))
    return Seen(
        greeting,
        snapshot,
        told,
        events,
        observed.results,
        observed.links,
        revisions,
        shelf,
        shelf_fault,
    )


async def figures(cluster: Desk, local: NodeName) -> tuple[Told, ...]:
    """Return figures of all nodes, with the moments between which each was made.

    A time beyond them is that of another clock, or of a node that is silent and told it long ago:
    who is asked again a little later and gives another time has answered.
    """
    first = await _timed_figures(cluster)
    doubtful = {
        each.figures.node: each.figures.at_wall_ms
        for each in first
        if not each.asked_wall_ms <= each.figures.at_wall_ms <= each.answered_wall_ms
        and each.figures.node != local
    }
    if not doubtful:
        return first
    await asyncio.sleep(ANEW_S)
    return tuple(
        replace(each, is_fresh=doubtful.get(each.figures.node) != each.figures.at_wall_ms)
        for each in await _timed_figures(cluster)
    )


async def _timed_figures(cluster: Desk) -> tuple[Told, ...]:
    asked_wall_ms = wall_ms()
    found = await cluster.figures(max_age_ms=0)
    answered_wall_ms = wall_ms()
    return tuple(Told(each, asked_wall_ms - AGE_MS, answered_wall_ms) for each in found)


async def _observed(cluster: Client) -> ObservedGiven:
    """Return the last results and links of all nodes."""
    results: list[OperationResult] = []
    links: list[LinkStanding] = []
    through = 0
    for _ in range(PAGES_MAX):
        page = await cluster.observed(through)
        if not page.results and not page.links:
            break
        results += page.results
        links += page.links
        through = page.through
    # What was told again stands here twice: the newest counts.
    newest = {(each.node, each.resource, each.action, each.interval_ms): each for each in results}
    ways = {(each.node, each.peer, each.link): each for each in links}
    return ObservedGiven(through, tuple(newest.values()), tuple(ways.values()))


async def _shelf(cluster: Client) -> tuple[Mapping[str, str] | None, str]:
    """Return what the WBEM servers keep in the log, or why that may not be seen."""
    try:
        given = await cluster.shelf(SHELF_PREFIX)
    except RefusedError as fault:
        return None, str(fault)
    return {item.key: item.text for item in given.items}, ""


def _server(root: Path | None, seen: Seen) -> Server | None:
    """Return what the provider says of its server on this machine; None if it is not installed."""
    if find_spec(SERVER.partition(".")[0]) is None:
        return None
    condition: Callable[[Path | None, Mapping[str, str]], object]
    condition = import_module(SERVER).condition
    found = msgspec.convert(condition(root, seen.shelf or {}), Server)
    return replace(found, shelf_fault=seen.shelf_fault or seen.fault)
