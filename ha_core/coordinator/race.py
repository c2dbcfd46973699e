"""The race of two voters that have lost each other: who of them shoots first.

Owns: the rule that names one, and the steps by which both come to know the name.
What either knows last may have been on its way to the other when they parted,
so a name never follows another: between two of them the coordinator tells
nobody's, and it goes on only when the other voter has what was told. The
coordinator itself goes by what the other is known to have. So what both go by
is the same, or for one of them still open: two names never meet.
docs/protocols/quorum.md has the argument.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from ha_core.config.model import Configuration
from ha_core.coordinator.record import Record
from ha_core.ids import Millis, NodeName
from ha_core.status import InstanceState, NodeStatus

RACE_D: Final = 5
"""The second waits for so many times `dead_after_ms`, that the first may shoot it."""
OPEN_D: Final = (8, 11)
"""So long wait the two, by name, who do not know who is first: the other one may know, and no two
waits that can meet are as long."""


class Race:
    """What a coordinator tells the other of two voters, and what both go by, in one term."""

    def __init__(self, name: NodeName) -> None:
        self._name = name
        self.told: NodeName | None = None
        """Stands in every view."""
        self.agreed: NodeName | None = None
        """What the other one is known to have been told."""
        self._since = 0
        """Version of the first view with what is told."""
        self.is_settled = True
        """Whether there is nothing to wait for: no race, or the other one has what is told."""

    def look(
        self,
        other: NodeName | None,
        configuration: Configuration,
        records: Mapping[NodeName, Record],
        nodes: Iterable[NodeStatus],
        next_version: int,
    ) -> None:
        """Take a step if there is one to take; it stands in views from the next version on.

        `other`: the other one of two voters; None if there is no such race.
        """
        record = records.get(other) if other is not None else None
        self.is_settled = other is None or record is None
        if other is None or record is None:
            self.agreed = None
            self._tell(None, next_version)
        elif record.view_version >= self._since:
            self.agreed = self.told
            wanted = weightier((self._name, other), nodes, configuration)
            self.is_settled = self.told == wanted
            if not self.is_settled:
                self._tell(wanted if self.told is None else None, next_version)

    def _tell(self, name: NodeName | None, version: int) -> None:
        if name != self.told:
            self.told, self._since = name, version


def weightier(
    pair: Iterable[NodeName], nodes: Iterable[NodeStatus], configuration: Configuration
) -> NodeName:
    """Return which of two nodes runs more; of equals the first by name."""
    weights = {node.name: _weight(node, configuration) for node in nodes}
    return min(pair, key=lambda name: (-weights.get(name, 0), name))


def _weight(node: NodeStatus, configuration: Configuration) -> int:
    """Return the weight of what a node runs: one each, and its priority."""
    priorities = {item.id: item.meta.priority or 0 for item in configuration.primitives}
    return sum(
        1 + max(priorities.get(item.resource, 0), 0)
        for item in node.instances
        if item.state is InstanceState.STARTED
    )


def wait_ms(
    name: NodeName, other: NodeName, first: NodeName | None, dead_after_ms: Millis
) -> Millis:
    """Return how long this node waits before it shoots the other, by what it goes by."""
    if first is None:
        return OPEN_D[name > other] * dead_after_ms
    return 0 if first == name else RACE_D * dead_after_ms
