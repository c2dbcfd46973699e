"""Planted faults in what the coordinator refuses to edit."""

import pytest

from ha_core.coordinator import refusals


def what_runs_twice_becomes_exclusive(patch: pytest.MonkeyPatch) -> None:
    """What may run twice, and does on a lost node, is made exclusive and begun elsewhere."""
    patch.setattr(refusals, "_refuse_new_exclusivity", lambda *known: None)
