"""Greetings: signs of life to peers that nothing else was sent to for a while.

Owns: when each peer was last sent something, and the newest greeting heard
from it. Knows nothing of what silence means.
"""

from collections.abc import Iterable

from ha_core.ids import Millis, NodeName
from ha_core.messages import Hello


class Greetings:
    """Due times of greetings, by peer."""

    def __init__(self, interval_ms: Millis) -> None:
        self.interval_ms = interval_ms
        self._peers: tuple[NodeName, ...] = ()
        self._sent_ms: dict[NodeName, Millis] = {}
        self._heard_sent_ms: dict[NodeName, Millis] = {}
        self._next_ms: Millis | None = None
        """No greeting is due before that; None if it must be looked up."""

    def set_peers(self, peers: Iterable[NodeName]) -> None:
        """Greet exactly these."""
        self._peers = tuple(peers)
        self._next_ms = None
        self._sent_ms = {p: at for p, at in self._sent_ms.items() if p in self._peers}
        self._heard_sent_ms = {p: at for p, at in self._heard_sent_ms.items() if p in self._peers}

    @property
    def peers(self) -> tuple[NodeName, ...]:
        """Every other node of the configuration."""
        return self._peers

    def sent(self, peer: NodeName, now_ms: Millis) -> None:
        """Note that something goes to the peer."""
        self._sent_ms[peer] = now_ms

    def heard(self, peer: NodeName, sent_ms: Millis) -> None:
        """Note a peer's greeting."""
        if peer in self._peers:
            self._heard_sent_ms[peer] = sent_ms

    def due(self, now_ms: Millis) -> list[NodeName]:
        """Return the peers to greet now."""
        if not self.is_due(now_ms):
            return []
        self._next_ms = None
        return [peer for peer in self._peers if now_ms >= self._due_ms(peer)]

    def hello(self, peer: NodeName, now_ms: Millis, *, leaving: bool) -> Hello:
        """Return the greeting for a peer."""
        return Hello(now_ms, self._heard_sent_ms.get(peer, 0), leaving)

    def is_due(self, now_ms: Millis) -> bool:
        """Return whether there may be somebody to greet."""
        return self._next_ms is None or now_ms >= self._next_ms

    def deadline_ms(self) -> Millis | None:
        """Return when to look whether a peer is to be greeted."""
        if self._next_ms is None:
            self._next_ms = min((self._due_ms(peer) for peer in self._peers), default=None)
        return self._next_ms

    def _due_ms(self, peer: NodeName) -> Millis:
        return self._sent_ms.get(peer, -self.interval_ms) + self.interval_ms
