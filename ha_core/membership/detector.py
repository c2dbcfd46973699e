"""Failure detector: when each peer was last heard, and over which links.

Owns: silence and link state. Knows nothing of terms, leases or resources: that
a peer is silent proves nothing about what runs there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ha_core.effects import StateChanged
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.snapshot import LinkSummary


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A path to a peer came up or went down."""

    peer: NodeName
    link: LinkName
    up: bool

    def told(self) -> StateChanged:
        """Return the change for the log."""
        old, new, why = ("down", "up", "heard") if self.up else ("up", "down", "silent")
        return StateChanged(f"link {self.link} to {self.peer}", old, new, why)


class Detector:
    """Keeps the time of the last sign of life of each peer and of each path to it."""

    def __init__(self, dead_after_ms: Millis, now_ms: Millis) -> None:
        self.dead_after_ms = dead_after_ms
        self._started_ms = now_ms
        self._peers: dict[NodeName, Millis] = {}
        self._links: dict[tuple[NodeName, LinkName], Millis] = {}
        self._down: set[tuple[NodeName, LinkName]] = set()

    def set_peers(self, links: Mapping[NodeName, Iterable[LinkName]], now_ms: Millis) -> None:
        """Watch exactly these peers and links; new ones count as heard just now."""
        wanted = {(peer, link) for peer, names in links.items() for link in names}
        self._peers = {peer: self._peers.get(peer, now_ms) for peer in sorted(links)}
        self._links = {path: self._links.get(path, now_ms) for path in sorted(wanted)}
        self._down &= wanted

    def heard(self, peer: NodeName, link: LinkName | None, now_ms: Millis) -> list[LinkChanged]:
        """Note a sign of life; return the link's change if it had been down."""
        if peer not in self._peers:
            return []
        self._peers[peer] = now_ms
        if link is None or (peer, link) not in self._links:
            return []
        self._links[(peer, link)] = now_ms
        if (peer, link) in self._down:
            self._down.discard((peer, link))
            return [LinkChanged(peer, link, True)]
        return []

    def silent_ms(self, peer: NodeName, now_ms: Millis) -> Millis:
        """Return how long the peer has been silent; a stranger has been since our start."""
        return now_ms - self._peers.get(peer, self._started_ms)

    def hears(self, peer: NodeName | None, now_ms: Millis) -> bool:
        """Return whether there is such a peer, and it has not been silent for too long."""
        return peer is not None and self.silent_ms(peer, now_ms) < self.dead_after_ms

    def silences(self, now_ms: Millis) -> dict[NodeName, Millis]:
        """Return for each peer how long it has been silent."""
        return {peer: now_ms - heard_ms for peer, heard_ms in self._peers.items()}

    def check(self, now_ms: Millis) -> list[LinkChanged]:
        """Return the links that have just been silent for too long."""
        changes = []
        for path, heard_ms in self._links.items():
            if path not in self._down and now_ms - heard_ms >= self.dead_after_ms:
                self._down.add(path)
                changes.append(LinkChanged(path[0], path[1], False))
        return changes

    def deadline_ms(self) -> Millis | None:
        """Return when the next link would count as down."""
        due = [
            heard + self.dead_after_ms for p, heard in self._links.items() if p not in self._down
        ]
        return min(due, default=None)

    def links(self, now_ms: Millis) -> tuple[LinkSummary, ...]:
        """Return the state of every path, sorted by peer and link."""
        return tuple(
            LinkSummary(peer, link, (peer, link) not in self._down, now_ms - heard_ms)
            for (peer, link), heard_ms in sorted(self._links.items())
        )
