"""One primitive on this node, and the operation that is under way with it.

Owns: these values alone; `local` changes them.
"""

from dataclasses import dataclass

from ha_core.config.model import OnFail, Primitive
from ha_core.ids import Millis
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance

_BEGINS = ("start", "migrate_from")
_ENDS = (ActionKind.STOP, ActionKind.DEMOTE)


@dataclass(frozen=True, slots=True)
class Death:
    """What was held for the resource has ended; the guard ended it if the lease was not held."""

    reason: str
    lease_held: bool
    has_left: bool = False
    """Something of it could not be ended: it runs, whatever became of the lease."""


@dataclass(slots=True)
class Running:
    """An operation that was begun and has not answered."""

    operation_id: int
    action: str
    interval_ms: Millis
    on_fail: OnFail | None
    order: Order | None
    is_cancelled: bool = False
    """Its end says nothing of the resource."""
    death: Death | None = None
    """Read while its answer was still on the way: what it has begun or found is gone again."""

    @property
    def why(self) -> str:
        """The coordinator's reason for it; empty of what nobody ordered."""
        return self.order.reason if self.order is not None else ""


@dataclass(slots=True)
class Local:
    """A primitive: what is reported of it, how it is defined, what is done with it."""

    instance: Instance
    primitive: Primitive | None
    running: Running | None = None
    queued: Order | None = None
    incident: str = ""
    again_ms: Millis = 0
    """When what keeps its node from a lease may be stopped again."""
    formers: tuple[Primitive, ...] = ()
    """By what it may run as well, oldest first; while there are some, `primitive` is the first."""

    @property
    def may_have_begun(self) -> bool:
        """Return whether it may be active by its present definition though it is not known so."""
        is_begun = self.running is not None and self.running.action in (*_BEGINS, "stop")
        return is_begun or self.instance.pending in _BEGINS

    @property
    def ends_by_itself(self) -> bool:
        """Return whether its node stops or demotes it without an order, now or next."""
        ordered = self.running.order if self.running is not None else None
        coming = self.queued or ordered
        return coming is not None and coming.term == 0 and coming.kind in _ENDS

    def is_busy_with(self, operation_id: int) -> bool:
        """Return whether that operation is under way."""
        return self.running is not None and self.running.operation_id == operation_id
