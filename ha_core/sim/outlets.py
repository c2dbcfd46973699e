"""Power outlets of all machines, and the fence agents that switch them.

Owns: what a call of an agent does and says. Agents fail, hang, lie about what
they did, and are done before the outlet is; what an outlet's status says is
true. A call that has begun is not undone by the death of whoever made it.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Protocol

from ha_core.config.model import FenceCall
from ha_core.effects import Fence
from ha_core.events import FenceDone
from ha_core.fencing import rules
from ha_core.ids import NodeName
from ha_core.sim.machine import Machine
from ha_core.sim.world import US_PER_MS, World

SWITCH_US = 150 * US_PER_MS
LOOK_US = 20 * US_PER_MS
EARLY_US = 900 * US_PER_MS
"""So long after its agent has said so an outlet may still be on."""
START_US = 400 * US_PER_MS
"""A machine that has power again starts its daemon within so long."""
TELL_US = 10
ACTIONS = "on off reboot status monitor list metadata"


class Manner(StrEnum):
    """How agents behave."""

    WELL = "well"
    FAILS = "fail"
    HANGS = "hang"
    LIES = "lie"
    EARLY = "are done too early"


class Plugged(Protocol):
    """A machine at an outlet."""

    is_switched_off: bool

    def crash(self, *, power: bool) -> None:
        """Cut its power."""
        ...

    def boot(self) -> None:
        """Start it."""
        ...


class Outlets:
    """All outlets; `manner` holds for every agent until it is changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plugged: dict[NodeName, Plugged] = {}
        self.manner = Manner.WELL

    def plug(self, name: NodeName, machine: Plugged) -> None:
        """Give a machine its outlet."""
        self._plugged[name] = machine

    def heal(self) -> None:
        """Agents are well, and every outlet is on."""
        self.manner = Manner.WELL
        for machine in self._plugged.values():
            machine.is_switched_off = False

    def call(self, fence: Fence, done: Callable[[FenceDone], None]) -> None:
        """Call an agent; `done` is told its answer when it ends."""
        manner = self._manner(fence)
        answer = FenceDone(fence.call_id, 0)
        spent_us = self._world.random.randrange(LOOK_US)
        self._world.states[f"fence call {fence.action}"] += 1
        if manner is Manner.HANGS:
            self._world.faults["fence agents that hung"] += 1
            answer = FenceDone(fence.call_id, 1, timed_out=True)
            spent_us = fence.timeout_ms * US_PER_MS
        elif manner is Manner.FAILS:
            self._world.faults["fence agents that failed"] += 1
            answer = FenceDone(fence.call_id, 1, text="as the simulator wants")
        elif fence.action in (FenceCall.OFF, FenceCall.ON, FenceCall.RESET):
            spent_us = self._switch(fence, manner)
        elif fence.action == FenceCall.METADATA:
            answer = replace(answer, text=ACTIONS)
        if fence.action == FenceCall.STATUS and manner is not Manner.HANGS:
            self._world.after(spent_us, lambda: done(self._looked(fence, answer)))
        else:
            self._world.after(spent_us, lambda: done(answer))

    def _manner(self, fence: Fence) -> Manner:
        """Return how this call goes: what proves is never a lie."""
        if self.manner is Manner.WELL or self._world.random.random() < 0.3:
            return Manner.WELL
        is_trusted = rules.contract_of(fence.device) is rules.Contract.STONITH
        is_lie = self.manner in (Manner.LIES, Manner.EARLY)
        return Manner.WELL if is_lie and is_trusted else self.manner

    def _switch(self, fence: Fence, manner: Manner) -> int:
        """Switch an outlet sooner or later; return when the agent says that it has."""
        spent_us = self._world.random.randrange(SWITCH_US)
        acts_us = spent_us
        if manner is Manner.LIES:
            self._world.faults["fence agents that lied"] += 1
            return spent_us
        if manner is Manner.EARLY:
            self._world.faults["fence agents that were done too early"] += 1
            acts_us += self._world.random.randrange(EARLY_US)
        elif self._world.random.random() < 0.5:
            acts_us = spent_us // 2
        machine, action = self._plugged[fence.target], fence.action
        self._world.after(acts_us, lambda: self._act(fence.target, machine, action))
        return spent_us

    def _act(self, name: NodeName, machine: Plugged, action: str) -> None:
        self._world.note(f"outlet of {name}: {action}")
        if action in (FenceCall.OFF, FenceCall.RESET):
            self._world.faults["nodes cut off by a device"] += 1
            machine.is_switched_off = True
            machine.crash(power=True)
        if action in (FenceCall.ON, FenceCall.RESET):
            machine.is_switched_off = False
            self._world.after(self._world.random.randrange(START_US), machine.boot)

    def _looked(self, fence: Fence, answer: FenceDone) -> FenceDone:
        machine = self._plugged[fence.target]
        if answer.exit_code == 0 and machine.is_switched_off:
            return replace(answer, exit_code=2)
        return answer


class FenceCalls:
    """The calls of one daemon: refused without its lease, and told to nobody once it is dead."""

    def __init__(
        self,
        world: World,
        machine: Machine,
        outlets: Outlets,
        done: Callable[[FenceDone], None],
    ) -> None:
        self._world = world
        self._machine = machine
        self._outlets = outlets
        self._done = done
        self._life = 0

    def forget(self) -> None:
        """The daemon is gone."""
        self._life += 1

    def call(self, fence: Fence) -> None:
        """Call an agent, unless the lease is over."""
        told = partial(self._tell, self._life)
        if self._machine.clock.now_ms() >= fence.not_after_ms:
            told(FenceDone(fence.call_id, 1, text="the lease ran out"))
        else:
            self._outlets.call(fence, told)

    def _tell(self, life: int, done: FenceDone) -> None:
        def tell() -> None:
            if self._life == life:
                self._done(done)

        self._world.after(TELL_US, lambda: self._machine.when_awake(tell))
