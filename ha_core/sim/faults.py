"""Each kind of fault: what it does to machines, daemons and network, and how long it lasts.

Owns: the deeds. When which of them happens is the nemesis' to draw.
"""

from collections.abc import Callable

from ha_core.effects import HoldLease, Journal, RunOperation, Send
from ha_core.events import StopAsked
from ha_core.sim.clock import TRUE_PPM
from ha_core.sim.host import WALL_EPOCH_MS, Host
from ha_core.sim.network import Network, Weather
from ha_core.sim.observer import Services
from ha_core.sim.operator import Operator
from ha_core.sim.outlets import Manner, Outlets
from ha_core.sim.plan import Draw
from ha_core.sim.world import US_PER_MS, World

HOUR_MS = 3_600_000


class Faults:
    """Everything that can go wrong, by name."""

    def __init__(
        self,
        world: World,
        network: Network,
        outlets: Outlets,
        hosts: list[Host],
        plan: Draw,
        operator: Operator,
    ) -> None:
        self._world = world
        self._network = network
        self._outlets = outlets
        self._hosts = hosts
        self._plan = plan
        self._operator = operator
        self.kinds: dict[str, Callable[[Host], None]] = {
            "crash": self._crash,
            "power": self._power,
            "blackout": self._blackout,
            "boundary-crash": self._boundary_crash,
            "pause": self._pause,
            "boundary-freeze": self._boundary_freeze,
            "stall": self._stall,
            "suspend": self._suspend,
            "guardian-death": self._guardian_death,
            "fence-agents": self._fence_agents,
            "gate-loss": self._gate_loss,
            "late-timers": self._late_timers,
            "clock-rate": self._clock_rate,
            "wall-jump": self._wall_jump,
            "isolate": self._isolate,
            "one-way": self._one_way,
            "split": self._split,
            "link": self._link,
            "weather": self._weather,
            "witness-away": self._witness_away,
            "kill-service": self._kill_service,
            "agents": self._agents,
            "slow-disk": self._slow_disk,
            "full-disk": self._full_disk,
            "stop-node": self._stop_node,
            "journal-loss": self._journal_loss,
            "disk-loss": self._disk_loss,
            "command": operator.command,
            "apply": operator.apply,
            "add-node": operator.add_node,
            "remove-node": operator.remove_node,
            "confirm-down": operator.confirm_down,
            **operator.deeds,
        }

    def _later(self, action: Callable[[], None], longest_factor: int = 3) -> None:
        longest_us = self._plan.dead_after_us * longest_factor
        self._world.after(self._world.random.randrange(10 * US_PER_MS, longest_us), action)

    # --- daemons and machines ------------------------------------------------------------

    def _crash(self, host: Host) -> None:
        host.crash(power=False)
        self._later(host.boot)

    def _power(self, host: Host) -> None:
        host.crash(power=True)
        self._later(host.boot)

    def _blackout(self, host: Host) -> None:
        """Power fails for most machines at once, and comes back for each at its own time."""
        for each in self._hosts:
            if self._world.random.random() < 0.8:
                each.crash(power=True)
                self._later(each.boot)

    def _boundary_crash(self, host: Host) -> None:
        host.crash_after(self._world.random.randrange(40))
        self._later(host.boot)

    def _pause(self, host: Host) -> None:
        host.freeze()
        self._later(host.thaw)

    def _boundary_freeze(self, host: Host) -> None:
        """The daemon freezes in the middle of what it does, for up to seconds."""
        host.freeze_at(self._world.random.choice((object, HoldLease, RunOperation, Send, Journal)))
        self._later(host.thaw)

    def _stall(self, host: Host) -> None:
        """No process of the machine runs; the kernel answers on."""
        host.stall(suspended=False)
        self._later(host.unstall)

    def _suspend(self, host: Host) -> None:
        """The machine sleeps: its clock has jumped when it wakes."""
        host.stall(suspended=True)
        self._later(host.unstall)

    def _stop_node(self, host: Host) -> None:
        if host.node is not None:
            host.tell(StopAsked())
        self._later(host.boot, 5)

    # --- what enforces leases ------------------------------------------------------------

    def _guardian_death(self, host: Host) -> None:
        host.kill_guardian(self._world.random.randrange(10, 300) * US_PER_MS)

    def _gate_loss(self, host: Host) -> None:
        """A stranger deletes the gate's table; the daemon looks again soon."""
        gate = host.machine.gate
        if gate is None or host.machine.is_stalled:
            return
        self._world.faults["gates deleted"] += 1
        gate.delete()
        longest_us = self._plan.dead_after_us // 9
        self._world.after(self._world.random.randrange(longest_us), host.look_at_gate)

    def _fence_agents(self, host: Host) -> None:
        self._outlets.manner = self._world.random.choice(tuple(Manner))

    # --- clocks --------------------------------------------------------------------------

    def _late_timers(self, host: Host) -> None:
        host.alarm_late_us = self._world.random.choice((2, 20, 200)) * US_PER_MS

    def _clock_rate(self, host: Host) -> None:
        drift_ppm = self._plan.drift_ppm
        host.machine.set_rate(TRUE_PPM + self._world.random.randint(-drift_ppm, drift_ppm))

    def _wall_jump(self, host: Host) -> None:
        host.set_wall(WALL_EPOCH_MS + self._world.random.randint(-HOUR_MS, HOUR_MS))

    # --- network -------------------------------------------------------------------------

    def _isolate(self, host: Host) -> None:
        for other in self._hosts:
            if other is not host:
                self._network.cut(host.name, other.name)
                self._network.cut(other.name, host.name)
        self._later(self._network.heal)

    def _one_way(self, host: Host) -> None:
        is_deaf = self._world.random.random() < 0.5
        others = [other for other in self._hosts if other is not host]
        count = self._world.random.randint(1, len(others)) if others else 0
        for other in self._world.random.sample(others, count):
            if is_deaf:
                self._network.cut(other.name, host.name)
            else:
                self._network.cut(host.name, other.name)
        self._later(self._network.heal)

    def _split(self, host: Host) -> None:
        side = {other.name for other in self._hosts if self._world.random.random() < 0.5}
        for a in self._hosts:
            for b in self._hosts:
                if (a.name in side) != (b.name in side):
                    self._network.cut(a.name, b.name)
        self._later(self._network.heal)

    def _link(self, host: Host) -> None:
        link = self._world.random.choice(self._plan.links)
        for other in self._hosts:
            self._network.cut(host.name, other.name, (link,))
            self._network.cut(other.name, host.name, (link,))
        self._later(self._network.heal)

    def _weather(self, host: Host) -> None:
        random = self._world.random
        self._network.weather = Weather(
            loss_permille=random.choice((0, 50, 300)),
            repeat_permille=random.choice((0, 100)),
            jitter_us=random.choice((300, 20_000)),
            spike_permille=random.choice((0, 50)),
            spike_us=random.choice((50, 900)) * US_PER_MS,
        )

    def _witness_away(self, host: Host) -> None:
        """The witness dies, or nobody can reach it; if there is none, nothing happens."""
        configuration = self._operator.configuration()
        names = {node.name for node in configuration.nodes if node.witness}
        for witness in self._hosts:
            if witness.name in names:
                self._world.faults["witnesses lost"] += 1
                strike = self._world.random.choice((self._isolate, self._crash, self._power))
                strike(witness)

    # --- services and disks --------------------------------------------------------------

    def _kill_service(self, host: Host) -> None:
        if host.running and not host.machine.is_stalled:
            host.kill_service(self._world.random.choice(sorted(host.running)))

    def _agents(self, host: Host) -> None:
        random = self._world.random
        bad = Services(random.choice((0, 100, 400)), random.choice((0, 50, 200)))
        for each in self._hosts if random.random() < 0.5 else [host]:
            each.agents.services = bad

    def _slow_disk(self, host: Host) -> None:
        host.writer.slowest_us = self._world.random.choice((2, 100, 600)) * US_PER_MS

    def _full_disk(self, host: Host) -> None:
        """Nothing can be written: the daemon ends at its next write, and starts when there is
        room.
        """
        host.disk.is_full = True
        disk = host.disk

        def make_room() -> None:
            disk.is_full = False
            host.boot()

        self._later(make_room)

    def _journal_loss(self, host: Host) -> None:
        """The daemon dies, and its copy of the journal is gone."""
        host.crash(power=False)
        host.disk.lose_journal()
        self._later(host.boot)

    def _disk_loss(self, host: Host) -> None:
        """A machine is given an empty disk: once in a run, and only where two others vote on. Its
        services go on at times, as if only the daemon's files had been removed.

        A voter that knows nothing cannot vote: with one other alone there would be no majority.
        """
        voters = self._operator.configuration().voters()
        if not self._operator.may_remove or self._operator.removals:
            return
        if len(voters) < 3 or host not in self._operator.members():
            return
        self._operator.may_remove = False
        is_alone = self._plan.is_rich and self._world.random.random() < 0.5
        self._world.faults["disks lost with services running" if is_alone else "disks lost"] += 1
        host.crash(power=not is_alone)
        host.replace_disk()
        self._later(host.boot)
