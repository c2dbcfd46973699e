"""Planted faults in admission, membership and loss."""

import pytest

from ha_core.coordinator import roster
from ha_core.coordinator.ballots import Ballots
from ha_core.status import NodeState


def lost_nodes_are_never_admitted_again(patch: pytest.MonkeyPatch) -> None:
    """A node that was lost stays so until the coordinator ends."""
    patch.setattr(
        roster.Roster,
        "_has_left",
        lambda self, record, generation: record.state is NodeState.LOST,
    )


def learners_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Nobody makes a learner a voter."""
    patch.setattr(Ballots, "_promote", lambda self, now_ms, wall_ms: [])


def nobody_is_admitted_by_the_log(patch: pytest.MonkeyPatch) -> None:
    """A node gets leases before the log says so: a successor does not know of it."""
    patch.setattr(roster.Roster, "is_admitted", lambda self, node, generation: True)


def new_coordinators_believe_that_nothing_runs(patch: pytest.MonkeyPatch) -> None:
    """What a node may run is what it reported, and before it has, nothing."""
    patch.setattr(roster.Roster, "_may_run", lambda self, name, remembered: ())
