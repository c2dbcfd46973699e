"""Clones, roles and tickets with real daemons and a real agent with state."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ha_core.snapshot import ClusterSnapshot
from tests.e2e.laboratory import Laboratory, laboratory, run, states

AGENT = Path("/usr/lib/ocf/resource.d/heartbeat/Stateful")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AGENT.exists(), reason="Debian's resource-agents is not installed"),
]
CONFIGURATION = """
links:
  ring0: {}
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}}
  n3: {addresses: {ring0: 192.0.2.3}}
resources:
  web: {agent: "ocf:heartbeat:Dummy", clone: true}
  db:
    agent: "ocf:heartbeat:Stateful"
    promotable: true
    clone: {notify: true}
    accept_risk: a test
  worker: {agent: "ocf:heartbeat:Dummy", clone: {id: workers, max: 4, per_node: 2, unique: true}}
  ip:
    agent: process
    parameters: {command: /bin/sleep 100000}
    with: {db: {role: promoted}}
    after: {db: promote}
  app:
    agent: process
    parameters: {command: /bin/sleep 100000}
    needs_ticket: {east: {loss: stop}}
"""
NODES = ("n1", "n2", "n3")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    """Return a lab of three nodes with clones of every kind."""
    file = tmp_path / "clones.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    with laboratory(tmp_path / "lab", "--config", str(file), "--no-wbem") as made:
        yield made


def nodes_of(snapshot: ClusterSnapshot, resource: str) -> list[str]:
    """Return where the resource is."""
    return next([str(n) for n in item.nodes] for item in snapshot.resources if item.id == resource)


def promoted(snapshot: ClusterSnapshot) -> list[str]:
    """Return where the database is promoted."""
    return next([str(n) for n in item.promoted] for item in snapshot.resources if item.id == "db")


def settled(snapshot: ClusterSnapshot) -> bool:
    """Return whether one copy is promoted, and what goes with it is there."""
    found = promoted(snapshot)
    return len(found) == 1 and nodes_of(snapshot, "ip") == found and not snapshot.pending


def told(lab: Laboratory, node: str, *words: str) -> tuple[int, str]:
    """Run a verb on a node; return its exit code and what it said."""
    done = run("--root", str(lab.root(node)), *words)
    return done.returncode, done.stdout + done.stderr


def test_promoted_copy_is_taken_over_and_what_needs_it_follows(lab: Laboratory) -> None:
    before = lab.becomes("n1", settled)
    assert nodes_of(before, "web") == list(NODES)
    assert nodes_of(before, "db") == list(NODES)
    units = [
        str(item.resource)
        for node in before.instances
        for item in node.instances
        if item.resource.startswith("worker:") and item.state == "started"
    ]
    assert sorted(units) == ["worker:0", "worker:1", "worker:2", "worker:3"]
    (owner,) = promoted(before)
    other = next(node for node in NODES if node != owner)
    lab.told("kill", owner)
    after = lab.becomes(
        other, lambda s: states(s)[owner] == "lost" and settled(s) and promoted(s) != [owner]
    )
    assert owner not in nodes_of(after, "db")
    lab.told("restart", owner)
    back = lab.becomes(other, lambda s: settled(s) and nodes_of(s, "db") == list(NODES))
    assert promoted(back) == promoted(after), "a copy that came back does not take the role"


def test_roles_change_by_hand_with_all_that_depends_on_them(lab: Laboratory) -> None:
    lab.becomes("n1", settled)
    code, said = told(lab, "n1", "resource", "demote", "db")
    assert code == 0, said
    down = lab.becomes("n1", lambda s: not s.pending)
    assert (promoted(down), nodes_of(down, "ip")) == ([], [])
    assert nodes_of(down, "db") == list(NODES)
    code, said = told(lab, "n1", "resource", "promote", "db")
    assert code == 0, said
    lab.becomes("n1", settled)


def test_ticket_lets_run_what_needs_it_and_takes_it_away(lab: Laboratory) -> None:
    start = lab.becomes("n1", settled)
    assert nodes_of(start, "app") == []
    code, said = told(lab, "n1", "ticket", "grant", "east", "--reason", "west is off for sure")
    assert code == 0, said
    assert len(nodes_of(lab.becomes("n2", lambda s: bool(nodes_of(s, "app"))), "app")) == 1
    code, said = told(lab, "n3", "ticket", "list", "--json")
    ticket = json.loads(said)["east"]
    assert (ticket["granted"], ticket["reason"]) == (True, "west is off for sure")
    assert ticket["resources"] == ["app"]
    code, said = told(lab, "n2", "ticket", "revoke", "east")
    assert code == 0, said
    lab.becomes("n1", lambda s: nodes_of(s, "app") == [])
    kinds = [item["kind"] for item in lab.events("n1") if item["kind"].startswith("ticket-")]
    assert kinds == ["ticket-granted", "ticket-lost"]


def test_ticket_outlives_the_death_of_the_coordinator(lab: Laboratory) -> None:
    start = lab.becomes("n1", settled)
    told(lab, "n1", "ticket", "grant", "east", "--reason", "west is off for sure")
    coordinator = str(start.coordinator)
    other = next(node for node in NODES if node != coordinator)
    lab.told("kill", coordinator)
    after = lab.becomes(
        other, lambda s: states(s)[coordinator] == "lost" and bool(nodes_of(s, "app"))
    )
    assert [(item.name, item.granted) for item in after.tickets] == [("east", True)]


def test_clones_are_restarted_cleaned_and_stopped_by_either_name(lab: Laboratory) -> None:
    before = lab.becomes("n1", settled)

    def times(snapshot: ClusterSnapshot, name: str) -> dict[str, int]:
        return {
            f"{item.resource} {node.name}": item.started_wall_ms
            for node in snapshot.instances
            for item in node.instances
            if item.resource.partition(":")[0] == name and item.state == "started"
        }

    for clone, name in (("web-clone", "web"), ("workers", "worker"), ("db", "db")):
        code, said = told(lab, "n1", "resource", "restart", clone)
        assert code == 0, said
        after = lab.becomes("n1", settled)
        assert times(after, name).keys() == times(before, name).keys()
        for place, at_ms in times(before, name).items():
            assert times(after, name)[place] > at_ms, place
    for verb in ("stop", "start", "cleanup"):
        for name in ("web-clone", "worker"):
            code, said = told(lab, "n1", "resource", verb, name)
            assert code == 0, said
