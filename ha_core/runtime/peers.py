"""Where peers are reached: as configured, and where they were last heard from.

Owns: the book of places. An address in the configuration may be mistyped, or
changed on one side first: the peer that we hear is then answered at the place
from which it spoke, as well as where it should be, so that no edit of addresses
can cut a cluster in two. A node that was removed is still answered for a while.
"""

from typing import Final

from ha_core.config.model import Configuration
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.runtime.names import Names
from ha_core.runtime.streams import Endpoint

DEFAULT_PORT: Final = 6940
FORMER_MS: Final = 60_000
"""A removed node can still be answered for so long: longer than it waits for its answer."""
HEARD_MS: Final = 600_000
"""How long a place is kept from which a peer spoke and that the configuration does not name."""
_ANY_FAMILY: Final = 0


def endpoints(configuration: Configuration, name: NodeName) -> tuple[Endpoint, ...]:
    """Return where a node of the configuration listens, sorted by link."""
    node = configuration.node(name)
    ports = {link.name: link.port for link in configuration.links}
    found = [
        Endpoint(item.link, item.host, item.port or ports.get(item.link, DEFAULT_PORT))
        for item in (node.addresses if node else ())
    ]
    return tuple(sorted(found, key=lambda item: item.link))


def is_device(endpoint: Endpoint) -> bool:
    """Return whether it is a serial device: nothing listens there, and no stream can go there."""
    return endpoint.host.startswith("/")


class Peers:
    """The book of one node."""

    def __init__(self, own: NodeName, names: Names) -> None:
        self._own = own
        self._names = names
        self._configured: dict[NodeName, tuple[Endpoint, ...]] = {}
        self._former: dict[NodeName, tuple[tuple[Endpoint, ...], Millis]] = {}
        self._heard: dict[NodeName, dict[LinkName, tuple[Endpoint, Millis]]] = {}

    def configure(self, configuration: Configuration, now_ms: Millis) -> None:
        """Take the places of a configuration."""
        wanted = {
            node.name: endpoints(configuration, node.name)
            for node in configuration.nodes
            if node.name != self._own
        }
        former = {
            peer: (targets, now_ms + FORMER_MS)
            for peer, targets in self._configured.items()
            if peer not in wanted
        }
        kept = {
            peer: entry
            for peer, entry in self._former.items()
            if entry[1] > now_ms and peer not in wanted
        }
        self._configured, self._former = wanted, kept | former
        known = wanted.keys() | self._former.keys()
        self._heard = {peer: heard for peer, heard in self._heard.items() if peer in known}

    def heard(
        self, peer: NodeName, link: LinkName, source: tuple[str, int], now_ms: Millis
    ) -> None:
        """Take note of where a fresh, authentic datagram came from."""
        configured = next((e for e in self._configured.get(peer, ()) if e.link == link), None)
        if configured is None or self._is_at(configured, source):
            if peer in self._heard:
                self._heard[peer].pop(link, None)
            return
        place = Endpoint(link, *source)
        self._heard.setdefault(peer, {})[link] = (place, now_ms + HEARD_MS)

    def targets(self, peer: NodeName, now_ms: Millis) -> tuple[Endpoint, ...]:
        """Return where to send what is for the peer; nowhere if it is not known."""
        found = self._configured.get(peer)
        if found is None:
            former, until_ms = self._former.get(peer, ((), 0))
            found = former if now_ms < until_ms else ()
        heard = self._heard.get(peer)
        if not heard:
            return found
        return (*found, *(place for place, until_ms in heard.values() if now_ms < until_ms))

    def _is_at(self, endpoint: Endpoint, source: tuple[str, int]) -> bool:
        if (endpoint.host, endpoint.port) == source:
            return True
        return self._names.address(endpoint.host, endpoint.port, _ANY_FAMILY) == source
