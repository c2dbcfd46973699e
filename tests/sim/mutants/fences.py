"""Planted faults in fencing: what counts as a proof, and on which incarnation."""

import pytest

from ha_core.fencing.steps import Answer


def failed_agents_have_done_it(patch: pytest.MonkeyPatch) -> None:
    """A failure of the agent counts as a proof."""
    patch.setattr(Answer, "ok", property(lambda self: True))
    patch.setattr(Answer, "is_off", property(lambda self: True))
