"""What the guardian does with the machine's watchdog.

Owns: which resources want it, when it is armed, and when it is fed: only while the run lease
holds, as long as anything wants it. It is armed before such a resource is started and disarmed
when all of them are known to have ended, so a node that runs none of them is never reset.
Knows nothing of agents. Part of the guardian, hence: the standard library's smallest parts alone.
"""

from collections.abc import Iterable
from typing import Final

from ha_core.runtime import guardian_os as kernel
from ha_core.runtime.watchdog import Watchdog, WatchdogError

FEEDS_PER_TIMEOUT: Final = 4


class Watch:
    """The watchdog of one guardian; it has none until `use` was called."""

    def __init__(self) -> None:
        self._path = ""
        self._timeout_s = 0
        self._device: Watchdog | None = None
        self._wanted: set[str] = set()
        self._fed_ms = 0
        self._is_broken = False

    def use(self, path: str, timeout_s: int, wanted: Iterable[str]) -> str:
        """Take this device; return what is wrong with it, or nothing.

        It is tried out, unless something that it guards may run already: to open it would feed it
        before this node has a lease.
        """
        self._path, self._timeout_s = path, timeout_s
        self._wanted, self._is_broken = set(wanted), False
        if self._wanted:
            return ""
        try:
            self._open()
        except WatchdogError as fault:
            self._path = ""
            return str(fault)
        self._maybe_disarm()
        return ""

    def want(self, resource: str, until_ms: int) -> bool:
        """Want it for a resource, under a lease until then; return whether it is armed, and the
        lease runs still. Raises WatchdogError.
        """
        if not self._path or self._is_broken:
            raise WatchdogError("this node has no working watchdog")
        self._wanted.add(resource)
        self.tend(until_ms)
        # Whoever asked looked at the lease before: this process may have stood still since.
        return self._device is not None and kernel.now_ms() < until_ms

    def let_go(self, resource: str) -> None:
        """The resource is known to have ended."""
        self._wanted.discard(resource)
        self._maybe_disarm()

    def tend(self, until_ms: int) -> None:
        """Arm it if it is wanted, feed it if it is time, and neither without a lease. Raises
        WatchdogError once: from then on it is left alone.
        """
        try:
            self._tend(until_ms)
        except WatchdogError:
            self._is_broken = True
            raise

    def _tend(self, until_ms: int) -> None:
        now_ms = kernel.now_ms()
        if self._is_broken or (self._wanted and now_ms >= until_ms):
            return
        if self._device is None and self._wanted:
            self._open()
        elif self._device is not None and now_ms >= self._next_ms():
            self._device.feed()
            self._fed_ms = now_ms
        if self._device is not None and self._wanted and kernel.now_ms() >= until_ms:
            # We stood still between the look at the clock and the deed: it was fed too late.
            self._device.hurry()

    def due_ms(self, until_ms: int) -> int:
        """Return when to tend it, or 0."""
        next_ms = kernel.now_ms() if self._device is None else self._next_ms()
        is_idle = self._is_broken or (self._device is None and not self._wanted)
        return 0 if is_idle or (self._wanted and next_ms >= until_ms) else next_ms

    def _next_ms(self) -> int:
        return self._fed_ms + self._timeout_s * 1000 // FEEDS_PER_TIMEOUT

    def _open(self) -> None:
        self._fed_ms = kernel.now_ms()
        self._device = Watchdog(self._path, self._timeout_s)

    def _maybe_disarm(self) -> None:
        device = self._device
        if device is not None and not self._wanted and not device.has_no_way_out:
            device.disarm()
            self._device = None
