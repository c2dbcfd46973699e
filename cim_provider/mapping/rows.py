"""The shape of the mapping: rows that say which objects a class has, and which pairs.

Owns: `ClassRow`, `AssociationRow`, `Column` and the values that they yield. A
row is a pure function of a `World`. Knows nothing of operations, and nothing of
pywbem: values are plain Python values, typed later by the class declaration.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final, Generic, TypeAlias, TypeVar, Union

from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME, World
from cim_provider.schema import INTEROP_NAMES, MODEL

Value: TypeAlias = str | int | bool | tuple[str, ...] | tuple[int, ...] | None
"""Text, number or list; a datetime is text in CIM form; None is NULL."""
Values: TypeAlias = Mapping[str, Value]
Wanted: TypeAlias = frozenset[str] | None
"""Names of the properties that are wanted, as declared; None means all."""

IN_MODEL: Final = (MODEL,)
IN_INTEROP: Final = INTEROP_NAMES
UNFILLED: Final = "not filled: NULL"
"""Source of a property that nobody fills."""

Subject = TypeVar("Subject", contravariant=True)


@dataclass(frozen=True, slots=True)
class Column(Generic[Subject]):
    """One property: where its value comes from, in words, and how it is read."""

    name: str
    source: str
    read: Callable[[Subject], Value]


@dataclass(frozen=True, slots=True)
class Ref:
    """Names one object: its class and its keys, in the order in which a path shows them.

    `namespace` is empty for an object of the namespace that is being asked.
    """

    class_name: str
    keys: tuple[tuple[str, Union[str, "Ref"]], ...]
    namespace: str = ""


def configured_ref(class_name: str, name: str) -> Ref:
    """Return the name of a resource or constraint: its Id, and keys that are the same for all."""
    keys = (
        ("Id", name),
        ("CreationClassName", class_name),
        ("SystemName", CLUSTER_NAME),
        ("SystemCreationClassName", CLUSTER_CLASS),
    )
    return Ref(class_name, keys)


@dataclass(frozen=True, slots=True)
class Record:
    """One object; `fill` gives its properties other than the keys, those that are wanted."""

    ref: Ref
    fill: Callable[[Wanted], Values]


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects of a class in parts, each of which can be made by itself."""

    keys: Callable[[World], Iterable[str] | None]
    """Names the parts, in order; None: now they cannot be told apart."""
    of: Callable[[World, str], Iterable[Record]]
    """Returns the objects of one part."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """The objects of one class; made by `class_row`."""

    class_name: str
    identity: tuple[str, ...]
    """The keys that tell objects apart; the others are constants and may be absent in a path."""
    records: Callable[[World], Iterable[Record]]
    find: Callable[[World, tuple[str, ...]], Record | None]
    """Returns the object whose identity has these values."""
    sources: Mapping[str, str]
    """Where each property comes from, in words."""
    namespaces: tuple[str, ...] = IN_MODEL
    is_volatile: bool = False
    """Whether its objects change without a new version of the world: no answer is kept."""
    is_quiet: bool = False
    """Whether there are too many of them, or too many changes, to tell of each."""
    parts: Parts | None = None
    """The same objects as `records` in parts; None: they are made together only."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One association between two objects, in the order of the row's roles."""

    left: Ref
    right: Ref
    properties: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class AssociationRow:
    """The pairs of one association class; roles are its two reference properties."""

    class_name: str
    left_role: str
    right_role: str
    pairs: Callable[[World], Iterable[Pair]]
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each property that is no reference comes from, in words."""
    namespaces: tuple[str, ...] = IN_MODEL


S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Keyed(Generic[S]):
    """Subjects by name, so that those of one name can be made without the others."""

    keys: Callable[[World], Iterable[str]]
    """The names, in order."""
    of: Callable[[World, str], Iterable[S]]
    """What has a name."""

    def __call__(self, world: World) -> Iterator[S]:
        """Return the subjects of a world."""
        return (subject for key in self.keys(world) for subject in self.of(world, key))


def class_row(
    class_name: str,
    identity: tuple[str, ...],
    subjects: Callable[[World], Iterable[S]],
    ref: Callable[[S], Ref],
    columns: tuple[Column[S], ...],
    *,
    find: Callable[[World, tuple[str, ...]], S | None] | None = None,
    namespaces: tuple[str, ...] = IN_MODEL,
    is_volatile: bool = False,
    is_quiet: bool = False,
) -> ClassRow:
    """Return the row of a class.

    Args:
        class_name: the class that its objects are made of.
        identity: the keys that tell its objects apart.
        subjects: what the objects are made from, in the order in which they are shown; `Keyed`
            where there may be thousands, of which few change at a time.
        ref: how the object of a subject is named.
        columns: its properties other than keys.
        find: the subject of an identity, where that is quicker or reaches further than looking
            through `subjects`.
        namespaces: where the objects are seen.
        is_volatile: whether the objects change without a new version of the world.
        is_quiet: whether no lifecycle indications tell of them.
    """
    sources = {column.name: column.source for column in columns}
    assert len(sources) == len(columns), f"{class_name}: a property has two columns"

    def record(subject: S) -> Record:
        return Record(ref(subject), partial(_fill, columns, subject))

    def records(world: World) -> Iterator[Record]:
        return map(record, subjects(world))

    def found(world: World, values: tuple[str, ...]) -> Record | None:
        if find is not None:
            subject = find(world, values)
            return None if subject is None else record(subject)
        wanted = set(zip(identity, values, strict=True))
        return next((each for each in records(world) if wanted <= set(each.ref.keys)), None)

    parts: Parts | None = None
    if isinstance(subjects, Keyed):
        of = subjects.of
        parts = Parts(subjects.keys, lambda world, key: map(record, of(world, key)))
    return ClassRow(
        class_name,
        identity,
        records,
        found,
        MappingProxyType(sources),
        namespaces,
        is_volatile,
        is_quiet,
        parts,
    )


def _fill(columns: tuple[Column[S], ...], subject: S, wanted: Wanted) -> Values:
    return {
        column.name: column.read(subject)
        for column in columns
        if wanted is None or column.name in wanted
    }


def constant(name: str, value: Value) -> Column[object]:
    """Return a property that is the same for all objects."""
    return Column(name, f"always {value!r}", lambda _: value)


def unfilled(*names: str) -> tuple[Column[object], ...]:
    """Return properties that nobody fills."""
    return tuple(Column(name, UNFILLED, lambda _: None) for name in names)
