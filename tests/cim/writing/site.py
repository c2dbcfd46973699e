"""A site to write to: mapping, drafts and the engine in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pywbem

from cim_provider.drafts import DraftStore
from cim_provider.edits import (
    Edit,
)
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.sqlite_shelf import SqliteShelf
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.write_area import writing_area
from cim_provider.wbem import operations as ops
from tests.cim.mapping.views import IDENTITY, MODEL, cluster, schema

AUTHOR = "ann"
PRIMITIVE = "HA_PrimitiveResource"
GROUP = "HA_ResourceGroup"
SERVICE = pywbem.CIMInstanceName(
    "HA_ClusteringService", {"Id": "default_service_id"}, namespace=MODEL
)


class Site:
    """A provider with writers over a cluster in memory and a shelf on disk."""

    def __init__(self, directory: Path) -> None:
        self.engine = MemoryEngine(cluster())
        self.directory = directory
        self.loop = asyncio.new_event_loop()
        self.open()

    def open(self) -> None:
        """Begin anew, as after a restart: only engine and shelf are as they were."""
        self.shelf = self.run(self._shelf)
        self.store = DraftStore(self.shelf)
        area = writing_area(self.engine, self.store)
        self.mapping = Mapping(schema(), self.engine, IDENTITY, [area])

    async def _shelf(self) -> SqliteShelf:
        return SqliteShelf(self.directory / "shelf.db")

    def run(self, work: Callable[[], Awaitable[object]]) -> object:
        """Run a coroutine to its end."""

        async def whole() -> object:
            return await work()

        return self.loop.run_until_complete(whole())

    def close(self) -> None:
        """Let the files go."""
        self.shelf.close()
        self.loop.close()

    def ask(self, operation: ops.Operation) -> ops.Answer:
        """Carry out an operation."""
        return self.run(lambda: self.mapping.perform(operation, AUTHOR))  # type: ignore[return-value]

    def create(self, class_name: str, **values: object) -> pywbem.CIMInstanceName:
        """Create an instance and return its path."""
        answer = self.ask(ops.CreateInstance(MODEL, pywbem.CIMInstance(class_name, values)))
        assert isinstance(answer, ops.Paths)
        return answer.items[0]

    def modify(self, path: pywbem.CIMInstanceName, **values: object) -> None:
        """Change properties of an instance."""
        instance = pywbem.CIMInstance(path.classname, values)
        instance.path = path
        self.ask(ops.ModifyInstance(MODEL, instance))

    def delete(self, path: pywbem.CIMInstanceName) -> None:
        """Delete an instance."""
        self.ask(ops.DeleteInstance(MODEL, path))

    def get(self, path: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
        """Return an instance."""
        answer = self.ask(ops.GetInstance(MODEL, path))
        assert isinstance(answer, ops.Instances)
        return answer.items[0]

    def call(self, target: pywbem.CIMInstanceName, method: str, **given: object) -> int:
        """Call a method and return its value."""
        answer = self.ask(ops.InvokeMethod(MODEL, target, method, tuple(given.items())))
        assert isinstance(answer, ops.MethodResult)
        return int(answer.value)  # type: ignore[arg-type]

    def submit(self, path: pywbem.CIMInstanceName) -> int:
        """Take a draft into the configuration."""
        return self.call(SERVICE, "AddResource", Resource=path)

    @property
    def last(self) -> Edit:
        """The newest edit."""
        edit, author = self.engine.edits[-1]
        assert author == AUTHOR
        return edit


def path(class_name: str, name: str, **keys: str) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(class_name, {"Id": name, **keys}, namespace=MODEL)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and words of a refusal."""
    with pytest.raises(pywbem.CIMError) as caught:
        call()
    return caught.value.status_code, str(caught.value.status_description)


DB = path(PRIMITIVE, "db")
