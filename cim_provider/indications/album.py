"""Pictures, each made from the one before: only what may have changed is made again.

Owns: what each part of a picture was made from, as `mapping.traced` has noted it. Parts of which
all that was read is the same are taken over as the very objects that they are, and so are tables
of which all parts are. Pure, but that others have their turn while it works.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cim_provider.indications import facts
from cim_provider.indications.picture import Objects, Picture, Table, Watched, plain_values
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.paths import located
from cim_provider.mapping.rows import Ref, Values
from cim_provider.mapping.traced import Read, Trace
from cim_provider.mapping.world import World

A_TURN: Final = 50
"""Objects that are made in one turn; each takes some 50 microseconds."""
LOOKS_A_TURN: Final = 2000
"""Values that are compared in one turn."""
_WHOLE: Final = ""
"""The one part of a class whose objects are made together."""
Found: TypeAlias = Iterable[tuple[Ref, Values]]


@dataclass(frozen=True, slots=True)
class _Part:
    reads: frozenset[Read]
    objects: Table


@dataclass(slots=True)
class _Page:
    """The objects of one class."""

    parts: dict[str, _Part] = field(default_factory=dict)
    table: Table = field(default_factory=dict)


class Album:
    """Takes pictures, one at a time. `made` counts the objects that were made, ever."""

    def __init__(self, catalog: Catalog, turn: Callable[[], Awaitable[None]]) -> None:
        self.made = 0
        self._catalog = catalog
        self._turn = turn
        self._pages: dict[tuple[str, str], _Page] = {}
        self._prune_above = LOOKS_A_TURN
        self._values: dict[Read, object] = {}
        """What each look has found in the world of the last picture."""

    @property
    def looks(self) -> int:
        """How many values of a world are remembered."""
        return len(self._values)

    async def take(self, watched: Watched, world: World) -> Picture:
        """Return the picture of a world."""
        pages, values = self._pages, self._values
        # Should it be broken off, nothing of it counts.
        self._pages, self._values = {}, {}
        trace = Trace(world)
        changed = await self._changed(trace, values)
        fresh: dict[tuple[str, str], _Page] = {}
        for name in sorted(watched):
            before = pages.get(name, _Page())
            fresh[name] = await self._page(name, before, trace, changed, values)
            await self._turn()
        if len(values) > self._prune_above:
            used = {
                r for page in fresh.values() for part in page.parts.values() for r in part.reads
            }
            values = {read: found for read, found in values.items() if read in used}
            self._prune_above = 2 * len(values) + LOOKS_A_TURN
        self._pages, self._values = fresh, values
        return Picture(watched, Objects({name: page.table for name, page in fresh.items()}))

    async def _changed(self, trace: Trace, values: dict[Read, object]) -> set[Read]:
        """Return the looks that find something else in this world, and take what they find."""
        found: set[Read] = set()
        for count, (read, known) in enumerate(values.items(), 1):
            value = trace.now(read)
            if known is not value:
                if known != value:
                    found.add(read)
                values[read] = value
            if count % LOOKS_A_TURN == 0:
                await self._turn()
        return found

    async def _page(
        self,
        name: tuple[str, str],
        before: _Page,
        trace: Trace,
        changed: set[Read],
        values: dict[Read, object],
    ) -> _Page:
        keys, make = self._source(name, trace)
        parts: dict[str, _Part] = {}
        for key in keys:
            known = before.parts.get(key)
            if known is not None and changed.isdisjoint(known.reads):
                parts[key] = known
                continue
            objects: dict[Ref, Values] = {}
            for ref, found in make(key):
                objects[ref] = found
                self.made += 1
                if self.made % A_TURN == 0:
                    await self._turn()
            reads = trace.take()
            for read in reads:
                if read not in values:
                    values[read] = trace.now(read)
            parts[key] = _Part(reads, objects if known is None else _reused(known.objects, objects))
        return _Page(parts, _table(before, parts))

    def _source(
        self, name: tuple[str, str], trace: Trace
    ) -> tuple[Iterable[str], Callable[[str], Found]]:
        """Return the parts of a class by name, and what makes the objects of one."""
        where, class_name = name
        world = trace.world
        if class_name == facts.FACT:
            return facts.fact_keys(trace.real), lambda key: facts.facts_of(world, key)
        namespace = self._catalog.namespace(where)
        row = self._catalog.row(namespace, class_name)
        parts = None if row is None else row.parts
        keys = None if parts is None else parts.keys(trace.real)

        def objects(key: str) -> Found:
            records = (
                self._catalog.records(namespace, class_name, world)
                if parts is None or keys is None
                else parts.of(world, key)
            )
            return ((located(each.ref, namespace), plain_values(each)) for each in records)

        return (_WHOLE,) if keys is None else keys, objects


def _reused(before: Table, after: Table) -> Table:
    """Return the newer objects; those that are equal are the older ones."""
    if before == after:
        return before
    names = before if list(before) == list(after) else after
    return {
        name: known if (known := before.get(name)) == values and known is not None else values
        for name, values in zip(names, after.values(), strict=True)
    }


def _table(before: _Page, parts: Mapping[str, _Part]) -> Table:
    """Return the objects of all parts, in order: the same table if all are the same."""
    if not before.parts or list(before.parts) != list(parts):
        return {ref: found for part in parts.values() for ref, found in part.objects.items()}
    table: dict[Ref, Values] = {}
    for known, part in zip(before.parts.values(), parts.values(), strict=True):
        if known.objects is not part.objects:
            if known.objects.keys() != part.objects.keys():
                return {
                    ref: found for each in parts.values() for ref, found in each.objects.items()
                }
            table = table or dict(before.table)
            table |= part.objects
    return table or before.table
