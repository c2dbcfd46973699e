"""Seeds: the shipped node under storms of faults violates no safety rule, and replays exactly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ha_core.cli.main import ha
from ha_core.sim.deeds import RICH as DEEDS
from ha_core.sim.many import run_seeds
from ha_core.sim.plan import FAULTS
from ha_core.sim.run import RICH_FROM, run_seed

FOUND = (
    4,
    8,
    14,
    15,
    20,
    29,
    48,
    264,
    266,
    279,
    312,
    384,
    635,
    744,
    860,
    1016,
    1023,
    1053,
    2174,
    2191,
    3014,
    4717,
    7645,
    20148,
    20323,
    20326,
    20751,
    20931,
    30140,
    30601,
    60001,
    60007,
    60021,
    60022,
    60044,
    60049,
    60065,
    60193,
    60232,
    60782,
    61213,
    61345,
    61875,
    62060,
)
"""Seeds that once found something; see found.md."""
FIRST, SEEDS = 1000, 60
RICH_SEEDS = 50
EFFECTS = (
    "agents that failed",
    "agents that hung",
    "command AddNode",
    "command Apply",
    "command ConfirmDown",
    "command RemoveNode",
    "crashes between two effects",
    "datagrams delayed",
    "datagrams lost",
    "datagrams lost in a one-way partition",
    "datagrams lost in a partition",
    "datagrams out of order",
    "datagrams repeated",
    "disks lost",
    "events lost unwritten",
    "freezes between two effects",
    "gates deleted",
    "nodes confirmed down",
    "nodes cut off by a device",
    "nodes removed",
    "services that died",
    "starts refused by a full disk",
    "timers that fired late",
    "voters promoted",
    "witnesses lost",
    "writes done but not acknowledged",
    "writes lost",
    "writes refused by a full disk",
    "writes torn",
)
"""What the faults of a range of seeds must have led to, beside having struck."""
STATES = (
    "event node-lost",
    "event node-left",
    "event node-joined",
    "event lease-lost",
    "event resource-failed",
    "nodes 1",
    "nodes 2",
    "nodes 3",
    "nodes 9",
    "links 1",
    "links 3",
    "resource device",
    "resource network",
    "resource none",
    "resource process",
    "role candidate",
    "role leader",
    "with a witness",
    "with fence devices",
    "with kernel gates",
    "with learners",
    "with watchdogs",
)
"""What the clusters of a range of seeds must have been like, and have gone through."""


RICH_EFFECTS = (
    "command Fail",
    "command FenceNode",
    "command SetTicket",
    "command SwitchOn",
    "tease the witness dies",
)
RICH_STATES = (
    "a node and a witness",
    "event ticket-granted",
    "event ticket-lost",
    "with tickets",
)


@pytest.mark.parametrize("seed", FOUND)
def test_seed_that_once_found_a_fault_is_clean(seed: int) -> None:
    assert run_seed(seed).violations == ()


@pytest.mark.timeout(300)
def test_a_range_of_seeds_is_clean_and_every_kind_of_fault_occurs_in_it() -> None:
    report = run_seeds(FIRST, SEEDS, workers=2)
    assert report["violations"] == []
    assert report["seeds"] == SEEDS
    assert report["events"] > 100_000
    expected = [*EFFECTS, *(f"fault {kind}" for kind in FAULTS)]
    assert [kind for kind in expected if not report["faults"].get(kind)] == []
    assert [state for state in STATES if not report["states"].get(state)] == []


@pytest.mark.timeout(300)
def test_storms_of_later_seeds_have_what_people_do_beside_the_everyday() -> None:
    report = run_seeds(RICH_FROM, RICH_SEEDS, workers=2)
    assert report["violations"] == []
    expected = [*RICH_EFFECTS, *(f"fault {kind}" for kind in DEEDS)]
    assert [kind for kind in expected if not report["faults"].get(kind)] == []
    assert [state for state in RICH_STATES if not report["states"].get(state)] == []


def test_a_seed_gives_the_same_run_under_different_hash_seeds() -> None:
    program = (
        "import json; from ha_core.sim.run import run_seed;"
        "runs = [run_seed(seed, trace=True) for seed in (7, 21, 264, 60003)];"
        "print(json.dumps([(r.digest, r.events, r.faults, r.trace) for r in runs]))"
    )
    outputs = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(p for p in sys.path if p)},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(json.loads(outputs[0])[0][3]) > 10, "the trace is there"


def test_digest_covers_what_happened_whether_it_is_kept_or_not() -> None:
    first, second = run_seed(7, trace=True), run_seed(21, trace=True)
    assert first.digest != second.digest
    assert first.digest == run_seed(7).digest
    assert any("boots" in line for line in first.trace)


def test_replay_names_the_first_line_that_differs(tmp_path: Path) -> None:
    printed = CliRunner().invoke(ha, ["sim", "replay", "7", "--json"])
    assert printed.exit_code == 0
    journal = tmp_path / "run.json"
    journal.write_text(printed.stdout)
    same = CliRunner().invoke(ha, ["sim", "replay", str(journal)])
    assert same.exit_code == 0
    assert same.stdout.splitlines()[-1] == f"the same as in {journal}"
    kept = json.loads(printed.stdout)
    kept["trace"][2] = "something else"
    journal.write_text(json.dumps(kept))
    other = CliRunner().invoke(ha, ["sim", "replay", str(journal)])
    assert other.exit_code == 1
    assert "line 3 was: something else; and is:" in other.stdout


@pytest.mark.parametrize("text", ["", "[]", '{"seed": 1}', "{"])
def test_file_that_is_no_journal_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "run.json"
    journal.write_text(text)
    result = CliRunner().invoke(ha, ["sim", "replay", str(journal)])
    assert result.exit_code == 2
    assert "is no journal of a run; expected a seed's number" in result.output
