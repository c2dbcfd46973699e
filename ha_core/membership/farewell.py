"""Farewell: how a node that has stopped everything takes its leave.

Owns: when the goodbye is said again, and when to go. The node stays until the
log holds its goodbye, so that no coordinator ever takes what it ran for
uncertain; but not for longer than a silence that would make it lost.
"""

from collections.abc import Iterable

from ha_core.ids import Generation, Millis, NodeName
from ha_core.replication.entries import LEFT, Verdict
from ha_core.timers import RaftTimers


class Farewell:
    """Begun once, when nothing is active here any more; from then on no order is taken."""

    def __init__(self, timers: RaftTimers, now_ms: Millis) -> None:
        self._beat_ms = timers.beat_ms
        self._end_ms = now_ms + timers.dead_after_ms
        self._again_ms = now_ms

    def is_over(
        self,
        name: NodeName,
        generation: Generation,
        verdicts: Iterable[Verdict],
        now_ms: Millis,
    ) -> bool:
        """Return whether the log holds this incarnation's goodbye, or it has taken too long."""
        is_judged = any(
            item.node == name and item.generation == generation and item.method == LEFT
            for item in verdicts
        )
        return is_judged or now_ms >= self._end_ms

    def maybe_say(self, now_ms: Millis) -> bool:
        """Return whether to say goodbye (again) now."""
        if now_ms < self._again_ms:
            return False
        self._again_ms = now_ms + self._beat_ms
        return True

    def deadline_ms(self) -> Millis:
        """Return when to say it again, or to go."""
        return min(self._again_ms, self._end_ms)
