"""What people want done with the power of nodes: kept on the log's shelf until it is over.

Owns: how such a wish stands there, and when it is over. It is answered when the log has it: the
coordinator that was asked may lose its office, or its power, before anything is done.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.config.model import FenceAction
from ha_core.coordinator.roster import Roster
from ha_core.fencing.machine import Wish
from ha_core.ids import Generation, Index, Millis, NodeName
from ha_core.replication.shelf import Shelf, ShelfChange, ShelfCondition, ShelfPut

PREFIX: Final = "power/"
"""Keys of the shelf that are the cluster's own: no program may write them."""
VALID_MS: Final[Millis] = 600_000
"""A wish that could not be carried out for so long is over: nobody expects it any more."""
ON: Final = "on"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One incarnation of a node is to be cut off, or one that is off is to be switched on."""

    node: NodeName
    generation: Generation
    deed: str
    """A `FenceAction`, empty (as its devices are configured), or `ON`."""
    reason: str
    author: str
    incident: str
    at_wall_ms: Millis
    revision: Index = 0
    """Of its key on the shelf; tells it from a later wish."""

    @property
    def is_on(self) -> bool:
        """Whether it is to be switched on."""
        return self.deed == ON

    def wish(self) -> Wish:
        """Return it in the words of fencing."""
        if self.is_on:
            return Wish(self.node, self.generation, self.reason, self.incident, self.author)
        return Wish(
            self.node,
            self.generation,
            self.reason,
            self.incident,
            self.author,
            FenceAction(self.deed) if self.deed else None,
            power=True,
            is_asked=True,
        )


class WantedOnes:
    """The wishes of people during one coordinator's term."""

    def __init__(self) -> None:
        self._all: dict[NodeName, Wanted] = {}
        self._ended: set[Index] = set()

    @property
    def is_empty(self) -> bool:
        """Whether the log holds none."""
        return not self._all

    def take(self, found: Iterable[Wanted]) -> None:
        """Take what the log has now."""
        self._all = {wanted.node: wanted for wanted in found}

    def cut(self, node: NodeName) -> Wish | None:
        """Return the wish to cut a node off, if there is one."""
        wanted = self._all.get(node)
        if wanted is None or wanted.is_on or wanted.revision in self._ended:
            return None
        return wanted.wish()

    def to_switch_on(self) -> tuple[Wanted, ...]:
        """Return whom people want switched on, by name."""
        return tuple(
            wanted
            for _, wanted in sorted(self._all.items())
            if wanted.is_on and wanted.revision not in self._ended
        )

    def is_to_switch_on(self, node: NodeName) -> bool:
        """Return whether people want the node switched on."""
        return any(wanted.node == node for wanted in self.to_switch_on())

    def end(self, node: NodeName) -> None:
        """A wish is carried out, or given up."""
        if node in self._all:
            self._ended.add(self._all[node].revision)

    def over(self, roster: Roster, wall_ms: Millis) -> tuple[Wanted, ...]:
        """Return what the log need not keep any more, by name."""
        return tuple(
            wanted
            for _, wanted in sorted(self._all.items())
            if wanted.revision in self._ended or _is_over(wanted, roster, wall_ms)
        )


def _is_over(wanted: Wanted, roster: Roster, wall_ms: Millis) -> bool:
    record = roster.records.get(wanted.node)
    if record is None or record.generation > wanted.generation:
        return True
    if wall_ms >= wanted.at_wall_ms + VALID_MS:
        return True
    return not wanted.is_on and roster.is_off(record)


def put(wanted: Wanted, request_id: str) -> ShelfChange:
    """Return the write that keeps a wish; it takes the place of an earlier one on that node."""
    value = {
        "generation": wanted.generation,
        "deed": wanted.deed,
        "reason": wanted.reason,
        "author": wanted.author,
        "incident": wanted.incident,
        "at": wanted.at_wall_ms,
    }
    return ShelfChange((ShelfPut(PREFIX + wanted.node, json.dumps(value)),), (), request_id)


def removal(wanted: Wanted) -> ShelfChange:
    """Return the write that forgets this very wish, and no later one."""
    key = PREFIX + wanted.node
    return ShelfChange((ShelfPut(key),), (ShelfCondition(key, wanted.revision),))


def read(shelf: Shelf) -> tuple[Wanted, ...]:
    """Return all wishes that the log holds, by node."""
    return tuple(
        _wanted(item.key.removeprefix(PREFIX), json.loads(item.text), item.revision)
        for item in shelf.items
        if item.key.startswith(PREFIX)
    )


def _wanted(node: str, value: Mapping[str, object], revision: Index) -> Wanted:
    generation, at_wall_ms = value["generation"], value["at"]
    assert isinstance(generation, int)
    assert isinstance(at_wall_ms, int)
    return Wanted(
        NodeName(node),
        generation,
        str(value["deed"]),
        str(value["reason"]),
        str(value["author"]),
        str(value["incident"]),
        at_wall_ms,
        revision,
    )
