"""Planted faults are found: a simulator that finds nothing proves nothing."""

import pytest

from ha_core.sim.run import run_seed
from tests.sim.mutants.planted import PLANTED, Plant

SEEDS = 60
"""Seeds tried for each planted fault; the slowest to be found takes about 25."""


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted_fault_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in range(1, SEEDS + 1):
        try:
            violations = run_seed(seed).violations
        except AssertionError:
            return  # an invariant inside the core noticed first
        if any(text.startswith(("S1", "S2", "S3")) for text in violations):
            return
    pytest.fail(f"{SEEDS} seeds did not notice: {plant.__doc__}")
