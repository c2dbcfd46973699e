"""Planted faults in how events reach every journal."""

import pytest

from ha_core.coordinator.comparison import Comparison
from ha_core.coordinator.notebook import Notebook
from ha_core.ids import NodeName
from ha_core.journal import Holdings


def numbers_count_whoever_gave_them(patch: pytest.MonkeyPatch) -> None:
    """What any coordinator has numbered is not told to the next one."""
    heard = Notebook.heard

    def trusting(self: Notebook, through: int, wanted: object) -> None:
        numbered = self.register.head(self._start)
        heard(self, max(through, numbered), ())

    patch.setattr(Notebook, "heard", trusting)


def journals_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A new coordinator does not ask what others have that it lacks, nor see what they lack."""

    def blind(self: Comparison, node: NodeName, known: Holdings, through: int) -> None:
        self._more[node] = ()

    patch.setattr(Comparison, "compare", blind)
