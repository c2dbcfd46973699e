"""Planted faults in who may be promoted."""

from dataclasses import replace

import pytest

from ha_core.config.choices import Role
from ha_core.coordinator import roster
from ha_core.policy.transition import Action
from ha_core.status import ClusterStatus, Instance
from ha_core.transition import executor
from ha_core.transition.executor import Executor


def lost_copies_count_as_unpromoted(patch: pytest.MonkeyPatch) -> None:
    """Whatever a lost node's copy was, nothing is waited for before another is promoted."""

    def harmless(item: Instance, started: bool, promoted: bool) -> Instance:
        return replace(item, role=Role.UNPROMOTED)

    patch.setattr(roster, "in_role", harmless)
    patch.setattr(executor, "_may_be_promoted", lambda item: item.role is Role.PROMOTED)


def copies_nobody_has_looked_at_count_as_unpromoted(patch: pytest.MonkeyPatch) -> None:
    """What a new coordinator's predecessor ran is taken as unpromoted before it has reported."""
    unseen = roster.unseen

    def hopeful(item: Instance) -> Instance:
        return replace(unseen(item), role=Role.UNPROMOTED)

    patch.setattr(roster, "unseen", hopeful)
    patch.setattr(Executor, "_promoted_beside", _nobody)


def _nobody(self: Executor, action: Action, status: ClusterStatus) -> int:
    return 0
