"""One simulated machine below its daemon: clock, kernel, guardian, and what runs there.

Owns: what a machine is seen to do from outside. A process runs while it is
there and its machine does not stand still; an address answers while it is
there and the kernel lets it through, whether any process of the machine runs
or not.
"""

from collections.abc import Callable

from ha_core.agents.registry import LIFETIME_MS, may_run_twice
from ha_core.config.model import AgentClass, Primitive
from ha_core.config.units import may_be_promoted
from ha_core.gates import Gates
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.sim.clock import Clock
from ha_core.sim.gate import KernelGate
from ha_core.sim.guardian import Guardian
from ha_core.sim.watchdog import Watchdog
from ha_core.sim.world import World


class Machine:
    """`on_change` is told when something began or ended, `on_shown` when what is there answers
    again, `on_end(resource)` when the guardian has ended something, `on_reset` when the watchdog
    fires.
    """

    def __init__(self, world: World, name: NodeName, rate_ppm: int, gates: Gates) -> None:
        self._world = world
        self.name = name
        self.gates = gates
        self.clock = Clock(world, rate_ppm)
        self.gate = KernelGate(world, self.clock) if gates.kernel else None
        self.guardian = Guardian(world, self.clock, self._end_guarded, lambda: self.is_stalled)
        self.watchdog = (
            Watchdog(world, self.clock, gates.watchdog_ms, self._may_feed, lambda: self.on_reset())
            if gates.watchdog_ms
            else None
        )
        self.running: dict[ResourceId, Primitive] = {}
        self.promoted: set[ResourceId] = set()
        """What of it is promoted."""
        self.prepared: set[ResourceId] = set()
        """What could begin at once. It is on no interface: nothing of it answers or runs."""
        self.lease_until_ms: Millis = 0
        """What the daemon said last."""
        self.on_change: Callable[[], None] = _nobody
        self.on_shown: Callable[[], None] = _nobody
        self.on_reset: Callable[[], None] = _nobody
        self.on_end: Callable[[ResourceId], None] = _ignored
        self.is_stalled = False
        """No process of the machine runs; its kernel does."""
        self.is_suspended = False
        """Nor does its kernel."""
        self._slept_us = 0
        self._thawing: list[Callable[[], None]] = []

    # --- seen from outside ---------------------------------------------------------------

    def owns(self, primitive: Primitive) -> bool:
        """Return whether this machine has the resource, as far as it must not exist twice."""
        if self.is_suspended or primitive.meta.accept_risk or may_run_twice(primitive):
            return False
        if may_be_promoted(primitive) and primitive.id not in self.promoted:
            return False
        if primitive.agent.agent_class is AgentClass.ADDRESS:
            if self.gate is not None:
                return self.gate.is_open()
            # Put on its interface for a time, which the kernel counts in whole seconds.
            return self.clock.now_ms() < self.lease_until_ms + LIFETIME_MS
        return not self.is_stalled

    def has_right(self, resource: ResourceId) -> bool:
        """Return whether it is there in the role in which it must not be twice."""
        primitive = self.running.get(resource)
        if primitive is None or not may_be_promoted(primitive):
            return primitive is not None
        return resource in self.promoted

    # --- what runs -----------------------------------------------------------------------

    def prepare(self, primitive: Primitive) -> None:
        """The daemon gets ready for something: its address goes behind the gate, and nowhere
        else.
        """
        self.prepared.add(primitive.id)
        if self.gate is not None:
            self.gate.renew()

    def begin(self, primitive: Primitive) -> None:
        """Something runs from now on; an address is behind the gate before it is there."""
        self.running[primitive.id] = primitive
        self.prepared.discard(primitive.id)
        if self.gate is not None and primitive.agent.agent_class is AgentClass.ADDRESS:
            self.gate.renew()
        self._want_watchdog()
        self.on_change()

    def end(self, resource: ResourceId) -> Primitive | None:
        """Something runs no more; return it if it did."""
        primitive = self.running.pop(resource, None)
        self.promoted.discard(resource)
        if primitive is not None:
            self._want_watchdog()
            self.on_change()
        return primitive

    def promote(self, resource: ResourceId) -> None:
        """Something that runs is promoted from now on."""
        self.promoted.add(resource)
        self.on_change()

    def demote(self, resource: ResourceId) -> None:
        """Something is promoted no more."""
        self.promoted.discard(resource)
        self.on_change()

    def hold(self, until_ms: Millis) -> None:
        """The daemon passes its lease on to those who enforce it."""
        self.lease_until_ms = until_ms
        if self.guardian.is_alive:
            self.guardian.hold(until_ms)
        if self.gate is not None:
            self.gate.hold(until_ms)
            self.renew_gate()

    def renew_gate(self) -> None:
        """The daemon looks at the gate, if there is an address behind it."""
        if self.gate is None or not self._has_address():
            return
        if self.gate.renew():
            self.on_shown()

    def _has_address(self) -> bool:
        return any(p.agent.agent_class is AgentClass.ADDRESS for p in self.running.values())

    def lose_guardian(self) -> list[ResourceId]:
        """Somebody kills the guardian: its processes die, its addresses stay; return all."""
        self.guardian.die()
        held = sorted(r for r, item in self.running.items() if is_held(item))
        for resource in held:
            if self.running[resource].agent.agent_class is not AgentClass.ADDRESS:
                self.end(resource)
        return held

    def new_daemon(self) -> None:
        """A daemon starts, with a guardian and a closed gate: no lease runs."""
        self.lease_until_ms = 0
        self.prepared.clear()
        self.new_guardian()
        if self.gate is not None:
            self.gate.close()

    def new_guardian(self) -> None:
        """A guardian starts: it ends whatever an earlier one has left behind."""
        self.guardian.start()
        for resource in sorted(self.running):
            if is_held(self.running[resource]):
                self._world.note(f"{self.name} sweeps {resource}")
                self.end(resource)

    def lose_power(self) -> None:
        """Everything ends at once."""
        self.is_stalled = self.is_suspended = False
        self._thawing.clear()
        self.guardian.die()
        if self.gate is not None:
            self.gate.close()
        if self.running:
            self.running.clear()
            self.promoted.clear()
            self._want_watchdog()
            self.on_change()

    # --- standing still ------------------------------------------------------------------

    def stall(self, *, suspended: bool) -> None:
        """No process runs from now on; suspended, the kernel does not, either."""
        self.is_stalled, self.is_suspended = True, suspended
        self._slept_us = self._world.now_us

    def thaw(self) -> None:
        """Everything goes on: the guardian first, it has priority."""
        if self.is_suspended and self.gate is not None:
            self.gate.slept(self._world.now_us - self._slept_us)
        self.guardian.awake()
        self.is_stalled = self.is_suspended = False
        self.on_shown()
        waiting, self._thawing = self._thawing, []
        for action in waiting:
            action()

    def when_awake(self, action: Callable[[], None]) -> None:
        """Do what a process of this machine does: now, or when processes run again."""
        if self.is_stalled:
            self._thawing.append(action)
        else:
            action()

    def set_rate(self, rate_ppm: int) -> None:
        """The clock runs faster or slower from now on."""
        self.clock.set_rate(rate_ppm)
        if not self.is_stalled:
            self.guardian.awake()

    def _want_watchdog(self) -> None:
        if self.watchdog is not None:
            self.watchdog.want(wanted=any(is_watched(item) for item in self.running.values()))

    def _may_feed(self) -> bool:
        return not self.is_stalled and self.guardian.holds_lease()

    def _end_guarded(self) -> None:
        for resource in sorted(self.running):
            if is_held(self.running[resource]):
                self.end(resource)
                self.on_end(resource)


def is_held(primitive: Primitive) -> bool:
    """Return whether the guardian holds it, and ends it with the lease."""
    return primitive.agent.agent_class in (AgentClass.PROCESS, AgentClass.ADDRESS)


def is_watched(primitive: Primitive) -> bool:
    """Return whether only a reset of the machine can end it for sure."""
    return not is_held(primitive) and not may_run_twice(primitive)


def _nobody() -> None:
    """Nobody is told."""


def _ignored(resource: ResourceId) -> None:
    """Nobody is told."""
