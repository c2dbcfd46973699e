"""Keeps the figures of all nodes and the counts of the journal up to date.

Owns: when the daemon is asked. It asks the other nodes, and measures only then. The journal is
followed elsewhere. Knows no CIM.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from cim_provider.tasks import end_tasks
from cim_provider.views.figures import AgentView, LinkCounts, NodeFigures, ResourceCounts
from cim_provider.views.journal import CoreEvent
from cim_provider.views.tally import Happening
from ha_core.client import Client
from ha_core.errors import HaError, RefusedError
from ha_core.figures import NodeFigures as Told

PERIOD_S: Final = 5.0
AGENTS_A_TURN: Final = 50
"""Agents that are asked between two questions for figures; each starts a program."""

log = logging.getLogger(__name__)


class Keeps(Protocol):
    """Whoever is given the figures."""

    def become(self, nodes: Iterable[NodeFigures]) -> None:
        """Take the newest figures of all nodes."""
        ...

    def install(self, agents: Iterable[AgentView]) -> None:
        """Take what installed agents say of themselves."""
        ...

    def count(self, events: Iterable[Happening]) -> None:
        """Take events that were not taken yet, in order."""
        ...


class Journal(Protocol):
    """Whoever follows the journal."""

    async def events(self, since: int) -> Sequence[CoreEvent]:
        """Return some events numbered above `since`, oldest first; none: there are no more."""
        ...


class HaCoreFigures:
    """Asks the daemon of a node every few seconds; use as an asynchronous context manager.

    Args:
        keeper: who is given what was told.
        journal: who has the events.
        root: directory that holds the node's etc, lib and run; None for the system's.
        period_s: how long it waits between two questions, in seconds.
    """

    def __init__(
        self,
        keeper: Keeps,
        journal: Journal,
        root: Path | None = None,
        *,
        period_s: float = PERIOD_S,
    ) -> None:
        self._keeper = keeper
        self._journal = journal
        self._client = Client(root)
        self._describing = Client(root)
        """Another connection: an agent may take long to answer."""
        self._period_s = period_s
        self._seq = 0
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._is_away = False
        self._described: set[str] = set()
        self._told: tuple[Told, ...] = ()

    async def __aenter__(self) -> Self:
        self._tasks = (
            asyncio.create_task(self._again(self.once), name="figures"),
            asyncio.create_task(self._again(self.describe), name="agents"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await end_tasks(*self._tasks)
        await self._client.close()
        await self._describing.close()

    @property
    def background(self) -> tuple[asyncio.Task[None], ...]:
        """The tasks without which nothing is up to date; none before the start."""
        return self._tasks

    async def _again(self, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await ask()
                self._is_away = False
            except HaError as fault:
                if not self._is_away:
                    log.info("no figures, and agents do not describe themselves: %s", fault)
                self._is_away = True
            await asyncio.sleep(self._period_s)

    async def once(self) -> None:
        """Ask once for figures, and take all new events. Raises: HaError."""
        self._told = told = await self._client.figures(round(self._period_s * 500))
        self._keeper.become(translated(each) for each in told)
        while events := await self._journal.events(self._seq):
            self._seq = events[-1].seq
            self._keeper.count(events)

    async def describe(self) -> None:
        """Ask each agent of this node once what it says of itself. Raises: HaError."""
        hello = await self._describing.hello()
        fresh = [each for each in self._local_agents(hello.node) if each not in self._described]
        found = []
        for name in fresh[:AGENTS_A_TURN]:
            self._described.add(name)
            try:
                told = await self._describing.agent(name)
            except RefusedError as fault:
                log.info("agent %s says nothing of itself: %s", name, fault)
                continue
            found.append(
                AgentView(told.name, told.short, told.metadata, told.parameters, told.version)
            )
        if found:
            self._keeper.install(found)

    def _local_agents(self, node: str) -> tuple[str, ...]:
        return next((each.agents for each in self._told if each.node == node), ())


def translated(told: Told) -> NodeFigures:
    """Return a node's figures in the provider's words."""
    return NodeFigures(
        node=told.node,
        at_wall_ms=told.at_wall_ms,
        since_wall_ms=told.since_wall_ms,
        product=told.product,
        protocol=told.protocol,
        machine_id=told.machine_id,
        boot_wall_ms=told.boot_wall_ms,
        cpus=told.cpus,
        load_milli=told.load_milli,
        cpu_permille=told.cpu_permille,
        memory_bytes=told.memory_bytes,
        memory_available_bytes=told.memory_available_bytes,
        daemon_cpu_ms=told.daemon_cpu_ms,
        daemon_memory_bytes=told.daemon_memory_bytes,
        beats_sent=told.beats_sent,
        beats_received=told.beats_received,
        beats_late=told.beats_late,
        transitions=told.transitions,
        links=tuple(
            LinkCounts(
                each.link,
                each.packets_sent,
                each.packets_received,
                each.packets_unsent,
                each.bytes_sent,
                each.bytes_received,
                each.refused,
                each.lost,
                each.late,
                each.round_trip_us,
            )
            for each in told.links
        ),
        resources=tuple(
            ResourceCounts(
                each.resource,
                each.monitors,
                each.monitor_failures,
                each.last_start_ms,
                each.process_id,
                each.processes,
                each.cpu_ms,
                each.memory_bytes,
            )
            for each in told.resources
        ),
        agents=told.agents,
    )
