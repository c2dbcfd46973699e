"""The kernel gate of one machine: an address answers only while its element lasts.

Owns: what the kernel lets through, whatever the daemon does or does not. Its
timers run by ticks, so they are late by up to one; a stranger may delete the
table, and then nothing is held back until the daemon looks again.
"""

from ha_core.ids import Millis
from ha_core.sim.clock import Clock
from ha_core.sim.world import US_PER_MS, World

TICK_US = 4 * US_PER_MS
"""The kernel's timer tick (250 a second)."""


class KernelGate:
    """The elements of one machine's addresses: they are refreshed, and end, together."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self._until_ms: Millis = 0
        self._late_us = 0
        self.is_installed = True

    def is_open(self) -> bool:
        """Return whether addresses of this machine answer."""
        if not self.is_installed:
            return True
        return self._world.now_us < self._clock.true_us(self._until_ms) + self._late_us

    def refresh(self, until_ms: Millis) -> bool:
        """Let addresses answer until then; return whether they did not answer before."""
        was_open = self.is_open()
        self._until_ms = until_ms
        self._late_us = self._world.random.randrange(TICK_US) if until_ms else 0
        return self.is_open() and not was_open

    def delete(self) -> None:
        """A stranger deletes the table."""
        self.is_installed = False

    def restore(self) -> None:
        """The daemon has looked, and put the table back."""
        self.is_installed = True

    def reset(self) -> None:
        """The machine has lost power."""
        self.is_installed = True
        self.refresh(0)
