"""Servers with indications over a cluster in memory, and listeners that note what they get.

Owns: `Node`, one server of a cluster, in this process; several share one view
and one shelf, as `ha-cimd` on several nodes do. What clients do goes through the
operations, with pywbem's values.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from socketserver import StreamRequestHandler
from typing import Final

import pywbem

from cim_provider.engine import ClusterView
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.base_store import BaseStore
from cim_provider.indications.export import Policy
from cim_provider.indications.keeper import Keeper
from cim_provider.indications.keeper_events import Alert
from cim_provider.indications.sending import Sender
from cim_provider.indications.service import Indications
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.indications.surroundings import Limits
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.world import ServerIdentity
from cim_provider.wbem import operations
from tests.cim.mapping.views import schema

INTEROP = "interop"
MODEL = "root/cimv2"
AUTHOR = "ann"
NODES_CHANGE = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA HA_ClusterNode"
ALERTS = "SELECT * FROM CIM_AlertIndication"


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine to its end."""

    async def whole() -> None:
        await work()

    asyncio.run(whole())


class NodeEngine:
    """The shared engine as one node sees it: only the local node's name differs."""

    def __init__(self, engine: MemoryEngine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._views: dict[str, ClusterView] = {}

    async def view(self) -> ClusterView:
        """See `ClusterEngine`."""
        found = await self._engine.view()
        if found.version not in self._views:
            self._views = {found.version: replace(found, local_node=self._name)}
        return self._views[found.version]

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


class Node:
    """One server of the cluster; `stop` without `kill` ends it in order."""

    def __init__(
        self,
        engine: MemoryEngine,
        directory: Path,
        name: str = "n1",
        *,
        sender: Callable[[str], Sender] | None = None,
        limits: Limits | None = None,
        policy: Policy | None = None,
        make_shelf: Callable[[Path], SqliteShelf] = SqliteShelf,
    ) -> None:
        self.name = name
        self._engine = NodeEngine(engine, name)
        self.shelf = make_shelf(directory / "shelf.db")
        self._store = BaseStore(directory / f"base-{name}.db")
        self.indications = Indications(
            self.shelf,
            lambda: int(time.time() * 1000),
            policy,
            store=self._store,
            sender=sender,
            limits=limits,
        )
        area = self.indications.area(schema())
        identity = ServerIdentity(f"{name}.example")
        self.mapping = Mapping(schema(), self._engine, identity, (area,))  # type: ignore[arg-type]  # by __getattr__
        self.keeper: Keeper = self.indications.keeper(self.mapping, self._engine, identity.host)  # type: ignore[arg-type]  # as above
        self._task = asyncio.create_task(self.keeper.run())

    def freeze(self) -> None:
        """Let it stand still as a process that was killed: no more steps, nothing let go."""
        self._frozen = self.keeper.step
        self.keeper.step = _still  # type: ignore[method-assign]  # a frozen process runs nothing

    def thaw(self) -> None:
        """Let it run on."""
        self.keeper.step = self._frozen  # type: ignore[method-assign]  # as before

    async def stop(self) -> None:
        """End in order."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.shelf.close()
        self._store.close()

    async def perform(self, operation: operations.Operation) -> operations.Answer:
        """Carry out an operation."""
        return await self.mapping.perform(operation, AUTHOR)

    async def create(self, instance: pywbem.CIMInstance) -> pywbem.CIMInstanceName:
        """Create an instance in the interop namespace; return its path."""
        answer = await self.perform(operations.CreateInstance(INTEROP, instance))
        assert isinstance(answer, operations.Paths)
        return answer.items[0]

    async def delete(self, path: pywbem.CIMInstanceName) -> None:
        """Delete an instance of the interop namespace."""
        await self.perform(operations.DeleteInstance(INTEROP, path))

    async def subscribe(self, url: str, query: str, name: str = "one", **more: object) -> "Paths":
        """Make a filter, a destination and a subscription."""
        chosen = await self.create(filter_of(query, name))
        destination = await self.create(destination_of(url, name))
        subscription = await self.create(subscription_of(chosen, destination, **more))
        return Paths(chosen, destination, subscription)

    async def alert(self, *texts: str) -> None:
        """Raise an alert for each text."""
        await self.indications.raise_alerts([alert(text) for text in texts])


async def _still() -> None:
    return


@dataclass(frozen=True)
class Paths:
    """What a subscription consists of."""

    filter: pywbem.CIMInstanceName
    destination: pywbem.CIMInstanceName
    subscription: pywbem.CIMInstanceName


def alert(text: str) -> Alert:
    """Return an alert that says a text."""
    values = {"AlertType": 1, "PerceivedSeverity": 2, "ProbableCause": 1, "Message": text}
    return Alert("HA_Indication", MODEL, values, text)


def filter_of(query: str, name: str = "one", language: str = "WQL") -> pywbem.CIMInstance:
    """Return a filter to be made."""
    values = {
        "Name": name,
        "Query": query,
        "QueryLanguage": language,
        "SourceNamespaces": [MODEL],
    }
    return pywbem.CIMInstance("CIM_IndicationFilter", values)


def destination_of(url: str, name: str = "one", persistence: int = 2) -> pywbem.CIMInstance:
    """Return a destination to be made."""
    values = {
        "Name": name,
        "Destination": url,
        "PersistenceType": pywbem.Uint16(persistence),
    }
    return pywbem.CIMInstance("CIM_ListenerDestinationCIMXML", values)


def subscription_of(
    chosen: pywbem.CIMInstanceName, destination: pywbem.CIMInstanceName, **more: object
) -> pywbem.CIMInstance:
    """Return a subscription to be made."""
    values = {"Filter": chosen, "Handler": destination, **more}
    return pywbem.CIMInstance("CIM_IndicationSubscription", values)


QUIET_S: Final = 2.0
"""A listener drops a connection on which nothing comes for so long."""


@dataclass
class Listener:
    """pywbem's listener with what it got; it can be stopped and started on the same port."""

    port: int = 0
    got: list[pywbem.CIMInstance] = field(default_factory=list)
    more: threading.Event = field(default_factory=threading.Event)
    _listener: pywbem.WBEMListener | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen."""
        self._listener = pywbem.WBEMListener("127.0.0.1", http_port=self.port)
        self._listener.add_callback(self._take)
        self._listener.start()
        # Its end waits for connections; one just made may be of a loop that waits for this end.
        handler = self._listener._http_server.RequestHandlerClass
        assert issubclass(handler, StreamRequestHandler)
        handler.timeout = QUIET_S

    def stop(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def _take(self, indication: pywbem.CIMInstance, host: str) -> None:
        self.got.append(indication)
        self.more.set()

    def numbers(self) -> list[tuple[str, int]]:
        """Return context and number of each that came, in order of arrival."""
        return [(each["SequenceContext"], int(each["SequenceNumber"])) for each in list(self.got)]

    def distinct(self) -> list[pywbem.CIMInstance]:
        """Return the indications without the copies that bear a pair seen before."""
        seen: set[tuple[str, int]] = set()
        found = []
        for each, pair in zip(list(self.got), self.numbers(), strict=False):
            if pair not in seen:
                seen.add(pair)
                found.append(each)
        return found

    async def wait_raw(self, count: int) -> None:
        """Wait until so many have come, whatever they are."""
        await until(lambda: len(self.got) >= count)

    async def wait(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many different indications have come."""
        until_s = time.monotonic() + seconds
        while len(self.distinct()) < count:
            assert time.monotonic() < until_s, f"{len(self.distinct())} of {count} came"
            self.more.clear()
            await asyncio.to_thread(self.more.wait, 0.2)


@contextmanager
def listening(port: int = 0) -> Iterator[Listener]:
    """Yield a listener that listens."""
    listener = Listener(port or free_port())
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def free_port() -> int:
    """Return a port of the loopback address that nobody uses just now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.to_thread(threading.Event().wait, 0.02)


async def subscribed(node: Node, persistence: int, **more: object) -> Paths:
    """Subscribe at a port where nobody listens."""
    chosen = await node.create(filter_of(ALERTS))
    url = f"http://127.0.0.1:{free_port()}"
    destination = await node.create(destination_of(url, "one", persistence))
    return Paths(
        chosen, destination, await node.create(subscription_of(chosen, destination, **more))
    )
