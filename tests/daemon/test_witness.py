"""`ha witness` with real processes: one vote in each of many clusters, and none stops another."""

import base64
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ha_core.runtime import launch
from ha_core.runtime.witness import layouts, lock_file
from tests.daemon.fleet import PORT, Fleet, NodeUnderTest, eventually, free_network, ha, traces

pytestmark = pytest.mark.slow
WEB = "resources:\n  web:\n    agent: process\n    parameters: {command: sleep 971}\n"
STILL_S = 4.0
"""How long something that must not happen is waited for: several times D."""


class WitnessUnderTest:
    """The witness of one test."""

    def __init__(self, root: Path, host: str) -> None:
        self.root = root
        self.host = host
        self.directory = root / "lib" / "witness"

    @property
    def pid(self) -> int:
        """Its process; 0 if none runs."""
        return launch.holder_of(lock_file(self.directory), launch.WITNESS) or 0

    def add(self, by: NodeUnderTest, *words: object) -> dict[str, Any]:
        """Add a node's cluster by the command line."""
        token = json.loads(by.done("token", "--json"))["token"]
        made = ha(
            *("--root", self.root, "witness", "add", token, "--node", "w"),
            *("--address", self.host, "--json", *words),
        )
        assert made.returncode == 0, made.stderr
        found: dict[str, Any] = json.loads(made.stdout)
        return found

    def clusters(self) -> dict[str, dict[str, Any]]:
        """Return what `ha witness list` says, by cluster."""
        shown = ha("--root", self.root, "witness", "list", "--json")
        assert shown.returncode == 0, shown.stderr
        return {item["cluster"]: item for item in json.loads(shown.stdout)["clusters"]}

    def votes_in(self, cluster: str) -> None:
        """Wait until its vote counts there."""
        eventually(f"w votes in {cluster}", lambda: self.clusters()[cluster]["state"] == "votes")

    def waits_in(self, cluster: str) -> None:
        """Wait until it has all that is final of a cluster whose single node alone votes."""
        state = "held-back"
        eventually(f"w is in {cluster}", lambda: self.clusters()[cluster]["state"] == state)

    def start(self) -> None:
        """Start the process."""
        launch.start_witness(self.root, self.directory)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the process and wait for it."""
        if pid := self.pid:
            os.kill(pid, number)
        eventually("the witness ends", lambda: not self.pid)

    def log(self) -> str:
        """Return the texts of its log, a line each."""
        lines = (self.directory / "witness.log").read_text().splitlines()
        return "\n".join(json.loads(line)["text"] for line in lines)


@pytest.fixture
def witness(fleet: Fleet) -> Iterator[WitnessUnderTest]:
    made = WitnessUnderTest(fleet.directory / "w", f"{fleet.network}.9")
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Fleet]:
    """Give a test a second cluster, of the same name."""
    made = Fleet(tmp_path / "other", free_network())
    try:
        yield made
    finally:
        made.end()


def term(node: NodeUnderTest) -> int:
    """Return the term of the coordinator as the node sees it."""
    found: int = node.status()["term"]
    return found


def stays(what: str, holds: Any, seconds: float = STILL_S) -> None:
    """See that something holds, and go on looking for a while."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.2)):
        assert holds(), what
        pause.wait(0.2)  # what must not happen has no event that could be waited for


def test_one_command_makes_the_third_vote_and_export_has_it(
    fleet: Fleet, witness: WitnessUnderTest
) -> None:
    first, _ = fleet.cluster(2)
    made = witness.add(first)
    assert made["votes"] is True
    assert made["places"] == {"ring0": f"{witness.host}:{PORT}"}
    status = first.status()
    assert status["votes"] == {"present": 3, "expected": 3, "needed": 2}
    assert status["faults"] == []
    assert "witness: true" in first.done("export")
    assert witness.clusters()["beatkeeper"]["votes"] == "3 of 3 votes"


def test_loss_and_return_of_the_witness_touch_no_service_and_cost_no_election(
    fleet: Fleet, witness: WitnessUnderTest
) -> None:
    first, second = fleet.cluster(2)
    witness.add(first)
    first.applied(WEB)
    first.reaches("web", "started")
    before, began, events = first.resource("web"), term(first), len(first.events())
    witness.end()
    eventually("it is missed", lambda: first.status()["nodes"]["w"]["state"] == "lost")
    stays("web runs", lambda: first.resource("web")["state"] == "started")
    assert second.status()["quorate"] is True
    witness.start()
    witness.votes_in("beatkeeper")
    assert term(first) == began
    assert first.resource("web")["nodes"] == before["nodes"]
    kinds = {item["kind"] for item in first.events()[events:]}
    assert not kinds & {"resource-stopped", "resource-failed", "coordinator-elected", "lease-lost"}


def test_witness_beside_a_single_node_waits_for_a_second_one_and_its_loss_touches_nothing(
    fleet: Fleet, witness: WitnessUnderTest
) -> None:
    node = fleet.init()
    made = witness.add(node)
    assert made["votes"] is False
    assert "its vote counts once a second node votes" in made["warning"]
    node.applied(WEB)
    node.reaches("web", "started")
    assert node.status()["votes"] == {"present": 1, "expected": 1, "needed": 1}
    assert "witness: true\n" in node.done("export")
    assert "voter: false" not in node.done("export")
    before, events = term(node), len(node.events())
    witness.end()
    eventually("it is missed", lambda: node.status()["nodes"]["w"]["state"] == "lost")
    stays("web runs", lambda: node.resource("web")["state"] == "started", 2.0)
    kinds = {item["kind"] for item in node.events()[events:]}
    assert not kinds & {"resource-stopped", "resource-failed", "coordinator-elected", "lease-lost"}
    assert term(node) == before
    witness.start()
    witness.waits_in("beatkeeper")
    fleet.join("n2", node)
    witness.votes_in("beatkeeper")
    assert node.status()["votes"] == {"present": 3, "expected": 3, "needed": 2}


def test_node_goes_on_with_the_vote_of_the_witness_when_the_other_node_dies(
    fleet: Fleet, witness: WitnessUnderTest
) -> None:
    first, second = fleet.cluster(2)
    witness.add(first)
    first.applied(WEB)
    first.reaches("web", "started")
    first.end()
    eventually("n1 is missed", lambda: second.status()["nodes"]["n1"]["state"] == "lost")
    found = second.reaches("web", "started")
    assert found["nodes"] == ["n2"]
    assert second.status()["coordinator"] == "n2"


def test_witness_that_lost_its_disk_does_not_vote_as_if_it_remembered(
    fleet: Fleet, witness: WitnessUnderTest
) -> None:
    first, second = fleet.cluster(2)
    witness.add(first)
    witness.end()
    first.end()
    layouts(witness.directory)["beatkeeper"].store.unlink()
    eventually("n2 misses n1", lambda: not second.status()["quorate"])
    witness.start()
    stays("n2 is not elected by a vote without memory", lambda: not second.status()["quorate"])
    first.start()
    witness.votes_in("beatkeeper")
    eventually("n2 has a quorum", lambda: second.status()["quorate"])


def test_broken_store_and_flood_of_one_cluster_stop_no_other(
    fleet: Fleet, witness: WitnessUnderTest, other: Fleet
) -> None:
    alpha, beta = fleet.init("n1", "--cluster", "alpha"), other.init("m1", "--cluster", "beta")
    flooded = witness.add(alpha)["places"]["ring0"]
    witness.add(beta)
    began = term(beta)
    host, _, port = flooded.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ended = threading.Event()

        def flood() -> None:
            while not ended.is_set():
                sock.sendto(b"BKHA" + os.urandom(200), (host, int(port)))

        sender = threading.Thread(target=flood)
        sender.start()
        stays("beta is served", lambda: witness.clusters()["beta"]["state"] == "held-back")
        ended.set()
        sender.join()
    assert term(beta) == began
    witness.end()
    layouts(witness.directory)["alpha"].store.write_bytes(b"x" * 4096)
    witness.start()
    witness.waits_in("beta")
    broken = eventually(
        "alpha is named", lambda: (item := witness.clusters()["alpha"])["state"] == "down" and item
    )
    assert "is damaged" in broken["text"]
    assert "move it away" in broken["text"]


def test_witness_with_another_clusters_key_does_not_speak_and_says_why(
    fleet: Fleet, witness: WitnessUnderTest, other: Fleet
) -> None:
    alpha, beta = fleet.init(), other.init("m1")
    witness.add(alpha, "--as", "alpha")
    second = witness.add(beta)
    assert second["cluster"] == "beatkeeper"
    witness.end()
    there = layouts(witness.directory)
    there["alpha"].keyring_file.write_text(there["beatkeeper"].keyring_file.read_text())
    witness.start()
    down = eventually(
        "alpha is named", lambda: (item := witness.clusters()["alpha"])["state"] == "down" and item
    )
    assert "is of another cluster than" in down["text"]
    assert "remove the database and 'ha join'" in down["text"]
    witness.waits_in("beatkeeper")
    eventually("alpha misses it", lambda: alpha.status()["nodes"]["w"]["state"] == "lost")
    assert alpha.status()["quorate"], "a single node needs no witness"


def test_frames_under_another_clusters_key_are_told_once_a_minute_at_both_sides(
    fleet: Fleet, witness: WitnessUnderTest
) -> None:
    alpha = fleet.init()
    witness.add(alpha)
    alpha.end()
    ring = json.loads(alpha.layout.keyring_file.read_text())
    ring["keys"] = {"1": base64.b64encode(os.urandom(32)).decode()}
    alpha.layout.keyring_file.write_text(json.dumps(ring))
    alpha.start()
    alpha.logs("a frame that says it is from 'w' was not made with our key 1, or was changed")
    sentence = "beatkeeper: dropped on link ring0: a frame that says it is from 'n1' was not made"
    eventually("the witness says so", lambda: sentence in witness.log())
    assert witness.log().count(sentence) == 1


def test_clusters_of_one_name_get_different_names_here(
    fleet: Fleet, witness: WitnessUnderTest, other: Fleet
) -> None:
    places = [witness.add(fleet.init())["places"], witness.add(other.init("m1"))["places"]]
    names = sorted(witness.clusters())
    assert names[0] == "beatkeeper"
    assert names[1].startswith("beatkeeper-")
    assert places[0] != places[1]
    for name in names:
        witness.waits_in(name)


def test_cluster_is_removed_by_one_command(fleet: Fleet, witness: WitnessUnderTest) -> None:
    first, _ = fleet.cluster(2)
    witness.add(first)
    made = ha("--root", witness.root, "witness", "remove", "beatkeeper")
    assert made.returncode == 0, made.stderr
    told = "this witness votes in cluster beatkeeper no more"
    assert made.stdout == f"{told}; it was the last one, and the witness has ended\n"
    assert first.status()["votes"] == {"present": 2, "expected": 2, "needed": 2}
    assert witness.clusters() == {}
    assert (witness.pid, traces(witness.directory)) == (0, [])
    refused = ha("--root", witness.root, "witness", "remove", "beatkeeper")
    assert "this witness has no cluster 'beatkeeper'; it has: none" in refused.stderr
    witness.add(first)
    assert witness.pid


def test_full_daemon_becomes_a_witness_by_join(fleet: Fleet) -> None:
    first, _ = fleet.cluster(2)
    third = fleet.node("n3")
    token = json.loads(first.done("token", "--json"))["token"]
    words = ("join", token, "--witness", "--node", "n3", "--address", third.host)
    assert third.done(*words) == "n3 is a witness of the cluster now\n"
    eventually("it votes", lambda: first.status()["votes"]["present"] == 3)
    first.applied(WEB)
    first.reaches("web", "started")
    refused = first.ha("resource", "move", "web", "--to", "n3")
    assert "n3 is a witness and runs no resources" in refused.stderr
