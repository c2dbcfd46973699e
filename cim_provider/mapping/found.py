"""Objects that a read has found, before they become CIM's values.

Owns: which properties of an object are shown, and how a row's values become
CIM's. Found objects cost little: those that a client pulls later, or a filter
drops, are never made. Knows nothing of how they were found.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import overload

import pywbem

from cim_provider.mapping.paths import cim_path, seen
from cim_provider.mapping.rows import Record, Ref
from cim_provider.misfits import told_once
from cim_provider.schema import ClassInfo, NamespaceSchema
from cim_provider.wbem.fragments import Keyed, KeyedInstances
from cim_provider.wbem.operations import Selection
from cim_provider.wbem.render_plain import Plain


@dataclass(frozen=True, slots=True)
class Found:
    """An object, its class, and the namespace that it is in."""

    record: Record
    info: ClassInfo
    namespace: NamespaceSchema

    def path(self) -> pywbem.CIMInstanceName:
        """Return its full path."""
        return cim_path(self.record.ref, self.namespace.name)


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


class Showing:
    """Makes CIM instances of found objects, all with the same selection."""

    def __init__(self, selection: Selection, limit: ClassInfo | None = None) -> None:
        self.selection = selection
        self._limit = limit
        self._shapes: dict[tuple[str, str], Shape] = {}

    def instance(self, found: Found) -> pywbem.CIMInstance:
        """Return an object with its path."""
        return cim_instance(found.record, self._shape(found), found.namespace.name)

    @property
    def frame(self) -> Hashable:
        """Return what decides which properties are shown."""
        return (self.selection, None if self._limit is None else self._limit.name)

    def keyed(self, found: Found) -> Keyed:
        """Return an object's instance before it is made."""
        record, where, shape = found.record, found.namespace.name, self._shape(found)
        values = record.fill(shape.wanted)
        is_plain = all(map(_is_plain, values.values()))
        return Keyed(
            (where, record.ref),
            tuple(values.items()) if is_plain else None,
            partial(self.instance, found),
            Plain(record.ref, where, shape.shown, values, _made, seen) if is_plain else None,
        )

    def _shape(self, found: Found) -> Shape:
        key = (found.namespace.name, found.info.name)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = shape_of(found.info, self.selection, self._limit)
        return shape


def _is_plain(value: object) -> bool:
    """Return whether equal values are written alike: pywbem's objects ignore case."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | Ref)


def cim_instance(record: Record, shape: Shape, namespace: str) -> pywbem.CIMInstance:
    """Return an object with its path, as seen from a namespace."""
    values = record.fill(shape.wanted)
    path = cim_path(record.ref, namespace)
    keys = path.keybindings
    known = dict(record.ref.keys)
    properties = []
    for name, declared in shape.shown:
        value: object = keys[name] if name in known else values.get(name)
        if isinstance(value, Ref):
            value = cim_path(value, namespace)
        properties.append(_property(shape, declared, value))
    return pywbem.CIMInstance(record.ref.class_name, properties, path=path)


def _property(shape: Shape, declared: pywbem.CIMProperty, value: object) -> pywbem.CIMProperty:
    """Return a property; objects of one answer share those that are equal."""
    if not _is_plain(value):
        return _made(declared, value)
    key = (declared.name, value)
    found = shape.made.get(key)
    if found is None:
        found = shape.made[key] = _made(declared, value)
    return found


def _made(declared: pywbem.CIMProperty, value: object) -> pywbem.CIMProperty:
    """Return a property; NULL, and logged once, where the value does not fit: others are shown."""
    try:
        return _typed(declared, value)
    except (ValueError, TypeError) as fault:
        told_once(str(declared.class_origin), str(declared.name), str(fault))
        return _typed(declared, None)


def _typed(declared: pywbem.CIMProperty, value: object) -> pywbem.CIMProperty:
    # Only where there is a value: wbemcli does not know the mark on an array.
    first = next(iter(value), None) if isinstance(value, tuple) else value
    embedded = None
    if isinstance(first, pywbem.CIMInstance):
        # Of any class, or of the declared one: DSP0201, EmbeddedObject.
        embedded = "object" if "EmbeddedObject" in declared.qualifiers else "instance"
    return pywbem.CIMProperty(
        declared.name,
        list(value) if isinstance(value, tuple) else value,
        type=declared.type,
        is_array=declared.is_array,
        class_origin=declared.class_origin,
        reference_class=declared.reference_class,
        embedded_object=embedded,
    )


class InstancesOf(KeyedInstances):
    """CIM instances that are made when they are asked for, and not kept."""

    def __init__(self, found: Sequence[Found], showing: Showing) -> None:
        self._found = found
        self._showing = showing

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[pywbem.CIMInstance]:
        return map(self._showing.instance, self._found)

    @property
    def frame(self) -> Hashable:
        """See `KeyedInstances`."""
        return self._showing.frame

    def keyed(self) -> Iterator[Keyed]:
        """See `KeyedInstances`."""
        return map(self._showing.keyed, self._found)

    @overload
    def __getitem__(self, index: int) -> pywbem.CIMInstance: ...
    @overload
    def __getitem__(self, index: slice) -> "InstancesOf": ...
    def __getitem__(self, index: int | slice) -> "pywbem.CIMInstance | InstancesOf":
        """Return one instance, or those of a part."""
        if isinstance(index, slice):
            return InstancesOf(self._found[index], self._showing)
        return self._showing.instance(self._found[index])


class PathsOf(Sequence[pywbem.CIMInstanceName]):
    """Paths that are made when they are asked for, and not kept."""

    def __init__(self, found: Sequence[Found]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[pywbem.CIMInstanceName]:
        return (each.path() for each in self._found)

    @overload
    def __getitem__(self, index: int) -> pywbem.CIMInstanceName: ...
    @overload
    def __getitem__(self, index: slice) -> "PathsOf": ...
    def __getitem__(self, index: int | slice) -> "pywbem.CIMInstanceName | PathsOf":
        """Return one path, or those of a part."""
        if isinstance(index, slice):
            return PathsOf(self._found[index])
        return self._found[index].path()
