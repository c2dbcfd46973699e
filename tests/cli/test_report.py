"""`ha report`: one archive for a post-mortem, without secrets, over nothing that is there."""

import gzip
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from ha_core.cli.report import Moment
from ha_core.cli.report_archive import packed, write_new
from ha_core.cli.report_pages import INDEX, Page, fitting
from ha_core.cli.report_timeline import Range, incidents, settled, timeline
from ha_core.config.model import Configuration, FenceDevice
from ha_core.config.secrets import HIDDEN
from ha_core.errors import RefusedError
from ha_core.ids import ResourceId
from ha_core.journal import JournalEvent
from ha_core.observed import OperationResult
from ha_core.replication.entries import ConfigurationChange
from tests.cli.conftest import Ha, value
from tests.fake_cluster import NODES, WALL_MS, FakeCluster, configuration

KEY = "c2VjcmV0IGtleSBvZiB0aGUgY2x1c3RlciwgMzJieXQ="
RING = json.dumps({"cluster_id": "00" * 16, "active": 1, "keys": {"1": KEY}})
LOST, FAILED = "n3-lost-7-10", "web-failed-7-20"


def happened(seq: int, after_s: int, text: str, incident: str = "") -> JournalEvent:
    """Return an event so many seconds after the first."""
    at_wall_ms = WALL_MS + 1000 * after_s
    return JournalEvent(NODES[0], 1, seq, at_wall_ms, "told", "x", text, "", incident, seq)


EVENTS = (
    happened(1, 0, "n1 is the coordinator"),
    happened(2, 500, "n3 is lost", LOST),
    happened(3, 501, "web was started", LOST),
    happened(4, 530, "revision 2 by root"),
    happened(5, 900, "web has failed", FAILED),
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory in which reports are written."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def pages(path: Path) -> dict[str, str]:
    """Return the files of an archive by their names in it, the directory left out."""
    with tarfile.open(path) as archive:
        found = {}
        for entry in archive.getmembers():
            file = archive.extractfile(entry)
            assert file is not None
            found[entry.name.partition("/")[2]] = file.read().decode()
        return found


def only(directory: Path) -> Path:
    """Return the only file in a directory."""
    (path,) = directory.iterdir()
    return path


# --- the verb -------------------------------------------------------------------------------


def test_archive_holds_what_a_post_mortem_needs_and_its_index_names_every_page(
    ha: Ha, cluster: FakeCluster, here: Path
) -> None:
    cluster.journal = list(EVENTS)
    result = ha("report")
    assert result.exit_code == 0
    path = only(here)
    assert path.name.startswith("beatkeeper-report-demo-n1-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = pages(path)
    assert next(iter(found)) == INDEX
    wanted = {"timeline.txt", "findings.txt", "cluster/status.json", "cluster/configuration.yaml"}
    assert wanted <= found.keys()
    assert {f"cluster/why/{name}.txt" for name in ("db", "ip", "web")} <= found.keys()
    for name in found:
        assert f"  {name} " in found[INDEX] or name == INDEX
    assert "\x1b" not in "".join(found.values()), "colours are for terminals"
    assert "n1            everything: the report was made here" in found[INDEX]
    assert [json.loads(line)["seq"] for line in found["cluster/events.jsonl"].splitlines()] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_json_says_where_it_is_and_what_is_in_it(ha: Ha, cluster: FakeCluster, here: Path) -> None:
    found = value(ha("report", "--json", "--output", "r.tar.gz"))
    assert isinstance(found, dict)
    assert (found["code"], found["file"]) == ("done", "r.tar.gz")
    assert found["bytes"] == (here / "r.tar.gz").stat().st_size
    assert found["files"] == list(pages(here / "r.tar.gz"))
    assert set(found["nodes"]) == set(NODES)


def test_file_that_is_there_is_not_overwritten_and_nothing_else_is_left(
    ha: Ha, cluster: FakeCluster, here: Path
) -> None:
    (here / "r.tar.gz").write_text("precious")
    result = ha("report", "--output", "r.tar.gz")
    assert (result.exit_code, "is there already" in result.stderr) == (1, True)
    assert only(here).read_text() == "precious"
    assert ha("report", "--output", "no/such/r.tar.gz").exit_code == 1
    assert [path.name for path in here.iterdir()] == ["r.tar.gz"]


def secretive(secret: str) -> Configuration:
    """Return a configuration that holds secrets, and names a file of one."""
    whole = configuration()
    first, *others = whole.primitives
    device = FenceDevice(
        "switch",
        "fence:fence_apc",
        (("password", f"{secret}-device"), ("passwd_file", "secret.txt")),
    )
    return replace(
        whole,
        primitives=(replace(first, parameters=(("db_password", f"{secret}-db"),)), *others),
        fence_devices=(device,),
    )


@pytest.fixture
def planted(cluster: FakeCluster, root: Path, here: Path) -> Iterator[None]:
    """Plant secrets wherever one may stand, named and unnamed."""
    (here / "secret.txt").write_text("hush-file\n")
    (root / "etc" / "keyring").write_text(RING)
    (root / "etc" / "cimd").mkdir()
    (root / "etc" / "cimd" / "users").write_text("lisa:administer:hush-hash")
    (root / "lib" / "log").mkdir()
    said = f"I said hush-db, hush-device, hush-file and {KEY}; --password hush-argument"
    (root / "lib" / "had.log").write_text(json.dumps({"text": said}) + "\n")
    (root / "lib" / "log" / "web.log").write_text(f"{said}\nhttp://lisa:hush-url@h/ bk1-hush\n")
    cluster.journal = [replace(EVENTS[0], text=said, why="password=hush-why")]
    result = OperationResult(NODES[0], ResourceId("db"), "start", reason=said, output=(said,))
    cluster.observations = [result]
    old, new = secretive("hush-old"), secretive("hush")
    cluster.revisions = [
        ConfigurationChange(6, old, "root", said, WALL_MS),
        ConfigurationChange(7, new, "root", "new passwords", WALL_MS),
    ]
    cluster.become(configuration=new, faults=(said,))
    yield
    (here / "secret.txt").unlink()


@pytest.mark.usefixtures("planted")
def test_no_secret_stands_in_the_archive(ha: Ha, here: Path) -> None:
    assert ha("report", "--output", "r.tar.gz").exit_code == 0
    found = pages(here / "r.tar.gz")
    logs = [name for name in found if "/logs/" in name]
    assert logs == ["nodes/n1/logs/had.log", "nodes/n1/logs/log-web.log"]
    whole = "\n".join(found.values())
    for word in ("hush", KEY):
        places = [name for name, text in found.items() if word in text]
        assert not places, (word, places)
    assert whole.count(HIDDEN) > 20, "they were there to be hidden"


def test_archive_goes_to_standard_output_where_that_is_asked_for(
    ha: Ha, cluster: FakeCluster, here: Path
) -> None:
    result = ha("report", "--output", "-")
    with tarfile.open(fileobj=io.BytesIO(result.stdout_bytes)) as archive:
        assert archive.getnames()[0].endswith(INDEX)
    assert list(here.iterdir()) == []


def test_incident_brings_what_happened_a_minute_around_it(
    ha: Ha, cluster: FakeCluster, here: Path
) -> None:
    cluster.journal = list(EVENTS)
    assert ha("report", "--incident", LOST, "--output", "r.tar.gz").exit_code == 0
    found = pages(here / "r.tar.gz")
    lines = found["cluster/events.jsonl"].splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [2, 3, 4]
    assert f"incident {LOST}" in found[INDEX]
    refused = ha("report", "--incident", "other")
    assert refused.exit_code == 1
    assert f"the newest ones are {LOST}, {FAILED}" in refused.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--since", "tomorrow"), "'tomorrow' is no time; write 2h (ago), 21:30"),
        (("--since", "1h", "--until", "2h"), "nothing lies between them"),
        (("--max-mib", "0"), "0"),
    ],
)
def test_wrong_words_are_told_in_a_sentence(
    ha: Ha, cluster: FakeCluster, here: Path, words: tuple[str, ...], text: str
) -> None:
    result = ha("report", *words)
    assert (result.exit_code, text in result.stderr) == (2, True)
    assert list(here.iterdir()) == []


def test_report_is_made_without_the_daemon_and_says_what_it_lacks(
    ha: Ha, root: Path, here: Path
) -> None:
    for name in ("etc", "lib", "run"):
        (root / name).mkdir(parents=True)
    (root / "etc" / "node.yaml").write_text("name: n1\n")
    (root / "lib" / "had.log").write_text("the daemon's last words\n")
    assert ha("report", "--output", "r.tar.gz").exit_code == 0
    found = pages(here / "r.tar.gz")
    assert "WHAT THE DAEMON DID NOT TELL\n  no daemon answers at " in found[INDEX]
    assert found["nodes/n1/logs/had.log"] == "the daemon's last words\n"


def test_log_lines_of_another_time_are_left_out(
    ha: Ha, cluster: FakeCluster, root: Path, here: Path
) -> None:
    now = datetime.now()
    lines = [
        json.dumps({"time": f"{now - timedelta(hours=hours):%Y-%m-%d %H:%M:%S},000", "text": text})
        for hours, text in ((5, "old"), (1, "new"))
    ]
    (root / "lib" / "had.log").write_text("\n".join((*lines, "a trace without a time", "")))
    assert ha("report", "--since", "2h", "--output", "r.tar.gz").exit_code == 0
    kept = pages(here / "r.tar.gz")["nodes/n1/logs/had.log"].splitlines()
    assert [line for line in kept if "old" in line] == []
    assert len(kept) == 2


def test_of_large_logs_the_newest_lines_are_read_and_no_more_than_fits(
    ha: Ha, cluster: FakeCluster, root: Path, here: Path
) -> None:
    (root / "lib" / "log").mkdir()
    for name in ("a.log", "b.log"):
        (root / "lib" / "log" / name).write_text("".join(f"{n:09}\n" for n in range(80_000)))
    assert ha("report", "--max-mib", "1", "--output", "r.tar.gz").exit_code == 0
    found = pages(here / "r.tar.gz")
    assert sum(len(text) for text in found.values()) < 1.1 * 1024 * 1024
    left_out = found[INDEX].partition("LEFT OUT\n")[2]
    assert f"{root}/lib/log/b.log: all but its newest 242 KiB" in left_out
    kept = found.get("nodes/n1/logs/log-b.log") or found["nodes/n1/logs/log-a.log"]
    assert kept.splitlines()[-1] == "000079999"


# --- its parts ------------------------------------------------------------------------------


def test_what_is_too_much_goes_by_rank_and_is_named() -> None:
    made = [Page("log", "x" * 3000, "", 3), Page("a", "x" * 900, ""), Page("b", "x" * 90, "", 2)]
    kept, lost = fitting(made, 1024)
    assert [page.path for page in kept] == ["a", "b"]
    assert lost == ["log: 2 KiB; the report may have 1 KiB"]


def test_same_pages_give_the_same_bytes() -> None:
    made = [Page("b", "two\n", ""), Page("dir/a", "one\n", "")]
    first, second = (packed("r", made, 1_700_000_000) for _ in range(2))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        entries = archive.getmembers()
    assert [(each.name, each.mode, each.uid, each.uname) for each in entries] == [
        ("r/b", 0o600, 0, ""),
        ("r/dir/a", 0o600, 0, ""),
    ]
    assert gzip.decompress(first)


def test_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RefusedError, match="No space left"):
        write_new(tmp_path / "r", b"data")
    assert list(tmp_path.iterdir()) == []


def test_timeline_tells_incidents_and_how_long_after_their_beginning_each_event_was() -> None:
    text = timeline(EVENTS, Range(incident=LOST), UTC)
    lines = text.splitlines()
    assert lines[1].startswith("5 events, numbers 1 to 5; ")
    first = "  [1] 2023-11-14 22:21:40.000, 2 events in 1000 ms: n3 is lost  <- this one"
    assert lines[lines.index("INCIDENTS") + 1] == first
    assert "  22:21:41.000  [1] +1000 ms    n1            web was started" in lines
    assert "  22:22:10.000                  n1            revision 2 by root" in lines
    assert "no event of that time is kept" in timeline((), Range(), UTC)


def test_range_of_an_incident_is_its_own_unless_times_are_given() -> None:
    assert [each.name for each in incidents(EVENTS)] == [LOST, FAILED]
    newest = settled(Range(incident="last"), EVENTS)
    assert newest.incident == FAILED
    assert newest.since_wall_ms == WALL_MS + 840_000
    assert settled(Range(WALL_MS, None, LOST), EVENTS).since_wall_ms == WALL_MS
    with pytest.raises(RefusedError, match="there was none"):
        settled(Range(incident="last"), EVENTS[:1])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-26 21:30:05", datetime(2026, 11, 26, 21, 30, 5)),
        ("2026-11-26T21:30", datetime(2026, 11, 26, 21, 30)),
        ("2026-11-26", datetime(2026, 11, 26)),
        ("2026-11-26T21:30:05Z", datetime(2026, 11, 26, 21, 30, 5, tzinfo=UTC)),
        ("2026-11-26T21:30:05+02:00", datetime(2026, 11, 26, 19, 30, 5, tzinfo=UTC)),
    ],
)
def test_times_are_taken_as_people_write_them(text: str, moment: datetime) -> None:
    assert Moment().convert(text, None, None) == round(moment.timestamp() * 1000)


def test_times_may_say_how_long_ago_or_only_the_hour() -> None:
    now_ms = datetime.now().timestamp() * 1000
    assert abs(Moment().convert("2h", None, None) - (now_ms - 7_200_000)) < 60_000
    at = datetime.fromtimestamp(Moment().convert("00:00", None, None) / 1000)
    assert (at.hour, at.minute) == (0, 0)
    with pytest.raises(click.BadParameter, match="is no time"):
        Moment().convert("25:00", None, None)
