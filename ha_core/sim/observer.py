"""What a simulated machine lets be seen, and how its agents behave.

Owns: the port through which the judges watch, and the rates of bad agents.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ha_core.config.model import Primitive
from ha_core.effects import CommandAnswered, Send
from ha_core.ids import ResourceId
from ha_core.journal import JournalEvent
from ha_core.sim.world import US_PER_MS

if TYPE_CHECKING:
    from ha_core.sim.host import Host


@dataclass(slots=True)
class Services:
    """How agents of this machine behave, in permille of the operations."""

    fail_permille: int = 0
    hang_permille: int = 0
    start_us: int = 20 * US_PER_MS
    stop_us: int = 10 * US_PER_MS
    monitor_us: int = 2 * US_PER_MS


class Observer(Protocol):
    """Who sees from outside what a machine does."""

    def begins(self, host: "Host", primitive: Primitive, action: str) -> None:
        """A service is about to begin, or (`action` is `promote`) to be promoted."""
        ...

    def is_stopped(self, host: "Host", resource: ResourceId) -> None:
        """The daemon, which belongs to the cluster, means to stop a running service."""
        ...

    def changed(self, host: "Host") -> None:
        """Services have begun or ended."""
        ...

    def shown(self) -> None:
        """Something that was there may be seen again."""
        ...

    def leads(self, host: "Host") -> None:
        """A coordinator has handled an event."""
        ...

    def ended(self, host: "Host") -> None:
        """The daemon has ended."""
        ...

    def performed(self, effect: Send | CommandAnswered | JournalEvent) -> None:
        """Something that others can see has left the node."""
        ...
