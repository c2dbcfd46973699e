"""Two nodes and a power switch, with real daemons: one of two goes on, and nothing forks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ha_core.snapshot import ClusterSnapshot
from tests.e2e.laboratory import Laboratory, all_run, laboratory, run, states
from tests.e2e.power import LOG, SWITCH, starter, switched

pytestmark = pytest.mark.slow
# The lighter of two waits 5 D for the shot of the other: long enough where machines are slow.
CONFIGURATION = """
cluster: pair
options: {{dead_after: 2s, two_node: fencing}}
links: {{ring0: }}
nodes:
  n1: {{addresses: {{ring0: 127.0.1.1}}}}
  n2: {{addresses: {{ring0: 127.0.1.2}}}}
resources:
  web:
    agent: process
    parameters: {{command: sleep 973}}
constraints:
  web-likes-n2: {{location: web, node: n2, score: 50}}
fence_devices:
  switch:
    agent: fence:{switch}
    parameters: {{lab: {lab}, ha: {ha}, log: {log}}}
    targets: [n1, n2]
    timeouts: {{off: 5s, on: 60s}}
    settle: 1s
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Laboratory]:
    """Return a lab of two nodes with a power switch; web runs on n2."""
    file, place = tmp_path / "pair.yaml", tmp_path / "lab"
    words = {"switch": SWITCH, "lab": place, "ha": starter(tmp_path), "log": tmp_path / LOG}
    file.write_text(CONFIGURATION.format(**words))
    with laboratory(place, "--no-wbem", "--nodes", "2", "--config", str(file)) as made:
        made.becomes("n1", lambda s: all_run(s) and owner(s) == "n2")
        yield made


def owner(snapshot: ClusterSnapshot) -> str:
    """Return where web runs, or nothing."""
    return next((n for r in snapshot.resources for n in r.nodes), "")


def is_whole(snapshot: ClusterSnapshot) -> bool:
    """Return whether both nodes are there, and both vote again."""
    both = all(state == "online" for state in states(snapshot).values())
    return both and snapshot.votes_expected == 2


def test_survivor_shoots_the_dead_node_takes_over_and_gives_it_its_vote_back(
    pair: Laboratory,
) -> None:
    pair.told("kill", "n2")
    # n2 may be back at once, and have web again.
    pair.becomes("n1", lambda s: switched(pair) != [] and s.quorate and owner(s) != "")
    pair.becomes("n1", is_whole)
    assert switched(pair) == ["off n2", "on n2"]
    pair.becomes("n2", lambda s: s.quorate and s.revision >= 3)


def test_of_two_that_cannot_hear_each_other_the_one_with_the_service_goes_on(
    pair: Laboratory,
) -> None:
    pair.told("isolate", "n1")
    pair.becomes("n2", lambda s: s.quorate and owner(s) == "n2" and s.votes_expected == 1)
    pair.told("heal", "n1")
    pair.becomes("n2", is_whole)
    assert switched(pair) == ["off n1", "on n1"]


def test_orderly_stop_of_one_leaves_the_other_in_charge_and_nobody_is_shot(
    pair: Laboratory,
) -> None:
    done = run("--root", str(pair.root("n2")), "stop")
    assert done.returncode == 0, done.stderr
    pair.becomes("n1", lambda s: s.quorate and owner(s) == "n1" and s.votes_expected == 1)
    assert switched(pair) == []
    assert run("--root", str(pair.root("n2")), "start").returncode == 0
    pair.becomes("n1", is_whole)
