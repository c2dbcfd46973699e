"""Processes of nodes are stopped at random moments for random times: never two owners, and told."""

import os
import signal
import threading
from random import Random

import psutil
import pytest

from tests.daemon.fleet import Fleet, NodeUnderTest, eventually, sees_voters, traces

pytestmark = pytest.mark.slow
ROUNDS = 14
SEED = 20
TWICE = "exit code 9"


def config(fleet: Fleet) -> str:
    """Return a service that ends with code 9 if it runs already, wherever that is."""
    lock = fleet.directory / "lock"
    lock.touch()
    line = f"flock --no-fork --nonblock --conflict-exit-code 9 {lock} sleep 991"
    return f"resources:\n  web:\n    agent: process\n    parameters: {{command: {line}}}\n"


def services(fleet: Fleet) -> set[int]:
    """Return every process of the service."""
    return {pid for pid in traces(fleet.directory) if is_service(pid)}


def is_service(pid: int) -> bool:
    """Return whether a process is the service and has not ended."""
    try:
        return psutil.Process(pid).cmdline() == ["sleep", "991"]
    except psutil.NoSuchProcess:
        return False


def keepers(node: NodeUnderTest) -> list[int]:
    """Return daemon, guardian and deputy."""
    found = [pid for pid in traces(node.root) if not is_service(pid)]
    return [node.pid, *found] if node.pid else found


def pause(victims: list[int], for_s: float) -> None:
    """Stop processes for a while."""
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(for_s)  # the length of the pause is the point
    for pid in victims:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGCONT)


def test_service_never_runs_twice_whatever_is_stopped_at_random_moments(fleet: Fleet) -> None:
    """Any two of daemon, guardian and deputy of a node, and any daemons of the others."""
    nodes, random = fleet.cluster(3), Random(SEED)
    nodes[0].applied(config(fleet))
    nodes[0].reaches("web", "started")
    for _ in range(ROUNDS):
        threading.Event().wait(random.uniform(0, 0.4))
        node = random.choice(nodes)
        mine = keepers(node)
        victims = random.sample(mine, min(2, len(mine)))
        others = [n.pid for n in nodes if n is not node and random.random() < 0.3 and n.pid]
        pause([*victims, *others], random.choice((0.05, 0.3, 0.8, 1.5, 2.5)))
    eventually("everybody is back", lambda: sees_voters(nodes[0], 3), 60)
    eventually("it runs once", lambda: len(services(fleet)) == 1, 60)
    events = nodes[0].events()
    assert not [e for e in events if TWICE in e["text"] + e["why"]]
    assert "daemon-paused" in {event["kind"] for event in events}


def test_guardian_that_was_stopped_says_so_and_the_service_goes_on(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied(config(fleet))
    node.reaches("web", "started")
    before = services(fleet)
    guardian = [pid for pid in keepers(node) if psutil.Process(pid).ppid() == node.pid]
    pause(guardian, 0.6)
    told = eventually(
        "it is told", lambda: [e for e in node.events() if e["kind"] == "guardian-paused"]
    )
    assert "the guardian on n1 did not run for" in told[0]["text"]
    assert services(fleet) == before


def test_guardian_that_is_killed_is_told_with_who_may_have_done_it(fleet: Fleet) -> None:
    node = fleet.init()
    (guardian,) = (pid for pid in keepers(node) if psutil.Process(pid).ppid() == node.pid)
    os.kill(guardian, signal.SIGKILL)
    told = eventually(
        "it is told", lambda: [e for e in node.events() if e["kind"] == "guardian-ended"]
    )
    said = f"the guardian of n1 (process {guardian}) has ended; another one starts"
    assert told[0]["text"] == said
    assert told[0]["why"].startswith("somebody else killed it")
