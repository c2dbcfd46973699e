"""CreateInstance, ModifyInstance, DeleteInstance and SetProperty, written once over writers.

Owns: the checks that are the same for all classes: a writer is asked for
nothing that the class's declaration forbids. A class without a writer cannot be
changed by clients. A property that is sent with the value that it has is no
change, so that an instance that was read can be sent back.
Source: DSP0200 1.4, sections 5.3.2.4, 5.3.2.6, 5.3.2.8 and 5.3.2.19.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable

import pywbem

from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.mapping.given import Place, fitted, plain
from cim_provider.mapping.paths import cim_path, existing, locate, located
from cim_provider.mapping.rows import Record, Ref
from cim_provider.mapping.world import World
from cim_provider.mapping.writing import Given, Meaning, Replacing, Writer
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Nothing, Paths


async def create_instance(
    catalog: Catalog, asked: operations.CreateInstance, world: World, author: str
) -> Paths:
    """Create an instance and return its path.

    Raises CIMError: INVALID_NAMESPACE, INVALID_CLASS, INVALID_PARAMETER, ALREADY_EXISTS,
    NOT_SUPPORTED for a class without a writer, and what the writer refuses.
    """
    namespace = catalog.namespace(asked.namespace)
    info = catalog.declared(namespace, asked.instance.classname)
    sent = asked.instance.properties.values()
    given = _given(catalog, namespace, info, sent, world, unknown=Status.INVALID_PARAMETER)
    if info.is_abstract:
        refuse(Status.NOT_SUPPORTED, f"class {info.name} is abstract and has no instances")
    writer = _writer(catalog, namespace, info, "created")
    ref = located(writer.name(given, world), namespace)
    gives_way = isinstance(writer, Replacing) and writer.replaces(ref, world)
    if not gives_way and existing(catalog, namespace, ref, world) is not None:
        keys = ",".join(f'{name}="{value}"' for name, value in ref.keys if isinstance(value, str))
        refuse(Status.ALREADY_EXISTS, f"{info.name}.{keys} exists already")
    await writer.create(ref, given, author)
    return Paths((cim_path(ref, namespace.name),))


async def modify_instance(
    catalog: Catalog, asked: operations.ModifyInstance, world: World, author: str
) -> Nothing:
    """Change properties of an instance.

    Raises CIMError: INVALID_NAMESPACE, INVALID_CLASS, INVALID_PARAMETER, NOT_FOUND,
    NO_SUCH_PROPERTY, NOT_SUPPORTED for a class without a writer, and what the writer refuses.
    """
    namespace = catalog.namespace(asked.namespace)
    instance = asked.instance
    info = catalog.declared(namespace, instance.classname)
    if catalog.declared(namespace, instance.path.classname) is not info:
        text = f"the path is of {instance.path.classname[:NAME_CHARS_MAX]}, not of {info.name}"
        refuse(Status.INVALID_PARAMETER, text)
    record = locate(catalog, namespace, instance.path, world)
    if asked.properties is None:
        sent = list(instance.properties.values())
    else:
        _check_names(info, [*asked.properties, *instance.properties])
        sent = [_listed(info, name, instance) for name in asked.properties]
    given = _given(catalog, namespace, info, sent, world, unknown=Status.NO_SUCH_PROPERTY)
    await _modify(catalog, namespace, info, record, given, author)
    return Nothing()


async def set_property(
    catalog: Catalog, asked: operations.SetProperty, world: World, author: str
) -> Nothing:
    """Change one property of an instance.

    Raises CIMError: as `modify_instance`, and TYPE_MISMATCH.
    """
    namespace = catalog.namespace(asked.namespace)
    info = catalog.declared(namespace, asked.path.classname)
    record = locate(catalog, namespace, asked.path, world)
    _check_names(info, [asked.name])
    declared = info.declaration.properties[asked.name]
    label = f"{info.name}.{declared.name}"
    place = Place(catalog, namespace, world, label, Status.TYPE_MISMATCH)
    given = {declared.name: plain(fitted(declared, asked.value, place))}
    await _modify(catalog, namespace, info, record, given, author)
    return Nothing()


async def delete_instance(
    catalog: Catalog, asked: operations.DeleteInstance, world: World, author: str
) -> Nothing:
    """End an instance.

    Raises CIMError: INVALID_NAMESPACE, INVALID_CLASS, INVALID_PARAMETER, NOT_FOUND,
    NOT_SUPPORTED for a class without a writer, and what the writer refuses.
    """
    namespace = catalog.namespace(asked.namespace)
    info = catalog.declared(namespace, asked.path.classname)
    record = locate(catalog, namespace, asked.path, world)
    writer = _writer(catalog, namespace, info, "deleted")
    await writer.delete(located(record.ref, namespace), author)
    return Nothing()


def change_schema(catalog: Catalog, asked: operations.ChangeSchema) -> Nothing:
    """Refuse another declaration. Raises CIMError: INVALID_NAMESPACE, NOT_SUPPORTED."""
    catalog.namespace(asked.namespace)
    text = (
        f"{asked.change.value} {asked.name[:NAME_CHARS_MAX]}: the classes and qualifiers of this"
        " server come with its version and cannot be changed by clients"
    )
    refuse(Status.NOT_SUPPORTED, text)


def _writer(catalog: Catalog, namespace: NamespaceSchema, info: ClassInfo, what: str) -> Writer:
    found = catalog.writer(namespace, info.name)
    if found is None:
        refuse(Status.NOT_SUPPORTED, f"instances of {info.name} cannot be {what} by a client here")
    return found


def _given(
    catalog: Catalog,
    namespace: NamespaceSchema,
    info: ClassInfo,
    sent: Iterable[pywbem.CIMProperty],
    world: World,
    *,
    unknown: Status,
) -> dict[str, object]:
    """Return what was sent, by declared names and in the declared types."""
    found: dict[str, object] = {}
    for each in sent:
        _check_names(info, [each.name], unknown)
        declared = info.declaration.properties[each.name]
        label = f"{info.name}.{declared.name}"
        if each.type != declared.type or bool(each.is_array) != bool(declared.is_array):
            text = f"{label} is {_type(declared)}, and {_type(each)} was given"
            refuse(Status.INVALID_PARAMETER, text)
        place = Place(catalog, namespace, world, label)
        found[declared.name] = plain(fitted(declared, each.value, place))
    return found


def _type(of: pywbem.CIMProperty) -> str:
    return f"{of.type}[]" if of.is_array else str(of.type)


def _check_names(
    info: ClassInfo, names: Iterable[str], status: Status = Status.NO_SUCH_PROPERTY
) -> None:
    for name in names:
        if name.lower() not in info.spelling:
            text = f"class {info.name} has no property {name[:NAME_CHARS_MAX]!r}"
            refuse(status, text)


def _listed(info: ClassInfo, name: str, instance: pywbem.CIMInstance) -> pywbem.CIMProperty:
    """Return a property that shall change; one without a value gets the declared default."""
    found: pywbem.CIMProperty | None = instance.properties.get(name)
    return info.declaration.properties[name] if found is None else found


async def _modify(
    catalog: Catalog,
    namespace: NamespaceSchema,
    info: ClassInfo,
    record: Record,
    given: Given,
    author: str,
) -> None:
    writer = _writer(catalog, namespace, info, "modified")
    known = dict(record.ref.keys) | dict(record.fill(frozenset(given)))
    changes, others = {}, []
    for name, value in given.items():
        old = known.get(name)
        if name in info.keys:
            # Linux-HA 2.1's clients give the keys that tell nothing apart values of their own.
            is_free = _is_constant(catalog, namespace, info, name)
            if value is not None and not is_free and not _is_same(value, old, namespace):
                refuse(Status.INVALID_PARAMETER, f"{info.name}.{name} is a key: it cannot change")
        elif _is_same(value, old, namespace) or (
            isinstance(writer, Meaning) and writer.same(name, value, old)
        ):
            continue
        elif _is_writable(info.declaration.properties[name]):
            changes[name] = value
        else:
            others.append(name)
    _check_others(info, others, changes)
    if changes:
        await writer.modify(located(record.ref, namespace), changes, author)


_STATES = ("EnabledState", "RequestedState")


def _check_others(info: ClassInfo, others: list[str], changes: Given) -> None:
    """Refuse properties that cannot be written, unless a whole instance was sent back.

    Such an instance has what changes by itself as it was a moment ago, beside what is to change.
    """
    for name in others:
        if name in _STATES:
            text = f"{info.name}.{name} is changed by its method RequestStateChange"
            refuse(Status.NOT_SUPPORTED, text)
    if others and not changes:
        refuse(Status.INVALID_PARAMETER, f"{info.name}.{others[0]} cannot be written")


def _is_constant(catalog: Catalog, namespace: NamespaceSchema, info: ClassInfo, name: str) -> bool:
    """Return whether a key tells no objects of the class apart."""
    row = catalog.row(namespace, info.name)
    return row is not None and name not in row.identity


def _is_same(value: object, old: object, namespace: NamespaceSchema) -> bool:
    return value == (located(old, namespace) if isinstance(old, Ref) else old)


def _is_writable(declared: pywbem.CIMProperty) -> bool:
    qualifier = declared.qualifiers.get("Write")
    return qualifier is not None and bool(qualifier.value)
