"""In a real cluster the exact search runs what the greedy order has left stopped, once asked to."""

import json
from pathlib import Path

import pytest

from tests.e2e.laboratory import Laboratory, laboratory, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CONFIGURATION = """
options: {strategy: utilization}
links:
  ring0: {}
nodes:
  n1: {addresses: {ring0: 192.0.2.1}, capacity: {cpu: 4}}
  n2: {addresses: {ring0: 192.0.2.2}, capacity: {cpu: 8}}
resources:
  small:
    agent: process
    parameters: {command: /bin/sleep 100000}
    utilization: {cpu: 3}
    prefers: n2
  large:
    agent: process
    parameters: {command: /bin/sleep 100001}
    utilization: {cpu: 6}
"""
WOULD = "'options.placement: exact' would run it on n2, with small on n1"


def where(lab: Laboratory) -> dict[str, list[str]]:
    """Return the nodes of each resource, as n1 sees them."""
    return {name: item["nodes"] for name, item in lab.status("n1")["resources"].items()}


def ask(lab: Laboratory, *words: str) -> str:
    """Return what a verb on n1 prints once it is done."""
    done = run("--root", str(lab.root("n1")), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_stopped_runs_once_the_option_is_chosen_and_a_move_by_hand_outdoes_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "room.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    with laboratory(tmp_path / "lab", "--config", str(file), "--no-wbem") as lab:
        assert where(lab) == {"small": ["n2"], "large": []}
        assert [text for text in lab.status("n1")["notices"] if text.endswith(WOULD)]
        assert WOULD in ask(lab, "why", "large")

        chosen = tmp_path / "chosen.yaml"
        text = ask(lab, "export").replace("options:", "options:\n  placement: exact")
        chosen.write_text(text, encoding="utf-8")
        foreseen = json.loads(ask(lab, "apply", str(chosen), "--dry-run", "--json"))
        assert {one["resource"]: one["to"] for one in foreseen["moves"]} == {
            "small": "n1",
            "large": "n2",
        }
        ask(lab, "apply", str(chosen))
        assert where(lab) == {"small": ["n1"], "large": ["n2"]}

        ask(lab, "resource", "move", "small", "--to", "n2")
        assert where(lab) == {"small": ["n2"], "large": []}
        assert "'ha resource clear small'" in ask(lab, "why", "large")
