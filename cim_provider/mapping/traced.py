"""A world that notes what is read of it: what was made of it is made again only when needed.

Owns: `Trace`. What was made from a world holds in another one if all that was read is the same
there; nobody has to say, and nobody can forget, what a row depends on. Look-ups by name are noted
by name, all else as a whole. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, cast

from cim_provider.mapping.world import World

Read: TypeAlias = tuple[str, str | None, str]
"""Path of what was read, the key that was looked up there, and which kind of a look it was."""
VALUE: Final = "value"
PRESENCE: Final = "presence"
WHOLE: Final = "whole"
HOLDINGS: Final = "holdings"
MAPPINGS: Final = (
    "nodes",
    "primitives",
    "groups",
    "clones",
    "devices",
    "active",
    "instances",
    "changed_ms",
    "turned_ms",
    "node_facts",
    "resource_facts",
    HOLDINGS,
)
"""Look-ups of a world by name."""
NESTED: Final = frozenset({"view.settings", "view.facts", "view.history", "view.redundancy"})
"""Parts of a view of which each part is a value by itself."""
_MISSING: Final = object()


class Trace:
    """One world, and what is read of it between two calls of `take`."""

    def __init__(self, world: World) -> None:
        self.real = world
        self._noted: set[Read] = set()
        self._known: dict[str, Any] = {}
        self.world = cast(World, _World(world, self._noted.add))
        """What rows are given: it is read as the real one is."""

    def take(self) -> frozenset[Read]:
        """Return what was read since the last time."""
        found = frozenset(self._noted)
        self._noted.clear()
        return found

    def now(self, read: Read) -> object:
        """Return what a look finds in this world."""
        path, key, kind = read
        found = self._known.get(path, _MISSING)
        if found is _MISSING:
            found = self._known[path] = self._at(path)
        if path == HOLDINGS:
            # What a holder holds may be the same object all the time: its version tells.
            versions = self.real.held_versions
            return (found, versions) if key is None else (found.get(key), versions.get(key))
        if kind == VALUE:
            return found.get(key, _MISSING)
        return key in found if kind == PRESENCE else found

    def _at(self, path: str) -> Any:
        found: Any = self.real
        for name in path.split("."):
            found = getattr(found, name)
        return found


class _Values:
    """Part of a view; each of its own parts is noted."""

    def __init__(self, real: object, path: str, note: Callable[[Read], None]) -> None:
        self._real, self._path, self._note = real, path, note

    def __getattr__(self, name: str) -> object:
        found = getattr(self._real, name)
        path = f"{self._path}.{name}"
        if path in NESTED:
            found = _Values(found, path, self._note)
            self.__dict__[name] = found
        else:
            self._note((path, None, WHOLE))
        return found


class _Lookup(Mapping[str, object]):
    """A mapping; what is looked up in it is noted by its key."""

    def __init__(
        self, load: Callable[[], Mapping[str, object]], path: str, note: Callable[[Read], None]
    ) -> None:
        self._load, self._path, self._note = load, path, note

    def __getitem__(self, key: str) -> object:
        self._note((self._path, key, VALUE))
        return self._load()[key]

    def get(self, key: str, default: object = None) -> object:
        self._note((self._path, key, VALUE))
        return self._load().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note((self._path, str(key), PRESENCE))
        return key in self._load()

    def __iter__(self) -> Iterator[str]:
        self._note((self._path, None, WHOLE))
        return iter(self._load())

    def __len__(self) -> int:
        self._note((self._path, None, WHOLE))
        return len(self._load())


class _World:
    """Is read as a `World` is: fields and look-ups are noted, methods and properties read them."""

    def __init__(self, real: World, note: Callable[[Read], None]) -> None:
        self._real, self._note = real, note
        self.view = _Values(real.view, "view", note)
        self.server = real.server
        for name in MAPPINGS:
            self.__dict__[name] = _Lookup(partial(getattr, real, name), name, note)

    def __getattr__(self, name: str) -> object:
        own = getattr(World, name, None)
        if isinstance(own, property):
            assert own.fget is not None
            return own.fget(self)
        if callable(own):
            return partial(own, self)
        self._note((name, None, WHOLE))
        return getattr(self._real, name)
