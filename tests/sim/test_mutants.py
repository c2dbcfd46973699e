"""Planted faults are found: a simulator that finds nothing proves nothing."""

import pytest

from ha_core.sim.run import run_seed
from tests.sim.mutants.planted import PLANTED, Planted

SEEDS = 30
"""Seeds tried for a planted fault whose own seed does not show it any more."""


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.plant.__name__)
def test_planted_fault_is_noticed_by_the_judge_of_its_rule(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.plant(monkeypatch)
    for seed in (planted.seed, *range(1, SEEDS + 1)):
        if any(text.startswith(planted.rule) for text in run_seed(seed).violations):
            return
    pytest.fail(f"{SEEDS} seeds did not notice: {planted.plant.__doc__}")


def test_every_rule_has_a_planted_fault() -> None:
    assert {planted.rule for planted in PLANTED} == {"S1", "S2", "S3", "S4", "S5", "S6"}
