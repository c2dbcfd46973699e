"""Changes of users that count on all nodes, over Beatkeeper's own daemon.

Owns: the question to the daemon and the write to the shelf, repeated if another one came first,
and the words for why a change counts on this node alone.
"""

import asyncio
from pathlib import Path
from typing import Final

from cim_provider.server.shared_users import TABLE, SharedUsers, read_table, table_text
from cim_provider.server.users import User
from ha_core.client import Client
from ha_core.commands import Shelve
from ha_core.errors import ConnectError, HaError
from ha_core.ids import Millis
from ha_core.layout import Layout
from ha_core.replication.shelf import ShelfCondition, ShelfPut

WRITE_MS: Final[Millis] = 5_000
BEHIND_MS: Final[Millis] = 1_000
TRIES_MAX: Final = 10
NO_DAEMON: Final = "its daemon does not answer"


class HaCoreUsers:
    """Implements `Sharing` below `root`; None means the system's directories."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    def is_expected(self) -> bool:
        """Return whether there is a node, whose daemon may not run at the moment."""
        return Layout(self._root).node_file.exists()

    def table(self) -> SharedUsers | str:
        """See `Sharing`."""
        return asyncio.run(self.known())

    def share(self, name: str, user: User | None, known: SharedUsers) -> SharedUsers | str:
        """See `Sharing`."""
        return asyncio.run(self._share(name, user, known))

    async def known(self) -> SharedUsers | str:
        """As `table`, for who runs in a loop."""
        try:
            async with Client(self._root) as client:
                return (await _table(client))[0]
        except ConnectError:
            return NO_DAEMON
        except HaError as fault:
            return str(fault)

    async def _share(self, name: str, user: User | None, known: SharedUsers) -> SharedUsers | str:
        try:
            async with Client(self._root) as client:
                for _ in range(TRIES_MAX):
                    found, revision, seen = await _table(client)
                    table = found.changed(name, user, known)
                    puts = (ShelfPut(TABLE, table_text(table)),)
                    command = Shelve(puts, (ShelfCondition(TABLE, revision),))
                    outcome = await client.command(command, timeout_ms=WRITE_MS)
                    if outcome.code == "done":
                        return table
                    if outcome.code != "stale":
                        return outcome.text
                    await client.shelf(TABLE, seen, BEHIND_MS)  # this node has not seen it yet
                return "others change users all the time"
        except ConnectError:
            return NO_DAEMON
        except HaError as fault:
            return str(fault)


async def _table(client: Client) -> tuple[SharedUsers, int, int]:
    """Return the table, its revision, and that of the whole shelf."""
    given = await client.shelf(TABLE)
    item = next((item for item in given.items if item.key == TABLE), None)
    if item is None:
        return SharedUsers(), 0, given.revision
    return read_table(item.text), item.revision, given.revision
