"""One machine's clock: monotonic, suspends included, at a rate of its own that may change.

Owns: the arithmetic between true time and what the machine shows. The rates of
two machines differ by `DRIFT_PERMILLE` at most, which is what leases allow for.
"""

from ha_core.ids import Millis
from ha_core.sim.world import US_PER_MS, World
from ha_core.timers import DRIFT_PERMILLE

TRUE_PPM = 1_000_000
DRIFT_PPM_MAX = DRIFT_PERMILLE * 1000 // 2 - 50
"""Two clocks, one fast and one slow by this, still differ by less than `DRIFT_PERMILLE`."""


class Clock:
    """A line through true time, broken where the rate changes."""

    def __init__(self, world: World, rate_ppm: int) -> None:
        self._world = world
        self._rate_ppm = rate_ppm
        self._base_us = 0
        self._shown_us = world.random.randrange(10_000_000)

    def now_ms(self) -> Millis:
        """Return what the machine reads now."""
        passed_us = self._world.now_us - self._base_us
        return (self._shown_us + passed_us * self._rate_ppm // TRUE_PPM) // US_PER_MS

    def true_us(self, shown_ms: Millis) -> int:
        """Return the first microsecond of true time at which the clock shows that, if its rate
        stays.
        """
        span_us = shown_ms * US_PER_MS - self._shown_us
        return self._base_us - (-span_us * TRUE_PPM // self._rate_ppm)

    def set_rate(self, rate_ppm: int) -> None:
        """Run faster or slower from now on."""
        passed_us = self._world.now_us - self._base_us
        self._shown_us += passed_us * self._rate_ppm // TRUE_PPM
        self._base_us = self._world.now_us
        self._rate_ppm = rate_ppm
