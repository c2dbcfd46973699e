"""The node's database: log, votes, snapshot, own state and its copy of the journal.

Owns: one SQLite file, written with full synchronisation; one `Persist` is one
transaction, so that a crash leaves all of it or nothing. A file that is torn,
foreign or newer than this program is refused in a sentence, never repaired
silently.
"""

import sqlite3
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ha_core.effects import LocalState, Persist
from ha_core.errors import StoreError
from ha_core.journal import JournalEvent
from ha_core.recovered import Recovered
from ha_core.replication.entries import Entry, HardState, Snapshot

APPLICATION_ID: Final = 0x424B4841  # "BKHA"
SCHEMA: Final = 1
JOURNAL_KEPT: Final = 10_000
"""Events kept; the oldest go first."""
BUSY_TIMEOUT_S: Final = 2.0

_TABLES = """
CREATE TABLE node (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL,
                   hard_state BLOB, snapshot BLOB, local BLOB) STRICT;
CREATE TABLE log (position INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE TABLE journal (seq INTEGER NOT NULL, node TEXT NOT NULL, generation INTEGER NOT NULL,
                      local_seq INTEGER NOT NULL, event BLOB NOT NULL,
                      PRIMARY KEY (node, generation, local_seq)) STRICT;
CREATE INDEX journal_by_seq ON journal (seq);
INSERT INTO node (id, generation) VALUES (1, 0);
"""
_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


class Store:
    """An open database; raises StoreError, naming the file and the cure."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._db = connection
        self._appended = 0

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open the database, or make it if there is none."""
        fresh = not path.exists()
        try:
            # The loop's single worker thread writes; nobody else does at the same time.
            db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            store = cls(path, db)
            if fresh:
                path.chmod(0o600)
            store._prepare(fresh=fresh)
        except (sqlite3.Error, OSError) as fault:
            raise StoreError(_sentence(path, fault)) from fault
        return store

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def bootstrap(self, snapshot: Snapshot) -> None:
        """Give an empty database the state that a new cluster begins with."""
        if self._row("snapshot") is not None:
            raise StoreError(f"{self._path} already belongs to a cluster: remove it to begin anew")
        self.persist(Persist(snapshot=snapshot))

    def recover(self) -> Recovered:
        """Return what is on disk, after raising the generation, durably."""
        try:
            self._db.execute("UPDATE node SET generation = generation + 1")
            (generation,) = self._db.execute("SELECT generation FROM node").fetchone()
            rows = self._db.execute("SELECT entry FROM log ORDER BY position").fetchall()
            newest = self._db.execute("SELECT max(seq) FROM journal").fetchone()[0]
        except sqlite3.Error as fault:
            raise StoreError(_sentence(self._path, fault)) from fault
        return Recovered(
            generation,
            self._value("hard_state", HardState) or HardState(),
            self._value("snapshot", Snapshot),
            tuple(self._decode(row[0], Entry) for row in rows),
            self._value("local", LocalState) or LocalState(),
            newest or 0,
        )

    def persist(self, record: Persist) -> None:
        """Write the record as one durable transaction, or nothing of it."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._write(record)
            self._db.execute("COMMIT")
        except sqlite3.Error as fault:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(_sentence(self._path, fault)) from fault

    def journal(self, event: JournalEvent) -> None:
        """Keep a numbered event; one that is there already changes nothing."""
        try:
            self._db.execute(
                "INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?)",
                (event.seq, event.node, event.generation, event.local_seq, _encode(event)),
            )
            self._appended += 1
            if self._appended % 500 == 1:
                self._db.execute(
                    "DELETE FROM journal WHERE seq <= (SELECT seq FROM journal ORDER BY seq DESC"
                    " LIMIT 1 OFFSET ?)",
                    (JOURNAL_KEPT,),
                )
        except sqlite3.Error as fault:
            raise StoreError(_sentence(self._path, fault)) from fault

    def events(self, since: int, limit: int) -> tuple[JournalEvent, ...]:
        """Return at most `limit` events numbered above `since`, oldest first."""
        try:
            rows = self._db.execute(
                "SELECT event FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit)
            ).fetchall()
        except sqlite3.Error as fault:
            raise StoreError(_sentence(self._path, fault)) from fault
        return tuple(self._decode(row[0], JournalEvent) for row in rows)

    def _prepare(self, *, fresh: bool) -> None:
        if not fresh:
            self._check_identity()
        self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.execute("PRAGMA synchronous = FULL")
        if fresh:
            self._db.executescript(
                f"BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA}; COMMIT;"
            )

    def _check_identity(self) -> None:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        schema = self._db.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            text = f"{self._path} is not a Beatkeeper database (application id {application})"
            raise StoreError(f"{text}: move it away, then join the cluster again")
        if schema > SCHEMA:
            text = f"{self._path} was written by a newer version (schema {schema}, known {SCHEMA})"
            raise StoreError(f"{text}: update Beatkeeper on this node")
        damage = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            text = f"{self._path} is damaged ({damage})"
            raise StoreError(f"{text}: move it away, then join the cluster again")

    def _write(self, record: Persist) -> None:
        if record.hard_state is not None:
            self._db.execute("UPDATE node SET hard_state = ?", (_encode(record.hard_state),))
        if record.truncate_from is not None:
            self._db.execute("DELETE FROM log WHERE position >= ?", (record.truncate_from,))
        if record.snapshot is not None:
            self._db.execute("UPDATE node SET snapshot = ?", (_encode(record.snapshot),))
            self._db.execute("DELETE FROM log WHERE position <= ?", (record.snapshot.index,))
        self._db.executemany(
            "INSERT INTO log VALUES (?, ?)", [(e.index, _encode(e)) for e in record.append]
        )
        if record.local is not None:
            self._db.execute("UPDATE node SET local = ?", (_encode(record.local),))

    def _row(self, column: str) -> bytes | None:
        value = self._db.execute(f"SELECT {column} FROM node").fetchone()[0]  # our own names
        assert value is None or isinstance(value, bytes)
        return value

    def _value(self, column: str, kind: type[_T]) -> _T | None:
        raw = self._row(column)
        return None if raw is None else self._decode(raw, kind)

    def _decode(self, raw: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            text = f"{self._path} holds a {kind.__name__} that cannot be read ({fault})"
            raise StoreError(f"{text}: move it away, then join the cluster again") from None


def _sentence(path: Path, fault: Exception) -> str:
    text = str(fault)
    if "full" in text or "I/O error" in text:
        return f"{path}: the disk is full or failing ({text}): make room, then start the node again"
    if "locked" in text:
        return f"{path} is in use by another process: is a second daemon running on this root?"
    if "malformed" in text or "not a database" in text:
        return f"{path} is damaged ({text}): move it away, then join the cluster again"
    return f"{path} cannot be used ({text}): check the directory and its owner"
