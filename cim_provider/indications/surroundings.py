"""What the keeper of a server works with, in one value.

Owns: the value, and taking a picture without keeping others waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cim_provider.engine import ClusterEngine
from cim_provider.indications import picture as pictures
from cim_provider.indications.album import Album
from cim_provider.indications.base_store import Base, BaseStore
from cim_provider.indications.direct import Direct
from cim_provider.indications.keeping import RegistryReader
from cim_provider.indications.picture import Picture
from cim_provider.indications.sending import Sender
from cim_provider.indications.shelf import Shelf
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.world import World


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and times of a holder, in seconds."""

    queue_max: int = 10_000
    """Indications that wait for one destination."""
    out_characters_max: int = 3 * 1024 * 1024
    """Of all batches on the shelf."""
    renew_s: float = 5.0
    """How often a holder shows that it is well."""
    settle_s: float = 0.5
    """How long what was taken may wait to be written down."""
    kept_s: float = 15.0
    """A batch stays for so long, sent or not: a standby lays it over what it saw 10 s ago, …"""
    kept_max: int = 128
    """… unless there are more than so many."""


@dataclass(frozen=True)
class Surroundings:
    """Where a keeper is."""

    shelf: Shelf
    """What all servers share."""
    catalog: Catalog
    """Rows and declarations."""
    world: Callable[[], Awaitable[World]]
    """Returns what a request would see now."""
    engine: ClusterEngine
    """Tells of changes."""
    store: BaseStore | None
    """The base on this node's disk; None keeps it in memory."""
    sender: Callable[[str], Sender]
    """Makes what sends to a URL."""
    start: str
    """Names this run."""
    wall_ms: Callable[[], int]
    """Reads the wall clock."""
    host: str
    """The name of this server in indications."""
    wake: Callable[[], None]
    """Makes the keeper look now."""
    direct: Direct
    """Tells what cannot wait for the shelf."""
    limits: Limits = Limits()
    reader: RegistryReader = field(default_factory=RegistryReader)
    album: Album = field(init=False, compare=False)
    """Takes pictures."""

    def now_s(self) -> float:
        """Return the time of the loop, in seconds."""
        return asyncio.get_running_loop().time()

    def __post_init__(self) -> None:
        object.__setattr__(self, "album", Album(self.catalog, _hand_over))

    async def picture(self, watched: pictures.Watched) -> Picture:
        """Take a picture of now, after any other; others have their turn meanwhile."""
        return await self.album.take(watched, await self.world())

    async def save(self, picture: Picture, position: int) -> None:
        """Keep the base on the disk; others have their turn while it is written."""
        if self.store is not None:
            base = Base(picture, position, (await self.engine.view()).cluster_id)
            await asyncio.to_thread(self.store.save, base)


async def _hand_over() -> None:
    await asyncio.sleep(0)
