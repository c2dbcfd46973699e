"""GetInstance, EnumerateInstances and EnumerateInstanceNames, written once over rows.

Owns: which properties an answer shows, and how a row's values become CIM's.
Source: DSP0200 1.4, sections 5.3.2.2, 5.3.2.11 and 5.3.2.12.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from dataclasses import dataclass, field

import pywbem

from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.mapping.paths import cim_path, locate
from cim_provider.mapping.rows import Record, Ref
from cim_provider.mapping.world import World
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Instances, Paths, PropertyValue, Selection


@dataclass(frozen=True, slots=True)
class Shape:
    """What of the objects of one class is shown, in the order of declaration."""

    shown: tuple[tuple[str, pywbem.CIMProperty], ...]
    """Names and declarations of the properties."""
    wanted: frozenset[str]
    made: dict[tuple[str, object], pywbem.CIMProperty] = field(default_factory=dict)
    """Properties that were made of this shape, by name and value."""


def shape_of(info: ClassInfo, selection: Selection, limit: ClassInfo | None = None) -> Shape:
    """Return what is shown of a class.

    Args:
        info: the class of the objects.
        selection: its list of properties may name some that the class does not have.
        limit: only properties of this superclass are shown.
    """
    listed = selection.properties
    names = None if listed is None else {name.lower() for name in listed}
    shown = tuple(
        (name, declared)
        for name, declared in info.declaration.properties.items()
        if (names is None or name.lower() in names)
        and (limit is None or name.lower() in limit.spelling)
    )
    return Shape(shown, frozenset(name for name, _ in shown))


def cim_instance(record: Record, shape: Shape, namespace: str) -> pywbem.CIMInstance:
    """Return an object with its path, as seen from a namespace."""
    values = record.fill(shape.wanted)
    path = cim_path(record.ref, namespace)
    keys = path.keybindings
    known = dict(record.ref.keys)
    properties = [
        _property(shape, declared, keys[name] if name in known else values.get(name))
        for name, declared in shape.shown
    ]
    return pywbem.CIMInstance(record.ref.class_name, properties, path=path)


def _property(shape: Shape, declared: pywbem.CIMProperty, value: object) -> pywbem.CIMProperty:
    """Return a property; objects of one answer share those that are equal."""
    key = (declared.name, value)
    found = shape.made.get(key)
    if found is None:
        found = shape.made[key] = pywbem.CIMProperty(
            declared.name,
            _listed(value),
            type=declared.type,
            is_array=declared.is_array,
            class_origin=declared.class_origin,
            reference_class=declared.reference_class,
        )
    return found


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def get_instance(catalog: Catalog, asked: operations.GetInstance, world: World) -> Instances:
    """Return the one instance that a path names."""
    namespace = catalog.namespace(asked.namespace)
    record = locate(catalog, namespace, asked.path, world)
    info = catalog.declared(namespace, record.ref.class_name)
    shape = shape_of(info, asked.selection)
    is_volatile = _is_volatile(catalog, namespace, record)
    return Instances((cim_instance(record, shape, namespace.name),), is_volatile)


def get_property(catalog: Catalog, asked: operations.GetProperty, world: World) -> PropertyValue:
    """Return the value of one property of an instance."""
    namespace = catalog.namespace(asked.namespace)
    info = catalog.declared(namespace, asked.path.classname)
    record = locate(catalog, namespace, asked.path, world)
    if asked.name.lower() not in info.spelling:
        text = f"class {info.name} has no property {asked.name[:NAME_CHARS_MAX]!r}"
        refuse(Status.NO_SUCH_PROPERTY, text)
    shape = shape_of(info, Selection(properties=(asked.name,)))
    (found,) = cim_instance(record, shape, namespace.name).properties.values()
    return PropertyValue(found.value, str(found.type), _is_volatile(catalog, namespace, record))


def _is_volatile(catalog: Catalog, namespace: NamespaceSchema, record: Record) -> bool:
    row = catalog.row(namespace, record.ref.class_name)
    return row is not None and row.is_volatile


def enumerate_instances(
    catalog: Catalog, asked: operations.EnumerateInstances, world: World
) -> Instances:
    """Return the instances of a class and its subclasses."""
    namespace = catalog.namespace(asked.namespace)
    top = catalog.declared(namespace, asked.class_name)
    limit = None if asked.deep else top
    found: list[pywbem.CIMInstance] = []
    for info in catalog.family(namespace, top):
        shape = shape_of(info, asked.selection, limit)
        found += (
            cim_instance(record, shape, namespace.name)
            for record in catalog.records(namespace, info.name, world)
        )
    return Instances(tuple(found), catalog.is_volatile(namespace, top))


def enumerate_instance_names(
    catalog: Catalog, asked: operations.EnumerateInstanceNames, world: World
) -> Paths:
    """Return the paths of the instances of a class and its subclasses."""
    namespace = catalog.namespace(asked.namespace)
    top = catalog.declared(namespace, asked.class_name)
    refs: list[Ref] = []
    for info in catalog.family(namespace, top):
        refs += (record.ref for record in catalog.records(namespace, info.name, world))
    paths = tuple(cim_path(ref, namespace.name) for ref in refs)
    return Paths(paths, catalog.is_volatile(namespace, top))
