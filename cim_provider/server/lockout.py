"""How long somebody who guessed wrong has to wait: longer after each failure.

Owns: the count of failures by key (an address, a user's name), the wait that
follows from it, and the bound on how many keys are remembered. Pure: the time
comes as an argument, in seconds of any clock that never goes back.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE_FAILURES: Final = 10
"""A person who mistypes, or a console with an old password, is not held up."""
HOLD_S_MAX: Final = 60.0
FORGET_S: Final = 300.0
"""Failures are forgotten when it has been quiet for so long."""
KEYS_MAX: Final = 1_024


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0
    held_until_s: float = 0.0


class LockOut:
    """Counts failures; the eleventh in a row costs a second, each further one twice as long."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def held_s(self, key: str, now_s: float) -> float:
        """Return how many seconds the key has still to wait; none or less: not at all."""
        failures = self._failures.get(key)
        return 0.0 if failures is None else failures.held_until_s - now_s

    def count(self, key: str, now_s: float) -> float:
        """Count a failure; return how many seconds the key has to wait for it."""
        failures = self._failures.setdefault(key, _Failures())
        if now_s - failures.last_s > FORGET_S:
            failures.count = 0
        failures.count += 1
        failures.last_s = now_s
        self._failures.move_to_end(key)
        if len(self._failures) > self._keys_max:
            self._failures.popitem(last=False)
        beyond = failures.count - FREE_FAILURES
        if beyond <= 0:
            return 0.0
        hold_s = min(HOLD_S_MAX, 2.0 ** min(beyond - 1, 10))
        failures.held_until_s = now_s + hold_s
        return hold_s

    def forget(self, key: str) -> None:
        """Forget the failures of a key: it has shown who it is."""
        self._failures.pop(key, None)
