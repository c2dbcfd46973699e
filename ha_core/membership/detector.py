"""Failure detector: when each peer was last heard, over which links, and each link's history.

Owns: silence and link state. Knows nothing of terms, leases or resources: that
a peer is silent proves nothing about what runs there.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ha_core.config.model import Configuration
from ha_core.effects import StateChanged
from ha_core.ids import LinkName, Millis, NodeName
from ha_core.snapshot import LinkMoment, LinkSummary

HISTORY: Final = 20
"""Changes of each link that are kept."""
FRAMES: Final = 128
"""Newest frames of a peer by which the loss of its links is measured."""


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


@dataclass(slots=True)
class _Path:
    """One link to one peer."""

    heard_ms: Millis
    since_ms: Millis
    is_up: bool = True
    changes: int = 0
    loss: float = 0.0
    lost: int = 0
    """Frames that came over another link and not over this one."""
    late: int = 0
    frames: int = 0
    """Frames that were measured; those that came while it was new may have missed it."""
    history: deque[tuple[Millis, bool, str]] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def become(self, is_up: bool, why: str, now_ms: Millis) -> None:
        self.is_up, self.since_ms = is_up, now_ms
        self.changes += 1
        self.history.append((now_ms, is_up, why))


def shared_links(
    configuration: Configuration, own: NodeName
) -> dict[NodeName, tuple[LinkName, ...]]:
    """Return every other node with the links that lead to it from here."""
    here = configuration.node(own)
    mine = {item.link for item in here.addresses} if here is not None else None
    return {
        node.name: tuple(item.link for item in node.addresses if mine is None or item.link in mine)
        for node in configuration.nodes
        if node.name != own
    }


class Detector:
    """Keeps the time of the last sign of life of each peer and of each path to it."""

    def __init__(self, dead_after_ms: Millis, now_ms: Millis) -> None:
        self.dead_after_ms = dead_after_ms
        self.late = 0
        """How often a peer was heard when half of the dead time was over, and not all of it."""
        self._started_ms = now_ms
        self._peers: dict[NodeName, Millis] = {}
        self._paths: dict[tuple[NodeName, LinkName], _Path] = {}
        self._by_peer: dict[NodeName, list[tuple[LinkName, _Path]]] = {}
        self._frames: dict[NodeName, OrderedDict[int, set[LinkName]]] = {}
        """Newest frames by number, with the links over which each came."""
        self._next_ms: Millis | None = None
        """No path can count as down before that; None if it must be looked up."""

    def set_peers(self, links: Mapping[NodeName, Iterable[LinkName]], now_ms: Millis) -> None:
        """Watch exactly these peers and links; new ones count as heard just now."""
        wanted = {(peer, link) for peer, names in links.items() for link in names}
        self._peers = {peer: self._peers.get(peer, now_ms) for peer in sorted(links)}
        self._paths = {
            path: self._paths.get(path) or _Path(now_ms, now_ms) for path in sorted(wanted)
        }
        self._by_peer = {}
        for (peer, link), path in self._paths.items():
            self._by_peer.setdefault(peer, []).append((link, path))
        self._frames = {peer: found for peer, found in self._frames.items() if peer in links}
        self._next_ms = None

    def heard(
        self, peer: NodeName, link: LinkName | None, now_ms: Millis, frame: int = 0
    ) -> list[LinkChanged]:
        """Note a sign of life; return the link's change if it had been down.

        `frame` is its number where it travelled over every link at once, else 0.
        """
        if peer not in self._peers:
            return []
        self.late += self._is_late(now_ms - self._peers[peer])
        self._peers[peer] = now_ms
        path = None if link is None else self._paths.get((peer, link))
        if link is None or path is None:
            return []
        path.late += self._is_late(now_ms - path.heard_ms)
        path.heard_ms = now_ms
        if frame:
            self._count(peer, link, frame)
        if path.is_up:
            return []
        path.become(True, "heard again", now_ms)
        self._next_ms = None
        return [LinkChanged(peer, link, True)]

    def _is_late(self, silent_ms: Millis) -> bool:
        """Return whether a sign of life after so long a silence is late: greetings are sent each
        quarter of the dead time.
        """
        return self.dead_after_ms // 2 < silent_ms < self.dead_after_ms

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
        if self._next_ms is not None and now_ms < self._next_ms:
            return []
        self._next_ms = None
        changes = []
        for (peer, link), path in self._paths.items():
            if path.is_up and now_ms - path.heard_ms >= self.dead_after_ms:
                why = f"nothing was heard for {self.dead_after_ms} ms"
                path.become(False, why, now_ms)
                changes.append(LinkChanged(peer, link, False))
        return changes

    def deadline_ms(self) -> Millis | None:
        """Return when to look whether a link counts as down."""
        if self._next_ms is None:
            heard = [path.heard_ms for path in self._paths.values() if path.is_up]
            self._next_ms = min(heard) + self.dead_after_ms if heard else None
        return self._next_ms

    def states(self) -> dict[tuple[NodeName, LinkName], bool]:
        """Return for each path whether it is up."""
        return {name: path.is_up for name, path in self._paths.items()}

    def links(self, now_ms: Millis, wall_offset_ms: Millis = 0) -> tuple[LinkSummary, ...]:
        """Return the state and history of every path, sorted by peer and link."""
        return tuple(
            LinkSummary(
                peer,
                link,
                path.is_up,
                now_ms - path.heard_ms,
                now_ms - path.since_ms,
                path.changes,
                round(path.loss * 1000),
                tuple(LinkMoment(at + wall_offset_ms, up, why) for at, up, why in path.history),
                path.lost,
                path.late,
            )
            for (peer, link), path in sorted(self._paths.items())
        )

    def _count(self, peer: NodeName, link: LinkName, frame: int) -> None:
        """Measure loss: a frame that came over one link should have come over all of them."""
        frames = self._frames.setdefault(peer, OrderedDict())
        frames.setdefault(frame, set()).add(link)
        if len(frames) <= FRAMES // 2:
            return
        _, came = frames.popitem(last=False)
        for other, path in self._by_peer[peer]:
            path.frames += 1
            known = path.frames - FRAMES // 2
            if known > 0:
                path.lost += other not in came
                path.loss += ((other not in came) - path.loss) / min(known, FRAMES)
