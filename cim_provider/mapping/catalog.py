"""Declarations and rows side by side: what each namespace holds.

Owns: the look-ups of namespaces, classes and rows, with the CIM errors for what
is not there, and the objects of a class. Made once; a view comes with each call.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final, NoReturn

import pywbem

from cim_provider.mapping.rows import AssociationRow, ClassRow, Pair, Record, Ref, Values, Wanted
from cim_provider.mapping.world import World
from cim_provider.mapping.writing import Writer
from cim_provider.schema import ClassInfo, NamespaceSchema, Schema
from cim_provider.wbem.errors import Status

NAME_CHARS_MAX: Final = 64
"""So much of a name that does not exist is repeated to the client."""


def refuse(status: Status, text: str) -> NoReturn:
    """Raise the CIM error."""
    raise pywbem.CIMError(int(status), text)


class Catalog:
    """The rows by namespace and class; every row's class is declared, with its keys."""

    def __init__(
        self,
        schema: Schema,
        rows: Iterable[ClassRow],
        associations: Iterable[AssociationRow],
        writers: Mapping[str, Writer] | None = None,
    ) -> None:
        self.schema = schema
        self._rows: dict[tuple[str, str], ClassRow] = {}
        self._associations: dict[tuple[str, str], AssociationRow] = {}
        for row in rows:
            for name in row.namespaces:
                self._rows[self._key(name, row.class_name, row.identity)] = row
        for each in associations:
            for name in each.namespaces:
                roles = (each.left_role, each.right_role)
                self._associations[self._key(name, each.class_name, roles)] = each

        self._writers = {name.lower(): writer for name, writer in (writers or {}).items()}
        placed = {name for _, name in (*self._rows, *self._associations)}
        assert self._writers.keys() <= placed, "a class has a writer and no row"

    def _key(self, namespace: str, class_name: str, keys: tuple[str, ...]) -> tuple[str, str]:
        info = self.namespace(namespace).get(class_name)
        assert info is not None, f"{class_name} has a row and is not declared in {namespace}"
        assert set(keys) <= set(info.keys), f"{class_name}: {keys} are not its keys {info.keys}"
        return (namespace.lower(), class_name.lower())

    def namespace(self, name: str) -> NamespaceSchema:
        """Return the classes of a namespace. Raises CIMError: INVALID_NAMESPACE."""
        found = self.schema.namespace(name)
        if found is None:
            known = ", ".join(each.name for each in self.schema.namespaces.values())
            text = f"namespace {name[:NAME_CHARS_MAX]!r} does not exist; there are {known}"
            refuse(Status.INVALID_NAMESPACE, text)
        return found

    def namespace_or(self, name: str, status: Status) -> NamespaceSchema:
        """Return the classes of a namespace. Raises CIMError: `status`."""
        found = self.schema.namespace(name)
        if found is None:
            refuse(status, f"namespace {name[:NAME_CHARS_MAX]!r} does not exist")
        return found

    def declared(
        self, namespace: NamespaceSchema, name: str, status: Status = Status.INVALID_CLASS
    ) -> ClassInfo:
        """Return the class of that name. Raises CIMError: `status`."""
        found = namespace.get(name)
        if found is None:
            text = f"class {name[:NAME_CHARS_MAX]!r} does not exist in {namespace.name}"
            refuse(status, text)
        return found

    def row(self, namespace: NamespaceSchema, class_name: str) -> ClassRow | None:
        """Return the row of a class, or None."""
        return self._rows.get((namespace.name.lower(), class_name.lower()))

    def association(self, namespace: NamespaceSchema, class_name: str) -> AssociationRow | None:
        """Return the row of an association class, or None."""
        return self._associations.get((namespace.name.lower(), class_name.lower()))

    def writer(self, namespace: NamespaceSchema, class_name: str) -> Writer | None:
        """Return who changes the objects of a class, or None."""
        key = (namespace.name.lower(), class_name.lower())
        is_here = key in self._rows or key in self._associations
        return self._writers.get(class_name.lower()) if is_here else None

    def associations(self, namespace: NamespaceSchema) -> Iterator[AssociationRow]:
        """Yield the rows of the association classes of a namespace."""
        name = namespace.name.lower()
        return (row for (where, _), row in self._associations.items() if where == name)

    def family(self, namespace: NamespaceSchema, info: ClassInfo) -> Iterator[ClassInfo]:
        """Yield the class and all its subclasses that have objects of their own."""
        for each in (info, *namespace.subclasses(info.name, deep=True)):
            if self.row(namespace, each.name) or self.association(namespace, each.name):
                yield each

    def is_volatile(self, namespace: NamespaceSchema, class_names: Iterable[str]) -> bool:
        """Return whether objects of one of these very classes change without a new version."""
        rows = (self.row(namespace, each) for each in class_names)
        return any(row is not None and row.is_volatile for row in rows)

    def records(
        self, namespace: NamespaceSchema, class_name: str, world: World
    ) -> Iterable[Record]:
        """Return the objects that are made of this very class."""
        row = self.row(namespace, class_name)
        if row is not None:
            return row.records(world)
        links = self.association(namespace, class_name)
        return () if links is None else (as_record(links, pair) for pair in links.pairs(world))


def as_record(row: AssociationRow, pair: Pair) -> Record:
    """Return an association as an object."""
    keys = ((row.left_role, pair.left), (row.right_role, pair.right))
    return Record(Ref(row.class_name, keys), partial(_chosen, pair))


def _chosen(pair: Pair, wanted: Wanted) -> Values:
    return {name: value for name, value in pair.properties if wanted is None or name in wanted}
