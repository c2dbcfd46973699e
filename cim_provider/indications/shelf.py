"""The shelf: the table of texts that outlives a node, as the indications need it.

Owns: the port, and the keys. `ha_core` keeps such a table in its replicated log
(`engines.ha_core_shelf`); `sqlite_shelf` keeps one for a single server.
docs/protocols/indications.md has the argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

REGISTRY: Final = "wbem/registry"
HOLDER: Final = "wbem/holder"
ALIVE: Final = "wbem/alive"
NUMBERS: Final = "wbem/numbers"
SENT: Final = "wbem/sent"
FAULTS: Final = "wbem/faults"
OUT: Final = "wbem/out/"
RAISED: Final = "wbem/raised/"
PREFIX: Final = "wbem/"


class Code(Enum):
    """What became of a write."""

    DONE = "done"
    STALE = "stale"
    """A key does not have the revision that was named: look again."""
    FULL = "full"
    REFUSED = "refused"
    """It was not done, and will not be: there is no quorum, or the shelf does not take it."""
    UNKNOWN = "unknown"
    """Nobody answered in time: it may still be done."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write; `revision` is what the written keys have now."""

    code: Code
    text: str = ""
    revision: int = 0

    @property
    def ok(self) -> bool:
        """Whether it was done, and is safe."""
        return self.code is Code.DONE


@dataclass(frozen=True, slots=True)
class Item:
    """One text with the revision of its newest change, which grows and is never used twice."""

    text: str
    revision: int


class Shelf(Protocol):
    """A table of texts that is the same for all servers of a cluster."""

    @property
    def is_reached(self) -> bool:
        """Whether it has been read at all."""
        ...

    @property
    def revision(self) -> int:
        """Differs after every change that becomes known here; -1 before anything is."""
        ...

    @property
    def items(self) -> Mapping[str, Item]:
        """What stands there as far as is known here; never changed in place."""
        ...

    async def write(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Written:
        """Change texts (None removes one) if all keys of `conditions` have those revisions.

        0 is the revision of a key that is not there. What was written is in `items` when this
        returns `DONE`; what others have written before that need not be yet.
        """
        ...

    async def changed(self, since: int) -> None:
        """Return when `revision` differs from `since`."""
        ...

    async def leave(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> None:
        """Have this written, as by `write`, should this server vanish; it replaces what was left.

        No puts: nothing is to be written. Where nobody can see to that, it comes to nothing.
        """
        ...


def revision_of(items: Mapping[str, Item], key: str) -> int:
    """Return the revision of a key; 0 if it is not there."""
    found = items.get(key)
    return found.revision if found is not None else 0
