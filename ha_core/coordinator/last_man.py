"""Last man standing: a voter that is gone for long loses its vote until it is back.

Owns: whose vote, and when. The change itself is an ordinary one, by the majority
that is there, one voter at a time; so a cluster that shrinks node by node keeps
a majority of those that are left. It ends at three voters: two of what were
three could only wait for each other. Source: votequorum(5), "last_man_standing".
"""

from collections.abc import Mapping
from typing import Final

from ha_core.config.model import Configuration
from ha_core.coordinator.record import GONE
from ha_core.ids import Millis, NodeName
from ha_core.status import NodeState

VOTERS_LEFT: Final = 3
"""No vote is taken where only so many are left: with two, the loss of either stops both."""


class LastMan:
    """Since when each voter is gone, as one coordinator has seen it."""

    def __init__(self) -> None:
        self._gone_ms: dict[NodeName, Millis] = {}

    def look(
        self, configuration: Configuration, states: Mapping[NodeName, NodeState], now_ms: Millis
    ) -> NodeName | None:
        """Return whose vote is to be taken now: of who is gone longest, if for long enough."""
        voters = configuration.voters()
        gone = [name for name in voters if states.get(name) in GONE]
        self._gone_ms = {name: self._gone_ms.get(name, now_ms) for name in gone}
        after_ms = configuration.options.last_man_standing_ms
        if not after_ms or len(voters) <= VOTERS_LEFT:
            return None
        late = [(at, name) for name, at in self._gone_ms.items() if now_ms - at >= after_ms]
        return min(late)[1] if late else None
