"""The hardware watchdog of one machine: resets it unless the guardian feeds it under the lease.

Owns: when it was fed, and when it fires. It is armed while something runs that
only a reset can end; it counts in whole steps, so that it may be late by one;
it counts on while the machine stands still.
"""

from collections.abc import Callable

from ha_core.agents.registry import RESET_MS
from ha_core.ids import Millis
from ha_core.sim.clock import Clock
from ha_core.sim.world import US_PER_MS, World

FEEDS_PER_TIMEOUT = 4


class Watchdog:
    """`may_feed` tells whether the guardian can and may feed it now; `reset` cuts the power."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        timeout_ms: Millis,
        may_feed: Callable[[], bool],
        reset: Callable[[], None],
    ) -> None:
        self._world = world
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._may_feed = may_feed
        self._reset = reset
        self._is_armed = False
        self._fed = 0

    def want(self, *, wanted: bool) -> None:
        """Arm it, or disarm it, as something that it guards is there or not."""
        if wanted and not self._is_armed:
            self._is_armed = True
            self._feed()
        elif not wanted:
            self._is_armed = False
            self._fed += 1

    def _feed(self) -> None:
        self._fed += 1
        fed = self._fed
        late_us = self._world.random.randrange(RESET_MS) * US_PER_MS
        fires_us = self._clock.true_us(self._clock.now_ms() + self._timeout_ms) + late_us
        self._world.at(fires_us, lambda: self._fire(fed))
        self._feed_later(fed)

    def _feed_later(self, fed: int) -> None:
        def tend() -> None:
            if self._fed != fed or not self._is_armed:
                return
            if self._may_feed():
                self._feed()
            else:
                self._feed_later(fed)

        self._world.after(self._timeout_ms * US_PER_MS // FEEDS_PER_TIMEOUT, tend)

    def _fire(self, fed: int) -> None:
        if self._is_armed and self._fed == fed:
            self._is_armed = False
            self._world.faults["resets by a watchdog"] += 1
            self._reset()
