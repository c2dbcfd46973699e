"""RepeatNotificationPolicy: which of the indications that repeat are sent.

Owns: the counts of one subscription. Time comes as a value, in seconds. Pure.
Source: CIM schema 2.41, CIM_IndicationSubscription.RepeatNotificationPolicy.
"""

from dataclasses import dataclass
from typing import Final

from cim_provider.indications.registry import DELAY, SUPPRESS, Subscription

KINDS_MAX: Final = 4096
"""Events that are counted at a time; the one that came longest ago is forgotten first."""


@dataclass(slots=True)
class _Seen:
    start_s: float
    count: int
    gap_until_s: float = 0.0


class Repeats:
    """Counts per event for one subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self._policy = subscription.repeat
        self._interval_s = float(subscription.repeat_interval_s or 0)
        self._gap_s = float(subscription.repeat_gap_s or 0)
        self._count = subscription.repeat_count or 0
        self._seen: dict[str, _Seen] = {}

    def may_send(self, event: str, now_s: float) -> bool:
        """Return whether an indication of this event is sent; it counts in any case."""
        if self._policy not in (SUPPRESS, DELAY):
            return True
        seen = self._seen.pop(event, None)
        if seen is None or (now_s - seen.start_s >= self._interval_s and now_s >= seen.gap_until_s):
            seen = _Seen(now_s, 0, seen.gap_until_s if seen is not None else 0.0)
        self._seen[event] = seen
        while len(self._seen) > KINDS_MAX:
            del self._seen[next(iter(self._seen))]
        if self._policy == SUPPRESS:
            seen.count += 1
            return seen.count <= max(self._count, 1)
        if now_s < seen.gap_until_s:
            return False
        seen.count += 1
        if seen.count <= self._count:
            return False
        seen.start_s, seen.count = now_s + self._gap_s, 0
        seen.gap_until_s = now_s + self._gap_s
        return True
