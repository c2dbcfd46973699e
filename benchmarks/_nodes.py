"""A lab's nodes as the benchmarks ask, kill and bring them back: in this process, without `ha`."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from ha_core.client import Client
from ha_core.errors import ConnectError, HaError, RefusedError
from ha_core.journal import JournalEvent
from ha_core.lab import machines, processes, state
from ha_core.lab.processes import CIMD, HAD
from ha_core.snapshot import ClusterSnapshot

WAIT_S: Final = 120.0
LOOK_S: Final = 0.05
HOLDER: Final = "wbem/holder"
_T = TypeVar("_T")


class Nodes:
    """The nodes of the lab in a directory."""

    def __init__(self, directory: Path) -> None:
        self._lab = state.known(directory)
        self.names = tuple(node.name for node in self._lab.nodes)

    def _ask(self, name: str, question: Callable[[Client], Coroutine[Any, Any, _T]]) -> _T:
        async def asked() -> _T:
            async with Client(self._lab.root(name)) as client, asyncio.timeout(10):
                return await question(client)

        return asyncio.run(asked())

    def snapshot(self, name: str) -> ClusterSnapshot:
        """Return what a node shows. Raises: HaError, TimeoutError."""
        return self._ask(name, lambda client: client.snapshot())

    def wait(self, asked: str, is_so: Callable[[ClusterSnapshot], bool], what: str) -> None:
        """Wait until a node shows it. Raises: SystemExit: it never does."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            try:
                if is_so(self.snapshot(asked)):
                    return
            except (HaError, TimeoutError):
                pass  # it is busy, or about to start: asked again until the end
            time.sleep(LOOK_S)
        raise SystemExit(f"{what}: not within {WAIT_S:g} s, says {asked}")

    def wait_until_whole(self, service: str) -> str:
        """Wait until every node is online and the service runs; return its node."""
        owners: list[str] = []

        def is_whole(seen: ClusterSnapshot) -> bool:
            web = next(item for item in seen.resources if item.id == service)
            owners[:] = web.nodes
            everyone = all(node.state == "online" for node in seen.nodes)
            return everyone and seen.quorate and web.state == "started" and len(web.nodes) == 1

        self.wait(self.names[0], is_whole, "the cluster is not whole")
        return owners[0]

    def wait_until_moved(self, service: str, away_from: str) -> None:
        """Wait until the service runs on another node."""
        asked = next(name for name in self.names if name != away_from)

        def has_moved(seen: ClusterSnapshot) -> bool:
            web = next(item for item in seen.resources if item.id == service)
            return web.state == "started" and away_from not in web.nodes

        self.wait(asked, has_moved, f"{service} has not moved")

    def events(self, since: int = 0) -> list[JournalEvent]:
        """Return all events above a number that the first node has."""

        async def paged(client: Client) -> list[JournalEvent]:
            found: list[JournalEvent] = []
            while page := await client.recent_events(found[-1].seq if found else since):
                found += page
            return found

        return self._ask(self.names[0], paged)

    def deliverer(self) -> str:
        """Return the node that delivers indications; empty: nobody does."""

        async def asked(client: Client) -> str:
            given = await client.shelf(HOLDER)
            text = next((item.text for item in given.items if item.key == HOLDER), '""')
            return text.partition('"node":"')[2].partition('"')[0]

        return self._ask(self.names[0], asked)

    def kill(self, name: str, *, whole: bool) -> None:
        """Kill a whole node, or its daemon alone; its guardian then ends what runs there."""
        with state.alone(self._lab.directory):
            node = self._lab.node(name)
            if whole:
                machines.cut_power(self._lab, [node])
            else:
                machines.kill_only(self._lab, node, HAD)

    def kill_server(self, name: str) -> None:
        """Kill a node's WBEM server alone."""
        with suppress(RefusedError):  # it has died with its node
            machines.kill_only(self._lab, self._lab.node(name), CIMD)

    def bring_back(self, name: str) -> None:
        """Start the daemons of a node that do not run, and wait until they are ready."""
        with state.alone(self._lab.directory):
            node = self._lab.node(name)
            end = time.monotonic() + WAIT_S
            while True:
                here = processes.of(self._lab.root(name))
                missing = machines.missing(here, machines.daemons_of(node))
                try:
                    machines.start(self._lab, [(node, item) for item in missing])
                    return
                except ConnectError:
                    if time.monotonic() > end:
                        raise
