"""A ladder of deadlines, armed in the kernel ahead of time; a lease only chooses one of them.

Owns: which time-outs to arm, what is known of when each ends, and which one
fits a lease. Knows no kernel and no clock. The kernel's time-outs are relative:
a daemon that computes what is left of a lease, is paused, and then asks for
that much would keep its gate open too long. So no time-out is ever computed
from a lease. A rung is armed, the kernel says so, and only then the clock is
read: whatever pauses came before, the rung ends no later than that moment plus
its time-out. See docs/protocols/gates.md.
"""

from dataclasses import dataclass
from typing import Final

from ha_core.ids import Millis

CLOSED: Final = 0
"""The token that is never armed: choosing it closes the gate."""
STEPS: Final = 50
"""Rungs within a lease: at most so small a part of it is lost."""
STEP_MS_MIN: Final = 2
TOKEN_MAX: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rung:
    """A token to arm for so many milliseconds."""

    token: int
    timeout_ms: Millis


class Ladder:
    """What is armed; `margin_ms` is how late the kernel's timers may be, rounding included."""

    def __init__(self, margin_ms: Millis) -> None:
        self._margin_ms = margin_ms
        self._next = CLOSED + 1
        self._ends: dict[int, Millis] = {}
        self._span_ms = 0

    def plan(self, until_ms: Millis, now_ms: Millis) -> tuple[Rung, ...]:
        """Return what to arm now, so that this lease and its next renewal find their rungs."""
        left_ms = until_ms - now_ms
        if left_ms <= 0:
            return ()
        self._span_ms = max(self._span_ms, left_ms)
        step_ms = max(self._span_ms // STEPS, STEP_MS_MIN)
        top_ms = until_ms + self._span_ms // 4  # renewals come ten times in a lease, one may fail
        end_ms = max(max(self._ends.values(), default=0), now_ms + self._margin_ms)
        rungs = []
        while end_ms + step_ms <= top_ms:
            end_ms += step_ms
            rungs.append(Rung(self._next, end_ms - now_ms - self._margin_ms))
            self._next = self._next % TOKEN_MAX + 1
        return tuple(rungs)

    def armed(self, rungs: tuple[Rung, ...], acknowledged_ms: Millis) -> None:
        """Take note of what the kernel has armed; the clock was read after it had said so."""
        for rung in rungs:
            self._ends[rung.token] = acknowledged_ms + rung.timeout_ms + self._margin_ms

    def choose(self, until_ms: Millis, now_ms: Millis) -> int:
        """Return the token that lives longest, but surely not beyond `until_ms`; else `CLOSED`."""
        self._ends = {token: end_ms for token, end_ms in self._ends.items() if end_ms > now_ms}
        fitting = [(end_ms, token) for token, end_ms in self._ends.items() if end_ms <= until_ms]
        return max(fitting, default=(0, CLOSED))[1]

    def end_ms(self, token: int) -> Millis:
        """Return when the token has surely ended; 0 if it has, or is unknown."""
        return self._ends.get(token, 0)

    def forget(self) -> None:
        """The kernel has lost everything: nothing is armed any more."""
        self._ends.clear()
        self._span_ms = 0
