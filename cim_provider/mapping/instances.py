"""GetInstance, EnumerateInstances and GetProperty, written once over rows.

Owns: how instances are found by path and by class.
Source: DSP0200 1.4, sections 5.3.2.2, 5.3.2.11, 5.3.2.12 and 5.3.2.18.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterator

from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.mapping.found import Found, Showing, cim_instance, shape_of
from cim_provider.mapping.paths import locate
from cim_provider.mapping.world import World
from cim_provider.schema import NamespaceSchema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Instances, PropertyValue, Selection


def get_instance(catalog: Catalog, asked: operations.GetInstance, world: World) -> Instances:
    """Return the one instance that a path names."""
    namespace = catalog.namespace(asked.namespace)
    record = locate(catalog, namespace, asked.path, world)
    found = Found(record, catalog.declared(namespace, record.ref.class_name), namespace)
    return Instances(
        (Showing(asked.selection).instance(found),),
        catalog.is_volatile(namespace, [record.ref.class_name]),
    )


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
    is_volatile = catalog.is_volatile(namespace, [info.name])
    return PropertyValue(found.value, str(found.type), is_volatile)


def of_class(
    catalog: Catalog, namespace: NamespaceSchema, class_name: str, world: World
) -> Iterator[Found]:
    """Yield the instances of a class and its subclasses. Raises CIMError: INVALID_CLASS."""
    top = catalog.declared(namespace, class_name)
    for info in catalog.family(namespace, top):
        for record in catalog.records(namespace, info.name, world):
            yield Found(record, info, namespace)
