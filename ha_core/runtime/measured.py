"""What one daemon tells of itself: what it has counted, and what its machine says.

Owns: putting a node's figures together. Knows nothing of who has asked.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from ha_core.figures import LinkFigures, NodeFigures
from ha_core.ids import Generation, LinkName, NodeName
from ha_core.node_parts import NodeParts
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.guardian import LATE, Guardian
from ha_core.runtime.meter import Meter, with_processes
from ha_core.runtime.operations import Operations
from ha_core.runtime.service import product
from ha_core.runtime.transport import BEATS_RECEIVED, BEATS_SENT, Transport
from ha_core.snapshot import LinkSummary
from ha_core.versions import SPOKEN

LOOK_MS: Final = 500
"""A guardian that answers later than that shows no more processes this time."""
PROCESSES_MAX: Final = 1000
"""Processes that are looked for at one time; the rest shows none."""


class Measured:
    """Returns the figures of one daemon; see `figures`."""

    def __init__(
        self,
        node: NodeName,
        generation: Generation,
        transport: Transport,
        operations: Operations,
        guardian: Guardian,
        core: NodeParts,
        agents: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._base = NodeFigures(
            node,
            generation,
            since_wall_ms=int(time.time() * 1000),
            product=product().rpartition(" ")[2],
            protocol=SPOKEN.newest,
        )
        self._transport = transport
        self._operations = operations
        self._guardian = guardian
        self._core = core
        self._agents = agents
        self._meter = Meter()

    async def figures(self) -> NodeFigures:
        """Return the figures as they are now."""
        pids = await self._pids()
        core = self._core
        counted = replace(
            self._base,
            beats_late=core.late_beats,
            transitions=core.transitions,
            links=with_paths(self._transport.figures(), core.links(monotonic_ms())),
        )
        return await asyncio.to_thread(self._put_together, counted, pids)

    async def _pids(self) -> Mapping[str, int]:
        found = {}
        for resource in self._operations.tally.processes[:PROCESSES_MAX]:
            answer = await self._guardian.look(resource, LOOK_MS)
            if answer.fault in LATE:
                break  # it has other things to do, and who asks for figures shall not wait
            if answer.held and answer.pid:
                found[resource] = answer.pid
        return found

    def _put_together(self, counted: NodeFigures, pids: Mapping[str, int]) -> NodeFigures:
        counters = self._transport.counters
        base = self._meter.node(counted)
        return replace(
            base,
            beats_sent=counters[BEATS_SENT],
            beats_received=counters[BEATS_RECEIVED],
            resources=with_processes(dict(self._operations.tally.figures()), pids),
            agents=self._agents(),
        )


def with_paths(
    links: Iterable[LinkFigures], paths: Iterable[LinkSummary]
) -> tuple[LinkFigures, ...]:
    """Return the links with what was counted on their ways to all peers.

    What is lost shows only where a message had another link, too.
    """
    known: dict[LinkName, list[LinkSummary]] = {}
    names: dict[NodeName, set[LinkName]] = {}
    for path in paths:
        known.setdefault(path.link, []).append(path)
        names.setdefault(path.peer, set()).add(path.link)
    found = []
    for link in links:
        own = known.get(link.link, [])
        compared = [path.lost for path in own if len(names[path.peer]) > 1]
        lost = sum(compared) if compared else -1
        found.append(replace(link, lost=lost, late=sum(path.late for path in own)))
    return tuple(found)
