"""The desk for figures: measures this node when somebody asks, and asks the other nodes.

Owns: who is asked, how long an answer is waited for, and how old a figure may be. A datagram to
each node and one back, and nothing at all while nobody asks. The node itself knows nothing of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from ha_core.effects import Send
from ha_core.events import Event, Received
from ha_core.figures import NodeFigures
from ha_core.ids import Millis, NodeName
from ha_core.messages import FiguresTold, FiguresWanted
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.tasks import end_tasks

ANSWER_S: Final = 0.5
"""Nodes that have not answered by then are shown by what they told last."""
AGE_MS_MIN: Final[Millis] = 1000
"""A node measures itself at most so often, however many ask."""


class FiguresDesk:
    """Stands between transport and node; `measure` returns this node's figures."""

    def __init__(
        self,
        node: NodeName,
        measure: Callable[[], Awaitable[NodeFigures]],
        send: Callable[[list[Send]], None],
        peers: Callable[[], Iterable[NodeName]],
    ) -> None:
        self._node = node
        self._measure = measure
        self._send = send
        self._peers = peers
        self._known: dict[NodeName, tuple[Millis, NodeFigures]] = {}
        """When they came, and the newest figures of each node."""
        self._askers: dict[NodeName, int] = {}
        self._answering: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[NodeFigures] | None = None
        self._news = asyncio.Event()
        self._number = 0

    def take(self, event: Event) -> None:
        """Look at what comes in; what is not about figures is left alone."""
        if not isinstance(event, Received) or event.sender == self._node:
            return
        match event.message:
            case FiguresWanted(number=number):
                self._askers[event.sender] = number
                if self._answering is None or self._answering.done():
                    self._answering = asyncio.get_running_loop().create_task(self._answer())
            case FiguresTold(figures=figures) if figures.node == event.sender:
                self._known[event.sender] = (monotonic_ms(), figures)
                news, self._news = self._news, asyncio.Event()
                news.set()

    async def figures(self, max_age_ms: Millis) -> tuple[NodeFigures, ...]:
        """Return the figures of all nodes, sorted by name; those that do not answer as last told.

        Args:
            max_age_ms: figures that are younger are not asked for again; at least 1,000.
        """
        age_ms = max(max_age_ms, AGE_MS_MIN)
        peers = sorted(set(self._peers()) - {self._node})
        stale = [name for name in peers if not self._is_fresh(name, age_ms)]
        if stale:
            self._number += 1
            self._send([Send(name, FiguresWanted(self._number)) for name in stale])
        await self._own()
        try:
            async with asyncio.timeout(ANSWER_S):
                while not all(self._is_fresh(name, age_ms) for name in stale):
                    await self._news.wait()
        except TimeoutError:
            pass  # what was told last, or nothing
        names = sorted({self._node, *peers})
        return tuple(self._known[name][1] for name in names if name in self._known)

    async def close(self) -> None:
        """Answer nobody any more."""
        await end_tasks(self._answering, self._measuring)

    def _is_fresh(self, name: NodeName, age_ms: Millis) -> bool:
        known = self._known.get(name)
        return known is not None and monotonic_ms() - known[0] < age_ms

    async def _answer(self) -> None:
        while self._askers:
            figures = await self._own()
            askers, self._askers = self._askers, {}
            self._send([Send(name, FiguresTold(n, figures)) for name, n in askers.items()])

    async def _own(self) -> NodeFigures:
        """Return this node's figures; whoever comes while they are measured gets the same."""
        if not self._is_fresh(self._node, AGE_MS_MIN):
            if self._measuring is None or self._measuring.done():
                task = asyncio.get_running_loop().create_task(self._measured())
                self._measuring = task
            await asyncio.shield(self._measuring)
        return self._known[self._node][1]

    async def _measured(self) -> NodeFigures:
        figures = await self._measure()
        self._known[self._node] = (monotonic_ms(), figures)
        return figures
