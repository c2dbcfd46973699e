"""Every sample of `etc/`, applied by `ha apply` to real daemons; and an imported Heartbeat set-up.

Owns: that whoever follows a sample's comments gets what it promises, and that the
cluster tells the truth about whatever this machine lacks. A lab gives nodes and
services addresses of its own; nothing else of a sample is changed.
"""

import json
import pwd
import re
import shutil
import socket
import struct
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from ha_core.agents import address
from ha_core.config.model import AgentClass, Configuration, Primitive
from ha_core.config.parse import parse_text
from ha_core.snapshot import ClusterSnapshot
from tests.e2e.laboratory import Laboratory, alive, laboratory, run

pytestmark = pytest.mark.slow

ETC: Final = Path(__file__).parents[2] / "etc"
ACCEPTED_BUT: Final = 1
"""The exit code of a change that was accepted and cannot lead to what it asks for."""


# --- a configuration in a lab -----------------------------------------------------------------


@contextmanager
def members(directory: Path, wanted: Configuration, dead_after_ms: int) -> Iterator[Laboratory]:
    """Make a cluster that has the configuration's nodes and links, and nothing else of it."""
    founding = directory / "founding.yaml"
    networks = [link for link in wanted.links if link.medium != "serial"]
    bare = {
        "cluster": wanted.name,
        "links": {link.name: {"port": link.port} for link in networks},
        "nodes": {
            node.name: {
                "addresses": {
                    item.link: item.host
                    for item in node.addresses
                    if item.link in {link.name for link in networks}
                }
            }
            for node in wanted.nodes
        },
    }
    founding.write_text(json.dumps(bare))  # which is YAML as well
    words = ("--config", str(founding), "--no-wbem", "--dead-after", str(dead_after_ms))
    with laboratory(directory / "lab", *words) as lab:
        yield lab


def seated(text: str, wanted: Configuration, lab: Laboratory) -> str:
    """Return the text with the addresses that its nodes and services have in this lab."""
    substitutes = {}
    for node in wanted.nodes:
        places = lab.value["nodes"][node.name]["addresses"]
        for listening in node.addresses:
            if listening.link not in places:
                continue  # a serial line: none is in the lab, and none is missed
            place = places[listening.link]
            substitutes[listening.host] = f"{place['host']}:{place['port']}"
    block = lab.value["nodes"][wanted.nodes[0].name]["address"].rpartition(".")[0]
    for number, item in enumerate(filter(is_address, wanted.primitives), 200):
        substitutes[str(address.parse(item).address)] = f"{block}.{number}"
    for given, own in substitutes.items():
        text = re.sub(rf"(?<![\w.-]){re.escape(given)}(/\d+)?(?![\w.-])", own, text)
    text = re.sub(r", interface: \w+|^ {6,}(interface|label): .*\n", "", text, flags=re.MULTILINE)
    return text.replace("/srv/", f"{lab.value['shared']}/")


def is_address(item: Primitive) -> bool:
    """Return whether it is a service address."""
    return item.agent.agent_class is AgentClass.ADDRESS


def said(lab: Laboratory, node: str, *words: str) -> str:
    """Return what a verb of `ha`, which must succeed, prints on that node."""
    done = run("--root", str(lab.root(node)), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def revisions(lab: Laboratory, node: str) -> list[int]:
    """Return every revision that the cluster remembers."""
    return [item["revision"] for item in json.loads(said(lab, node, "history", "--json"))]


@contextmanager
def applied(
    directory: Path, text: str, dead_after_ms: int | None = None
) -> Iterator[tuple[Laboratory, dict[str, Any]]]:
    """Apply the text to a cluster of its nodes, and give that and its status; nothing is left.

    The cluster begins with that timer; without it, with the text's own, since several nodes
    keep the one that `ha init` was given.
    """
    given = parse_text(text, "sample")
    with members(directory, given, dead_after_ms or given.options.dead_after_ms) as lab:
        file = directory / "sample.yaml"
        file.write_text(seated(text, given, lab))
        wanted = parse_text(file.read_text(), str(file))
        yield lab, assert_applies(lab, file, wanted)
        pids = [pid for node in lab.told("status")["nodes"].values() for pid in node["pids"]]
    assert not alive(pids)
    assert not [item.id for item in wanted.primitives if is_address(item) and holder(item)]


def assert_applies(lab: Laboratory, file: Path, wanted: Configuration) -> dict[str, Any]:
    """Apply the file, compare with it everything that the cluster tells, and return its status."""
    witnesses = {node.name for node in wanted.nodes if node.witness}
    first = next(node.name for node in wanted.nodes if not node.witness)
    for witness in witnesses:
        # A member that might run something becomes no witness: it is emptied first.
        said(lab, first, "node", "standby", witness)
    before = revisions(lab, first)
    said(lab, first, "apply", str(file), "--dry-run")
    assert revisions(lab, first) == before

    done = run("--root", str(lab.root(first)), "apply", str(file), "--reason", "a trial")
    status = lab.status(first)
    if all(item["state"] == "started" for item in status["resources"].values()):
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == ACCEPTED_BUT, done.stderr
        assert done.stderr.startswith("ha: accepted, but ")
    assert revisions(lab, first) == [*before, before[-1] + 1]
    assert status["revision"] == before[-1] + 1
    assert status["last_change"]["reason"] == "a trial"

    assert {name for name, node in status["nodes"].items() if node["witness"]} == witnesses
    assert {node["state"] for node in status["nodes"].values()} == {"online"}
    assert_true(lab, wanted, status)
    for node in (item.name for item in wanted.nodes):
        assert parse_text(said(lab, node, "export"), "export") == wanted
        assert said(lab, node, "diff", str(file)) == "no difference\n"
    return status


# --- what is true on this machine -------------------------------------------------------------


def assert_true(lab: Laboratory, wanted: Configuration, status: dict[str, Any]) -> None:
    """Compare what the cluster tells of each resource with what can be seen from outside."""
    told = status["resources"]
    assert set(told) == {item.id for item in wanted.primitives}
    failed = [name for name, value in told.items() if value["state"] == "failed"]
    idle = {node.name for node in wanted.nodes if node.witness}
    for item in wanted.primitives:
        value = told[item.id]
        where, why = value["nodes"], value["why"]
        if item.agent.agent_class is AgentClass.PROCESS:
            assert nodes_with(lab, processes(lab, item.id)) == where
        if is_address(item):
            assert nodes_with(lab, holder(item)) == where
        assert not idle.intersection(where)
        assert why
        if value["state"] == "started":
            assert len(where) == 1
            assert not lacking(item)
        elif value["state"] == "failed":
            assert not where
            others = [name for name in failed if name != item.id]
            assert lacking(item) in why or any(name in why for name in others), why
            cure = f"ha resource cleanup {item.id}"
            assert any(lacking(item) in text and cure in text for text in status["faults"])
        else:
            assert (value["state"], where) == ("stopped", [])
            assert any(name in why for name in failed), why


def lacking(item: Primitive) -> str:
    """Return what the resource needs and this machine has not; empty if nothing is known.

    What the agents of others look for is theirs: of those it is asked whether they are there.
    """
    kind = item.agent.agent_class
    if kind is AgentClass.PROCESS:
        user = dict(item.parameters).get("user", "")
        program = dict(item.parameters)["command"].split()[0]
        if user and user not in {entry.pw_name for entry in pwd.getpwall()}:
            return user
        return "" if shutil.which(program) else program
    if kind is AgentClass.SYSTEMD:
        return "" if Path("/run/systemd/system").is_dir() else "systemd"
    places = {
        AgentClass.OCF: (f"/usr/lib/ocf/resource.d/{item.agent.provider}",),
        AgentClass.LSB: ("/etc/init.d",),
        AgentClass.HEARTBEAT: ("/etc/ha.d/resource.d", "/etc/init.d"),
    }.get(kind, ())
    is_there = not places or any(Path(place, item.agent.type).is_file() for place in places)
    return "" if is_there else item.agent.type


def processes(lab: Laboratory, resource: str) -> list[int]:
    """Return the resource's processes, as the process table has them."""
    nodes = lab.told("status")["nodes"].values()
    roles = [item for node in nodes for item in node["roles"].items()]
    return [int(pid) for pid, role in roles if role == f"resource:{resource}"]


def nodes_with(lab: Laboratory, pids: list[int]) -> list[str]:
    """Return the nodes that have any of these processes."""
    nodes = lab.told("status")["nodes"]
    return [name for name, node in nodes.items() if set(pids).intersection(node["pids"])]


def holder(item: Primitive) -> list[int]:
    """Return the process that holds a service address, as the kernel knows it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        try:
            asker.connect("\0" + address.parse(item).claim_name)
        except ConnectionRefusedError:
            return []
        raw = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    return [struct.unpack("iII", raw)[0]]


# --- the samples ------------------------------------------------------------------------------


def sample(name: str) -> str:
    """Return the text of a sample."""
    return (ETC / f"{name}.yaml").read_text()


def test_every_sample_is_tried_here() -> None:
    tried = {"one-node", "two-node-with-witness", "two-node-with-fencing", "three-node"}
    tried.add("database")
    assert {path.stem for path in ETC.glob("*.yaml")} - {"demo"} == tried


def test_sample_of_one_node_runs_and_serves_its_pages(tmp_path: Path) -> None:
    with applied(tmp_path, sample("one-node")) as (lab, status):
        assert {item["state"] for item in status["resources"].values()} == {"started"}
        exported = yaml.safe_load(said(lab, "solo", "export"))
        host = exported["resources"]["ip"]["parameters"]["address"]
        with urllib.request.urlopen(f"http://{host}:8080/", timeout=10) as answer:
            assert b"Directory listing" in answer.read()


def test_sample_of_one_node_runs_on_with_the_timers_that_it_brings(tmp_path: Path) -> None:
    with applied(tmp_path, sample("one-node"), 1_000) as (lab, _):
        timers = lab.status("solo")["timers"]
        assert timers["dead_after_ms"] == 2_000
        # Longer than any lease of the old timers or of the new ones.
        end = time.monotonic() + 2 * timers["dead_after_ms"] / 1_000
        while time.monotonic() < end:
            resources = lab.status("solo")["resources"].values()
            assert {item["state"] for item in resources} == {"started"}


def test_sample_of_two_nodes_has_a_witness_that_votes_and_runs_nothing(tmp_path: Path) -> None:
    with applied(tmp_path, sample("two-node-with-witness")) as (lab, status):
        assert status["votes"] == {"present": 3, "expected": 3, "needed": 2}
        assert status["nodes"]["judge"]["voter"]
        roles = set(lab.told("status")["nodes"]["judge"]["roles"].values())
        assert roles == {"keeper", "had", "guardian"}
        # It is on one of the two networks.
        assert {item["link"] for item in status["links"] if item["peer"] == "judge"} == {"office"}
        why = json.loads(said(lab, "north", "why", "ledger-ip", "--on", "judge", "--json"))
        assert "witness" in json.dumps(why)


def test_sample_of_two_nodes_with_fencing_says_what_the_loss_of_one_would_do(
    tmp_path: Path,
) -> None:
    with applied(tmp_path, sample("two-node-with-fencing")) as (lab, status):
        assert status["votes"] == {"present": 2, "expected": 2, "needed": 2}
        assert "once a fence device has proved that it is off" in status["notices"][0]
        rehearsal = run("--root", str(lab.root("east")), "fence", "test", "--json")
        tried = {
            item["device"] for item in json.loads(rehearsal.stdout.partition("\n")[0])["results"]
        }
        assert tried == {"board-east", "board-west", "strip"}


def test_sample_of_three_nodes_puts_the_shop_where_it_is_liked_best(tmp_path: Path) -> None:
    with applied(tmp_path, sample("three-node")) as (lab, status):
        assert status["resources"]["shop-ip"]["nodes"] == ["ant"]
        assert set(lab.status("cat")["nodes"]) == {"ant", "bee", "cat"}


STATEFUL = Path("/usr/lib/ocf/resource.d/heartbeat/Stateful")


@pytest.mark.skipif(not STATEFUL.exists(), reason="Debian's resource-agents is not installed")
def test_sample_of_a_database_promotes_the_copy_that_it_prefers_with_its_address(
    tmp_path: Path,
) -> None:
    """Agents that need no database and no web server stand in for these."""
    text = re.sub(r"\n +parameters: {pgdata.*", "", sample("database"))
    text = text.replace(":pgsql", ":Stateful").replace(":nginx", ":Dummy")
    given = parse_text(text, "sample")
    with members(tmp_path, given, given.options.dead_after_ms) as lab:
        file = tmp_path / "database.yaml"
        file.write_text(seated(text, given, lab))
        run("--root", str(lab.root("elm")), "apply", str(file))
        found = lab.becomes("elm", lambda snapshot: not snapshot.pending and _serves(snapshot))
        copies = {item.id: item for item in found.resources}
        assert [str(node) for node in copies["db"].nodes] == ["elm", "fir"]
        assert [str(node) for node in copies["db"].promoted] == ["elm"]
        assert {str(node) for node in copies["web"].nodes} >= {"elm", "fir"}


def _serves(snapshot: ClusterSnapshot) -> bool:
    """Return whether the address of the database is up."""
    return any(item.id == "db-ip" and item.nodes for item in snapshot.resources)


def test_imported_heartbeat_cluster_runs_once_its_gaps_are_filled_in(tmp_path: Path) -> None:
    done = run("import", "heartbeat", str(ETC / "heartbeat-v1"))
    assert done.returncode == 0
    text = done.stdout
    for node, host in (("alpha", "198.51.100.1"), ("bravo", "198.51.100.2")):
        assert f"fill in nodes.{node}.addresses.eth1" in done.stderr
        text = text.replace(f"{node}-eth1", host)
    with applied(tmp_path, text) as (_, status):
        assert set(status["nodes"]) == {"alpha", "bravo"}
        assert status["timers"]["dead_after_ms"] == 5_000
        assert status["groups"] == {
            "apache-group": ["ip-192.0.2.100", "apache", "mailto"],
            "orderfeed-group": [
                "ip-192.0.2.101",
                "drbddisk",
                "fs-srv-orders",
                "postgresql",
                "orderfeed",
            ],
        }
