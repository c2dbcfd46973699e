"""One node's own resources, with an agent that answers as a test wants."""

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Meta,
    Operation,
    Primitive,
)
from ha_core.effects import LocalState, RunOperation
from ha_core.events import OperationDone
from ha_core.ids import ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance
from ha_core.transition.local import LocalResources
from ha_core.transition.telling import Happened

WEB, DB = ResourceId("web"), ResourceId("db")
LEASE_MS = 1_000_000


def primitive(name: ResourceId = WEB, *operations: Operation, **meta: object) -> Primitive:
    ref = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")
    return Primitive(name, ref, (), operations, Meta(**meta))  # type: ignore[arg-type]  # by name


class Bench:
    """One node's resources, with the time and the operations under way in reach."""

    def __init__(self, *primitives: Primitive, kept: LocalState | None = None) -> None:
        self.now_ms = 1000
        self.lease_until_ms = LEASE_MS
        self.local = LocalResources(kept or LocalState())
        self.configuration = Configuration(primitives=primitives or (primitive(),))
        self.out: list[object] = []
        self.number = 0
        self.configure(self.configuration)

    def configure(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.out = list(self.local.configure(configuration, self.now_ms))

    def order(self, kind: ActionKind, resource: ResourceId = WEB, **more: object) -> None:
        self.number += 1
        order = Order(1, 1, self.number, resource, kind, **more)  # type: ignore[arg-type]  # by name
        self.give(order)

    def give(self, order: Order) -> None:
        self.out = list(self.local.order(order, self.lease_until_ms, self.now_ms))

    def done(self, exit_code: int = 0, **more: object) -> None:
        """End the operation that was begun last."""
        event = OperationDone(self.last().operation_id, exit_code, **more)  # type: ignore[arg-type]  # by name
        self.end(event)

    def end(self, event: OperationDone) -> None:
        self.out = list(self.local.done(event, self.now_ms, self.lease_until_ms, self.now_ms))

    def tick(self, advance_ms: int) -> None:
        self.now_ms += advance_ms
        self.out = list(self.local.tick(self.now_ms))

    def runs(self) -> list[RunOperation]:
        return [item for item in self.out if isinstance(item, RunOperation)]

    def last(self) -> RunOperation:
        found = self.runs()
        if found:
            self._last = found[-1]
        return self._last

    def start(self, resource: ResourceId = WEB) -> None:
        self.order(ActionKind.START, resource)
        self.done()

    def events(self) -> list[str]:
        return [item.text for item in self.out if isinstance(item, Happened)]

    def instance(self, resource: ResourceId = WEB) -> Instance:
        return next(item for item in self.local.instances() if item.resource == resource)
