"""Pictures of watched objects, and the lifecycle events between two of them.

Owns: which classes a query watches, what a picture holds, how it is written
down, and how two of them differ. Pure.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import is_
from typing import Final, TypeAlias, cast

import pywbem

from cim_provider.indications.events import Embedded, Event
from cim_provider.indications.facts import FACT, facts
from cim_provider.indications.watching import QUIET, UNTOLD, differs
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.paths import cim_path, located
from cim_provider.mapping.rows import ClassRow, Record, Ref, Value
from cim_provider.mapping.world import World
from cim_provider.query.tree import All, AnyOf, Condition, IsA, Select
from cim_provider.schema import INTEROP, INTEROP_NAMES, Schema

Table: TypeAlias = Mapping[Ref, Mapping[str, Value]]
"""The objects of one class in one namespace."""
Watched: TypeAlias = frozenset[tuple[str, str]]
"""Namespace and class, as declared."""

CREATION: Final = "CIM_InstCreation"
MODIFICATION: Final = "CIM_InstModification"
DELETION: Final = "CIM_InstDeletion"
LIFECYCLE: Final = (CREATION, MODIFICATION, DELETION)
_SOURCE: Final = "sourceinstance"


class Objects(Mapping[Ref, Mapping[str, Value]]):
    """Objects by their names, in tables by namespace and class.

    Two pictures share the tables, and the objects, that are the same in both, so that only what
    has changed is looked at.
    """

    __slots__ = ("tables",)

    def __init__(self, tables: Mapping[tuple[str, str], Table]) -> None:
        self.tables = {name: table for name, table in tables.items() if table}

    @classmethod
    def of(cls, found: Mapping[Ref, Mapping[str, Value]]) -> "Objects":
        """Return the same objects in tables."""
        if isinstance(found, Objects):
            return found
        tables: dict[tuple[str, str], dict[Ref, Mapping[str, Value]]] = {}
        for ref, values in found.items():
            tables.setdefault(table_of(ref), {})[ref] = values
        return cls(tables)

    def __getitem__(self, ref: Ref) -> Mapping[str, Value]:
        return self.tables[table_of(ref)][ref]

    def __iter__(self) -> Iterator[Ref]:
        return (ref for table in self.tables.values() for ref in table)

    def __len__(self) -> int:
        return sum(map(len, self.tables.values()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Objects):
            return self.tables == other.tables
        return dict(self) == other

    __hash__ = None  # type: ignore[assignment]  # as of any mapping


def table_of(ref: Ref) -> tuple[str, str]:
    """Return the table that an object stands in."""
    return (ref.namespace, ref.class_name)


@dataclass(frozen=True, slots=True)
class Picture:
    """The objects of the watched classes at one moment."""

    watched: Watched = frozenset()
    objects: Mapping[Ref, Mapping[str, Value]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objects", Objects.of(self.objects))

    @property
    def tables(self) -> Mapping[tuple[str, str], Table]:
        """Return the objects by namespace and class."""
        return Objects.of(self.objects).tables

    def holding(self, ref: Ref, values: Mapping[str, Value]) -> "Picture":
        """Return the picture with one object as it is given here."""
        tables = dict(self.tables)
        tables[table_of(ref)] = {**tables.get(table_of(ref), {}), ref: values}
        return Picture(self.watched, Objects(tables))


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that came (no `before`), changed, or went (no `after`)."""

    ref: Ref
    before: Mapping[str, Value] | None
    after: Mapping[str, Value] | None


def namespace_of(name: str) -> str:
    """Return the name under which a namespace is compared: one for all of the interop's names."""
    folded = name.strip("/").lower()
    return INTEROP if folded in {each.lower() for each in INTEROP_NAMES} else name.strip("/")


def is_told(row: ClassRow) -> bool:
    """Return whether changes of a class can be told: of what changes all the time, only where it
    is known which properties do.
    """
    return not row.is_volatile or row.class_name in QUIET


def watched_by(select: Select, namespaces: Iterable[str], catalog: Catalog) -> Watched:
    """Return the classes whose objects a query over lifecycle indications is about."""
    found: set[tuple[str, str]] = set()
    for name in namespaces:
        namespace = catalog.schema.namespace(name)
        if namespace is None or not _is_lifecycle(select, catalog.schema, name):
            continue
        where = namespace_of(namespace.name)
        names = _classes(select.condition)
        if names is None:
            infos = [info for info in namespace.classes.values() if not info.is_association]
        else:
            infos = []
            for each in names:
                top = namespace.get(each)
                if top is not None:
                    infos += [top, *namespace.subclasses(top.name, deep=True)]
        for info in infos:
            row = catalog.row(namespace, info.name)
            is_steady = row is not None and not row.is_quiet and is_told(row)
            is_link = catalog.association(namespace, info.name) is not None
            if is_steady or (is_link and info.name not in UNTOLD):
                found.add((where, info.name))
    return frozenset(found)


def _is_lifecycle(select: Select, schema: Schema, name: str) -> bool:
    namespace = schema.namespace(name)
    assert namespace is not None, name
    return any(namespace.is_a(each, select.class_name) for each in LIFECYCLE)


def _classes(condition: Condition | None) -> set[str] | None:
    """Return the classes of which SourceInstance must be one; None if it may be of any."""
    match condition:
        case IsA(of=path, class_name=name):
            is_source = len(path.steps) == 1 and path.steps[0].name.lower() == _SOURCE
            return {name} if is_source else None
        case All(of=parts):
            known = [names for names in map(_classes, parts) if names is not None]
            return min(known, key=len) if known else None
        case AnyOf(of=parts):
            every = [_classes(part) for part in parts]
            if any(names is None for names in every):
                return None
            return set().union(*(names for names in every if names is not None))
        case _:
            return None


def objects(
    catalog: Catalog, watched: Watched, world: World
) -> Iterator[tuple[Ref, Mapping[str, Value]]]:
    """Yield the watched objects of a moment."""
    for name, class_name in sorted(watched):
        if class_name == FACT:
            yield from facts(world.view)
            continue
        namespace = catalog.namespace(name)
        for record in catalog.records(namespace, class_name, world):
            yield located(record.ref, namespace), plain_values(record)


def plain_values(record: Record) -> Mapping[str, Value]:
    """Return the properties of an object; what is an object itself is not told of, and NULL."""
    values = record.fill(None)
    told = cast(Mapping[str, object], values)
    inner = {name for name, each in told.items() if isinstance(each, pywbem.CIMInstance)}
    return {n: None if n in inner else v for n, v in values.items()} if inner else values


def unequal(before: Picture, after: Picture) -> Iterator[Difference]:
    """Yield all that is not equal in two pictures: deletions first, the rest in order."""
    older, newer = before.tables, after.tables
    pairs = [(older.get(name, {}), newer.get(name, {})) for name in {**older, **newer}]
    pairs = [(one, other) for one, other in pairs if one is not other]
    for one, other in pairs:
        if one.keys() - other.keys():
            yield from (Difference(ref, v, None) for ref, v in one.items() if ref not in other)
    for one, other in pairs:
        yield from _newer(one, other)


def _newer(before: Table, after: Table) -> Iterator[Difference]:
    """Yield what came or changed."""
    for ref, known, values in _side_by_side(before, after):
        if known is not values and known != values:
            yield Difference(ref, known, values)


def _side_by_side(
    before: Table, after: Table
) -> Iterable[tuple[Ref, Mapping[str, Value] | None, Mapping[str, Value]]]:
    """Return the newer objects, each with the older one of its name.

    Mostly both tables name the very same objects in the same order: then no name is looked up.
    """
    is_alike = len(before) == len(after) and all(map(is_, before, after))
    older = before.values() if is_alike else map(before.get, after)
    return zip(after, older, after.values(), strict=True)


def differences(before: Picture, after: Picture) -> Iterator[Difference]:
    """Yield what differs, of classes that both pictures show: deletions, the rest in order."""
    both = before.watched & after.watched
    for change in unequal(before, after):
        known, values = change.before, change.after
        if table_of(change.ref) in both and (
            known is None or values is None or differs(change.ref.class_name, known, values)
        ):
            yield change


def settled(before: Picture, after: Picture) -> Picture:
    """Return the newer picture, where what is not told of an object has not changed either.

    So small steps add up until they are told.
    """
    tables: dict[tuple[str, str], dict[Ref, Mapping[str, Value]]] = {}
    for change in unequal(before, after):
        ref, known, values = change.ref, change.before, change.after
        if known is None or values is None or differs(ref.class_name, known, values):
            continue
        name = table_of(ref)
        if name not in tables:
            tables[name] = dict(after.tables[name])
        tables[name][ref] = known
    return Picture(after.watched, Objects({**after.tables, **tables})) if tables else after


def laid_over(base: Picture, changes: Iterable[Difference]) -> Picture:
    """Return the picture after changes that are known to have been told."""
    tables: dict[tuple[str, str], dict[Ref, Mapping[str, Value]]] = {}
    for change in changes:
        name = table_of(change.ref)
        table = tables.get(name)
        if table is None:
            table = tables[name] = dict(base.tables.get(name, {}))
        if change.after is None:
            table.pop(change.ref, None)
        else:
            table[change.ref] = change.after
    return Picture(base.watched, Objects({**base.tables, **tables})) if tables else base


def event_of(change: Difference) -> Event:
    """Return the lifecycle event of a difference."""
    values: dict[str, Value | Embedded] = {
        "SourceInstanceModelPath": path_text(change.ref),
    }
    if change.after is None:
        assert change.before is not None
        class_name, source = DELETION, change.before
    else:
        class_name = CREATION if change.before is None else MODIFICATION
        source = change.after
    values["SourceInstance"] = Embedded(change.ref, source)
    if change.after is not None and change.before is not None:
        values["PreviousInstance"] = Embedded(change.ref, change.before)
    return Event(class_name, change.ref.namespace, values, path_text(change.ref))


def path_text(ref: Ref) -> str:
    """Return the path of an object as an untyped WBEM URI without a host."""
    path = cim_path(ref, ref.namespace)
    return str(path.to_wbem_uri(format="historical")).lstrip("/")


# --- written down ---------------------------------------------------------------------------


def ref_json(ref: Ref) -> list[object]:
    """Return a name as JSON values."""
    keys = [[key, ref_json(v) if isinstance(v, Ref) else v] for key, v in ref.keys]
    return [ref.class_name, keys, ref.namespace]


def ref_from(value: object) -> Ref:
    """Return the name that was written down. Raises ValueError or TypeError."""
    class_name, keys, namespace = cast(tuple[str, list[list[object]], str], value)
    pairs = tuple(
        (str(key), ref_from(item) if isinstance(item, list) else str(item)) for key, item in keys
    )
    return Ref(class_name, pairs, namespace)


def values_from(value: object) -> dict[str, Value]:
    """Return the properties that were written down."""
    return {
        name: cast(Value, tuple(item) if isinstance(item, list) else item)
        for name, item in cast(dict[str, object], value).items()
    }


def change_json(change: Difference) -> list[object]:
    """Return a change as JSON values; what was before is left out."""
    return [ref_json(change.ref), None if change.after is None else dict(change.after)]


def change_from(value: object) -> Difference:
    """Return the change that was written down."""
    ref, after = cast(tuple[object, object], value)
    return Difference(ref_from(ref), None, None if after is None else values_from(after))


def object_lines(picture: Picture) -> dict[str, str]:
    """Return the objects of a picture as JSON texts, by the JSON texts of their names."""
    return {json.dumps(ref_json(ref)): json.dumps(dict(v)) for ref, v in picture.objects.items()}


def from_lines(watched: Watched, lines: Mapping[str, str]) -> Picture:
    """Return the picture that was written down. Raises ValueError."""
    objects = {ref_from(json.loads(k)): values_from(json.loads(v)) for k, v in lines.items()}
    return Picture(watched, objects)
