"""One simulated machine: power, clock, the daemon with its effect queue, guardian, running
services.

Owns: how effects become deeds, strictly in order and with `Persist` as a
barrier, and what each kind of failure leaves behind: a killed daemon loses
its guardian, which ends what it guards; unguarded services live on until the
machine loses power; a paused daemon is still watched by its guardian.
"""

from collections import deque
from random import Random

from ha_core.agents.registry import guard_of
from ha_core.config.model import Primitive
from ha_core.effects import (
    CancelOperation,
    CommandAnswered,
    Effect,
    HoldLease,
    Journal,
    Persist,
    RunOperation,
    Send,
    StateChanged,
    Stopped,
)
from ha_core.events import (
    LEASE_RAN_OUT,
    CommandGiven,
    Event,
    LinkHeard,
    OperationDone,
    Received,
    ResourceDied,
    StopAsked,
    Tick,
    WallClock,
)
from ha_core.ids import LinkName, NodeName, ResourceId
from ha_core.journal import JournalEvent
from ha_core.messages import Hello, Message, Order
from ha_core.node import Node
from ha_core.sim.claims import Claims
from ha_core.sim.disk import Disk
from ha_core.sim.network import Network
from ha_core.sim.observer import Observer, Services
from ha_core.sim.world import US_PER_MS, World

WALL_EPOCH_MS = 1_700_000_000_000
SEEN_MAX = 4096


class Host:
    """A machine with its daemon."""

    def __init__(
        self,
        world: World,
        network: Network,
        name: NodeName,
        disk: Disk,
        rate_ppm: int,
    ) -> None:
        self._world = world
        self._network = network
        self.name = name
        self.disk = disk
        self._rate_ppm = rate_ppm
        self._offset_us = world.random.randrange(10_000_000)
        self.observer: Observer | None = None
        self.claims = Claims()
        self.services = Services()
        self.disk_us = 2 * US_PER_MS
        self.node: Node | None = None
        self.is_paused = False
        self.is_unplugged = False
        """Off, and nobody may boot it."""
        self.running: dict[ResourceId, Primitive] = {}
        self.answers: dict[str, CommandAnswered] = {}
        self.restarts = False
        """Whether the service manager starts the daemon again after it has stopped in order."""
        self._epoch = 0
        self._lease_until_ms = 0
        self._queue: deque[Effect] = deque()
        self._writing: Persist | None = None
        self._unwritten_seq = 0
        self._waiting: list[Event] = []
        self._operations: dict[int, ResourceId] = {}
        self._ended_operations: dict[int, ResourceId] = {}
        self._seen: deque[tuple[NodeName, int, int]] = deque(maxlen=SEEN_MAX)
        self._seen_set: set[tuple[NodeName, int, int]] = set()
        self._crash_in: int | None = None
        self._lapsed_ms = 0
        self._wake_us = -1
        self._newest_of: dict[tuple[NodeName, LinkName], int] = {}
        network.attach(name, self._deliver)

    # --- clock ---------------------------------------------------------------------------

    def now_ms(self) -> int:
        """Return the machine's monotonic clock, which runs at its own rate."""
        return (self._offset_us + self._world.now_us * self._rate_ppm // 1_000_000) // US_PER_MS

    def _true_us(self, local_ms: int) -> int:
        """Return the first microsecond of true time at which the clock shows `local_ms`."""
        span_us = local_ms * US_PER_MS - self._offset_us
        return -(-span_us * 1_000_000 // self._rate_ppm)

    def lease_end_us(self) -> int:
        """Return the true time at which the guardian ends what runs under the lease."""
        return self._true_us(self._lease_until_ms)

    def coordinator_lease_end_us(self) -> int:
        """Return the true time until which this node may act as coordinator."""
        return self._true_us(self.node.coordinator_lease_until_ms) if self.node else 0

    @property
    def is_writing(self) -> bool:
        """Return whether the node is ahead of its disk."""
        return self._writing is not None or any(isinstance(e, Persist) for e in self._queue)

    # --- power, daemon, pauses -----------------------------------------------------------

    def boot(self) -> None:
        """Start the daemon (and the machine, if it was off)."""
        if self.node is not None or self.is_unplugged:
            return
        self.is_paused = False
        self._epoch += 1
        self._lease_until_ms = 0
        recovered = self.disk.recover()
        self._world.note(f"{self.name} boots, generation {recovered.generation}")
        random = Random(f"{self.name}-{recovered.generation}-{self._world.random.random()}")
        self.node = Node(self.name, recovered, random, self.now_ms())
        self._handle(WallClock(WALL_EPOCH_MS))

    def crash(self, *, power: bool) -> None:
        """Kill the daemon at once, or cut the machine's power."""
        if self.node is None and not power:
            return
        self._world.note(f"{self.name} {'loses power' if power else 'daemon dies'}")
        self._epoch += 1
        self.node = None
        self.is_paused = False
        self._lose_unwritten(power=power)
        self.claims.daemon_ended(self.lease_end_us())
        if self.observer is not None:
            self.observer.ended(self)
        self._queue.clear()
        self._waiting.clear()
        self._operations.clear()
        self._ended_operations.clear()
        self._seen.clear()
        self._seen_set.clear()
        self._crash_in = None
        self._wake_us = -1
        if not power:
            self._end_guarded()
            return
        if self.running:
            self.running.clear()
            self._changed()

    def _lose_unwritten(self, *, power: bool) -> None:
        """Decide what becomes of the write under way; events behind it are lost."""
        if self._unwritten_seq > self.disk.last_event_seq:
            self._world.faults["events lost unwritten"] += 1
        self._unwritten_seq = 0
        record, self._writing = self._writing, None
        if record is None:
            return
        roll = self._world.random.randrange(10)
        if roll < 4:
            self._world.faults["writes lost"] += 1
        elif roll < 7:
            self._world.faults["writes done but not acknowledged"] += 1
            self.disk.commit(record)
        else:
            self._world.faults["writes torn"] += 1
            self.disk.tear(record)

    def replace_disk(self) -> None:
        """Give the machine, which is off, an empty disk."""
        assert self.node is None
        self._world.note(f"{self.name} gets an empty disk")
        self.disk = Disk(None, self.disk.number + 1)

    def crash_after(self, effects: int | None) -> None:
        """Kill the daemon at an effect boundary: after so many further effects (None: do not)."""
        self._crash_in = effects

    def pause(self) -> None:
        """Freeze the daemon; its guardian and its services go on."""
        if self.node is not None:
            self._world.note(f"{self.name} daemon is frozen")
            self.is_paused = True

    def resume(self) -> None:
        """Let the daemon go on with what has piled up."""
        if not self.is_paused:
            return
        self.is_paused = False
        waiting, self._waiting = self._waiting, []
        self._perform()
        for event in waiting:
            self._handle(event)
        self._handle(Tick())

    def stop(self) -> None:
        """Ask the daemon to end in order."""
        self._handle(StopAsked())

    def command(self, given: CommandGiven) -> None:
        """Give a command at this node."""
        self._handle(given)

    # --- the daemon's loop ---------------------------------------------------------------

    def _deliver(
        self, sender: NodeName, generation: int, link: LinkName, number: int, message: Message
    ) -> None:
        if self.node is None:
            return
        path = (sender, link)
        if number < self._newest_of.get(path, 0):
            self._world.faults["datagrams out of order"] += 1
        else:
            self._newest_of[path] = number
        key = (sender, generation, number)
        if key in self._seen_set:
            self._handle(LinkHeard(sender, link))
            return
        if len(self._seen) == SEEN_MAX:
            self._seen_set.discard(self._seen[0])
        self._seen.append(key)
        self._seen_set.add(key)
        self._handle(Received(sender, generation, link, message))

    def _handle(self, event: Event) -> None:
        if self.node is None:
            return
        if self.is_paused:
            if len(self._waiting) < 1000:
                self._waiting.append(event)
            return
        self._hear(event)
        held = self._belongs()
        for effect in self.node.handle(event, self.now_ms()):
            if isinstance(effect, Send) and isinstance(effect.message, Hello):
                self._do(effect)
                continue
            self._queue.append(effect)
            if held and isinstance(effect, RunOperation) and effect.action == "stop":
                self._tell_stop(effect.primitive.id)
        if self.observer is not None and self.node.is_coordinator:
            self.observer.leads(self)
        self._perform()
        self._set_alarm()

    def _belongs(self) -> bool:
        """Return whether the run lease has been held for a while: what a lapse set off is over."""
        assert self.node is not None
        now_ms = self.now_ms()
        if self.node.run_lease_until_ms <= now_ms:
            self._lapsed_ms = now_ms
        return now_ms - self._lapsed_ms > 3 * self.node.configuration.options.dead_after_ms

    def _set_alarm(self) -> None:
        if self.node is None:
            return
        deadline_ms = self.node.deadline_ms()
        if deadline_ms is None:
            return
        when_us = max(self._true_us(deadline_ms), self._world.now_us)
        if self._world.now_us <= self._wake_us <= when_us:
            return
        self._wake_us = when_us
        epoch = self._epoch

        def wake() -> None:
            if self._epoch == epoch and self._wake_us == when_us:
                self._wake_us = -1
                self._handle(Tick())

        self._world.at(when_us, wake)

    def _perform(self) -> None:
        while self._queue and self._writing is None and not self.is_paused and self.node:
            if self._crash_in is not None:
                self._crash_in -= 1
                if self._crash_in < 0:
                    self._world.faults["crashes between two effects"] += 1
                    self.crash(power=False)
                    return
            effect = self._queue.popleft()
            if isinstance(effect, Persist):
                self._sync(effect)
            else:
                self._do(effect)

    def _sync(self, record: Persist) -> None:
        self._writing = record
        epoch = self._epoch

        def synced() -> None:
            if self._epoch == epoch:
                self.disk.commit(record)
                self._writing = None
                self._perform()

        spent_us = self._world.random.randrange(self.disk_us + 1)
        self._world.after(spent_us, synced)
        if self._crash_in is not None and self._world.random.random() < 0.8:
            power = self._world.random.random() < 0.5
            self._world.after(spent_us // 2, lambda: self._crash_in_write(record, power=power))

    def _crash_in_write(self, record: Persist, *, power: bool) -> None:
        if self._writing is record:
            self.crash(power=power)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(to=to, message=message):
                assert self.node is not None
                self._network.send(self.name, self.node.generation, to, message)
                if isinstance(message, Order):
                    self._show(effect)
            case RunOperation():
                self._run(effect)
            case CancelOperation(operation_id=operation_id):
                self._finish(operation_id, OperationDone(operation_id, 1, reason="cancelled"))
            case HoldLease(until_ms=until_ms):
                self._hold(until_ms)
            case CommandAnswered(request_id=request_id):
                self.answers[request_id] = effect
                self._world.note(f"{self.name} answers {request_id}: {effect.outcome.code}")
                self._show(effect)
            case Journal(event=event):
                self._write_behind(event)
            case StateChanged(machine="replication", new=new, why=why):
                self._world.note(f"{self.name} becomes {new}: {why}")
            case Stopped():
                self.crash(power=False)
                if self.restarts:
                    self._world.after(US_PER_MS, self.boot)
            case _:
                pass

    def _show(self, effect: Send | CommandAnswered | JournalEvent) -> None:
        if self.observer is not None:
            self.observer.performed(effect)

    def _write_behind(self, event: JournalEvent) -> None:
        self._show(event)
        self._unwritten_seq = max(self._unwritten_seq, event.seq)
        epoch = self._epoch

        def written() -> None:
            if self._epoch == epoch:
                self.disk.last_event_seq = max(self.disk.last_event_seq, event.seq)

        self._world.after(self.disk_us, written)

    def _changed(self) -> None:
        if self.observer is not None:
            self.observer.changed(self)

    # --- guardian ------------------------------------------------------------------------

    def _hold(self, until_ms: int) -> None:
        if until_ms == 0:
            self._lease_until_ms = 0
            self._end_guarded()
            return
        self._lease_until_ms = until_ms
        deadline_ms, epoch = self._lease_until_ms, self._epoch

        def expire() -> None:
            if self._epoch == epoch and self._lease_until_ms <= deadline_ms:
                self._end_guarded()

        self._world.at(self._true_us(deadline_ms), expire)

    def _end_guarded(self) -> None:
        """The guardian ends everything under the lease, and tells the daemon if there is one."""
        for resource in sorted(self.running):
            if guard_of(self.running[resource]).bounded:
                self._world.note(f"{self.name} guardian ends {resource}")
                del self.running[resource]
                self._tell_death(resource, "the lease ran out", with_lease=True)
                self._changed()

    def kill_service(self, resource: ResourceId) -> None:
        """A service dies by itself; a guarded one is missed at once."""
        primitive = self.running.pop(resource, None)
        if primitive is None:
            return
        self._world.note(f"{self.name} service {resource} dies")
        self._world.faults["services that died"] += 1
        self._changed()
        if guard_of(primitive).bounded:
            self._tell_death(resource, "the process ended")

    def _tell_death(self, resource: ResourceId, reason: str, *, with_lease: bool = False) -> None:
        epoch = self._epoch

        def tell() -> None:
            if self._epoch == epoch:
                self._handle(ResourceDied(resource, reason, with_lease))

        self._world.after(US_PER_MS, tell)

    def _hear(self, event: Event) -> None:
        """The daemon learns that a service is not there: that is proof of its end."""
        resource = None
        if isinstance(event, OperationDone):
            resource = self._ended_operations.pop(event.operation_id, None)
        elif isinstance(event, ResourceDied):
            resource = ResourceId(event.resource)
        if resource is not None and resource not in self.running:
            self.claims.prove(resource)

    # --- agents --------------------------------------------------------------------------

    def _run(self, effect: RunOperation) -> None:
        if effect.not_after_ms is not None and self.now_ms() >= effect.not_after_ms:
            done = OperationDone(effect.operation_id, 1, reason=LEASE_RAN_OUT)
            self._world.after(US_PER_MS, lambda: self._handle(done))
            return
        self._operations[effect.operation_id] = effect.primitive.id
        roll = self._world.random.randrange(1000)
        fails = roll < self.services.fail_permille
        hangs = not fails and roll < self.services.fail_permille + self.services.hang_permille
        base_us = {
            "start": self.services.start_us,
            "stop": self.services.stop_us,
        }.get(effect.action, self.services.monitor_us)
        spent_us = self._world.random.randrange(base_us // 2, base_us + 1)
        if fails or hangs:
            self._world.faults["agents that failed" if fails else "agents that hung"] += 1
        if hangs:
            spent_us = effect.timeout_ms * US_PER_MS
        epoch = self._epoch

        def end() -> None:
            if self._epoch == epoch and effect.operation_id in self._operations:
                self._conclude(effect, fails=fails, hangs=hangs)

        if effect.action == "start" and not fails:
            self._begin_service(effect)
        self._world.after(spent_us, end)

    def _tell_stop(self, resource: ResourceId) -> None:
        if self.observer is not None and resource in self.running:
            self.observer.is_stopped(self, resource)

    def _begin_service(self, effect: RunOperation) -> None:
        primitive = effect.primitive
        if guard_of(primitive).bounded and self.now_ms() >= self._lease_until_ms:
            return
        self._world.note(f"{self.name} begins {primitive.id}")
        if self.observer is not None and primitive.id not in self.running:
            self.observer.begins(self, primitive)
        assert self.node is not None
        self.claims.begin(primitive, self.node.generation)
        self.running[primitive.id] = primitive
        self._changed()

    def _conclude(self, effect: RunOperation, *, fails: bool, hangs: bool) -> None:
        resource = effect.primitive.id
        code = 0
        if hangs or fails:
            code = 1
        elif effect.action == "stop":
            self._end_service(resource)
        elif resource not in self.running:
            code = 7 if effect.action == "monitor" else 1
        if effect.action == "stop" and code and guard_of(effect.primitive).bounded:
            self._end_service(resource)
            code = 0
        done = OperationDone(effect.operation_id, code, hangs, "as the simulator wants")
        self._finish(effect.operation_id, done)

    def _end_service(self, resource: ResourceId) -> None:
        if self.running.pop(resource, None) is not None:
            self._world.note(f"{self.name} ends {resource}")
            self._changed()

    def _finish(self, operation_id: int, done: OperationDone) -> None:
        if operation_id in self._operations:
            self._ended_operations[operation_id] = self._operations.pop(operation_id)
            epoch = self._epoch

            def tell() -> None:
                if self._epoch == epoch:
                    self._handle(done)

            self._world.after(10, tell)
