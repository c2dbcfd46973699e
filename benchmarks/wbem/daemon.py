"""A stand-in for a node's daemon that tells of a large cluster, over the real control socket.

Each line on standard input changes one resource; the answer is a line, given at once.

    python daemon.py DIRECTORY [NODES RESOURCES]
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import large

from ha_core.commands import Command, Outcome, Shelve
from ha_core.figures import NodeFigures
from ha_core.ids import Millis
from ha_core.journal import JournalEvent
from ha_core.layout import Layout
from ha_core.observed import Item
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.shelf import Shelf, ShelfChange
from ha_core.runtime.control import ControlServer
from ha_core.snapshot import ClusterSnapshot


class LargeCluster:
    """Implements `ControlPort` over values."""

    def __init__(self, nodes: int, resources: int) -> None:
        self.now = large.snapshot(nodes, resources)
        self._items = large.observed(self.now)
        self._events = large.events(self.now)
        self._revisions = large.revisions(self.now)
        self._figures = large.figures(self.now)
        self._shelf = Shelf(large.jobs(self.now))
        self._changed = asyncio.Event()
        self._shelved = asyncio.Event()
        self._count = 0

    def change(self) -> None:
        """Let a monitor fail."""
        self._count += 1
        self.now = large.changed(self.now, self._count)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def snapshot(self) -> ClusterSnapshot:
        """See `ControlPort`."""
        return self.now

    async def command(self, command: Command, author: str) -> Outcome:
        """Write to the shelf; refuse all else."""
        if not isinstance(command, Shelve):
            return Outcome("unsupported", "this is no cluster")
        given = ShelfChange(command.puts, command.conditions)
        result = self._shelf.apply(given, self._shelf.revision + 1)
        shelved, self._shelved = self._shelved, asyncio.Event()
        shelved.set()
        return Outcome(result.code or "done", result.text, result.revision)

    async def events(self, since_seq: int, limit: int) -> tuple[JournalEvent, ...]:
        """See `ControlPort`."""
        return self._events[since_seq : since_seq + limit]

    def observed(self, since: int, limit: int) -> tuple[tuple[Item, ...], int]:
        """See `ControlPort`."""
        return self._items[since : since + limit], min(since + limit, len(self._items))

    def history(self) -> tuple[ConfigurationChange, ...]:
        """See `ControlPort`."""
        return self._revisions

    def shelf(self) -> Shelf:
        """See `ControlPort`."""
        return self._shelf

    async def shelf_changed(self, since: int, timeout_ms: Millis) -> None:
        """See `ControlPort`."""
        if self._shelf.revision == since:
            await _set(self._shelved, timeout_ms)

    async def changed(self, version: str, timeout_ms: Millis) -> None:
        """See `ControlPort`."""
        if self.now.version == version:
            await _set(self._changed, timeout_ms)

    async def figures(self, max_age_ms: Millis) -> tuple[NodeFigures, ...]:
        """Return what all nodes have counted."""
        return self._figures


async def _set(event: asyncio.Event, timeout_ms: Millis) -> None:
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await event.wait()
    except TimeoutError:
        return


async def serve(root: Path, nodes: int, resources: int) -> None:
    """Serve until standard input ends."""
    layout = Layout(root)
    for directory in layout.directories():
        directory.mkdir(parents=True, exist_ok=True)
    cluster = LargeCluster(nodes, resources)
    server = ControlServer(
        layout.control_socket, cluster, product="beatkeeper 1.0.0", figures=cluster.figures
    )
    await server.start()
    _say()
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        cluster.change()
        _say()
    await server.stop()


def _say() -> None:
    sys.stdout.write("{}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[2:]] or [large.NODES, large.RESOURCES]
    asyncio.run(serve(Path(sys.argv[1]), *numbers))
