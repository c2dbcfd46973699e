"""Faults of a lab on loopback: each does what it says, and the service goes on elsewhere."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from tests.e2e.laboratory import (
    Laboratory,
    alive,
    all_run,
    laboratory,
    lasting,
    moved_from,
    run,
    states,
    visited,
)

pytestmark = pytest.mark.slow

NODES = ("n1", "n2", "n3")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return the lab that all tests here break and mend."""
    with laboratory(tmp_path_factory.mktemp("e2e") / "lab", "--no-wbem") as made:
        yield made


@pytest.fixture
def lab(shared: Laboratory) -> Laboratory:
    """Return the lab with everything in order again."""
    shared.mend()
    return shared


def others(node: str) -> list[str]:
    return [name for name in NODES if name != node]


def test_killed_node_dies_whole_and_its_service_answers_from_another(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    pids = lasting(lab.told("status")["nodes"][owner])
    with visited(lab.service("site-ip")) as visitor:
        assert visitor.node == owner
        told = lab.told("kill", owner)
        assert set(told["killed"][owner]) >= set(pids)
        assert told["nodes"][owner]["state"] == "down"
        assert not alive(pids)
        assert visitor.wait_for(lambda: visitor.node != owner)
        heir = visitor.node
    for name in others(owner):
        lab.becomes(name, lambda seen: moved_from(owner, seen))
    assert lab.owner(heir, "web") == heir
    assert "power is off" in lab.lab("status").stdout


def test_data_of_the_service_outlive_its_node(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with visited(lab.service("site-ip")) as visitor:
        before = visits(visitor.text)
        lab.told("kill", owner)
        assert visitor.wait_for(lambda: visitor.node != owner)
        assert visits(visitor.text) > before


def visits(text: str) -> int:
    """Return the number in `n1 answers. You are visitor 7.`."""
    return int(text.rpartition(" ")[2].rstrip("."))


def test_node_that_comes_back_is_a_member_and_takes_nothing_away(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    lab.told("kill", owner)
    survivor = others(owner)[0]
    lab.becomes(survivor, lambda seen: moved_from(owner, seen))
    heir = lab.owner(survivor, "web")
    generation = lab.status(survivor)["nodes"][owner]["generation"]
    told = lab.told("restart", owner)
    assert told["nodes"][owner]["state"] == "running"
    for name in NODES:
        lab.becomes(name, all_run)
    assert lab.owner(owner, "web") == heir
    assert lab.status(heir)["nodes"][owner]["generation"] > generation


def test_restart_of_a_running_node_is_a_power_cycle(lab: Laboratory) -> None:
    before = set(lab.told("status")["nodes"]["n2"]["pids"])
    lab.told("restart", "n2")
    assert not before & set(lab.told("status")["nodes"]["n2"]["pids"])


def test_two_nodes_can_lose_their_power_at_once_and_quorum_with_it(lab: Laboratory) -> None:
    told = lab.told("kill", "n1", "n2")
    assert sorted(told["killed"]) == ["n1", "n2"]
    alone = lab.becomes("n3", lambda seen: not seen.quorate)
    assert alone.coordinator is None
    lab.told("restart", "n1", "n2")
    for name in NODES:
        lab.becomes(name, all_run)


def test_killed_daemon_alone_is_missed_and_comes_back(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    lab.told("kill", owner, "--only", "had")
    nodes = lab.told("status")["nodes"]
    assert "had does not run" in nodes[owner]["faults"] or nodes[owner]["state"] == "down"
    lab.becomes(others(owner)[0], lambda seen: moved_from(owner, seen))
    lab.told("restart", owner, "--only", "had")
    for name in NODES:
        lab.becomes(name, all_run)


def test_killed_service_is_started_again_in_its_place(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with visited(lab.service("site-ip")) as visitor:
        killed = lab.told("kill", owner, "--only", "web")["killed"][owner]
        assert len(killed) == 1
        answers = visitor.answers
        assert visitor.wait_for(lambda: visitor.answers > answers + 3)
        assert visitor.node == owner
    now = lab.told("status")["nodes"][owner]["roles"]
    assert killed[0] not in [int(pid) for pid in now]
    assert "resource:web" in now.values()


def test_frozen_node_is_lost_and_harmless_when_it_thaws(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with visited(lab.service("site-ip")) as visitor:
        lab.told("freeze", owner)
        node = lab.told("status")["nodes"][owner]
        assert node["state"] == "frozen"
        assert "had" in node["faults"][0]
        assert visitor.wait_for(lambda: visitor.node != owner)
        heir = visitor.node
        lab.told("heal", owner)
        lab.becomes(owner, all_run)
        answers = visitor.answers
        assert visitor.wait_for(lambda: visitor.answers > answers + 10)
        assert visitor.node == heir
    assert lab.told("status")["nodes"][owner]["faults"] == []


def test_frozen_processes_are_really_stopped(lab: Laboratory) -> None:
    lab.told("freeze", "n3")
    roles = lab.told("status")["nodes"]["n3"]["roles"]
    # Services are left out: the guardian ends them as soon as the lease is over.
    stopped = {
        role
        for pid, role in roles.items()
        if not role.startswith("resource:") and psutil.Process(int(pid)).status() == "stopped"
    }
    assert {"had", "keeper"} <= stopped
    assert "guardian" not in stopped  # on loopback it alone can give an address back


def test_isolated_node_loses_the_cluster_and_its_services(lab: Laboratory) -> None:
    owner = lab.owner("n1", "web")
    with visited(lab.service("site-ip")) as visitor:
        lab.told("isolate", owner)
        assert lab.told("status")["nodes"][owner]["faults"] == ["isolated from the other nodes"]
        lab.becomes(owner, lambda seen: not seen.quorate)
        lab.becomes(others(owner)[0], lambda seen: moved_from(owner, seen))
        assert visitor.wait_for(lambda: visitor.node != owner)
        roles = lab.told("status")["nodes"][owner]["roles"].values()
        assert not [role for role in roles if role.startswith("resource:")]
        lab.told("heal", owner)
        for name in NODES:
            lab.becomes(name, all_run)


def test_isolation_outlives_a_restart_of_the_node(lab: Laboratory) -> None:
    lab.told("isolate", "n3")
    lab.told("restart", "n3")
    lab.becomes("n1", lambda seen: states(seen)["n3"] == "lost")
    seen = lab.becomes("n3", lambda seen: True)
    assert not seen.quorate
    assert lab.told("status")["nodes"]["n3"]["faults"] == ["isolated from the other nodes"]
    lab.told("heal")
    for name in NODES:
        lab.becomes(name, all_run)


def test_signal_to_a_daemon_that_is_in_no_lab_is_not_for_cutting_links(lab: Laboratory) -> None:
    """Without --lab the signal is not taken as a wish, whoever sends it: it ends the daemon."""
    root = lab.root("n2")
    lab.told("kill", "n2", "--only", "had")
    assert run("--root", str(root), "start").returncode == 0
    pid = next(
        int(pid)
        for pid, role in lab.told("status")["nodes"]["n2"]["roles"].items()
        if role == "had"
    )
    os.kill(pid, signal.SIGUSR1)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)
