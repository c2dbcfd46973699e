"""The operations of the WBEM server, carried out on one view of the cluster.

Owns: `Mapping`, which looks at the engine once for each operation, so that an
answer is of one moment. Keeps no state of the cluster but the look-ups of the
last view. Reads depend on the view and the declarations alone: equal versions
give equal answers.
"""

from collections.abc import Iterable
from typing import assert_never

from cim_provider.engine import ClusterEngine
from cim_provider.mapping import associations, changes, classes, instances
from cim_provider.mapping.area import Area
from cim_provider.mapping.catalog import Catalog, refuse
from cim_provider.mapping.methods import invoke
from cim_provider.mapping.tables import AREAS, ASSOCIATIONS, ROWS
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import Schema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Answer, Operation


class Mapping:
    """Implements `Performer` over an engine; `areas` are the parts of the server beside it."""

    def __init__(
        self,
        schema: Schema,
        engine: ClusterEngine,
        identity: ServerIdentity,
        areas: Iterable[Area] = (),
    ) -> None:
        areas = (*AREAS, *areas)
        rows = (*ROWS, *(row for area in areas for row in area.rows))
        links = (*ASSOCIATIONS, *(row for area in areas for row in area.associations))
        writers = {name: each for area in areas for name, each in area.writers.items()}
        self._catalog = Catalog(schema, rows, links, writers)
        self._methods = {key: each for area in areas for key, each in area.methods.items()}
        self._holders = tuple(holder for area in areas for holder in area.holders)
        self._engine = engine
        self._identity = identity
        self._last: World | None = None
        self._last_versions: tuple[str, ...] = ()

    async def version(self) -> str:
        """See `Performer`."""
        return "/".join(((await self._engine.view()).version, *self._versions()))

    async def perform(self, operation: Operation, user: str) -> Answer:
        """See `Performer`."""
        world = await self._world()
        if isinstance(operation, operations.InvokeMethod):
            return await invoke(self._catalog, operation, world, self._engine, user, self._methods)
        if isinstance(operation, operations.WRITES):
            return await self._write(operation, world, user)
        if isinstance(operation, operations.PULLS):
            refuse(Status.NOT_SUPPORTED, "open enumerations are not supported")
        return self._read(operation, world)

    async def _world(self) -> World:
        view = await self._engine.view()
        versions = self._versions()
        last = self._last
        if last is None or last.view is not view or versions != self._last_versions:
            holdings = {each.name: each.held() for each in self._holders}
            last = self._last = World(view, self._identity, holdings)
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

    def _read(self, asked: operations.Read, world: World) -> Answer:
        catalog = self._catalog
        match asked:
            case operations.GetInstance():
                return instances.get_instance(catalog, asked, world)
            case operations.EnumerateInstances():
                return instances.enumerate_instances(catalog, asked, world)
            case operations.EnumerateInstanceNames():
                return instances.enumerate_instance_names(catalog, asked, world)
            case (
                operations.Associators()
                | operations.AssociatorNames()
                | operations.References()
                | operations.ReferenceNames()
            ):
                return self._walk(asked, world)
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
            case operations.ExecQuery():
                refuse(Status.NOT_SUPPORTED, "queries are not supported")
            case _:
                assert_never(asked)

    def _walk(
        self,
        asked: operations.Associators
        | operations.AssociatorNames
        | operations.References
        | operations.ReferenceNames,
        world: World,
    ) -> Answer:
        """Carry out an association operation on an instance, or on a class by its name."""
        catalog = self._catalog
        namespace = catalog.namespace(asked.namespace)
        source, filters = asked.source, asked.filters
        if isinstance(source, str):
            match asked:
                case operations.Associators(selection=selection):
                    return classes.associators(catalog, namespace, source, filters, selection)
                case operations.AssociatorNames():
                    return classes.associator_names(catalog, namespace, source, filters)
                case operations.References(selection=selection):
                    return classes.references(catalog, namespace, source, filters, selection)
                case operations.ReferenceNames():
                    return classes.reference_names(catalog, namespace, source, filters)
        args = (catalog, namespace, source, filters)
        match asked:
            case operations.Associators(selection=selection):
                return associations.associators(*args, selection, world)
            case operations.AssociatorNames():
                return associations.associator_names(*args, world)
            case operations.References(selection=selection):
                return associations.references(*args, selection, world)
            case operations.ReferenceNames():
                return associations.reference_names(*args, world)
