"""Why the cluster itself wants a node cut off, as far as what it runs says so.

Owns: this value. It is kept until what it follows from has changed: a node may
have thousands of instances.
"""

from dataclasses import dataclass

from ha_core.config.model import Configuration
from ha_core.coordinator.record import Record
from ha_core.status import Instance, NodeState, Ticket


@dataclass(frozen=True, slots=True)
class Cause:
    """What follows from a node's instances; `reason` is empty if they are no cause."""

    instances: tuple[Instance, ...]
    state: NodeState
    configuration: Configuration
    tickets: tuple[Ticket, ...]
    reason: str
    power: bool
    """Nothing less than the end of its machine would do."""

    def is_of(
        self, record: Record, configuration: Configuration, tickets: tuple[Ticket, ...]
    ) -> bool:
        """Return whether nothing has changed since."""
        is_same = self.instances is record.instances and self.configuration is configuration
        is_same = is_same and self.tickets is tickets
        return is_same and self.state is record.state
