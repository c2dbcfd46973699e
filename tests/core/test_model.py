"""The models of the lease protocol: they count as the product does, and are judged strictly."""

import importlib.util
import re
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import example, given, strategies as st

from ha_core.timers import DEAD_AFTER_MS_MAX, DEAD_AFTER_MS_MIN, DRIFT_PERMILLE, timers

MODELS = Path(__file__).resolve().parents[2] / "models"
DEAD_AFTER = st.integers(DEAD_AFTER_MS_MIN, DEAD_AFTER_MS_MAX)
RATE = 1 + Fraction(DRIFT_PERMILLE, 1000)
"""The fastest clock, measured by the slowest."""


def loaded() -> ModuleType:
    """Return the checker as a module; it stands in no package."""
    spec = importlib.util.spec_from_file_location("models_check", MODELS / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


check = loaded()


def interval(name: str, dead_after: int) -> int:
    """Return what the model makes of D, by the line in which it says so."""
    text = (MODELS / "timers.pml").read_text(encoding="utf-8")
    found = re.search(rf"^#define {name} \((DEAD_AFTER[ /*\d]+)\)$", text, re.MULTILINE)
    assert found is not None, name
    value = dead_after
    for sign, number in re.findall(r"([*/]) (\d+)", found[1]):
        value = value * int(number) if sign == "*" else value // int(number)
    return value


@given(DEAD_AFTER)
@example(DEAD_AFTER_MS_MIN)
@example(DEAD_AFTER_MS_MAX)
def test_model_counts_by_the_product_s_own_arithmetic(dead_after_ms: int) -> None:
    found = timers(dead_after_ms)
    assert interval("ELECTION", dead_after_ms) == found.election_ms
    assert interval("COORDINATOR_LEASE", dead_after_ms) == found.coordinator_lease_ms
    assert interval("RUN_LEASE", dead_after_ms) == found.run_lease_ms


@given(DEAD_AFTER)
@example(DEAD_AFTER_MS_MIN)
@example(DEAD_AFTER_MS_MAX)
def test_model_s_unit_is_longer_than_any_excess_of_a_lease(dead_after_ms: int) -> None:
    """One unit (DRIFT) stands for it, at the finest scale at which leases are searched."""
    leases = [item for item in (*check.HOLDS, *check.DEEP) if item.model == "leases"]
    finest = max(int(item.defines[0].partition("=")[2]) for item in leases)
    found = timers(dead_after_ms)
    assert found.lease_bound_ms() - found.run_lease_ms <= dead_after_ms / finest


@given(DEAD_AFTER)
@example(DEAD_AFTER_MS_MIN)
@example(DEAD_AFTER_MS_MAX)
def test_inequalities_of_the_protocol_hold_at_the_worst_rates_of_clocks(dead_after_ms: int) -> None:
    """Measured by the slowest clock; docs/protocols/leases.md has the same lines."""
    found = timers(dead_after_ms)
    earliest_election = found.election_ms / RATE
    assert found.coordinator_lease_ms < earliest_election
    inherited_over = earliest_election + found.inherited_lease_ms() / RATE
    ended = found.run_lease_ms + found.guard_late_ms()
    # An age, a sign of life and an election may each be dated almost 1 ms too early.
    assert ended + 1 <= inherited_over - 2 / RATE
    assert ended + 1 <= (found.lease_bound_ms() - 1) / RATE


def test_every_sown_error_is_in_its_model_and_on_its_page_and_is_searched_for() -> None:
    page = (MODELS / "README.md").read_text(encoding="utf-8")
    for model in ("elections", "leases"):
        text = (MODELS / f"{model}.pml").read_text(encoding="utf-8")
        switches = set(re.findall(r"#ifn?def ((?:BUG|FIND)_\w+)", text))
        searched = {
            word
            for item in check.SOWN
            if item.model == model
            for word in item.defines
            if word.startswith(("BUG_", "FIND_"))
        }
        assert switches == searched
        assert all(f"`{name}`" in page for name in switches)


OUTPUT = """
State-vector 52 byte, depth reached 29, errors: {errors}
   748408 states, stored
  340.180\ttotal actual memory usage
"""


@pytest.mark.parametrize(
    ("is_sown", "output", "code", "word"),
    [
        (False, OUTPUT.format(errors=0), 0, ""),
        (False, OUTPUT.format(errors=1), 0, "violated"),
        (False, "error: max search depth too small\n" + OUTPUT.format(errors=0), 0, "exhaustive"),
        (False, "pan: reached -DMEMLIM bound\n" + OUTPUT.format(errors=0), 0, "exhaustive"),
        (False, "Warning: Search not completed\n" + OUTPUT.format(errors=0), 0, "exhaustive"),
        (False, OUTPUT.format(errors=0), 1, "exhaustive"),
        (True, OUTPUT.format(errors=1), 0, ""),
        (True, OUTPUT.format(errors=0), 0, "cannot fail"),
    ],
)
def test_only_a_whole_search_without_errors_passes(
    is_sown: bool, output: str, code: int, word: str
) -> None:
    why = check.fault(check.Check("leases", (), is_sown), check.read(output, code, 1.0))
    assert (word in why) if word else why == ""


def test_verifier_without_a_result_is_no_result() -> None:
    with pytest.raises(RuntimeError, match="no result"):
        check.read("pan: out of memory", 1, 1.0)
