"""A shelf in an SQLite file: for a server without a cluster that keeps one, and for tests.

Owns: the file. Several processes may share it; each write is one transaction,
synchronised to the disk before it counts. What others wrote is seen within a
fraction of a second.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cim_provider.indications.shelf import Code, Item, Written

SCHEMA: Final = 1
LOOK_S: Final = 0.1
"""How often the file is looked at for what other processes wrote."""
BUSY_S: Final = 5.0
TOTAL_CHARACTERS_MAX: Final = 16 * 1024 * 1024
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS shelf (key TEXT PRIMARY KEY, text TEXT NOT NULL,"
    " revision INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "INSERT OR IGNORE INTO counter VALUES ('revision', 0)",
)


class SqliteShelf:
    """Implements `Shelf`. Raises sqlite3.Error at the start if the file cannot be used."""

    def __init__(self, path: Path, characters_max: int = TOTAL_CHARACTERS_MAX) -> None:
        self._characters_max = characters_max
        self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        for statement in _TABLES:
            self._db.execute(statement)
        self._revision = -1
        self._items: dict[str, Item] = {}
        self._woken = asyncio.Event()
        self._look()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def is_reached(self) -> bool:
        """See `Shelf`."""
        return True

    @property
    def revision(self) -> int:
        """See `Shelf`."""
        return self._revision

    @property
    def items(self) -> Mapping[str, Item]:
        """See `Shelf`."""
        return self._items

    async def write(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Written:
        """See `Shelf`."""
        try:
            written = self._write(puts, conditions)
            self._look()
            return written
        except sqlite3.Error as fault:
            return Written(Code.REFUSED, f"the queue on disk cannot be written: {fault}")

    def _write(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> Written:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for key, revision in conditions.items():
                row = self._db.execute("SELECT revision FROM shelf WHERE key = ?", (key,))
                found = row.fetchone()
                if (found[0] if found else 0) != revision:
                    return Written(Code.STALE, f"{key} was changed meanwhile")
            grown = sum(len(text) for text in puts.values() if text is not None)
            (size,) = self._db.execute(
                "SELECT coalesce(sum(length(text)), 0) FROM shelf"
            ).fetchone()
            if grown and size + grown > self._characters_max:
                return Written(Code.FULL, "the queue on disk is full")
            (number,) = self._db.execute(
                "UPDATE counter SET value = value + 1 WHERE name = 'revision' RETURNING value"
            ).fetchone()
            for key, text in puts.items():
                if text is None:
                    self._db.execute("DELETE FROM shelf WHERE key = ?", (key,))
                else:
                    row_values = (key, text, number)
                    self._db.execute("INSERT OR REPLACE INTO shelf VALUES (?, ?, ?)", row_values)
        return Written(Code.DONE, "", int(number))

    async def changed(self, since: int) -> None:
        """See `Shelf`."""
        while self._revision == since:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._woken.wait()
            except TimeoutError:
                self._look()

    async def leave(self, puts: Mapping[str, str | None], conditions: Mapping[str, int]) -> None:
        """See `Shelf`; nobody is there to write it: who is silent for long is taken for dead."""

    def _look(self) -> None:
        with self._db:
            self._db.execute("BEGIN")
            (revision,) = self._db.execute("SELECT value FROM counter").fetchone()
            if revision == self._revision:
                return
            rows = self._db.execute("SELECT key, text, revision FROM shelf ORDER BY key").fetchall()
        known = self._items
        self._items = {
            key: known[key]
            if key in known and known[key].revision == number
            else Item(text, number)
            for key, text, number in rows
        }
        self._revision = revision
        woken, self._woken = self._woken, asyncio.Event()
        woken.set()
