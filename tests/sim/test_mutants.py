"""Planted faults are found: a simulator that finds nothing proves nothing."""

from itertools import count, islice
from pathlib import Path
from random import Random

import pytest

from ha_core.sim.plan import Draw, draw
from ha_core.sim.run import RICH_FROM, run_seed
from tests.sim.mutants.planted import PLANTED, Planted

SEEDS = 40
"""Seeds tried for a planted fault whose own seed does not show it any more: a minute at most."""
LIST = Path(__file__).parent / "mutants" / "README.md"


def _drawn(seed: int) -> Draw:
    return draw(Random(seed), is_rich=seed >= RICH_FROM)


def name_of(planted: Planted) -> str:
    """Return what the list calls it."""
    return f"{planted.plant.__module__.rpartition('.')[2]}.{planted.plant.__name__}"


@pytest.mark.parametrize("planted", PLANTED, ids=name_of)
def test_planted_fault_is_noticed_by_the_judge_of_its_rule(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.plant(monkeypatch)
    first = RICH_FROM if planted.needs_rich else 1
    suitable = (seed for seed in count(first) if planted.suits(_drawn(seed)))
    for seed in (planted.seed, *islice(suitable, SEEDS)):
        if any(text.startswith(planted.rule) for text in run_seed(seed).violations):
            return
    pytest.fail(f"{SEEDS} seeds did not notice: {planted.plant.__doc__}")


def test_every_rule_has_a_planted_fault() -> None:
    assert {planted.rule for planted in PLANTED} >= {"S1", "S2", "S3", "S4", "S5", "S6"}


def test_the_list_names_every_planted_fault_and_no_other() -> None:
    rows = [line.split("`")[1] for line in LIST.read_text().splitlines() if line.startswith("| `")]
    assert rows == [name_of(planted) for planted in PLANTED]
    assert len(rows) >= 20
