"""Words and moves with real daemons: said in the file, tried, carried out, and over in time."""

import json
from typing import Any

import pytest
import yaml

from tests.daemon.fleet import Fleet, NodeUnderTest, eventually

pytestmark = pytest.mark.slow
WORDS = """\
resources:
  db: {agent: process, parameters: {command: sleep 971}, prefers: [n2, n3]}
  web: {agent: process, parameters: {command: sleep 972}, with: db, after: db}
  log: {agent: process, parameters: {command: sleep 973}, only_on: [n1, n2], avoids: n2}
"""


def moves(node: NodeUnderTest) -> list[dict[str, Any]]:
    """Return the moves and bans of `ha status --json`."""
    found: list[dict[str, Any]] = node.status().get("moves", [])
    return found


def test_words_are_tried_applied_exported_and_given_as_reasons(fleet: Fleet) -> None:
    node = fleet.cluster(3)[0]
    tried = json.loads(node.apply(WORDS, "--dry-run", "--json").stdout)
    assert any("prefers n2, n3" in line for line in tried["changes"])
    assert {item["resource"]: item["to"] for item in tried["moves"]} == {
        "db": "n2",
        "web": "n2",
        "log": "n1",
    }
    node.applied(WORDS)
    assert [node.reaches(name, "started")["nodes"] for name in ("db", "web", "log")] == [
        ["n2"],
        ["n2"],
        ["n1"],
    ]
    exported = yaml.safe_load(node.done("export"))
    told = yaml.safe_load(WORDS)
    assert "constraints" not in exported
    assert exported["resources"]["db"]["prefers"] == told["resources"]["db"]["prefers"]
    assert exported["resources"]["log"] | told["resources"]["log"] == exported["resources"]["log"]
    assert "it prefers n2 (resources.db.prefers)" in node.done("why", "db")
    assert "it may run on n1 and n2 alone (resources.log.only_on)" in node.done(
        "why", "log", "--on", "n3"
    )


def test_move_shows_its_end_and_is_over_when_its_node_dies(fleet: Fleet) -> None:
    nodes = fleet.cluster(3)
    first, second, third = nodes
    first.applied(WORDS)
    first.reaches("db", "started")
    said = first.done("resource", "move", "db", "--to", "n3")
    assert "db is started on n3; this holds until n3 is lost or stops" in said
    assert [(item["node"], item["ends_with_node"]) for item in moves(second)] == [("n3", True)]
    assert "db  to n3  until n3 is lost or stops" in second.done("status")
    third.end()
    eventually("db is on n2", lambda: first.resource("db").get("nodes") == ["n2"])
    eventually("the move is over", lambda: moves(first) == [])
    assert "db: move to n3 is over, as n3 is lost" in first.done("history")
    refused = first.ha("resource", "move", "db", "--to", "n3")
    assert refused.returncode == 5
    assert "n3 is lost, so that this move would not end with it" in refused.stderr


def test_move_without_a_target_goes_to_the_next_best_node_and_a_ban_has_its_time(
    fleet: Fleet,
) -> None:
    first = fleet.cluster(3)[0]
    first.applied(WORDS)
    first.reaches("db", "started")
    first.done("resource", "move", "db")
    assert [(item["node"], item["allowed"]) for item in moves(first)] == [("n3", True)]
    first.done("resource", "clear", "db")
    assert moves(first) == []
    first.done("resource", "ban", "db", "--node", "n2", "--for", "2s")
    (ban,) = moves(first)
    assert (ban["node"], ban["allowed"], ban["ends_with_node"]) == ("n2", False, False)
    eventually("the ban is over", lambda: first.resource("db").get("nodes") == ["n2"])
    eventually("the ban is removed", lambda: moves(first) == [])
    assert "db: ban from n2 is over, as its time is up" in first.done("history")
