"""The kernel gate of one machine: addresses answer only while the token of its rule is armed.

Owns: what the kernel lets through, whatever the daemon does or does not, and
the daemon's way to it, which climbs the product's own ladder. The kernel's
timers are late by up to two ticks, and stand still while the machine sleeps; a
stranger may delete the table, and then nothing is held back until the daemon
looks again. The daemon can be frozen between its plan and the kernel's deed.
"""

from dataclasses import dataclass

from ha_core.ids import Millis
from ha_core.membership.ladder import CLOSED, Ladder, Rung
from ha_core.sim.clock import Clock
from ha_core.sim.world import US_PER_MS, World

LATE_US = 8 * US_PER_MS
"""Two ticks of a kernel that counts 250 in a second."""
MARGIN_MS: Millis = 10
"""What the daemon allows for them, rounding included."""
STEPS_MAX = 3
"""One to arm, one to choose, one to choose better."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the daemon is about to ask of the kernel."""

    rungs: tuple[Rung, ...]
    token: int


class KernelGate:
    """Rule and armed tokens of one machine, and the ladder of its daemon."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self._ladder = Ladder(MARGIN_MS)
        self._armed: dict[int, tuple[Millis, int]] = {}
        """Tokens with the end of each by the machine's clock, and how late that is."""
        self._token = CLOSED
        self._until_ms: Millis = 0
        self.is_installed = True

    # --- the kernel ----------------------------------------------------------------------

    def is_open(self) -> bool:
        """Return whether addresses of this machine answer."""
        if not self.is_installed:
            return True
        end_ms, late_us = self._armed.get(self._token, (0, 0))
        return self._world.now_us < self._clock.true_us(end_ms) + late_us

    def delete(self) -> None:
        """A stranger deletes the table."""
        self.is_installed = False

    def slept(self, for_us: int) -> None:
        """The machine wakes: its kernel's timers have not counted."""
        for token, (end_ms, late_us) in self._armed.items():
            self._armed[token] = (end_ms, late_us + for_us)

    def close(self) -> None:
        """The tables are made anew, closed: by a daemon that starts, or after a loss of power."""
        self.is_installed = True
        self._armed.clear()
        self._ladder = Ladder(MARGIN_MS)
        self._token = CLOSED
        self._until_ms = 0

    # --- the daemon ----------------------------------------------------------------------

    def hold(self, until_ms: Millis) -> None:
        """Remember how long the lease runs."""
        self._until_ms = until_ms

    def renew(self) -> bool:
        """Let addresses answer as long as the lease runs; return whether they did not before."""
        was_open = self.is_open()
        for _ in range(STEPS_MAX):
            step = self.plan()
            self.carry_out(step)
            if not step.rungs:
                break
        return self.is_open() and not was_open

    def plan(self) -> Step:
        """Look at the clock, and decide what to ask of the kernel."""
        now_ms = self._clock.now_ms()
        rungs = self._ladder.plan(self._until_ms, now_ms)
        return Step(rungs, self._ladder.choose(self._until_ms, now_ms))

    def carry_out(self, step: Step) -> None:
        """Ask it of the kernel, however long ago it was decided, and look at the clock again."""
        if not self.is_installed:
            until_ms = self._until_ms
            self.close()
            self._until_ms = until_ms
            step = Step(self._ladder.plan(until_ms, self._clock.now_ms()), CLOSED)
        now_ms = self._clock.now_ms()
        ended = [token for token, (end_ms, _) in self._armed.items() if end_ms <= now_ms - 2000]
        for token in ended:
            del self._armed[token]
        for rung in step.rungs:
            late_us = self._world.random.randrange(LATE_US)
            self._armed[rung.token] = (now_ms + rung.timeout_ms, late_us)
        self._token = step.token
        self._ladder.armed(step.rungs, now_ms)
