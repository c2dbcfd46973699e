"""Nodes that are to be cut off for a ticket that was lost, until that is done or has failed.

Owns: which incarnations were seen to run it. What runs is stopped, too, in case no device works: a
stop that is quicker than the device would end the wish otherwise.
"""

from ha_core.config.model import Configuration
from ha_core.coordinator.record import Record
from ha_core.fencing.rules import can_fence
from ha_core.fencing.tickets import Lapse, granted, is_open, lapse_of
from ha_core.ids import Generation, NodeName
from ha_core.status import NodeState, Ticket


class Lapses:
    """What tickets want of one coordinator's term; `tickets` as the log has them."""

    def __init__(self) -> None:
        self.tickets: tuple[Ticket, ...] = ()
        self._kept: dict[NodeName, tuple[Generation, Lapse]] = {}
        self._failed: dict[NodeName, Generation] = {}
        """Incarnations that no device could cut off: only what runs there still is a cause."""

    def reason(self, configuration: Configuration, record: Record) -> str:
        """Return why an incarnation is to be cut off, or nothing."""
        name, found, here = record.name, None, granted(self.tickets)
        if record.state is NodeState.ONLINE:
            found = lapse_of(configuration, here, name, record.instances)
        generation, known = self._kept.pop(name, (0, None))
        if record.state is NodeState.LEFT:
            return ""  # it has stopped everything in order, and ended
        if found is None and known is not None and generation == record.generation:
            is_wanted = is_open(configuration, here, known.constraint)
            found = known if is_wanted and can_fence(configuration, name, power=True) else None
        if found is None:
            return ""
        if self._failed.get(name) != record.generation:
            self._kept[name] = (record.generation, found)
        return found.text

    def forget(self, node: NodeName) -> None:
        """Nobody may be cut off for now: afterwards only what runs there then is a cause."""
        self._kept.pop(node, None)

    def gave_up(self, node: NodeName, generation: Generation) -> None:
        """No device could do it: it is over as soon as nothing runs there any more."""
        self._kept.pop(node, None)
        self._failed[node] = generation
