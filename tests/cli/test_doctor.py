"""`ha doctor`: what it prints, its exit codes, and what it can see of a machine."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ha_core.cli import look
from ha_core.cli.look import SHELF_PREFIX
from ha_core.cli.look_machine import log_files, machine_facts
from ha_core.client import Client
from ha_core.errors import ConnectError
from ha_core.figures import NodeFigures
from ha_core.ids import NodeName
from ha_core.layout import Layout
from ha_core.replication.shelf import ShelfChange, ShelfPut
from ha_core.runtime.control import Access, Peer, Trust
from tests.cli.conftest import Ha, value
from tests.fake_cluster import FakeCluster, served

OLD_WALL_MS: Final = 1_600_000_000_000


def findings(found: object) -> list[dict[str, str]]:
    """Return the findings of what `ha doctor --json` printed."""
    assert isinstance(found, dict)
    return list(found["findings"])


def of_check(found: object, check: str) -> list[dict[str, str]]:
    """Return what one check has found."""
    return [each for each in findings(found) if each["check"] == check]


def test_finding_stands_with_its_reason_and_cure_and_ends_the_verb_with_its_code(
    ha: Ha, cluster: FakeCluster
) -> None:
    cluster.change_node("n3", state="lost")
    result = ha("doctor")
    assert result.exit_code == 6
    lines = result.stdout.splitlines()
    assert lines[0].startswith("cluster demo, examined from n1: ")
    at = lines.index("WARNING   nodes: n3 is lost")
    assert lines[at + 1].startswith("          why   the others carry its load")
    assert lines[at + 2].startswith("          do    find out why (ha events), then start n3")
    assert "well: " in result.stdout
    cluster.change_resource("db", state="failed")
    assert ha("doctor").exit_code == 7


def test_checks_that_found_nothing_are_shown_when_asked_for(ha: Ha, cluster: FakeCluster) -> None:
    result = ha("doctor", "-v")
    assert "OK        nodes         all 3 nodes are online" in result.stdout.splitlines()


def test_json_has_every_finding_with_its_parts(ha: Ha, cluster: FakeCluster) -> None:
    cluster.change_node("n3", state="standby")
    result = ha("doctor", "--json")
    found = value(result)
    assert isinstance(found, dict)
    assert (found["worst"], found["cluster"], found["node"]) == ("warning", "demo", "n1")
    assert of_check(found, "nodes") == [
        {
            "severity": "warning",
            "check": "nodes",
            "subject": "n3",
            "text": "n3 is in standby",
            "why": "it takes nothing over, and nothing ends that by itself",
            "cure": "ha node online n3",
        }
    ]


def test_machine_is_examined_though_its_daemon_is_away(ha: Ha, root: Path) -> None:
    layout = Layout(root)
    for directory in layout.directories():
        directory.mkdir(parents=True)
    layout.node_file.write_text("name: n1\n")
    layout.keyring_file.touch()
    layout.keyring_file.chmod(0o644)
    result = ha("doctor", "--json")
    assert result.exit_code == 7
    found = value(result)
    assert of_check(found, "daemon")[0]["text"].startswith("no daemon answers at ")
    (right,) = of_check(found, "rights")
    assert right["cure"] == f"chmod go= {layout.keyring_file}"
    layout.keyring_file.chmod(0o600)
    assert [each["severity"] for each in of_check(value(ha("doctor", "--json")), "rights")] == [
        "ok"
    ]


@dataclass(frozen=True)
class Alike(Access):
    """Trusts everybody in the same way, root as well."""

    always: Trust = Trust.REFUSED

    def trust(self, peer: Peer) -> Trust:
        return self.always


def test_user_who_may_not_ask_the_daemon_is_refused_and_not_told_that_it_is_away(
    ha: Ha, root: Path
) -> None:
    with served(root, FakeCluster(), Alike()):
        result = ha("doctor")
    assert (result.exit_code, "may not use" in result.stderr) == (1, True)
    assert result.stdout == ""


def test_what_a_member_may_not_see_is_named_and_not_taken_for_well(ha: Ha, root: Path) -> None:
    with served(root, FakeCluster(), Alike(always=Trust.MEMBER)):
        (root / "etc" / "cimd.yaml").touch()
        found = value(ha("doctor", "--json"))
    (listeners,) = of_check(found, "listeners")
    assert (listeners["severity"], "may not use the shelf" in listeners["text"]) == ("notice", True)
    assert of_check(found, "nodes")[0]["severity"] == "ok"


def test_daemon_that_falls_silent_in_between_has_not_told_enough(
    ha: Ha, cluster: FakeCluster, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "etc" / "node.yaml").write_text("name: n1\n")

    async def silent(self: object, since: int = 0) -> object:
        raise ConnectError("the daemon at s has not answered for 10 s: it hangs or is frozen")

    monkeypatch.setattr(Client, "observed", silent)
    result = ha("doctor", "--json")
    assert result.exit_code == 7
    found = value(result)
    (daemon,) = of_check(found, "daemon")
    assert daemon["text"] == "the daemon at s has not answered for 10 s"
    assert not of_check(found, "links"), "nothing is called well that was not told"


def test_machine_that_is_no_node_is_refused_with_the_way_to_make_one(ha: Ha, root: Path) -> None:
    result = ha("doctor")
    assert result.exit_code == 3
    assert "is no node of a cluster yet" in result.stderr


DRAFT = '{"id": "db2", "kind": "primitive", "author": "lisa"}'
REGISTRY = (
    '{"destinations": [{"names": {"name": "console"}, "class_name": "L", "context": "c",'
    ' "url": "http://lisa:hush@127.0.0.1:1/"}], "subscriptions": [{"filter": "HA:Alerts",'
    ' "handler": ["L", "console"]}]}'
)


def test_drafts_and_listeners_that_the_servers_keep_are_looked_at(
    ha: Ha, cluster: FakeCluster, root: Path
) -> None:
    puts = (
        ShelfPut(f"{SHELF_PREFIX}draft/db2", DRAFT),
        ShelfPut(f"{SHELF_PREFIX}registry", REGISTRY),
        ShelfPut(f"{SHELF_PREFIX}numbers", '{"dropped": {"c": 7}}'),
    )
    cluster.shelved.apply(ShelfChange(puts), 1)
    assert not of_check(value(ha("doctor", "--json")), "drafts"), "no server was ever set up here"
    (root / "etc" / "cimd.yaml").touch()
    result = ha("doctor", "--json")
    found = value(result)
    assert of_check(found, "wbem")[0]["text"].startswith("the WBEM server does not answer: it does")
    assert "db2 (primitive, by lisa)" in of_check(found, "drafts")[0]["text"]
    texts = [each["text"] for each in of_check(found, "listeners")]
    assert "does not answer: Connect" in texts[0]
    assert texts[1] == "7 indications for listener console were dropped"
    assert "hush" not in result.stdout


def told(name: str, at_wall_ms: int) -> NodeFigures:
    """Return figures that a node made at a moment of its own clock."""
    return NodeFigures(NodeName(name), 1, at_wall_ms, product="0.1.0", protocol=1)


@pytest.mark.parametrize(
    ("offset_ms", "goes_on", "is_fresh"),
    [(0, True, True), (-60_000, True, True), (-60_000, False, False), (60_000, True, True)],
)
def test_node_with_another_clock_is_told_from_one_that_is_silent(
    monkeypatch: pytest.MonkeyPatch, offset_ms: int, goes_on: bool, is_fresh: bool
) -> None:
    asked: list[int] = []

    class Desk:
        async def figures(self, max_age_ms: int) -> tuple[NodeFigures, ...]:
            asked.append(max_age_ms)
            now_wall_ms = look.wall_ms()
            number = len(asked) - 1  # two moments of one millisecond would look like silence
            return (told("n1", now_wall_ms), told("n2", now_wall_ms + offset_ms + number))

    class Still:
        async def figures(self, max_age_ms: int) -> tuple[NodeFigures, ...]:
            asked.append(max_age_ms)
            return (told("n1", look.wall_ms()), told("n2", OLD_WALL_MS))

    monkeypatch.setattr(look, "ANEW_S", 0.0)
    desk = Desk() if goes_on else Still()
    found = asyncio.run(look.figures(desk, NodeName("n1")))
    assert {each.figures.node: each.is_fresh for each in found} == {"n1": True, "n2": is_fresh}
    assert len(asked) == (1 if offset_ms == 0 else 2)


def test_log_files_of_daemon_server_and_services_are_found(root: Path) -> None:
    layout = Layout(root)
    (layout.lib / "log").mkdir(parents=True)
    layout.run.mkdir()
    wanted = [layout.lib / "had.log", layout.lib / "had.log.1", layout.lib / "log" / "web.log"]
    for path in (*wanted, layout.lib / "store.db", layout.lib / "cimd.key"):
        path.touch()
    assert list(log_files(layout)) == wanted


def test_places_that_are_not_there_are_no_fault_and_rooms_are_told_once(root: Path) -> None:
    layout = Layout(root)
    for directory in layout.directories():
        directory.mkdir(parents=True)
    layout.store.write_bytes(b"x" * 5000)
    facts = machine_facts(layout)
    assert [place.what for place in facts.places] == ["directory"] * 3 + ["database"]
    assert len(facts.spaces) == 1
    assert facts.store_bytes == 5000
    assert (facts.daemon_pid, facts.guardian_pid) == (None, None)
