"""The node's database: log, votes, snapshot, own state and its copy of the journal.

Owns: one SQLite file, written with full synchronisation and locked while it is
open; one `Persist` is one transaction, so that a crash leaves all of it or
nothing. Every value carries a digest, and a mark says what else must be there:
a disk that gives back other bytes than were written is noticed. A file that is
torn, foreign or newer than this program is refused in a sentence, never
repaired silently.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ha_core.effects import LocalState, Persist
from ha_core.errors import StoreError
from ha_core.ids import Generation, Index
from ha_core.journal import RECENT, STARTS_KNOWN, Head, Journaled, JournalEvent, Start
from ha_core.recovered import Recovered
from ha_core.replication.entries import Entry, HardState, Snapshot

APPLICATION_ID: Final = 0x424B4841  # "BKHA"
SCHEMA: Final = 1
JOURNAL_KEPT: Final = 10_000
"""Events kept; the oldest go first."""
JOURNAL_TRIM_EVERY: Final = 500
BUSY_TIMEOUT_S: Final = 2.0
DIGEST_BYTES: Final = 16
FILE_BYTES_MIN: Final = 512
"""Smallest database; SQLite takes a smaller file for an empty one and begins anew."""
CURE: Final = "move it away, then join the cluster again"

_TABLES = """
CREATE TABLE value (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE log (position INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE journal (seq INTEGER NOT NULL, node TEXT NOT NULL, generation INTEGER NOT NULL,
                      local_seq INTEGER NOT NULL, sealed BLOB NOT NULL,
                      PRIMARY KEY (node, generation, local_seq)) STRICT;
CREATE INDEX journal_by_seq ON journal (seq);
"""
_HEADS = """
SELECT node, generation, max(local_seq) FROM journal GROUP BY node, generation
ORDER BY max(seq) DESC LIMIT ?
"""
_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Mark:
    """What must be found besides itself: shows that a value or the log's end is missing."""

    generation: Generation
    last: Index = 0
    """Position of the newest log entry; 0 if there is none."""
    values: tuple[str, ...] = ()


class Store:
    """An open database; raises StoreError, naming the file and the cure."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._db = connection
        self._appended = 0
        self._mark = _Mark(0)

    @classmethod
    def open(cls, path: Path, after_start: Generation = 0) -> "Store":
        """Open the database, or make it if there is none: for later starts than `after_start`."""
        try:
            if not path.exists():
                _create(path, after_start)
            size = path.stat().st_size
            if size < FILE_BYTES_MIN:
                raise StoreError(f"{path} is damaged (it has only {size} bytes): {CURE}")
            store = cls(path, _connect(path))
        except (sqlite3.Error, OSError) as fault:
            raise StoreError(_sentence(path, fault)) from fault
        with contextlib.ExitStack() as undo:
            undo.callback(store.close)
            store._check()
            store._require_whole_pages()
            undo.pop_all()
        return store

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def bootstrap(self, snapshot: Snapshot) -> None:
        """Give an empty database the state that a new cluster begins with."""
        if "snapshot" in self._mark.values:
            raise StoreError(f"{self._path} already belongs to a cluster: remove it to begin anew")
        self.persist(Persist(snapshot=snapshot))

    def recover(self) -> Recovered:
        """Return what is on disk, after raising the generation, durably."""
        with self._transaction():
            found = Recovered(
                self._mark.generation + 1,
                self._value("hard_state", HardState) or HardState(),
                self._value("snapshot", Snapshot),
                self._entries(),
                self._value("local", LocalState) or LocalState(),
                self._journaled(),
            )
            self._check_whole(found)
            mark = self._put_mark(replace(self._mark, generation=found.generation))
        self._mark = mark
        return found

    def persist(self, record: Persist) -> None:
        """Write the record as one durable transaction, or nothing of it."""
        with self._transaction():
            mark = self._write(record)
        self._mark = mark

    def journal(self, events: Sequence[JournalEvent]) -> None:
        """Keep numbered events, in one transaction; one that is there already changes nothing."""
        rows = [
            (event.seq, event.node, event.generation, event.local_seq, _seal("event", event))
            for event in events
        ]
        trims = self._appended // JOURNAL_TRIM_EVERY
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?)", rows)
            if self._appended == 0 or (self._appended + len(rows)) // JOURNAL_TRIM_EVERY > trims:
                self._db.execute(
                    "DELETE FROM journal WHERE seq <= (SELECT seq FROM journal ORDER BY seq DESC"
                    " LIMIT 1 OFFSET ?)",
                    (JOURNAL_KEPT,),
                )
        self._appended += len(rows)

    def newest_events(self, most: int) -> tuple[JournalEvent, ...]:
        """Return at most so many of the newest events, oldest first."""
        with self._mapped():
            rows = self._db.execute(
                "SELECT sealed FROM journal ORDER BY seq DESC LIMIT ?", (most,)
            ).fetchall()
        return tuple(self._unseal("event", row[0], JournalEvent) for row in reversed(rows))

    def events(self, since: int, limit: int) -> tuple[JournalEvent, ...]:
        """Return at most `limit` events numbered above `since`, oldest first."""
        with self._mapped():
            rows = self._db.execute(
                "SELECT sealed FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
            ).fetchall()
        return tuple(self._unseal("event", row[0], JournalEvent) for row in rows)

    def _journaled(self) -> Journaled:
        rows = self._db.execute(_HEADS, (STARTS_KNOWN,)).fetchall()
        heads = tuple(Head(Start(node, start), newest) for node, start, newest in reversed(rows))
        events = self.newest_events(RECENT)
        return Journaled(events[-1].seq if events else 0, events, heads)

    # --- opening -------------------------------------------------------------------------

    def _require_whole_pages(self) -> None:
        """Refuse a file that ends within a page: SQLite would read nothing but zeros there.

        Looked at when an interrupted transaction, which may leave such an end, is rolled back.
        """
        with self._mapped():
            (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        rest = self._path.stat().st_size % page_bytes
        if rest:
            raise self._damaged(f"its last page has {rest} of {page_bytes} bytes")

    def _check(self) -> None:
        with self._mapped():
            application = self._db.execute("PRAGMA application_id").fetchone()[0]
            schema = self._db.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            text = f"{self._path} is not a Beatkeeper database (application id {application})"
            raise StoreError(f"{text}: {CURE}")
        if schema > SCHEMA:
            text = f"{self._path} was written by a newer version (schema {schema}, known {SCHEMA})"
            raise StoreError(f"{text}: update Beatkeeper on this node")
        if schema != SCHEMA:
            raise self._damaged(f"schema {schema}")
        with self._mapped():
            damage = self._db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if damage != "ok":
            raise self._damaged(str(damage).replace("\n", " "))
        mark = self._value("mark", _Mark)
        if mark is None:
            raise self._damaged("its mark is missing")
        self._mark = mark

    def _check_whole(self, found: Recovered) -> None:
        for name in self._mark.values:
            if self._row(name) is None:
                raise self._damaged(f"its {name} is missing")
        positions = [entry.index for entry in found.entries]
        base = found.snapshot.index if found.snapshot else 0
        wanted = list(range(base + 1, self._mark.last + 1)) if self._mark.last else []
        if positions != wanted:
            ends = f"{positions[0]}..{positions[-1]}" if positions else "nothing"
            raise self._damaged(f"its log holds {ends}, expected {base + 1}..{self._mark.last}")

    # --- reading and writing -------------------------------------------------------------

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise StoreError(_sentence(self._path, fault)) from fault

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all of the block or nothing, and be on disk at its end."""
        with self._mapped():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    # A disk that refuses this as well undoes it when the file is next opened.
                    with contextlib.suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")

    def _write(self, record: Persist) -> _Mark:
        values = {
            "hard_state": record.hard_state,
            "snapshot": record.snapshot,
            "local": record.local,
        }
        given = {name: value for name, value in values.items() if value is not None}
        for name, value in given.items():
            self._put(name, value)
        if record.truncate_from is not None:
            self._db.execute("DELETE FROM log WHERE position >= ?", (record.truncate_from,))
        if record.snapshot is not None:
            self._db.execute("DELETE FROM log WHERE position <= ?", (record.snapshot.index,))
        rows = [(entry.index, _seal(f"log {entry.index}", entry)) for entry in record.append]
        self._db.executemany("INSERT INTO log VALUES (?, ?)", rows)
        last = self._db.execute("SELECT max(position) FROM log").fetchone()[0] or 0
        known = tuple(sorted({*self._mark.values, *given}))
        mark = replace(self._mark, last=last, values=known)
        return mark if mark == self._mark else self._put_mark(mark)

    def _put_mark(self, mark: _Mark) -> _Mark:
        self._put("mark", mark)
        return mark

    def _put(self, name: str, value: object) -> None:
        self._db.execute("INSERT OR REPLACE INTO value VALUES (?, ?)", (name, _seal(name, value)))

    def _entries(self) -> tuple[Entry, ...]:
        rows = self._db.execute("SELECT position, sealed FROM log ORDER BY position").fetchall()
        return tuple(self._unseal(f"log {position}", raw, Entry) for position, raw in rows)

    def _row(self, name: str) -> object:
        with self._mapped():
            row = self._db.execute("SELECT sealed FROM value WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _value(self, name: str, kind: type[_T]) -> _T | None:
        raw = self._row(name)
        return None if raw is None else self._unseal(name, raw, kind)

    def _unseal(self, name: str, raw: object, kind: type[_T]) -> _T:
        if not isinstance(raw, bytes) or raw[:DIGEST_BYTES] != _digest(name, raw[DIGEST_BYTES:]):
            raise self._damaged(f"its {name} is not what was written")
        try:
            return msgspec.json.decode(raw[DIGEST_BYTES:], type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            text = f"{self._path} holds a {kind.__name__} that this version cannot read ({fault})"
            raise StoreError(f"{text}: update Beatkeeper on this node") from None

    def _damaged(self, how: str) -> StoreError:
        return StoreError(f"{self._path} is damaged ({how}): {CURE}")


def _seal(name: str, value: object) -> bytes:
    data = _encode(value)
    return _digest(name, data) + data


def _digest(name: str, data: bytes) -> bytes:
    digest = hashlib.blake2b(name.encode() + b"\0", digest_size=DIGEST_BYTES)
    digest.update(data)
    return digest.digest()


def _connect(path: Path) -> sqlite3.Connection:
    # The loop's single worker thread writes; nobody else does at the same time.
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    with contextlib.ExitStack() as undo:
        undo.callback(db.close)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
        undo.pop_all()
    return db


def _create(path: Path, after_start: Generation) -> None:
    """Make the file under another name first: a crash leaves no half-made database."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db = _connect(new)
    try:
        db.executescript(
            f"BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {SCHEMA}; COMMIT;"
        )
        # A node that lost its disk and joins again under its name must not repeat a
        # generation: peers would take its frames, and its verdicts, for those of its past. The
        # clock by which those were counted may have been ahead.
        mark = _seal("mark", _Mark(generation=max(int(time.time()), after_start)))
        db.execute("INSERT INTO value VALUES ('mark', ?)", (mark,))
    finally:
        db.close()
    path.with_name(path.name + "-journal").unlink(missing_ok=True)  # of a file that is gone
    new.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _sentence(path: Path, fault: Exception) -> str:
    text = str(fault)
    if "full" in text or "I/O error" in text or "No space" in text:
        return f"{path}: the disk is full or failing ({text}): make room, then start the node again"
    if "locked" in text:
        return f"{path} is in use by another process: is a second daemon running on this root?"
    if isinstance(fault, OSError) or "unable to open" in text or "readonly" in text:
        return f"{path} cannot be used ({text}): check the directory and its owner"
    return f"{path} is damaged ({text}): {CURE}"
