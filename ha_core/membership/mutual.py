"""With whom this node can talk: whom it hears, and who has shown to hear it.

Owns: the newest moment, by our own clock, at which a peer had something of ours.
A greeting echoes our newest greeting, a grant our request; a lease request
answers our round. Knows nothing of who leads, nor what follows.
"""

from collections.abc import Iterable

from ha_core.ids import Millis, NodeName


class Mutual:
    """Peers with which both directions work."""

    def __init__(self, limit_ms: Millis) -> None:
        self.limit_ms = limit_ms
        """A peer that has not shown for so long to hear us does not count."""
        self._shown_ms: dict[NodeName, Millis] = {}
        self.told: tuple[NodeName, ...] = ()
        """What `maybe_change` measured last, sorted."""
        self.has_news = False
        """Whether a peer that did not count has shown to hear us since."""

    def set_peers(self, peers: Iterable[NodeName]) -> None:
        """Know exactly these."""
        self._shown_ms = {peer: self._shown_ms.get(peer, 0) for peer in peers}
        self.has_news = True

    def shown(self, peer: NodeName, at_ms: Millis, now_ms: Millis) -> None:
        """Note that the peer had what we sent at `at_ms`; what was never sent cannot be had."""
        if peer in self._shown_ms and at_ms <= now_ms:
            self._shown_ms[peer] = max(self._shown_ms[peer], at_ms)
            self.has_news = self.has_news or peer not in self.told

    def deadline_ms(self) -> Millis | None:
        """Return when a peer that counts would count no more."""
        shown = [self._shown_ms.get(peer, 0) for peer in self.told]
        return min(shown) + self.limit_ms if shown else None

    def maybe_change(self, now_ms: Millis) -> bool:
        """Measure anew; return whether the peers are others than at the last time."""
        due_ms = self.deadline_ms()
        if not self.has_news and (due_ms is None or now_ms < due_ms):
            return False
        before, self.has_news = self.told, False
        self.told = tuple(
            sorted(
                peer
                for peer, at_ms in self._shown_ms.items()
                if at_ms and now_ms - at_ms < self.limit_ms
            )
        )
        return self.told != before
