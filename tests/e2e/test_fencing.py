"""Fencing with real daemons and a power switch that really kills: nothing is taken over before."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ha_core.snapshot import ClusterSnapshot, NodeSummary
from tests.e2e.laboratory import Laboratory, alive, all_run, laboratory, run, states
from tests.e2e.power import LOG, SWITCH, starter, switched

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/usr/lib/ocf/resource.d/heartbeat/Delay").exists(),
        reason="resource-agents is not installed",
    ),
]

CONFIGURATION = """
cluster: fenced
options: {{dead_after: 1s, fencing_grace: 60s}}
links: {{ring0: }}
nodes:
  n1: {{addresses: {{ring0: 127.0.1.1}}}}
  n2: {{addresses: {{ring0: 127.0.1.2}}}}
  n3: {{addresses: {{ring0: 127.0.1.3}}}}
resources:
  disk:
    agent: ocf:heartbeat:Dummy
    operations: {{monitor: {{interval: 2s}}}}
  slow:
    agent: ocf:heartbeat:Delay
    parameters: {{startdelay: "0", mondelay: "0", stopdelay: "{stop_s}"}}
    operations: {{stop: {{timeout: 2s}}}}
constraints:
  disk-likes-n2: {{location: disk, node: n2, score: 50}}
  slow-likes-n2: {{location: slow, node: n2, score: 50}}
fence_devices:
  switch:
    agent: fence:{switch}
    parameters: {{lab: {lab}, ha: {ha}, log: {log}, fault: "{fault}"}}
    targets: [n1, n2, n3]
    timeouts: {{off: 5s, on: 60s}}
    retries: {{off: 0}}
    settle: 1s
"""


SWITCH_ON_S = 90.0
"""A node that is switched on starts anew, which takes a busy machine its time."""
LAST = ("resource-stopped", "node-unfenced", "resource-started")


def configured(directory: Path, fault: str = "", stop_s: int = 0) -> Path:
    """Write the configuration of a lab, and the command that its switch starts nodes with."""
    text = CONFIGURATION.format(
        switch=SWITCH,
        lab=directory / "lab",
        ha=starter(directory),
        log=directory / LOG,
        fault=fault,
        stop_s=stop_s,
    )
    file = directory / "configuration.yaml"
    file.write_text(text)
    return file


@contextmanager
def fenced(directory: Path, *words: str, fault: str = "", stop_s: int = 0) -> Iterator[Laboratory]:
    """Return a lab of three nodes with a power switch; both resources run on n2."""
    file = configured(directory, fault, stop_s)
    place = directory / "lab"
    with laboratory(place, "--no-wbem", "--config", str(file), *words) as made:
        made.becomes("n1", lambda s: all_run(s) and owner(s, "disk") == "n2")
        yield made


def owner(snapshot: ClusterSnapshot, resource: str) -> str:
    """Return where the resource runs, or nothing."""
    return next((n for r in snapshot.resources if r.id == resource for n in r.nodes), "")


def node(snapshot: ClusterSnapshot, name: str) -> NodeSummary:
    """Return what is known of a node."""
    return next(item for item in snapshot.nodes if item.name == name)


def events(lab: Laboratory, *kinds: str) -> list[dict[str, Any]]:
    """Return the events of these kinds, oldest first."""
    return [item for item in lab.events("n1") if item["kind"] in kinds]


@pytest.fixture(
    params=[
        pytest.param((), id="loopback"),
        pytest.param(("--netns",), id="netns", marks=pytest.mark.root),
    ]
)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Laboratory]:
    """Return a lab with a power switch that works."""
    with fenced(tmp_path, *request.param) as made:
        yield made


def test_frozen_node_is_cut_off_and_its_resources_are_taken_over_with_nobody_s_help(
    lab: Laboratory,
) -> None:
    before = lab.told("status")["nodes"]["n2"]["pids"]
    lab.told("freeze", "n2")
    lab.becomes("n1", lambda s: owner(s, "disk") in ("n1", "n3"))
    assert not alive(before)
    kinds = ("node-lost", "fence-proved", "node-fenced", "resource-started")
    found = [item for item in events(lab, *kinds) if item["incident"].startswith("n2-lost")]
    assert [item["kind"] for item in found[:3]] == list(kinds[:3])
    assert len({item["incident"] for item in found}) == 1
    lab.becomes("n1", lambda s: states(s)["n2"] == "online" and not s.fencing)
    lab.becomes("n1", all_run)
    assert switched(lab) == ["off n2", "on n2"]


def test_rehearsal_names_every_pair_and_switches_nothing(lab: Laboratory) -> None:
    done = run("--root", str(lab.root("n2")), "fence", "test", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    names = ("n1", "n2", "n3")
    pairs = [("switch", target, node) for target in names for node in names]
    rows = found["results"]
    assert sorted((row["device"], row["target"], row["node"]) for row in rows) == pairs
    assert {row["text"].removeprefix(f"it knows {row['target']}") for row in rows} == {
        ", which is on"
    }
    assert switched(lab) == []
    assert len(events(lab, "fence-tested")) == 9


def test_operator_cuts_a_healthy_node_off_and_it_stays_off(lab: Laboratory) -> None:
    words = ("node", "fence", "n2", "--off", "--reason", "smoke", "--yes")
    done = run("--root", str(lab.root("n1")), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "n2 was cut off by switch" in done.stdout
    snapshot = lab.becomes("n1", lambda s: owner(s, "disk") in ("n1", "n3"))
    assert node(snapshot, "n2").fenced_by == "switch"
    assert "node n2 was cut off by switch" in " ".join(snapshot.faults)
    assert switched(lab) == ["off n2"]
    (told,) = events(lab, "fence-wanted")
    assert told["why"] == "smoke"
    history = run("--root", str(lab.root("n1")), "fence", "history", "n2")
    assert "n2 is off, as switch has proved" in history.stdout


def test_coordinator_that_is_cut_off_makes_way_first_and_stays_off(tmp_path: Path) -> None:
    with fenced(tmp_path) as lab:
        target = str(lab.status("n1")["coordinator"])
        asked_at = next(name for name in ("n1", "n2", "n3") if name != target)
        words = ("node", "fence", target, "--off", "--reason", "smoke", "--yes")
        done = run("--root", str(lab.root(asked_at)), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        lab.becomes(asked_at, lambda s: states(s)[target] == "lost" and not s.fencing)
        assert switched(lab) == [f"off {target}"]


def test_refusal_to_stop_ends_with_the_node(tmp_path: Path) -> None:
    with fenced(tmp_path, stop_s=60) as lab:
        done = run("--root", str(lab.root("n1")), "node", "standby", "n2", "--no-wait")
        assert done.returncode == 0, done.stderr
        lab.becomes("n1", lambda s: owner(s, "slow") in ("n1", "n3"))
        assert switched(lab)[0] == "off n2"
        told = events(lab, "fence-wanted")  # a later coordinator says it again
        assert {item["why"].partition(":")[0] for item in told} == {"stop of slow failed there"}
        lab.becomes("n1", lambda s: states(s)["n2"] == "standby" and not s.fencing, SWITCH_ON_S)
        # What it was cut off for is forgotten with the start that is gone.
        lab.becomes("n1", lambda s: all(r.fail_count == 0 for r in s.resources))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("lie", " ms its status is still on"),
        ("hang", "off was ended after "),
        ("garbage", "off failed with exit code 77"),
        ("die", "off failed with exit code 1 (it was killed by signal 11 (SIGSEGV))"),
        ("deaf", "said to be off, but status failed with exit code 1"),
    ],
)
def test_agent_that_cannot_be_trusted_gives_nothing_away(
    tmp_path: Path, fault: str, told: str
) -> None:
    with fenced(tmp_path, fault=fault) as lab:
        lab.told("freeze", "n2")
        seen = lab.becomes("n1", lambda s: any(item.stage == "resting" for item in s.fencing))
        assert told in seen.fencing[0].fault
        assert owner(seen, "disk") == ""
        assert f"node n2 could not be cut off ({seen.fencing[0].fault})" in " ".join(seen.faults)
        assert not hung_children()
        words = ("node", "confirm-down", "n2", "--reason", "I pulled the plug", "--yes")
        lab.told("kill", "n2")
        # A coordinator that has just been elected has not missed it yet.
        lab.becomes("n1", lambda s: states(s)["n2"] == "lost")
        done = run("--root", str(lab.root("n1")), *words)
        assert done.returncode == 0, done.stderr
        lab.becomes("n1", lambda s: owner(s, "disk") in ("n1", "n3"))
        (word,) = events(lab, "node-confirmed-down")
        assert "I pulled the plug" in word["text"]


def test_success_that_comes_too_early_is_waited_for(tmp_path: Path) -> None:
    with fenced(tmp_path, fault="early") as lab:
        before = lab.told("status")["nodes"]["n2"]["pids"]
        lab.told("freeze", "n2")
        lab.becomes("n1", lambda s: owner(s, "disk") in ("n1", "n3"))
        assert not alive(before)


def test_storage_is_open_before_use_and_opened_again_only_when_old_users_have_ended(
    tmp_path: Path,
) -> None:
    ways, log = tmp_path / "ways", tmp_path / "san.log"
    ways.mkdir()
    head, _, _ = configured(tmp_path).read_text().partition("fence_devices:")
    given = f"parameters: {{ways: {ways}, log: {log}}}, targets: [n1, n2, n3], unfence: true"
    device = f"san: {{agent: 'fence:{SWITCH.with_name('fence_san')}', {given}}}"
    file = tmp_path / "storage.yaml"
    file.write_text(f"{head}fence_devices:\n  {device}\n")
    with laboratory(tmp_path / "lab", "--no-wbem", "--config", str(file)) as lab:
        lab.becomes("n1", lambda s: all_run(s) and owner(s, "disk") == "n2")
        # A second coordinator, while the lab comes up, opens the way once more.
        before = switching(log, "n2")
        assert set(before) == {"on n2"}
        lab.told("freeze", "n2")
        lab.becomes("n1", lambda s: owner(s, "disk") in ("n1", "n3"))
        assert not (ways / "n2").exists()
        assert switching(log, "n2")[len(before) :] == ["off n2"]
        lab.told("heal", "n2")
        lab.becomes("n1", lambda s: all_run(s) and owner(s, "disk") == "n2")
        assert switching(log, "n2")[len(before) :] == ["off n2", "on n2"]
        told = [item["kind"] for item in events(lab, *LAST) if item["subject"] in ("disk", "n2")]
        assert told[-2:] == ["node-unfenced", "resource-started"]


def switching(log: Path, node: str) -> list[str]:
    """Return what was done to a node's way to its storage."""
    return [line for line in log.read_text().splitlines() if line.endswith(node)]


def hung_children() -> list[int]:
    """Return what a hung agent has left running, which had to be killed with it."""
    done = subprocess.run(
        ["pgrep", "-f", "^sleep 1000$"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in done.stdout.split()]
