"""Classes with everything that CIM can declare, and a writer that keeps their objects in memory.

Owns: TST_Thing (every type, arrays, embedded instances, methods of all forms),
TST_Link between things, TST_Note about a link (an association over an
association), and the server over them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.area import Area, MethodCall
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.operations import Mapping as Performer
from cim_provider.mapping.paths import cim_path
from cim_provider.mapping.pulls import PullLimits, Pulls
from cim_provider.mapping.rows import (
    AssociationRow,
    Column,
    Pair,
    Ref,
    class_row,
)
from cim_provider.mapping.world import World
from cim_provider.mapping.writing import Given
from cim_provider.schema import MODEL, Schema, load_schema
from cim_provider.server.service import schema_texts
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import MethodResult
from tests.cim.mapping.views import IDENTITY, cluster
from tests.cim.server.harness import Served, serving

INTEGERS = ("uint8", "uint16", "uint32", "uint64", "sint8", "sint16", "sint32", "sint64")
SCALARS = (*INTEGERS, "real32", "real64", "boolean", "string", "char16", "datetime")
WHERE = (MODEL, "interop", "root/interop", "root/PG_InterOp")


def _properties() -> str:
    return "\n".join(f"  [Write] {each} a_{each}; [Write] {each} l_{each}[];" for each in SCALARS)


def _parameters() -> str:
    return ", ".join(f"[In, Out] {each} a_{each}, [In, Out] {each} l_{each}[]" for each in SCALARS)


MOF = f"""
class TST_Part {{ [Key] string Name; uint32 Size; string Tags[];
  [EmbeddedInstance("TST_Part")] string Inner; }};
class TST_OtherPart {{ string Name; }};
[Abstract] class TST_Base {{ [Key] string Id; }};
class TST_Thing : TST_Base {{
{_properties()}
  [Write, EmbeddedInstance("TST_Part")] string Part;
  [Write, EmbeddedInstance("TST_Part")] string Parts[];
  [Write, EmbeddedObject] string Anything;
  string Fixed;
  [Write] string Defaulted = "as declared";
  [Static] uint64 Add([In, Required] uint64 A, [In] uint32 B);
  string Join([In] string Texts[], [In(false), Out] uint32 Count);
  boolean Echo({_parameters()},
    [In, Out, EmbeddedInstance("TST_Part")] string Part,
    [In, Out, EmbeddedInstance("TST_Part")] string Parts[],
    [In, Out] TST_Thing REF Friend, [In, Out] TST_Thing REF Friends[]);
  uint32 Nothing();
}};
class TST_SubThing : TST_Thing {{ [Write] uint16 Extra; }};
[Association] class TST_Link {{ [Key] TST_Thing REF Left; [Key] TST_Thing REF Right;
  [Write] uint16 Weight; }};
[Association] class TST_Note {{ [Key] TST_Link REF Link; [Key] TST_Thing REF About;
  [Write] string Text; }};
"""


@cache
def thing_schema() -> Schema:
    """Return the declarations of the server and of the things, compiled once."""
    return load_schema({**schema_texts(), "90_things.mof": MOF})


@dataclass
class Things:
    """Holds things and links, in the order of their creation."""

    name: str = "things"
    version: str = "0"
    values: dict[Ref, dict[str, object]] = field(default_factory=dict)
    authors: list[str] = field(default_factory=list)

    def held(self) -> object:
        """See `Holder`."""
        return {ref: dict(values) for ref, values in self.values.items()}

    def change(self, author: str) -> None:
        """Note that something is different from now on."""
        self.version = str(int(self.version) + 1)
        self.authors.append(author)


@dataclass
class ThingWriter:
    """Writes the objects of one class; keys that are not given are drawn."""

    things: Things
    class_name: str
    keys: tuple[str, ...]

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        keys: list[tuple[str, str | Ref]] = []
        for key in self.keys:
            value = given.get(key)
            if value is None and key == "Id":
                value = f"drawn-{len(self.things.values)}"
            if not isinstance(value, str | Ref):
                refuse(Status.INVALID_PARAMETER, f"{self.class_name}: key {key} is missing")
            keys.append((key, value))
        return Ref(self.class_name, tuple(keys))

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        self.things.values[ref] = dict(given)
        self.things.change(author)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        self.things.values[ref] |= changes
        self.things.change(author)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        del self.things.values[ref]
        self.things.change(author)


@dataclass(frozen=True)
class _Thing:
    ref: Ref
    values: Mapping[str, object]


def _held(world: World, class_name: str) -> Iterator[_Thing]:
    held = world.held("things", dict) or {}
    for ref, values in held.items():
        if ref.class_name == class_name:
            yield _Thing(ref, values)


def _column(name: str) -> Column[_Thing]:
    return Column(name, "as given", lambda thing: thing.values.get(name))  # type: ignore[arg-type,return-value]  # any value


NAMES = (
    *(f"{kind}_{each}" for each in SCALARS for kind in "al"),
    *("Part", "Parts", "Anything", "Fixed", "Defaulted"),
)


def things_area(things: Things) -> Area:
    """Return the classes as a part of a server."""

    def of_class(name: str, *more: str) -> object:
        return class_row(
            name,
            ("Id",),
            lambda world: _held(world, name),
            lambda thing: thing.ref,
            tuple(_column(each) for each in (*NAMES, *more)),
            namespaces=WHERE,
        )

    def links(name: str, left: str, right: str, column: str) -> AssociationRow:
        def pairs(world: World) -> Iterator[Pair]:
            for each in _held(world, name):
                keys = dict(each.ref.keys)
                found = ((column, each.values.get(column)),)
                yield Pair(keys[left], keys[right], found)  # type: ignore[arg-type]  # references

        return AssociationRow(name, left, right, pairs, namespaces=WHERE)

    return Area(
        rows=(of_class("TST_Thing"), of_class("TST_SubThing", "Extra")),  # type: ignore[arg-type]
        associations=(
            links("TST_Link", "Left", "Right", "Weight"),
            links("TST_Note", "Link", "About", "Text"),
        ),
        writers={
            "TST_Thing": ThingWriter(things, "TST_Thing", ("Id",)),
            "TST_SubThing": ThingWriter(things, "TST_SubThing", ("Id",)),
            "TST_Link": ThingWriter(things, "TST_Link", ("Left", "Right")),
            "TST_Note": ThingWriter(things, "TST_Note", ("Link", "About")),
        },
        holders=(things,),
        methods={
            ("TST_Thing", "Add"): _add,
            ("TST_Thing", "Join"): _join,
            ("TST_Thing", "Echo"): _echo,
        },
    )


async def _add(call: MethodCall) -> MethodResult:
    return MethodResult(pywbem.Uint64(int(call.given["A"]) + int(call.given.get("B") or 0)))  # type: ignore[call-overload]


async def _join(call: MethodCall) -> MethodResult:
    texts = call.given.get("Texts")
    if not isinstance(texts, list):
        return MethodResult(None, (("Count", "uint32", None),))
    return MethodResult("+".join(texts), (("Count", "uint32", pywbem.Uint32(len(texts))),))


async def _echo(call: MethodCall) -> MethodResult:
    def out(value: object) -> object:
        if isinstance(value, list):
            return [out(each) for each in value]
        return cim_path(value, call.namespace) if isinstance(value, Ref) else value

    outputs = [(f"{kind}_{each}", each) for each in SCALARS for kind in "al"]
    outputs += [("Part", "string"), ("Parts", "string")]
    outputs += [("Friend", "reference"), ("Friends", "reference")]
    return MethodResult(
        call.record is not None,
        tuple((name, kind, out(call.given.get(name))) for name, kind in outputs),
    )


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@dataclass
class ThingSite:
    """A server with things."""

    served: Served
    things: Things
    clock: Clock
    pulls: Pulls
    engine: MemoryEngine

    def client(self, **options: object) -> pywbem.WBEMConnection:
        """Return a pywbem client of an administrator."""
        return self.served.client(**options)  # type: ignore[arg-type]

    def clear(self) -> None:
        """Forget all things."""
        self.things.values.clear()
        self.things.change("test")


@contextmanager
def thing_site(directory: Path, limits: PullLimits | None = None) -> Iterator[ThingSite]:
    """Serve things over real sockets; contexts of enumerations are counted."""
    things, clock, engine = Things(), Clock(), MemoryEngine(cluster())
    numbers = iter(range(1_000_000))
    pulls = Pulls(clock, lambda: f"context {next(numbers)}", limits or PullLimits())
    performer = Performer(thing_schema(), engine, IDENTITY, [things_area(things)], pulls=pulls)
    with serving(directory, performer=performer) as served:
        yield ThingSite(served, things, clock, pulls, engine)
