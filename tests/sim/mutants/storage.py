"""Planted faults in what is on disk, and when."""

from dataclasses import replace

import pytest

from ha_core.effects import Persist
from ha_core.sim.disk import Disk


def log_entries_are_lost_in_a_crash(patch: pytest.MonkeyPatch) -> None:
    """The store acknowledges appended entries and does not keep them."""
    commit = Disk.commit

    def forgetful(self: Disk, record: Persist) -> None:
        commit(self, replace(record, append=(), truncate_from=None))

    patch.setattr(Disk, "commit", forgetful)


def votes_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    """Terms and votes are forgotten in a crash."""
    commit = Disk.commit

    def forgetful(self: Disk, record: Persist) -> None:
        commit(self, replace(record, hard_state=None))

    patch.setattr(Disk, "commit", forgetful)


def starts_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """Each start of a daemon takes the number of the one before."""
    recover = Disk.recover

    def same(self: Disk) -> object:
        self._generation = max(self._generation - 1, 0)
        return recover(self)

    patch.setattr(Disk, "recover", same)
