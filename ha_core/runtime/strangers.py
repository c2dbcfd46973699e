"""Who keeps on sending frames that this node refuses: another cluster, another key, its own name.

Owns: the addresses, since when, and when one comes on the list or leaves it.
Bounded, because whoever can send a datagram can write any sender into it: such a
frame proves nothing and must cost next to nothing. Reads no clock.
"""

from dataclasses import dataclass, replace
from typing import Final

from ha_core.events import Stranger
from ha_core.ids import LinkName, Millis

STRANGE: Final = ("foreign-cluster", "unknown-key", "bad-tag", "own-name")
"""Refusals that come from somebody who should not send here, or not so."""
STRANGERS_MAX: Final = 8
STANDS_MS: Final = 2_000
"""What has gone on for so long is told: a single frame may be a late one."""
QUIET_MS: Final = 15_000
"""Who has sent nothing for so long has stopped."""


@dataclass(frozen=True, slots=True)
class _Heard:
    stranger: Stranger
    last_ms: Millis
    stands: bool = False


class Strangers:
    """The list of one node."""

    def __init__(self, stands_ms: Millis = STANDS_MS, quiet_ms: Millis = QUIET_MS) -> None:
        self._stands_ms = stands_ms
        self._quiet_ms = quiet_ms
        self._heard: dict[tuple[LinkName, str], _Heard] = {}

    def heard(self, link: LinkName, host: str, text: str, now_ms: Millis) -> bool:
        """Take a refused frame; return whether the list of those that stand is another now."""
        key = (link, host)
        known = self._heard.get(key)
        if known is None:
            if len(self._heard) < STRANGERS_MAX:
                self._heard[key] = _Heard(Stranger(host, link, text, now_ms), now_ms)
            return False
        stands = now_ms - known.stranger.since_ms >= self._stands_ms
        self._heard[key] = replace(known, last_ms=now_ms, stands=stands)
        return stands and not known.stands

    def forget(self, now_ms: Millis) -> bool:
        """Drop who has stopped; return whether the list of those that stand is another now."""
        gone = [key for key, item in self._heard.items() if now_ms - item.last_ms >= self._quiet_ms]
        dropped = [self._heard.pop(key) for key in gone]
        return any(item.stands for item in dropped)

    def standing(self) -> tuple[Stranger, ...]:
        """Return who goes on, the first one first."""
        found = (item.stranger for item in self._heard.values() if item.stands)
        return tuple(sorted(found, key=lambda item: (item.since_ms, item.link, item.host)))

    def look_after_ms(self) -> Millis | None:
        """Return after how long to call `forget` again; None if there is nobody to forget."""
        return self._quiet_ms // 3 if self._heard else None
