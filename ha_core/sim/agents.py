"""The agents of one simulated machine: what an operation does, how long it takes, how it fails.

Owns: operations under way. A start is checked against the lease by the daemon
that runs it and, where a guard holds the resource, by the guardian; a pause
between check and deed is the nemesis' to choose.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ha_core.config.model import Primitive
from ha_core.config.units import may_be_promoted
from ha_core.effects import RunOperation
from ha_core.events import LEASE_RAN_OUT, OperationDone, Promotion
from ha_core.ids import NodeName, ResourceId
from ha_core.sim.machine import Machine, is_held
from ha_core.sim.observer import Services
from ha_core.sim.world import US_PER_MS, World
from ha_core.transition import roles
from ha_core.transition.readiness import PREPARE, UNDO

TELL_US = 10
GUARDIAN_AWAITED_US = 50 * US_PER_MS


@dataclass(frozen=True, slots=True)
class _Fate:
    fails: bool
    hangs: bool


class Agents:
    """`done` takes the end of an operation to the daemon; `begins` is told before a start."""

    def __init__(
        self,
        world: World,
        machine: Machine,
        done: Callable[[OperationDone], None],
        begins: Callable[[RunOperation], None],
    ) -> None:
        self._world = world
        self._machine = machine
        self._done = done
        self._begins = begins
        self.services = Services()
        self.hand_on: Callable[[Primitive, NodeName], None] = lambda primitive, node: None
        """Takes a service to another machine alive."""
        self.promotion_score = 10 * (sum(machine.name.encode()) % 3)
        """How much agents here want to be promoted; not at all on some machines."""
        self._epoch = 0
        self._under_way: dict[int, ResourceId] = {}
        self.ended: dict[int, ResourceId] = {}
        """Operations that are over and of which the daemon has not heard."""

    def forget(self) -> None:
        """The daemon is gone: nobody waits for an operation any more."""
        self._epoch += 1
        self._under_way.clear()
        self.ended.clear()

    def is_late(self, effect: RunOperation) -> bool:
        """Return whether the daemon refuses to begin, because its lease has run out."""
        return effect.not_after_ms is not None and (
            self._machine.clock.now_ms() >= effect.not_after_ms
        )

    def refuse(self, effect: RunOperation) -> None:
        """Answer that nothing was begun."""
        self._tell(OperationDone(effect.operation_id, 1, reason=LEASE_RAN_OUT), US_PER_MS)

    def run(self, effect: RunOperation) -> None:
        """Begin an operation."""
        self._under_way[effect.operation_id] = effect.primitive.id
        self._machine.when_awake(lambda: self._attempt(effect, self._epoch))

    def _attempt(self, effect: RunOperation, epoch: int) -> None:
        if self._epoch != epoch or effect.operation_id not in self._under_way:
            return
        if not self._machine.guardian.is_alive and is_held(effect.primitive):
            # As the daemon does: wait for the new guardian.
            again_us = GUARDIAN_AWAITED_US
            self._world.after(again_us, lambda: self._attempt(effect, epoch))
            return
        fate, spent_us = self._draw(effect)

        def end() -> None:
            if self._epoch == epoch and effect.operation_id in self._under_way:
                self._conclude(effect, fate)

        if effect.action == "start" and not fate.fails and not self._begin(effect):
            fate = _Fate(True, False)
        if effect.action == "promote" and not self._promote(effect, fate):
            fate = _Fate(True, False)
        if effect.action == "migrate_to" and not self._hand_on(effect, fate):
            fate = _Fate(True, False)
        if effect.action == PREPARE and not fate.fails:
            self._machine.prepare(effect.primitive)
        self._world.after(spent_us, lambda: self._machine.when_awake(end))

    def cancel(self, operation_id: int) -> None:
        """Kill an operation."""
        self._finish(operation_id, OperationDone(operation_id, 1, reason="cancelled"))

    def _draw(self, effect: RunOperation) -> tuple[_Fate, int]:
        services, random = self.services, self._world.random
        roll = random.randrange(1000)
        fails = roll < services.fail_permille
        hangs = not fails and roll < services.fail_permille + services.hang_permille
        base_us = {"start": services.start_us, "stop": services.stop_us}.get(
            effect.action, services.monitor_us
        )
        spent_us = random.randrange(base_us // 2, base_us + 1)
        if fails or hangs:
            self._world.faults["agents that failed" if fails else "agents that hung"] += 1
        if hangs:
            spent_us = effect.timeout_ms * US_PER_MS
        return _Fate(fails, hangs), spent_us

    def _begin(self, effect: RunOperation) -> bool:
        """Start the service; return False if its guardian does not take it."""
        primitive = effect.primitive
        if is_held(primitive) and not self._machine.guardian.holds_lease():
            return False
        self._begins(effect)
        self._machine.begin(primitive)
        return True

    def _promote(self, effect: RunOperation, fate: _Fate) -> bool:
        """Promote the service; return False if it does not run. One that fails may have done it."""
        if effect.primitive.id not in self._machine.running:
            return False
        if not fate.fails or self._world.random.random() < 0.5:
            self._begins(effect)
            self._machine.promote(effect.primitive.id)
            self._world.states["promotions"] += 1
        return True

    def _hand_on(self, effect: RunOperation, fate: _Fate) -> bool:
        """Let the service go to its new machine alive, perhaps though the operation fails; return
        False if it is not here.
        """
        if effect.primitive.id not in self._machine.running or effect.peer is None:
            return False
        if not fate.fails or self._world.random.random() < 0.5:
            self.hand_on(effect.primitive, effect.peer)
        return True

    def _conclude(self, effect: RunOperation, fate: _Fate) -> None:
        resource = effect.primitive.id
        code = 0
        if fate.hangs or fate.fails:
            code = 1
        elif effect.action == "stop":
            self._end(resource)
        elif effect.action == "demote":
            self._machine.demote(resource)
        elif effect.action == UNDO:
            self._machine.prepared.discard(resource)
        elif effect.action == PREPARE:
            code = 0 if resource in self._machine.prepared else 1
        elif resource not in self._machine.running:
            code = 7 if effect.action == "monitor" else int(effect.action != "migrate_to")
        elif effect.action == "monitor" and resource in self._machine.promoted:
            code = roles.RUNNING_PROMOTED
        if effect.action == "stop" and code and is_held(effect.primitive):
            self._end(resource)
            code = 0
        text = "as the simulator wants"
        wish = Promotion(self.promotion_score) if may_be_promoted(effect.primitive) else None
        done = OperationDone(effect.operation_id, code, fate.hangs, text, promotion=wish)
        self._finish(effect.operation_id, done)

    def _end(self, resource: ResourceId) -> None:
        if self._machine.end(resource) is not None:
            self._world.note(f"{self._machine.name} ends {resource}")

    def _finish(self, operation_id: int, done: OperationDone) -> None:
        if operation_id in self._under_way:
            self.ended[operation_id] = self._under_way.pop(operation_id)
            self._tell(done, TELL_US)

    def _tell(self, done: OperationDone, after_us: int) -> None:
        epoch = self._epoch

        def tell() -> None:
            if self._epoch == epoch:
                self._done(done)

        self._world.after(after_us, tell)
