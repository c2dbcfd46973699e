"""The picture that was told last, on this node's disk.

Owns: an SQLite file with one row an object. It is written before what told of
its changes leaves the shelf, so that after a restart nothing is told twice.
"""

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from cim_provider.indications.picture import Picture, from_lines, object_lines, unequal

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS object (name TEXT PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, text TEXT NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Base:
    """What was told: all batches below `position` are in the picture of this cluster."""

    picture: Picture
    position: int
    cluster: str


class BaseStore:
    """One file; raises sqlite3.Error if it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._turn = threading.Lock()
        self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        for statement in _TABLES:
            self._db.execute(statement)
        self._saved: Base | None = None

    def close(self) -> None:
        """Close the file, when what is being written is written."""
        with self._turn:
            self._db.close()

    def load(self) -> Base | None:
        """Return what was saved last; None if there is nothing that can be read."""
        rows = dict(self._db.execute("SELECT name, text FROM mark").fetchall())
        lines = dict(self._db.execute("SELECT name, text FROM object").fetchall())
        if "position" not in rows or "watched" not in rows:
            return None
        try:
            names = cast(list[list[str]], json.loads(rows["watched"]))
            watched = frozenset((str(name), str(each)) for name, each in names)
            base = Base(from_lines(watched, lines), int(rows["position"]), rows.get("cluster", ""))
        except (ValueError, TypeError):
            return None  # a later version wrote it otherwise: begin with what is seen now
        self._saved = base
        return base

    def save(self, base: Base) -> None:
        """Keep a picture, durably; may be called from any thread."""
        with self._turn:
            self._save(base)

    def _save(self, base: Base) -> None:
        known = self._saved
        if known == base:
            return
        gone, new = _changed(known.picture if known is not None else None, base.picture)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if known is None:
                self._db.execute("DELETE FROM object")
            self._db.executemany("DELETE FROM object WHERE name = ?", [(name,) for name in gone])
            self._db.executemany("INSERT OR REPLACE INTO object VALUES (?, ?)", new.items())
            watched = json.dumps(sorted(base.picture.watched))
            marks = (
                ("position", str(base.position)),
                ("watched", watched),
                ("cluster", base.cluster),
            )
            self._db.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", marks)
        self._saved = base


def _changed(known: Picture | None, picture: Picture) -> tuple[list[str], dict[str, str]]:
    """Return the lines that go, and those that are new or other."""
    if known is None:
        return [], object_lines(picture)
    changes = list(unequal(known, picture))
    left = {each.ref: each.before for each in changes if each.before is not None}
    new = {each.ref: each.after for each in changes if each.after is not None}
    gone = {ref: values for ref, values in left.items() if ref not in new}
    return list(object_lines(Picture(objects=gone))), object_lines(Picture(objects=new))
