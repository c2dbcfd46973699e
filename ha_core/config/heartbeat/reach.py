"""Ping nodes of `ha.cf` as ping targets, and what ipfail did with them.

Owns: names of targets, and the weight that stands in for ipfail's all-or-none.
Source: Heartbeat 3, `doc/ha.cf`, `contrib/ipfail/ipfail.c`.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from ha_core.config import limits
from ha_core.config.check import is_host
from ha_core.config.heartbeat.lines import Word, Words
from ha_core.config.model import Ping, PingTarget
from ha_core.ids import Millis

WEIGHT: Final = 10_000
"""Of each target: outweighs preference and stickiness, as ipfail gave everything away."""
PINGS_PER_TIMEOUT: Final = 4


@dataclass(slots=True)
class PingNodes:
    """What the file pings, in its order; `has_ipfail`: it moves resources for that."""

    timeout_ms: Millis = 0
    has_ipfail: bool = False
    notes: list[str] = field(default_factory=list)
    _targets: dict[str, list[str]] = field(default_factory=dict)

    def hosts(self, name: Word, words: Words) -> None:
        """Take a line whose hosts are one target each."""
        if not words:
            self.notes.append(name.note(f"'{name.text}' names no host: left out"))
        for word in words:
            self._add(word, word.text, (word,))

    def group(self, name: Word, words: Words) -> None:
        """Take a line whose hosts are one target together."""
        if len(words) < 2:
            text = f"'{name.text}' needs a name and a host: left out"
            self.notes.append(name.note(text))
            return
        self._add(words[0], words[0].text, words[1:])

    def ping(self) -> Ping:
        """Return what is pinged, with the time-out of the file where it has one."""
        targets = tuple(PingTarget(name, tuple(hosts)) for name, hosts in self._targets.items())
        if not targets or not self.timeout_ms:
            return Ping(targets)
        least_ms, most_ms = limits.PING_MS
        timeout_ms = min(max(self.timeout_ms, PINGS_PER_TIMEOUT * least_ms), most_ms)
        return Ping(targets, timeout_ms // PINGS_PER_TIMEOUT, timeout_ms)

    def _add(self, place: Word, text: str, words: Words) -> None:
        name = re.sub("[^A-Za-z0-9_.-]", "-", text)[:48].lstrip(".-") or "target"
        hosts = list(dict.fromkeys(word.text for word in words if is_host(word.text)))
        for word in words:
            if not is_host(word.text):
                self.notes.append(word.note(f"'{word.text[:80]}' is no host: left out"))
        if name in self._targets or len(self._targets) == limits.PING_TARGETS_MAX:
            most = limits.PING_TARGETS_MAX
            text = f"ping target {name} is left out; allowed: {most}, each name once"
            self.notes.append(place.note(text))
        elif hosts:
            if len(hosts) > limits.PING_HOSTS_MAX:
                text = f"only the first {limits.PING_HOSTS_MAX} hosts of {name} are kept"
                self.notes.append(place.note(text))
            self._targets[name] = hosts[: limits.PING_HOSTS_MAX]
