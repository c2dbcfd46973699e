"""The only clock of a node: monotonic milliseconds that go on through a suspend."""

import time

from ha_core.ids import Millis


def monotonic_ms() -> Millis:
    """Return CLOCK_BOOTTIME in milliseconds: a machine that slept knows that it did."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def monotonic_us() -> int:
    """Return the same in microseconds, for what is only measured."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def wall_offset_ms() -> Millis:
    """Return wall time minus monotonic time, in milliseconds."""
    return time.time_ns() // 1_000_000 - monotonic_ms()
