"""Reads that find any number of objects: at once, in parts, or filtered.

Owns: which objects each of these reads finds and what is shown of them. Whoever
asks decides when the objects are made. A query finds objects of one class; what
it selects is shown under the object's own class and path.
Source: DSP0200 1.4, sections 5.3.2.11 to 5.3.2.18 and 5.3.2.24.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import pywbem

from cim_provider.mapping import associations, instances
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.found import Found, InstancesOf, PathsOf, Showing
from cim_provider.mapping.subjects import RecordSubject, read_name
from cim_provider.mapping.turns import Turn, gathered
from cim_provider.mapping.world import World
from cim_provider.query.check import Types, check_condition, check_select
from cim_provider.query.evaluate import holds
from cim_provider.query.faults import QueryFault, unsupported
from cim_provider.query.parser import language_of, parse_filter, parse_select
from cim_provider.query.tree import Condition, Language, Select
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Enumerable, Instances, Paths, Selection

_Unqueried: TypeAlias = (
    operations.EnumerateInstances
    | operations.EnumerateInstanceNames
    | operations.Associators
    | operations.AssociatorNames
    | operations.References
    | operations.ReferenceNames
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a read has found."""

    found: Sequence[Found]
    showing: Showing | None
    """None where only paths are wanted."""
    is_volatile: bool = False

    def part(self, start: int, end: int | None = None) -> Instances | Paths:
        """Return the objects from one place up to another."""
        found = self.found[start:end]
        if self.showing is None:
            return Paths(PathsOf(found) if found else (), self.is_volatile)
        return Instances(InstancesOf(found, self.showing) if found else (), self.is_volatile)


async def find(catalog: Catalog, asked: Enumerable, world: World, turn: Turn) -> Finding:
    """Return what a read finds, letting others have their turn now and then.

    Raises CIMError: INVALID_NAMESPACE, INVALID_CLASS, INVALID_PARAMETER, NOT_FOUND, and what
    can be wrong with a query.
    """
    namespace = catalog.namespace(asked.namespace)
    if isinstance(asked, operations.ExecQuery):
        return await _query(catalog, namespace, asked, world, turn)
    found = await gathered(_found(catalog, namespace, asked, world), turn)
    showing = _showing(catalog, namespace, asked)
    if isinstance(asked, operations.EnumerateInstances | operations.EnumerateInstanceNames):
        top = catalog.declared(namespace, asked.class_name)
        return Finding(found, showing, _is_family_volatile(catalog, namespace, top))
    return Finding(found, showing, _is_volatile(catalog, found))


def _found(
    catalog: Catalog, namespace: NamespaceSchema, asked: _Unqueried, world: World
) -> Iterator[Found | None]:
    match asked:
        case operations.EnumerateInstances() | operations.EnumerateInstanceNames():
            return instances.of_class(catalog, namespace, asked.class_name, world)
    source, filters = asked.source, asked.filters
    assert not isinstance(source, str), "associations of classes are walked elsewhere"
    match asked:
        case operations.Associators() | operations.AssociatorNames():
            return associations.far_ends(catalog, namespace, source, filters, world)
        case operations.References() | operations.ReferenceNames():
            return associations.links(catalog, namespace, source, filters, world)


def _showing(catalog: Catalog, namespace: NamespaceSchema, asked: _Unqueried) -> Showing | None:
    match asked:
        case operations.EnumerateInstances(class_name=name, deep=deep, selection=selection):
            return Showing(selection, None if deep else catalog.declared(namespace, name))
        case (
            operations.Associators(selection=selection) | operations.References(selection=selection)
        ):
            return Showing(selection)
    return None


def _is_family_volatile(catalog: Catalog, namespace: NamespaceSchema, top: ClassInfo) -> bool:
    """Return whether answers about a class are of the moment, also while it has no object."""
    return catalog.is_volatile(namespace, (each.name for each in catalog.family(namespace, top)))


def _is_volatile(catalog: Catalog, found: Iterable[Found]) -> bool:
    classes = {(each.namespace.name, each.info.name) for each in found}
    return any(catalog.is_volatile(catalog.namespace(where), [name]) for where, name in classes)


async def filtered(
    catalog: Catalog, asked: Enumerable, finding: Finding, filter_: tuple[str, str], turn: Turn
) -> Finding:
    """Return what of a finding fulfils a filter, a language and a query.

    The query may name properties that are not shown.
    Raises CIMError: QUERY_LANGUAGE_NOT_SUPPORTED, INVALID_QUERY, QUERY_FEATURE_NOT_SUPPORTED,
    FILTERED_ENUMERATION_NOT_SUPPORTED for a language that is for queries alone.
    """
    language, query = filter_
    known = translated(lambda: language_of(language))
    if known is not Language.FQL:
        text = f"filters are written in {Language.FQL}, and {known} is for queries"
        raise pywbem.CIMError(int(Status.FILTERED_ENUMERATION_NOT_SUPPORTED), text)
    condition = translated(lambda: parse_filter(query))
    namespace = catalog.namespace(asked.namespace)
    types = _types(_possible(catalog, namespace, asked))
    translated(lambda: check_condition(condition, types))
    return replace(finding, found=await gathered(finding.found, turn, _wanted(condition)))


def _wanted(condition: Condition | None) -> Callable[[Found], bool] | None:
    if condition is None:
        return None
    return lambda each: holds(condition, RecordSubject(each), read_name)


def _possible(
    catalog: Catalog, namespace: NamespaceSchema, asked: Enumerable
) -> Iterable[ClassInfo]:
    """Return the classes that what is found may be of."""
    name: str | None = None
    match asked:
        case operations.EnumerateInstances() | operations.EnumerateInstanceNames():
            name = asked.class_name
        case operations.Associators() | operations.AssociatorNames():
            name = asked.filters.result_class
        case operations.References() | operations.ReferenceNames():
            name = asked.filters.assoc_class
    if name is None:
        return namespace.classes.values()
    top = catalog.declared(namespace, name, Status.INVALID_PARAMETER)
    return (top, *namespace.subclasses(top.name, deep=True))


def _types(infos: Iterable[ClassInfo]) -> Types:
    """Return the types of all properties of these classes; None where classes differ."""
    found: dict[str, tuple[str, bool] | None] = {}
    for info in infos:
        for name, kind in info.types.items():
            folded = name.lower()
            found[folded] = kind if found.get(folded, kind) == kind else None
    return found


async def _query(
    catalog: Catalog,
    namespace: NamespaceSchema,
    asked: operations.ExecQuery,
    world: World,
    turn: Turn,
) -> Finding:
    language = translated(lambda: language_of(asked.language))
    select = translated(lambda: parse_select(language, asked.query))
    top = catalog.declared(namespace, select.class_name)
    types = _types((top, *namespace.subclasses(top.name, deep=True)))
    translated(lambda: check_select(select, types))
    columns = translated(lambda: column_names(select))
    items = instances.of_class(catalog, namespace, top.name, world)
    found = await gathered(items, turn, _wanted(select.condition))
    is_volatile = _is_family_volatile(catalog, namespace, top)
    return Finding(found, Showing(Selection(properties=columns)), is_volatile)


def column_names(select: Select) -> tuple[str, ...] | None:
    """Return the properties that a query shows, None for all.

    Raises QueryFault: QUERY_FEATURE_NOT_SUPPORTED for parts of properties.
    """
    if select.columns is None:
        return None
    for path in select.columns:
        if len(path.steps) != 1 or path.steps[0].index is not None or path.steps[0].scope:
            unsupported(f"{path} in the list of SELECT, which may name properties of the class")
    return tuple(path.steps[0].name for path in select.columns)


def query_class(catalog: Catalog, asked: operations.ExecQuery) -> pywbem.CIMClass:
    """Return a declaration of what a query shows, without what is inherited marked."""
    namespace = catalog.namespace(asked.namespace)
    select = translated(lambda: parse_select(language_of(asked.language), asked.query))
    info = catalog.declared(namespace, select.class_name)
    columns = translated(lambda: column_names(select))
    wanted = None if columns is None else {name.lower() for name in columns}
    return pywbem.CIMClass(
        info.name,
        properties=[
            each
            for each in info.declaration.properties.values()
            if wanted is None or each.name.lower() in wanted
        ],
    )


def translated(read: Callable[[], T]) -> T:
    """Return what `read` returns; a fault of a query becomes the CIM error that it means."""
    try:
        return read()
    except QueryFault as fault:
        raise pywbem.CIMError(int(fault.status), fault.text) from fault
