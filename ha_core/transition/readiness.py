"""Getting ready: what a node does for a start that is to come, while somebody else still runs it.

Owns: what this node is ready for. Nothing begins by it, so that it is no proof and needs none: a
service address has its tables, but is on no interface, where nothing can answer for it. It ends
with the start that it was for, with the lease, with the definition that it was made for, and in
any case soon. See docs/protocols/transition.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ha_core.config.model import Configuration, Primitive
from ha_core.config.units import unit
from ha_core.effects import RunOperation
from ha_core.events import OperationDone
from ha_core.ids import Millis, ResourceId
from ha_core.messages import Prepare
from ha_core.status import Instance, InstanceState

PREPARE: Final = "prepare"
UNDO: Final = "unprepare"
KEPT_MS: Final = 10_000
"""A start that has not come by then may never come; the coordinator asks again if it does."""
TIMEOUT_MS: Final = 5_000
_NOT_BEGUN: Final = (InstanceState.STOPPED, InstanceState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Ready:
    primitive: Primitive
    until_ms: Millis


class Readiness:
    """What one start of a node is ready for; its operations have numbers below 0."""

    def __init__(self) -> None:
        self._last = 0
        self._asked: dict[int, _Ready] = {}
        self._ready: dict[ResourceId, _Ready] = {}

    # --- reading -------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to undo."""
        return not self._ready

    def names(self) -> tuple[ResourceId, ...]:
        """Return what could start here at once, sorted."""
        return tuple(sorted(self._ready))

    def deadline_ms(self) -> Millis | None:
        """Return when something is to be undone."""
        return min((item.until_ms for item in self._ready.values()), default=None)

    # --- input ---------------------------------------------------------------------------

    def asked(
        self,
        message: Prepare,
        instances: Iterable[Instance],
        configuration: Configuration,
        lease_until_ms: Millis,
        now_ms: Millis,
    ) -> list[RunOperation]:
        """Get ready for a start, if it may come and nothing of it is under way here."""
        primitive = unit(configuration, message.resource)
        state = next((i for i in instances if i.resource == message.resource), None)
        is_stopped = state is not None and state.state is InstanceState.STOPPED
        if primitive is None or state is None or not is_stopped or state.pending:
            return []
        if now_ms >= lease_until_ms:
            return []
        wanted = _Ready(primitive, now_ms + KEPT_MS)
        known = self._ready.get(message.resource)
        if known is not None and known.primitive == primitive:
            self._ready[message.resource] = wanted
            return []
        deed = self._deed(primitive, PREPARE, lease_until_ms)
        self._asked[deed.operation_id] = wanted
        return [deed]

    def done(self, event: OperationDone) -> bool:
        """Take the end of an operation; return whether this node is ready for more by it."""
        wanted = self._asked.pop(event.operation_id, None)
        if wanted is None or event.exit_code:
            return False
        self._ready[wanted.primitive.id] = wanted
        return True

    def tick(
        self,
        instances: Iterable[Instance],
        configuration: Configuration,
        lease_until_ms: Millis,
        now_ms: Millis,
    ) -> list[RunOperation]:
        """Forget what has been used; return what undoes the rest that has had its time."""
        if not self._ready:
            return []
        undone = []
        begun = {
            item.resource
            for item in instances
            if item.pending == "start" or item.state not in _NOT_BEGUN
        }
        for resource, ready in list(self._ready.items()):
            is_current = unit(configuration, resource) == ready.primitive
            if resource in begun:
                del self._ready[resource]
            elif not is_current or now_ms >= min(ready.until_ms, lease_until_ms):
                del self._ready[resource]
                undone.append(self._deed(ready.primitive, UNDO, None))
        return undone

    def _deed(self, primitive: Primitive, action: str, not_after_ms: Millis | None) -> RunOperation:
        self._last -= 1
        return RunOperation(self._last, primitive, action, TIMEOUT_MS, not_after_ms=not_after_ms)
