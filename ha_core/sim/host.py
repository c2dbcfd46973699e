"""The daemon of one simulated machine: the shipped `Node`, its effect queue, its disk, its pauses.

Owns: how effects become deeds, strictly in order and with `Persist` as a
barrier, and what each kind of failure leaves behind: a killed daemon loses
its guardian, which ends what it guards; unguarded services live on until the
machine loses power; a frozen daemon is still watched by its guardian. It can
be frozen or killed before every single effect, and between the check of a
lease and the deed.
"""

from collections import deque
from random import Random

from ha_core.config.model import Primitive
from ha_core.config.units import may_be_promoted
from ha_core.effects import (
    CancelOperation,
    CommandAnswered,
    Effect,
    Fence,
    HoldLease,
    Journal,
    Persist,
    RunOperation,
    Send,
    StateChanged,
    Stopped,
)
from ha_core.events import (
    CommandGiven,
    Declared,
    Event,
    OperationDone,
    Received,
    ResourceDied,
    StopAsked,
    Tick,
    WallClock,
)
from ha_core.ids import Generation, LinkName, Millis, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.messages import Hello, Message, Order
from ha_core.node import Node
from ha_core.sim.agents import Agents
from ha_core.sim.claims import Claims
from ha_core.sim.disk import Disk
from ha_core.sim.gate import Step
from ha_core.sim.machine import Machine, is_held
from ha_core.sim.network import Network
from ha_core.sim.observer import Observer
from ha_core.sim.outlets import FenceCalls, Outlets
from ha_core.sim.window import Window
from ha_core.sim.world import US_PER_MS, World
from ha_core.sim.writer import Writer

WALL_EPOCH_MS = 1_700_000_000_000
RESET_US = 300 * US_PER_MS
"""A machine that was reset runs its daemon again after so long."""
UNHARMED = (None, None)
WAITING_MAX = 1000
"""What a frozen daemon finds in its sockets at most."""


class Host:
    """A machine with its daemon."""

    def __init__(
        self, world: World, network: Network, outlets: Outlets, machine: Machine, disk: Disk
    ) -> None:
        self._world = world
        self._network = network
        self.machine = machine
        self.name = machine.name
        self.writer = Writer(world, disk)
        self.observer: Observer | None = None
        self.claims = Claims()
        self.agents = Agents(world, machine, self._handle, self._begins)
        self._fences = FenceCalls(world, machine, outlets, self._handle)
        self.alarm_late_us = 0
        """By how much the daemon's timers may be late."""
        self.wall_ms = WALL_EPOCH_MS
        self.node: Node | None = None
        self.is_unplugged = False
        """Off, and nobody may boot it."""
        self.is_switched_off = False
        """Its outlet is off."""
        self.ended_generation: Generation = 0
        """Newest start that a loss of power has ended, with all that ran on the machine."""
        self.answers: dict[str, CommandAnswered] = {}
        self.restarts = False
        """Whether the service manager starts the daemon again after it has stopped in order."""
        self._frozen: set[str] = set()
        self._epoch = 0
        self._queue: deque[Effect] = deque()
        self._checked: RunOperation | None = None
        self._planned: Step | None = None
        self._waiting: list[Event] = []
        self._window = Window()
        self._crash_in: int | None = None
        self._freeze_at: type[object] | None = None
        self._lapsed_ms = 0
        self._leads_until_ms = 0
        self._wake_us = self._alarm_ms = -1
        machine.on_change = self._changed
        machine.on_shown = lambda: self.observer.shown() if self.observer else None
        machine.on_end = self._guardian_ended
        machine.on_reset = self.reset
        network.attach(self.name, self._deliver)
        outlets.plug(self.name, self)

    # --- reading -------------------------------------------------------------------------

    @property
    def running(self) -> dict[ResourceId, Primitive]:
        """What is there on the machine."""
        return self.machine.running

    @property
    def disk(self) -> Disk:
        """The disk that is in the machine."""
        return self.writer.disk

    def now_ms(self) -> Millis:
        """Return the machine's monotonic clock."""
        return self.machine.clock.now_ms()

    @property
    def is_frozen(self) -> bool:
        """Return whether the daemon does not run at the moment."""
        return bool(self._frozen)

    @property
    def is_writing(self) -> bool:
        """Return whether the node is ahead of its disk."""
        return self.writer.is_busy or any(isinstance(e, Persist) for e in self._queue)

    # --- power, daemon, pauses -----------------------------------------------------------

    def boot(self) -> None:
        """Start the daemon (and the machine, if it was off)."""
        is_off = self.is_unplugged or self.is_switched_off
        if self.node is not None or is_off or self.machine.is_stalled:
            return
        if self.disk.is_full:
            self._world.faults["starts refused by a full disk"] += 1
            return
        self._epoch += 1
        self.machine.new_daemon()
        recovered = self.disk.recover()
        self._world.note(f"{self.name} boots, generation {recovered.generation}")
        random = Random(f"{self.name}-{recovered.generation}-{self._world.random.random()}")
        self.node = Node(self.name, recovered, random, self.now_ms())
        self._handle(Declared(self.machine.gates))
        self._handle(WallClock(self.wall_ms))

    def crash(self, *, power: bool) -> None:
        """Kill the daemon at once, or cut the machine's power."""
        if self.node is None and not power:
            return
        self._world.note(f"{self.name} {'loses power' if power else 'daemon dies'}")
        self._epoch += 1
        self.node = None
        self._frozen.clear()
        self.writer.die()
        self.claims.daemon_ended(self.machine.lease_until_ms)
        if self.observer is not None:
            self.observer.ended(self)
        self._queue.clear()
        self._checked = self._planned = None
        self._waiting.clear()
        self.agents.forget()
        self._fences.forget()
        self._window.clear()
        self._crash_in = self._freeze_at = None
        self._wake_us = self._alarm_ms = -1
        if power:
            self.ended_generation = self.disk.generation
            self.machine.lose_power()
        else:
            self.machine.guardian.orphaned()

    def reset(self) -> None:
        """The watchdog has fired: everything ends, and begins again."""
        self.crash(power=True)
        self._world.after(RESET_US, self.boot)

    def replace_disk(self) -> None:
        """Give the machine, which is off, an empty disk."""
        assert self.node is None
        self._world.note(f"{self.name} gets an empty disk")
        self.writer.disk = Disk(None, self.disk.number + 1)

    def crash_after(self, effects: int | None) -> None:
        """Kill the daemon at an effect boundary: after so many further effects (None: do not)."""
        self._crash_in = effects

    def freeze_at(self, kind: type[object] | None) -> None:
        """Freeze the daemon before its next effect of a kind, or in the midst of that: between
        clock and kernel, between the check of a lease and the deed (None: do not).
        """
        self._freeze_at = kind

    def freeze(self, why: str = "pause") -> None:
        """Stop the daemon where it is; its guardian and its services go on."""
        if self.node is not None and why not in self._frozen:
            self._world.note(f"{self.name} daemon is frozen ({why})")
            self._frozen.add(why)

    def thaw(self, why: str = "pause") -> None:
        """Let the daemon go on with what has piled up."""
        if why not in self._frozen:
            return
        self._frozen.discard(why)
        if self._frozen:
            return
        waiting, self._waiting = self._waiting, []
        if self._planned is not None and self.machine.gate is not None:
            self.machine.gate.carry_out(self._planned)
            self._planned = None
            self.machine.on_shown()
        if self._checked is not None:
            checked, self._checked = self._checked, None
            self.agents.run(checked)
        self._perform()
        for event in waiting:
            self._handle(event)
        self._handle(Tick())

    def stall(self, *, suspended: bool) -> None:
        """Let the whole machine stand still."""
        word = "is suspended" if suspended else "stands still"
        self._world.note(f"{self.name} {word}")
        self.machine.stall(suspended=suspended)
        self.freeze("stall")

    def unstall(self) -> None:
        """Let the machine go on: its guardian first, then its services, then the daemon."""
        if self.machine.is_stalled:
            self._world.note(f"{self.name} goes on")
            self.machine.thaw()
            self.thaw("stall")

    def look_at_gate(self) -> None:
        """The daemon looks whether the gate is still its own."""
        if not self._frozen and self.node is not None:
            self.machine.renew_gate()

    def kill_guardian(self, back_after_us: int) -> None:
        """Somebody kills the guardian; the daemon starts another one."""
        if self.node is None or not self.machine.guardian.is_alive:
            return
        self._world.note(f"{self.name} guardian dies")
        for resource in self.machine.lose_guardian():
            self._tell_death(resource, "the guardian died")
        epoch = self._epoch

        def again() -> None:
            if self._epoch == epoch:
                self.machine.new_guardian()
                if self.machine.lease_until_ms:
                    self.machine.guardian.hold(self.machine.lease_until_ms)

        self._world.after(back_after_us, lambda: self.machine.when_awake(again))

    def tell(self, event: CommandGiven | StopAsked) -> None:
        """Somebody gives a command at this node, or asks its daemon to end in order."""
        self._handle(event)

    def set_wall(self, offset_ms: Millis) -> None:
        """Somebody sets the wall clock."""
        self.wall_ms = offset_ms
        self._handle(WallClock(offset_ms))

    # --- the daemon's loop ---------------------------------------------------------------

    def _deliver(
        self, sender: NodeName, generation: int, link: LinkName, number: int, message: Message
    ) -> None:
        if self.node is None or self.machine.is_suspended:
            return
        if self._window.is_late(sender, link, number):
            self._world.faults["datagrams out of order"] += 1
        if self._window.is_first(number):
            self._handle(Received(sender, generation, link, message))
        else:
            self._handle(self._window.copy_of(sender, link))

    def _handle(self, event: Event) -> None:
        node = self.node
        if node is None:
            return
        if self._frozen:
            if len(self._waiting) < WAITING_MAX:
                self._waiting.append(event)
            return
        if isinstance(event, (OperationDone, ResourceDied)):
            self._hear(event)
        now_ms = self.machine.clock.now_ms()
        if node.run_lease_until_ms <= now_ms:
            self._lapsed_ms = now_ms
        effects = node.handle(event, now_ms)
        if effects:
            self._take(effects, now_ms)
        leads_until_ms = node.coordinator_lease_until_ms
        if leads_until_ms != self._leads_until_ms:
            self._leads_until_ms = leads_until_ms
            if leads_until_ms and self.observer is not None:
                self.observer.leads(self)
        if self._queue:
            self._perform()
        self._set_alarm()

    def _take(self, effects: list[Effect], now_ms: Millis) -> None:
        """Queue effects; greetings pass."""
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.message, Hello):
                self._do(effect)
                continue
            self._queue.append(effect)
            if isinstance(effect, RunOperation) and effect.action == "stop":
                self._tell_stop(effect.primitive.id, now_ms)

    def _tell_stop(self, resource: ResourceId, now_ms: Millis) -> None:
        """Tell of a stop, once the run lease has been held for a while: what a lapse set off is
        over.
        """
        assert self.node is not None
        dead_after_ms = self.node.configuration.options.dead_after_ms
        is_settled = now_ms - self._lapsed_ms > 3 * dead_after_ms
        if is_settled and self.observer is not None and resource in self.running:
            self.observer.is_stopped(self, resource)

    def _set_alarm(self) -> None:
        if self.node is None:
            return
        deadline_ms = self.node.deadline_ms()
        if deadline_ms is None or deadline_ms == self._alarm_ms:
            return
        now_us = self._world.now_us
        when_us = max(self.machine.clock.true_us(deadline_ms), now_us)
        if now_us <= self._wake_us <= when_us:
            return
        self._alarm_ms = deadline_ms
        self._wake_us = when_us
        epoch = self._epoch

        def wake() -> None:
            if self._epoch == epoch and self._wake_us == when_us:
                self._wake_us = self._alarm_ms = -1
                self._handle(Tick())

        if self.alarm_late_us:
            when_us += self._world.random.randrange(self.alarm_late_us)
            self._wake_us = when_us
            self._world.faults["timers that fired late"] += 1
        self._world.at(when_us, wake)

    def _perform(self) -> None:
        while self._queue and not self.writer.is_busy and not self._frozen and self.node:
            if (self._crash_in, self._freeze_at) != UNHARMED and self._is_struck():
                return
            effect = self._queue.popleft()
            if isinstance(effect, Persist):
                self._sync(effect)
            else:
                self._do(effect)

    def _is_struck(self) -> bool:
        """Return whether the daemon is killed or frozen before the next effect."""
        if self._crash_in is not None:
            self._crash_in -= 1
            if self._crash_in < 0:
                self._world.faults["crashes between two effects"] += 1
                self.crash(power=False)
                return True
        if self._freeze_at is not None and isinstance(self._queue[0], self._freeze_at):
            self._freeze_at = None
            self._freeze_here()
            return True
        return False

    def _freeze_here(self) -> None:
        effect = self._queue[0]
        self._world.faults["freezes between two effects"] += 1
        self.freeze()
        gate = self.machine.gate
        if isinstance(effect, HoldLease) and effect.until_ms and gate is not None:
            # The lease was passed on, and the gate's next step decided; the kernel hears it later.
            self._world.faults["freezes between clock and gate"] += 1
            self._queue.popleft()
            self.machine.hold(effect.until_ms)
            self._planned = gate.plan()
        if isinstance(effect, RunOperation) and not self.agents.is_late(effect):
            # The lease was looked at just before; the deed comes whenever the daemon goes on.
            self._world.faults["freezes between check and deed"] += 1
            self._queue.popleft()
            self._checked = effect

    def _sync(self, record: Persist) -> None:
        if self.disk.is_full:
            self._world.faults["writes refused by a full disk"] += 1
            self.crash(power=False)
            return
        spent_us = self.writer.write(record, self._perform)
        if self._crash_in is not None and self._world.random.random() < 0.8:
            power = self._world.random.random() < 0.5

            def strike() -> None:
                if self.writer.is_writing(record):
                    self.crash(power=power)

            self._world.after(spent_us // 2, strike)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(to=to, message=message):
                assert self.node is not None
                self._network.send(self.name, self.node.generation, to, message)
                if isinstance(message, Order):
                    self._show(effect)
            case RunOperation():
                if self.agents.is_late(effect):
                    self.agents.refuse(effect)
                else:
                    self.agents.run(effect)
            case CancelOperation(operation_id=operation_id):
                self.agents.cancel(operation_id)
            case Fence():
                self._fences.call(effect)
            case HoldLease(until_ms=until_ms):
                self.machine.hold(until_ms)
            case CommandAnswered(request_id=request_id):
                self.answers[request_id] = effect
                self._world.note(f"{self.name} answers {request_id}: {effect.outcome.code}")
                self._world.states[f"answer {effect.outcome.code}"] += 1
                self._show(effect)
            case Journal(event=event):
                self._show(event)
                self.writer.write_behind(event)
            case StateChanged(machine="replication", new=new, why=why):
                self._world.note(f"{self.name} becomes {new}: {why}")
                self._world.states[f"role {new}"] += 1
            case Stopped():
                self.crash(power=False)
                if self.restarts:
                    self._world.after(US_PER_MS, self.boot)
            case _:
                pass

    def _show(self, effect: Send | CommandAnswered | JournalEvent) -> None:
        if self.observer is not None:
            self.observer.performed(effect)

    def _changed(self) -> None:
        if self.observer is not None:
            self.observer.changed(self)

    # --- guardian and agents -------------------------------------------------------------

    def _guardian_ended(self, resource: ResourceId) -> None:
        """The guardian has ended something with the lease; it tells the daemon, if there is one."""
        self._world.note(f"{self.name} guardian ends {resource}")
        self._tell_death(resource, "the lease ran out", with_lease=True)

    def kill_service(self, resource: ResourceId) -> None:
        """A service dies by itself; a guarded one is missed at once."""
        primitive = self.machine.end(resource)
        if primitive is None:
            return
        self._world.note(f"{self.name} service {resource} dies")
        self._world.faults["services that died"] += 1
        if is_held(primitive):
            self._tell_death(resource, "the process ended")

    def _tell_death(self, resource: ResourceId, reason: str, *, with_lease: bool = False) -> None:
        epoch = self._epoch

        def tell() -> None:
            if self._epoch == epoch:
                self._handle(ResourceDied(resource, reason, with_lease))

        self._world.after(US_PER_MS, tell)

    def _hear(self, event: OperationDone | ResourceDied) -> None:
        """The daemon learns that a service is not there: that is proof of its end."""
        if isinstance(event, OperationDone):
            resource = self.agents.ended.pop(event.operation_id, None)
        else:
            resource = ResourceId(event.resource)
        if resource is not None and not self.machine.has_right(resource):
            self.claims.prove(resource)

    def _begins(self, effect: RunOperation) -> None:
        assert self.node is not None
        primitive, is_promotion = effect.primitive, effect.action == "promote"
        self._world.note(f"{self.name} begins to {effect.action} {primitive.id}")
        if self.observer is not None and (is_promotion or primitive.id not in self.running):
            self.observer.begins(self, primitive, effect.action)
        if is_promotion or not may_be_promoted(primitive):
            self.claims.begin(primitive, self.node.generation)
