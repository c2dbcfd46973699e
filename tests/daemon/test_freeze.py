"""Death and standstill of daemon and guardian: nothing outlives its lease, a restart is clean."""

import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from tests.daemon.fleet import (
    HAD,
    REPOSITORY,
    Fleet,
    NodeUnderTest,
    environment,
    eventually,
    sees_voters,
    traces,
)

pytestmark = pytest.mark.slow
WEB = "resources:\n  web:\n    agent: process\n    parameters: {command: sleep 994}\n"


def guardian(node: NodeUnderTest) -> int:
    """Return the guardian's process."""
    for child in psutil.Process(node.pid).children():
        if any("guardian_main" in word for word in child.cmdline()):
            return child.pid
    return 0


def web(node: NodeUnderTest) -> int:
    """Return the process of the service on this node; 0 if there is none."""
    for pid in traces(node.root):
        try:
            if psutil.Process(pid).cmdline() == ["sleep", "994"]:
                return pid
        except psutil.NoSuchProcess:
            continue
    return 0


def placed(nodes: list[NodeUnderTest]) -> tuple[NodeUnderTest, list[NodeUnderTest]]:
    """Apply the service; return the node that runs it, and the others."""
    nodes[0].applied(WEB)
    name = nodes[0].reaches("web", "started")["nodes"][0]
    return next(n for n in nodes if n.name == name), [n for n in nodes if n.name != name]


def test_frozen_daemon_loses_its_service_before_another_node_starts_it(fleet: Fleet) -> None:
    owner, others = placed(fleet.cluster(3))
    process = psutil.Process(web(owner))
    owner.kill(signal.SIGSTOP)
    eventually("the service is started elsewhere", lambda: any(web(n) for n in others))
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    owner.kill(signal.SIGCONT)
    eventually("the owner is back", lambda: sees_voters(others[0], 3))
    assert web(owner) == 0
    assert sum(bool(web(n)) for n in (owner, *others)) == 1
    assert any(e["kind"] == "lease-lost" for e in others[0].events())


def test_frozen_coordinator_steps_down_before_it_does_anything_else(fleet: Fleet) -> None:
    nodes = fleet.cluster(3)
    coordinator = next(n for n in nodes if n.name == nodes[0].status()["coordinator"])
    others = [n for n in nodes if n is not coordinator]
    coordinator.kill(signal.SIGSTOP)
    eventually(
        "another one is elected",
        lambda: others[0].status().get("coordinator") in [n.name for n in others],
    )
    revision = others[0].status()["revision"]
    coordinator.kill(signal.SIGCONT)
    answer = coordinator.ha("node", "standby", coordinator.name, "--timeout", "10", "--json")
    eventually("all agree", lambda: agree(nodes))
    if answer.returncode == 0:
        assert nodes[0].status()["revision"] == revision + 1
    assert nodes[0].status()["coordinator"] != coordinator.name


def agree(nodes: list[NodeUnderTest]) -> bool:
    """Return whether all nodes name the same coordinator and revision."""
    pictures = [n.status() for n in nodes]
    return len({(p.get("coordinator"), p.get("revision")) for p in pictures}) == 1


def test_killed_daemon_takes_everything_along_at_once_and_starts_clean(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(WEB)
    process, keeper = psutil.Process(web(node)), psutil.Process(guardian(node))
    node.kill()
    _, alive = psutil.wait_procs([process, keeper], timeout=5)
    assert not alive
    node.start()
    node.reaches("web", "started")
    assert node.resource("web")["fail_count"] == 0
    assert len([pid for pid in traces(node.root) if is_web(pid)]) == 1


def is_web(pid: int) -> bool:
    """Return whether a process is the service."""
    return psutil.pid_exists(pid) and psutil.Process(pid).cmdline() == ["sleep", "994"]


def test_killed_guardian_is_replaced_and_the_service_runs_again(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(WEB)
    first, before = guardian(node), web(node)
    os.kill(first, signal.SIGKILL)
    eventually("another guardian", lambda: guardian(node) not in (0, first))
    eventually("another process", lambda: web(node) not in (0, before))
    told = [e for e in node.events() if "the guardian died" in e["text"] + e["why"]]
    assert told


def test_stopped_guardian_goes_on_by_itself(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(WEB)
    first = psutil.Process(guardian(node))
    os.kill(first.pid, signal.SIGSTOP)
    eventually("it goes on", lambda: first.status() != psutil.STATUS_STOPPED, 10)
    node.reaches("web", "started")


def test_guardian_killed_together_with_its_daemon_leaves_nothing_behind(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(WEB)
    process = psutil.Process(web(node))
    os.kill(guardian(node), signal.SIGKILL)
    node.kill()
    psutil.wait_procs([process], timeout=5)
    node.gone()
    node.start()
    node.reaches("web", "started")
    assert not process.is_running()


def test_partitioned_node_stops_its_service_and_keeps_answering_its_own_clients(
    fleet: Fleet,
) -> None:
    owner, others = placed(fleet.cluster(3))
    for other in others:
        other.kill(signal.SIGSTOP)
    eventually("it has stopped", lambda: web(owner) == 0)
    assert owner.status()["quorate"] is False
    refused = owner.ha("resource", "stop", "web", "--timeout", "5")
    assert refused.returncode == 1
    assert "no coordinator" in refused.stderr
    for other in others:
        other.kill(signal.SIGCONT)
    eventually("it runs again", lambda: sum(bool(web(n)) for n in (owner, *others)) == 1)


def test_no_zombies_and_no_open_files_pile_up(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(
        "resources:\n  d:\n    agent: process\n    parameters: {command: sleep 993}\n"
        "    operations:\n      monitor: {interval: 100ms, timeout: 5s}\n"
    )
    daemon = psutil.Process(node.pid)
    files = daemon.num_fds()
    for _ in range(5):
        node.done("resource", "restart", "d")
    began = time.monotonic()
    eventually("half a second of monitors", lambda: time.monotonic() - began > 0.5)
    assert daemon.num_fds() <= files + 2
    children = [c for p in (daemon, psutil.Process(guardian(node))) for c in p.children()]
    assert not [c for c in children if c.status() == psutil.STATUS_ZOMBIE]


def may_make_time_namespaces() -> bool:
    """Return whether this user may give a process clocks of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--fork", "--time", "--boottime", "5", "true"]
    return subprocess.run(probe, capture_output=True).returncode == 0


def test_nodes_need_not_agree_on_any_clock(fleet: Fleet) -> None:
    if not may_make_time_namespaces():
        pytest.skip("needs root and time namespaces")
    first, second = fleet.cluster(2)
    second.done("stop")
    shifted = ["unshare", "--fork", "--time", "--boottime", "90000000", "--monotonic", "777777"]
    with subprocess.Popen(
        [*shifted, *HAD, "--root", str(second.root)], env=environment(), cwd=REPOSITORY
    ) as outer:
        try:
            eventually("both vote", lambda: sees_voters(first, 2))
            owner, _ = placed([first, second])
            first.done("resource", "restart", "web")
            assert web(owner)
        finally:
            second.end()
            outer.wait(20)
