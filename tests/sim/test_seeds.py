"""Seeds: the shipped node under storms of faults violates no safety rule, and replays exactly."""

import json
import subprocess
import sys

import pytest

from ha_core.sim.many import run_seeds
from ha_core.sim.run import run_seed

FOUND = (4, 8, 14, 15, 29)
"""Seeds that once found something; see found.md."""


@pytest.mark.parametrize("seed", FOUND)
def test_seed_that_once_found_a_fault_is_clean(seed: int) -> None:
    assert run_seed(seed).violations == ()


def test_a_range_of_seeds_is_clean_and_counted() -> None:
    report = run_seeds(1000, 10, workers=1)
    assert report["violations"] == []
    assert report["seeds"] == 10
    assert report["events"] > 10_000


def test_a_seed_gives_the_same_trace_under_different_hash_seeds() -> None:
    program = (
        "import json; from ha_core.sim.run import run_seed;"
        "print(json.dumps([(r.digest, r.events) for r in map(run_seed, (7, 21))]))"
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
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]


def test_the_trace_digest_covers_what_happened() -> None:
    first, second = run_seed(7, trace=True), run_seed(21, trace=True)
    assert first.digest != second.digest
    assert any("boots" in line for line in first.trace)
