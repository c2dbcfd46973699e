"""The replay window of one daemon: each datagram counts once, on whatever link it came first.

Owns: what was heard since the daemon started. As in the real transport, later
copies show only that their link works.
"""

from collections import deque

from ha_core.events import LinkHeard
from ha_core.ids import LinkName, NodeName

SEEN_MAX = 4096


class Window:
    """Datagrams seen, and the newest of each path."""

    def __init__(self) -> None:
        self._seen: deque[int] = deque(maxlen=SEEN_MAX)
        self._seen_set: set[int] = set()
        self._copies: dict[tuple[NodeName, LinkName], LinkHeard] = {}
        self._newest_of: dict[tuple[NodeName, LinkName], int] = {}

    def clear(self) -> None:
        """A daemon has ended; the next one has seen nothing."""
        self._seen.clear()
        self._seen_set.clear()

    def is_late(self, sender: NodeName, link: LinkName, number: int) -> bool:
        """Return whether a newer datagram came over this path before."""
        path = (sender, link)
        if number < self._newest_of.get(path, 0):
            return True
        self._newest_of[path] = number
        return False

    def copy_of(self, sender: NodeName, link: LinkName) -> LinkHeard:
        """Return what a later copy shows: the same of each on this path."""
        heard = self._copies.get((sender, link))
        if heard is None:
            heard = self._copies[sender, link] = LinkHeard(sender, link)
        return heard

    def is_first(self, number: int) -> bool:
        """Return whether this datagram, whoever sent it, was not seen before; it is now."""
        if number in self._seen_set:
            return False
        if len(self._seen) == SEEN_MAX:
            self._seen_set.discard(self._seen[0])
        self._seen.append(number)
        self._seen_set.add(number)
        return True
