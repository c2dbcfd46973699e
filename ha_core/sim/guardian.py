"""The guardian of one machine: ends what runs under the lease when the lease, or its daemon, ends.

Owns: when it acts. It has priority, and is late all the same, by `late_us` at
most; it stands still with its machine, and acts first when that goes on. If it
is killed, its processes die with it and its addresses stay behind.
"""

from collections.abc import Callable

from ha_core.ids import Millis
from ha_core.sim.clock import Clock
from ha_core.sim.world import World


class Guardian:
    """`end` is called when all that is held must end; `is_stalled` tells whether it can act."""

    def __init__(
        self, world: World, clock: Clock, end: Callable[[], None], is_stalled: Callable[[], bool]
    ) -> None:
        self._world = world
        self._clock = clock
        self._end = end
        self._is_stalled = is_stalled
        self.late_us = 0
        self.until_ms: Millis = 0
        self.is_alive = False
        self._life = 0
        self._due_us = -1

    def start(self) -> None:
        """A daemon starts its guardian, which has nothing to hold yet."""
        self._life += 1
        self.is_alive = True
        self.until_ms = 0
        self._due_us = -1

    def hold(self, until_ms: Millis) -> None:
        """The daemon says how long the lease runs; 0 ends it now."""
        self.until_ms = until_ms
        if until_ms == 0:
            self._end()
            return
        when_us = self._clock.true_us(until_ms)
        if self._due_us < self._world.now_us or when_us < self._due_us:
            self._look_at(when_us)

    def orphaned(self) -> None:
        """The daemon is gone: the pipe to it has closed."""
        self.until_ms = 0
        self._look_at(self._world.now_us)

    def die(self) -> None:
        """Somebody kills it."""
        self._life += 1
        self.is_alive = False

    def holds_lease(self) -> bool:
        """Return whether it would begin something now."""
        return self.is_alive and self._clock.now_ms() < self.until_ms

    def awake(self) -> None:
        """The machine goes on after it stood still: before anything else, look at the clock."""
        if self.is_alive:
            self._due_us = -1
            self._look()

    def _look_at(self, when_us: int) -> None:
        life = self._life
        late_us = self._world.random.randrange(self.late_us + 1) if self.late_us else 0
        self._due_us = when_us + late_us

        def look() -> None:
            if self._life == life and not self._is_stalled():
                self._due_us = -1
                self._look()

        self._world.at(self._due_us, look)

    def _look(self) -> None:
        if self._clock.now_ms() >= self.until_ms:
            self._end()
        elif self._due_us < self._world.now_us:
            self._look_at(self._clock.true_us(self.until_ms))
