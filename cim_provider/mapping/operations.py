"""The operations of the WBEM server, carried out on one view of the cluster.

Owns: `Mapping`, which looks at the engine once for each operation, so that an
answer is of one moment. Keeps no state of the cluster but the look-ups of the
last view. Reads depend on the view and the declarations alone: equal versions
give equal answers.
"""

from collections.abc import Iterable
from typing import assert_never

from cim_provider.engine import ClusterEngine
from cim_provider.mapping import changes, classes, instances, reading
from cim_provider.mapping.area import Area
from cim_provider.mapping.catalog import Catalog, refuse
from cim_provider.mapping.job_book import JobBook, MemoryShelf
from cim_provider.mapping.jobs import jobs_area, named_by
from cim_provider.mapping.methods import invoke
from cim_provider.mapping.pulls import Pulls
from cim_provider.mapping.tables import AREAS, ASSOCIATIONS, ROWS
from cim_provider.mapping.turns import Turn, no_turn
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import Schema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Answer, Operation


class Mapping:
    """Implements `Performer` over an engine.

    Args:
        schema: the declarations.
        engine: the cluster.
        identity: who answers.
        areas: the parts of the server beside the cluster.
        pulls: the open enumerations; None offers none.
        turn: lets other requests have their turn while one reads a lot.
        jobs: what is kept of jobs; None: in this server alone.
    """

    def __init__(
        self,
        schema: Schema,
        engine: ClusterEngine,
        identity: ServerIdentity,
        areas: Iterable[Area] = (),
        pulls: Pulls | None = None,
        turn: Turn = no_turn,
        jobs: JobBook | None = None,
    ) -> None:
        # Without a clock and a shelf they have no times, and end with this server.
        self._jobs = jobs or JobBook(MemoryShelf(), lambda: 0)
        areas = (*AREAS, jobs_area(self._jobs), *areas)
        rows = (*ROWS, *(row for area in areas for row in area.rows))
        links = (*ASSOCIATIONS, *(row for area in areas for row in area.associations))
        writers = {name: each for area in areas for name, each in area.writers.items()}
        self._catalog = Catalog(schema, rows, links, writers)
        self._methods = {key: each for area in areas for key, each in area.methods.items()}
        self._holders = tuple(holder for area in areas for holder in area.holders)
        self._pulls = pulls
        self._turn = turn
        self._engine = engine
        self._identity = identity
        self._last: World | None = None
        self._last_versions: tuple[str, ...] = ()

    async def version(self) -> str:
        """See `Performer`."""
        if self._pulls is not None:
            self._pulls.expire()  # answers that are kept do not come to `perform`
        return "/".join(((await self._engine.view()).version, *self._versions()))

    async def perform(self, operation: Operation, user: str) -> Answer:
        """See `Performer`."""
        if self._pulls is not None:
            self._pulls.expire()
        if name := named_by(operation):
            await self._jobs.look_for(name)
        world = await self.world()
        if isinstance(operation, operations.InvokeMethod):
            return await invoke(
                self._catalog, operation, world, self._engine, user, self._methods, self._jobs
            )
        if isinstance(operation, operations.WRITES):
            return await self._write(operation, world, user)
        if isinstance(operation, operations.PULLS):
            if self._pulls is None:
                refuse(Status.NOT_SUPPORTED, "answers are given whole here, not in parts")
            return await self._pulls.perform(self._catalog, operation, world, user, self._turn)
        return await self._read(operation, world)

    @property
    def catalog(self) -> Catalog:
        """The declarations and rows that it answers from."""
        return self._catalog

    async def world(self) -> World:
        """Return what a request that comes now would see."""
        view = await self._engine.view()
        versions = self._versions()
        last = self._last
        if last is None or last.view is not view or versions != self._last_versions:
            holdings = {each.name: each.held() for each in self._holders}
            last = self._last = World(
                view,
                self._identity,
                holdings,
                "/".join((view.version, *versions)),
                dict(zip(holdings, versions, strict=True)),
            )
            self._last_versions = versions
        return last

    def _versions(self) -> tuple[str, ...]:
        return tuple(holder.version for holder in self._holders)

    async def _write(self, asked: operations.Write, world: World, user: str) -> Answer:
        catalog = self._catalog
        match asked:
            case operations.CreateInstance():
                return await changes.create_instance(catalog, asked, world, user)
            case operations.ModifyInstance():
                return await changes.modify_instance(catalog, asked, world, user)
            case operations.DeleteInstance():
                return await changes.delete_instance(catalog, asked, world, user)
            case operations.SetProperty():
                return await changes.set_property(catalog, asked, world, user)
            case operations.ChangeSchema():
                return changes.change_schema(catalog, asked)
            case _:
                assert_never(asked)

    async def _read(self, asked: operations.Read, world: World) -> Answer:
        catalog = self._catalog
        match asked:
            case operations.GetInstance():
                return instances.get_instance(catalog, asked, world)
            case (
                operations.Associators(source=str() as source)
                | operations.AssociatorNames(source=str() as source)
                | operations.References(source=str() as source)
                | operations.ReferenceNames(source=str() as source)
            ):
                return classes.walk(catalog, asked, source)
            case (
                operations.EnumerateInstances()
                | operations.EnumerateInstanceNames()
                | operations.Associators()
                | operations.AssociatorNames()
                | operations.References()
                | operations.ReferenceNames()
                | operations.ExecQuery()
            ):
                return (await reading.find(catalog, asked, world, self._turn)).part(0)
            case operations.GetClass():
                return classes.get_class(catalog, asked)
            case operations.EnumerateClasses():
                return classes.enumerate_classes(catalog, asked)
            case operations.EnumerateClassNames():
                return classes.enumerate_class_names(catalog, asked)
            case operations.GetQualifier():
                return classes.get_qualifier(catalog, asked)
            case operations.EnumerateQualifiers():
                return classes.enumerate_qualifiers(catalog, asked)
            case operations.GetProperty():
                return instances.get_property(catalog, asked, world)
            case _:
                assert_never(asked)
