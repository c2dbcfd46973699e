"""How nodes tell each other what stands in their diaries: in small parts, until it is there.

Owns: what each other node has of this one's diary, and has told of its own. Best effort: nothing
depends on it. A node of an earlier version takes no notice, and is asked more and more rarely.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ha_core.diary import Diary
from ha_core.ids import Generation, NodeName
from ha_core.messages import Told, ToldTaken
from ha_core.observed import Item, LinkStanding, OperationResult

ITEMS_PER_MESSAGE: Final = 32
PATIENCE_MAX: Final = 64
"""Steps between two messages to a node that does not answer."""


@dataclass(slots=True)
class _Peer:
    """Another node: what it has of ours, and what we have of its."""

    generation: Generation = 0
    has: int = 0
    waits: int = 0
    """Steps until it is told again."""
    patience: int = 0
    teller: Generation = 0
    """The start of it that has told us what we have."""
    told: int = 0


class Exchange:
    """One node's part in it."""

    def __init__(self, own: NodeName, generation: Generation, diary: Diary) -> None:
        self._own = own
        self._generation = generation
        self._diary = diary
        self._peers: dict[NodeName, _Peer] = {}

    def step(self, peers: Iterable[NodeName]) -> Iterator[tuple[NodeName, Told]]:
        """Yield what to tell to whom now; called about once a second."""
        known = self._peers
        self._peers = {name: known.get(name) or _Peer() for name in peers}
        for name, peer in self._peers.items():
            peer.waits = max(peer.waits - 1, 0)
            if not peer.waits and peer.has < self._diary.own_number:
                peer.patience = min(max(peer.patience * 2, 1), PATIENCE_MAX)
                peer.waits = peer.patience
                yield name, self._next(peer)

    def _next(self, peer: _Peer) -> Told:
        items, through = self._diary.since(peer.has, ITEMS_PER_MESSAGE, self._own)
        return Told(
            peer.has,
            through,
            tuple(item for item in items if isinstance(item, OperationResult)),
            tuple(item for item in items if isinstance(item, LinkStanding)),
        )

    def heard(self, name: NodeName, generation: Generation) -> None:
        """Take that a node is heard: a new start of it has nothing of what it was told."""
        peer = self._peers.get(name)
        if peer is not None and peer.generation != generation:
            peer.generation, peer.has, peer.patience, peer.waits = generation, 0, 0, 0

    def told(self, name: NodeName, generation: Generation, message: Told) -> ToldTaken:
        """Take what a node tells of itself; return what to answer."""
        peer = self._peers.setdefault(name, _Peer(generation))
        if peer.teller != generation:
            peer.teller, peer.told = generation, 0
        if message.since in (0, peer.told):
            items: tuple[Item, ...] = (*message.results, *message.links)
            self._diary.told(items, name, anew=message.since == 0)
            peer.told = message.through
        return ToldTaken(generation, peer.told)

    def taken(self, name: NodeName, message: ToldTaken) -> Told | None:
        """Take what a node has of this one; return the next part, if there is more."""
        peer = self._peers.get(name)
        if peer is None or message.generation != self._generation:
            return None
        is_more = message.through > peer.has
        peer.has, peer.patience, peer.waits = message.through, 0, 1
        return self._next(peer) if is_more and peer.has < self._diary.own_number else None
