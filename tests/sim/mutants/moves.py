"""Planted faults in reasons and needless moves."""

from dataclasses import replace

import pytest

from ha_core.policy.transition import Action
from ha_core.transition import executor
from ha_core.transition.executor import Executor, OpenOrder


def orders_give_no_reason(patch: pytest.MonkeyPatch) -> None:
    """The reason of an action is lost on the way to its node."""
    opened = Executor._open

    def silent(self: Executor, action: Action, *rest: object) -> OpenOrder:
        return opened(self, replace(action, reason=""), *rest)  # type: ignore[arg-type]  # as called

    patch.setattr(executor.Executor, "_open", silent)
