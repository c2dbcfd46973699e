"""Changes of the registry on the shelf, from whichever server they come.

Owns: reading the registry, and changing it under the condition that nobody else
has meanwhile.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from cim_provider.indications import registry as registries
from cim_provider.indications.outbox import DamagedError
from cim_provider.indications.registry import Registry
from cim_provider.indications.shelf import REGISTRY, Code, Item, Shelf, revision_of

TRIES_MAX: Final = 20
SETTLE_S: Final = 2.0
"""How long a write whose fate is unknown is waited for."""


class ShelfError(Exception):
    """The shelf could not be written; the text says why."""


class RegistryReader:
    """The registry on the shelf; decoded once for each of its revisions."""

    def __init__(self) -> None:
        self._revision = -1
        self._registry = Registry()

    def read(self, items: Mapping[str, Item]) -> tuple[Registry, int]:
        """Return the registry with the revision of its key. Raises DamagedError."""
        revision = revision_of(items, REGISTRY)
        if revision != self._revision:
            try:
                found = registries.decode(items[REGISTRY].text) if revision else Registry()
            except msgspec.DecodeError as fault:
                raise DamagedError(f"{REGISTRY} cannot be read: {fault}") from fault
            self._registry, self._revision = found, revision
        return self._registry, self._revision


async def change(
    shelf: Shelf, reader: RegistryReader, edit: Callable[[Registry], Registry]
) -> Registry:
    """Change the registry; return it as it is then.

    `edit` may be called again, where somebody else was quicker. Raises ShelfError, and whatever
    `edit` raises.
    """
    for _ in range(TRIES_MAX):
        known, revision = reader.read(shelf.items)
        wanted = edit(known)
        if wanted == known:
            return known
        text = registries.encode(wanted)
        seen = shelf.revision
        written = await shelf.write({REGISTRY: text}, {REGISTRY: revision})
        if written.ok:
            return wanted
        if written.code is Code.UNKNOWN and await _became(shelf, text):
            return wanted
        if written.code is not Code.STALE:
            raise ShelfError(written.text)
        await _next(shelf, seen)
    raise ShelfError("others change filters and subscriptions all the time: try again")


async def _became(shelf: Shelf, text: str) -> bool:
    """Return whether a write whose fate is unknown was done after all."""
    try:
        async with asyncio.timeout(SETTLE_S):
            while True:
                found, seen = shelf.items.get(REGISTRY), shelf.revision
                if found is not None and found.text == text:
                    return True
                await shelf.changed(seen)
    except TimeoutError:
        return False


async def _next(shelf: Shelf, seen: int) -> None:
    try:
        async with asyncio.timeout(SETTLE_S):
            await shelf.changed(seen)
    except TimeoutError:
        return
