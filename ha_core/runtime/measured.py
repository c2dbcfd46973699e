"""What one daemon tells of itself: what it has counted, and what its machine says.

Owns: putting a node's figures together. Knows nothing of who has asked.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ha_core.figures import NodeFigures
from ha_core.ids import Generation, NodeName
from ha_core.runtime.guardian import LATE, Guardian
from ha_core.runtime.meter import Meter, with_processes
from ha_core.runtime.operations import Operations
from ha_core.runtime.service import product
from ha_core.runtime.transport import BEATS_RECEIVED, BEATS_SENT, Transport
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
        self._agents = agents
        self._meter = Meter()

    async def figures(self) -> NodeFigures:
        """Return the figures as they are now."""
        pids = await self._pids()
        return await asyncio.to_thread(self._put_together, pids)

    async def _pids(self) -> Mapping[str, int]:
        found = {}
        for resource in self._operations.tally.processes[:PROCESSES_MAX]:
            answer = await self._guardian.look(resource, LOOK_MS)
            if answer.fault in LATE:
                break  # it has other things to do, and who asks for figures shall not wait
            if answer.held and answer.pid:
                found[resource] = answer.pid
        return found

    def _put_together(self, pids: Mapping[str, int]) -> NodeFigures:
        counters = self._transport.counters
        base = self._meter.node(self._base)
        return replace(
            base,
            beats_sent=counters[BEATS_SENT],
            beats_received=counters[BEATS_RECEIVED],
            links=self._transport.figures(),
            resources=with_processes(dict(self._operations.tally.figures()), pids),
            agents=self._agents(),
        )
