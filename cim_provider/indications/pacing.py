"""How often it is told that something has changed: once a second, with how many changes it were.

Owns: the count. Time comes as a value, in seconds. Pure.
"""

from collections.abc import Mapping
from typing import Final

from cim_provider.mapping.rows import Value

STATUS_GAP_S: Final = 1.0
"""That something has changed is told no more often."""


class Pace:
    """How often it is told that something has changed."""

    def __init__(self) -> None:
        self.told_s = float("-inf")
        self.count = 0
        """Changes since it was told last."""
        self._seen: Mapping[str, Value] = {}
        self._is_owed = False

    def may_tell(self, status: Mapping[str, Value], now_s: float) -> bool:
        """Return whether it may be told now; counts what is new."""
        if status != self._seen:
            self.count = 1 if not self._is_owed else self.count + 1
            self._seen = status
        self._is_owed = now_s - self.told_s < STATUS_GAP_S
        if not self._is_owed:
            self.told_s = now_s
        return not self._is_owed

    def is_due(self, now_s: float) -> bool:
        """Return whether what was kept back may be told now."""
        return self._is_owed and now_s - self.told_s >= STATUS_GAP_S
