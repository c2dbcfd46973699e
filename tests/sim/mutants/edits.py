"""Planted faults in what the coordinator refuses to edit."""

import pytest

from ha_core.coordinator import refusals


def what_runs_twice_becomes_exclusive(patch: pytest.MonkeyPatch) -> None:
    """What runs twice is made exclusive that moment, or while a lost node may run it."""
    patch.setattr(refusals, "_refuse_new_exclusivity", lambda *known: None)
