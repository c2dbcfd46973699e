"""The store: what was written comes back, or the node says in a sentence why it does not start."""

import os
import random
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ha_core.config.model import Configuration, Node
from ha_core.effects import LocalState, Persist
from ha_core.errors import StoreError
from ha_core.ids import NodeName, ResourceId
from ha_core.journal import Journaled, JournalEvent
from ha_core.recovered import Recovered
from ha_core.replication.entries import ConfigurationChange, Entry, HardState, Snapshot
from ha_core.runtime import disk
from ha_core.runtime.disk import Store
from ha_core.status import Instance, InstanceState

FLIPS = 60
"""Bytes changed, one at a time, in places drawn with a fixed seed."""


def change(revision: int) -> ConfigurationChange:
    """Return a revision whose name shows its number."""
    nodes = (Node(NodeName("n1"), ()),)
    configuration = Configuration(name=f"revision-{revision}", nodes=nodes)
    return ConfigurationChange(revision, configuration, "admin", "a reason", 1000 + revision)


def event(seq: int, node: str = "n1") -> JournalEvent:
    """Return a numbered event."""
    return JournalEvent(NodeName(node), 1, seq, 5, "node-lost", "n2", "n2 is silent", seq=seq)


def entries(first: int, last: int, term: int = 1) -> tuple[Entry, ...]:
    """Return entries with consecutive indexes."""
    return tuple(Entry(term, index, change(index)) for index in range(first, last + 1))


SNAPSHOT = Snapshot(1, 1, (change(1),))
LOCAL = LocalState((Instance(ResourceId("web"), InstanceState.STARTED),))


def filled(path: Path) -> Recovered:
    """Make a store with something of everything; return what a later start must find."""
    with closing(Store.open(path)) as store:
        store.bootstrap(SNAPSHOT)
        store.persist(Persist(HardState(7, NodeName("n2")), append=entries(2, 30), local=LOCAL))
        store.journal([event(1)])
        return store.recover()


def content(found: Recovered) -> tuple[object, ...]:
    """Return all but the generation."""
    return (
        found.hard_state,
        found.snapshot,
        found.entries,
        found.local,
        found.journal,
    )


def recovered(path: Path) -> Recovered:
    """Open, read everything and close."""
    with closing(Store.open(path)) as store:
        store.events(0, 100)
        return store.recover()


def recovered_or_refused(path: Path) -> Recovered | str:
    """Open, read everything and close; return the sentence if that is refused."""
    try:
        return recovered(path)
    except StoreError as fault:
        return str(fault)


def test_everything_written_is_found_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    before = filled(path)
    assert before.hard_state == HardState(7, NodeName("n2"))
    assert before.snapshot == SNAPSHOT
    assert before.entries == entries(2, 30)
    assert before.local == LOCAL
    after = recovered(path)
    assert content(after) == content(before)
    assert after.generation == before.generation + 1


def test_new_store_is_empty_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    mask = os.umask(0)
    try:
        found = recovered(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert content(found) == (HardState(), None, (), LocalState(), Journaled())
    assert [item.name for item in tmp_path.iterdir()] == ["store.db"]


def test_store_made_again_continues_with_a_higher_generation(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(Store.open(path)) as store:
        assert store.recover().generation > 1_700_000_000


def test_store_of_a_name_that_was_there_before_continues_after_it(tmp_path: Path) -> None:
    """The clock by which that was counted was ahead: nobody would take this one's word."""
    path = tmp_path / "store.db"
    with closing(Store.open(path, 2_000_000_000_000)) as store:
        assert store.recover().generation == 2_000_000_000_001
    with closing(Store.open(path, 3_000_000_000_000)) as store:
        assert store.recover().generation == 2_000_000_000_002, "it is none that begins"


def test_truncation_and_snapshot_replace_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path)
    with closing(Store.open(path)) as store:
        store.persist(Persist(truncate_from=20, append=entries(20, 22, term=2)))
        assert store.recover().entries == entries(2, 19) + entries(20, 22, term=2)
        store.persist(Persist(snapshot=Snapshot(21, 2, (change(21),))))
        found = store.recover()
    assert found.entries == entries(22, 22, term=2)
    assert found.snapshot is not None
    assert found.snapshot.index == 21


def test_leaders_snapshot_replaces_a_whole_log_that_differs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path)
    with closing(Store.open(path)) as store:
        store.persist(Persist(truncate_from=1, snapshot=Snapshot(99, 9, (change(99),))))
        store.persist(Persist(append=entries(100, 101, term=9)))
        assert store.recover().entries == entries(100, 101, term=9)


def test_second_bootstrap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path)
    refused = pytest.raises(StoreError, match="already belongs to a cluster: remove it")
    with closing(Store.open(path)) as store, refused:
        store.bootstrap(SNAPSHOT)


def test_journal_keeps_an_event_once_and_the_newest_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "JOURNAL_KEPT", 10)
    monkeypatch.setattr(disk, "JOURNAL_TRIM_EVERY", 5)
    with closing(Store.open(tmp_path / "store.db")) as store:
        for seq in range(1, 31):
            store.journal([event(seq)])
            store.journal([event(seq), event(seq)])
        kept = [item.seq for item in store.events(0, 1000)]
        assert kept[-1] == 30
        assert kept == sorted(set(kept))
        assert 10 <= len(kept) <= 15
        assert [item.seq for item in store.events(27, 2)] == [28, 29]


def test_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path, torn = tmp_path / "store.db", tmp_path / "torn.db"
    filled(path)
    whole = path.read_bytes()
    for size in (0, 1, 15, 16, 99, 100, 4095, 4096, 8192, len(whole) // 2, len(whole) - 1):
        torn.write_bytes(whole[:size])
        with pytest.raises(StoreError, match=r"torn.db .*move it away, then join") as refused:
            recovered(torn)
        assert "\n" not in str(refused.value)
        assert torn.stat().st_size == size, "a damaged file is evidence: nothing may change it"


def test_changed_bytes_are_noticed_or_harmless(tmp_path: Path) -> None:
    path, torn = tmp_path / "store.db", tmp_path / "torn.db"
    before = filled(path)
    whole = path.read_bytes()
    draw = random.Random(6)
    refusals = 0
    for _ in range(FLIPS):
        place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        torn.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        found = recovered_or_refused(torn)
        if isinstance(found, str):
            refusals += 1
            assert str(torn) in found
            assert any(cure in found for cure in ("then join", "update Beat", "check the dir"))
            continue
        assert content(found) == content(before), f"byte {place}, bit {bit}"
        assert found.generation == before.generation + 1
    assert refusals > FLIPS // 4


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM log WHERE position = 30", "its log holds 2..29, expected 2..30"),
        ("DELETE FROM log WHERE position = 10", "its log holds 2..30, expected 2..30"),
        ("DELETE FROM log", "its log holds nothing, expected 2..30"),
        ("DELETE FROM value WHERE name = 'hard_state'", "its hard_state is missing"),
        ("DELETE FROM value WHERE name = 'mark'", "its mark is missing"),
        ("UPDATE log SET sealed = (SELECT sealed FROM log WHERE position = 2)", "its log 3 is not"),
        ("UPDATE value SET sealed = zeroblob(40) WHERE name = 'local'", "its local is not what"),
        ("DROP TABLE log", "no such table: log"),
    ],
)
def test_missing_or_moved_rows_are_refused(tmp_path: Path, statement: str, what: str) -> None:
    path = tmp_path / "store.db"
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    with pytest.raises(StoreError, match="is damaged") as refused:
        recovered(path)
    assert what in str(refused.value)


def test_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE other (x)")
    with pytest.raises(StoreError, match=r"not a Beatkeeper database \(application id 0\)"):
        Store.open(path)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("hello " * 1000)
    with pytest.raises(StoreError, match=r"damaged .*move it away"):
        Store.open(path)


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {disk.SCHEMA + 1}")
    with pytest.raises(StoreError, match=r"newer version \(schema 2, known 1\): update Beatkeeper"):
        Store.open(path)


def test_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere.*check the directory"):
        Store.open(tmp_path / "nowhere" / "store.db")


def test_second_process_on_the_same_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    program = (
        "import sys; from pathlib import Path; from ha_core.runtime import disk\n"
        "disk.BUSY_TIMEOUT_S = 0.05\n"
        "try: disk.Store.open(Path(sys.argv[1]))\n"
        "except disk.StoreError as fault: print(fault)\n"
    )
    with closing(Store.open(path)):
        ran = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
        )
    assert ran.stdout == (
        f"{path} is in use by another process: is a second daemon running on this root?\n"
    )


def test_crash_within_a_transaction_loses_all_of_it_or_nothing(tmp_path: Path) -> None:
    """At every statement, what lies on disk is copied and opened as after a power cut."""
    path = tmp_path / "store.db"
    before = filled(path)
    record = Persist(
        HardState(8), truncate_from=25, append=entries(25, 60, term=8), local=LocalState()
    )
    with closing(Store.open(path)) as store:
        number = 0

        def crash(_statement: str) -> None:
            nonlocal number
            number += 1
            copy = tmp_path / f"copy{number}.db"
            for suffix in ("", "-journal"):
                if (source := path.with_name(path.name + suffix)).exists():
                    shutil.copyfile(source, copy.with_name(copy.name + suffix))

        store._db.set_trace_callback(crash)
        store._db.execute("PRAGMA cache_size = 1")  # pages go to the file before the end
        store.persist(record)
        store._db.set_trace_callback(None)
    for copy in sorted(tmp_path.glob("copy*.db")):
        assert content(recovered(copy)) == content(before), copy
    assert number > 30
    whole = recovered(path)
    assert whole.hard_state == HardState(8)
    assert whole.entries == entries(2, 24) + entries(25, 60, term=8)


def test_killed_process_keeps_every_record_it_was_told_is_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    filled(path)
    program = (
        "import sys; from pathlib import Path; from ha_core.runtime.disk import *\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "for index in range(31, 10000):\n"
        "    store.persist(Persist(append=(Entry(1, index),)))\n"
        "    print(index, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(25)]
        child.kill()
        told += [int(line) for line in child.stdout.read().split()]
    last = recovered(path).entries[-1].index
    assert last in (told[-1], told[-1] + 1)


def on_full_disk(tmp_path: Path, deed: Callable[[Path], None]) -> None:
    """Do the deed in a child whose files may not grow beyond what is there."""
    path = tmp_path / "store.db"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            size = path.stat().st_size if path.exists() else 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, size + 4096))
            deed(path)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_full_disk_refuses_a_write_and_keeps_what_was_there(tmp_path: Path) -> None:
    before = filled(tmp_path / "store.db")

    def deed(path: Path) -> None:
        store = Store.open(path)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"full or failing .*make room, then start"):
                store.persist(Persist(append=entries(31, 2000)))
        store.persist(Persist(HardState(9)))

    on_full_disk(tmp_path, deed)
    after = recovered(tmp_path / "store.db")
    assert content(after)[1:] == content(before)[1:]
    assert after.hard_state == HardState(9)


def test_full_disk_at_first_start_leaves_nothing_behind_that_hinders_the_next(
    tmp_path: Path,
) -> None:
    def deed(path: Path) -> None:
        with pytest.raises(StoreError, match="full or failing"):
            Store.open(path)

    on_full_disk(tmp_path, deed)
    assert recovered(tmp_path / "store.db").entries == ()


def test_power_cut_while_a_store_is_made_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "store.db.new").write_bytes(b"half")
    (tmp_path / "store.db-journal").write_bytes(b"of a file that was removed")
    assert recovered(tmp_path / "store.db").snapshot is None
