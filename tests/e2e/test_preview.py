"""What `ha whatif` foresees of a real cluster is what then happens to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.laboratory import Laboratory, laboratory, moved_from, run

pytestmark = pytest.mark.slow
CONFIGURATION = """
links:
  ring0: {}
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}}
  n3: {addresses: {ring0: 192.0.2.3}}
resources:
  ip: {agent: address, parameters: {address: 192.0.2.100}}
  web: {agent: process, parameters: {command: /bin/sleep 100000}}
  db: {agent: process, parameters: {command: /bin/sleep 100001}}
  shop: {group: [ip, web], after: [db]}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return a lab of a group and its database."""
    directory: Path = tmp_path_factory.mktemp("preview")
    file = directory / "shop.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    with laboratory(directory / "lab", "--config", str(file), "--no-wbem") as made:
        yield made


def foreseen(lab: Laboratory, *words: str) -> dict[str, Any]:
    """Return the preview as n1 gives it."""
    done = run("--root", str(lab.root("n1")), *words, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def places(lab: Laboratory, preview: dict[str, Any]) -> dict[str, str]:
    """Return where everything will be: what moves, and the rest where it is."""
    now = {name: item["nodes"][0] for name, item in lab.status("n1")["resources"].items()}
    return now | {move["resource"]: move["to"] for move in preview["moves"]}


def done_since(lab: Laboratory, seq: int) -> set[tuple[str, str]]:
    """Return what nodes have started and stopped, by resource."""
    words = {"resource-started": "start", "resource-stopped": "stop"}
    return {
        (words[event["kind"]], event["subject"])
        for event in lab.events("n1")
        if event["seq"] > seq and event["kind"] in words
    }


def check(
    lab: Laboratory,
    preview: dict[str, Any],
    wanted: dict[str, str],
    seq: int,
) -> None:
    """Compare the cluster with what was foreseen of it."""
    found = {name: item["nodes"] for name, item in lab.status("n1")["resources"].items()}
    assert found == {name: [node] for name, node in wanted.items()}
    foreseen_actions = {(action["kind"], action["resource"]) for action in preview["actions"]}
    assert done_since(lab, seq) == foreseen_actions


def test_standby_leads_where_its_dry_run_said(lab: Laboratory) -> None:
    home = lab.owner("n1", "db")
    preview = foreseen(lab, "node", "standby", home, "--dry-run")
    wanted, seq = places(lab, preview), lab.events("n1")[-1]["seq"]
    assert run("--root", str(lab.root("n1")), "node", "standby", home).returncode == 0
    lab.becomes("n1", lambda now: all(item.state == "started" for item in now.resources))
    check(lab, preview, wanted, seq)
    assert run("--root", str(lab.root("n1")), "node", "online", home).returncode == 0


def test_a_loss_leads_where_it_was_foreseen(lab: Laboratory) -> None:
    victim = lab.owner("n1", "db")
    if victim == "n1":
        words = ("resource", "move", "db", "--to", "n2")
        assert run("--root", str(lab.root("n1")), *words).returncode == 0
        victim = lab.owner("n1", "db")
    preview = foreseen(lab, "whatif", "node", victim, "lost")
    wanted, seq = places(lab, preview), lab.events("n1")[-1]["seq"]
    lab.told("kill", victim)
    lab.becomes("n1", lambda now: moved_from(victim, now))
    check(lab, preview, wanted, seq)
