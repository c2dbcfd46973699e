"""The nemesis: makes faults happen, one after another, while the storm lasts.

Owns: what each kind of fault does to the hosts and the network, and how the
world is healed afterwards.
"""

from collections.abc import Callable

from ha_core.sim.host import Host
from ha_core.sim.network import Network, Weather
from ha_core.sim.observer import Services
from ha_core.sim.operator import Operator
from ha_core.sim.plan import LINKS, Draw
from ha_core.sim.world import US_PER_MS, World


class Nemesis:
    """Draws faults from the world's randomness until `end_us`."""

    def __init__(
        self,
        world: World,
        network: Network,
        hosts: list[Host],
        plan: Draw,
        operator: Operator,
    ) -> None:
        self._world = world
        self._network = network
        self._hosts = hosts
        self._plan = plan
        self._operator = operator
        self._end_us = 0
        self._faults: dict[str, Callable[[Host], None]] = {
            "crash": self._crash,
            "power": self._power,
            "boundary-crash": self._boundary_crash,
            "pause": self._pause,
            "isolate": self._isolate,
            "one-way": self._one_way,
            "split": self._split,
            "link": self._link,
            "weather": self._weather,
            "kill-service": self._kill_service,
            "agents": self._agents,
            "slow-disk": self._slow_disk,
            "stop-node": self._stop_node,
            "journal-loss": self._journal_loss,
            "disk-loss": self._disk_loss,
            "command": operator.command,
            "apply": operator.apply,
            "add-node": operator.add_node,
            "remove-node": operator.remove_node,
            "confirm-down": operator.confirm_down,
        }

    def begin(self, end_us: int) -> None:
        """Start the storm."""
        self._end_us = end_us
        loss, repeat, spike = self._plan.weather
        self._network.weather = Weather(loss, repeat, spike_permille=spike)
        self._next()

    def heal(self) -> None:
        """End every fault: links mended, machines on, daemons running, agents well, no bans
        left.
        """
        self._world.note("heal")
        self._network.heal()
        self._network.weather = Weather()
        for host in self._hosts:
            host.services = Services()
            host.restarts = True
            host.disk_us = 2 * US_PER_MS
            host.is_unplugged = False
            host.crash_after(None)
            host.resume()
            host.boot()

    def _next(self) -> None:
        gap_us = self._plan.fault_gap_ms * US_PER_MS
        delay_us = self._world.random.randrange(gap_us // 4, gap_us * 2)
        if self._world.now_us + delay_us >= self._end_us:
            return

        def strike() -> None:
            host = self._world.random.choice(self._hosts)
            kind = self._world.random.choice(self._plan.faults)
            self._world.note(f"fault {kind} {host.name}")
            self._world.faults[f"fault {kind}"] += 1
            self._faults[kind](host)
            self._next()

        self._world.after(delay_us, strike)

    def _later(self, action: Callable[[], None], longest_factor: int = 3) -> None:
        longest_us = self._plan.dead_after_us * longest_factor
        self._world.after(self._world.random.randrange(10 * US_PER_MS, longest_us), action)

    def _crash(self, host: Host) -> None:
        host.crash(power=False)
        self._later(host.boot)

    def _power(self, host: Host) -> None:
        host.crash(power=True)
        self._later(host.boot)

    def _boundary_crash(self, host: Host) -> None:
        host.crash_after(self._world.random.randrange(40))
        self._later(host.boot)

    def _pause(self, host: Host) -> None:
        host.pause()
        self._later(host.resume)

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
        link = self._world.random.choice(LINKS)
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

    def _kill_service(self, host: Host) -> None:
        if host.running:
            host.kill_service(self._world.random.choice(sorted(host.running)))

    def _agents(self, host: Host) -> None:
        random = self._world.random
        bad = Services(random.choice((0, 100, 400)), random.choice((0, 50, 200)))
        for each in self._hosts if random.random() < 0.5 else [host]:
            each.services = bad

    def _slow_disk(self, host: Host) -> None:
        host.disk_us = self._world.random.choice((2, 100, 600)) * US_PER_MS

    def _stop_node(self, host: Host) -> None:
        if host.node is not None:
            host.stop()
        self._later(host.boot, 5)

    def _journal_loss(self, host: Host) -> None:
        """The daemon dies, and its copy of the journal is gone."""
        host.crash(power=False)
        host.disk.last_event_seq = 0
        self._later(host.boot)

    def _disk_loss(self, host: Host) -> None:
        """A machine is given an empty disk: once in a run, and only where two others vote on.

        A voter that knows nothing cannot vote: with one other alone there would be no majority.
        """
        voters = self._operator.configuration().voters()
        if not self._operator.may_remove or self._operator.removals:
            return
        if len(voters) < 3 or host not in self._operator.members():
            return
        self._operator.may_remove = False
        self._world.faults["disks lost"] += 1
        host.crash(power=True)
        host.replace_disk()
        self._later(host.boot)

    # --- faults that must cost nothing ---------------------------------------------------

    def tease(self) -> str:
        """Begin a fault that no healthy service may move for; return its name."""
        random = self._world.random
        idle = [host for host in self._hosts if host.node is not None and not host.running]
        voters = self._operator.configuration().voters()
        kinds: dict[str, Callable[[], None]] = {
            "one link is down": self._tease_link,
            "light weather": self._tease_weather,
            "short pauses": self._tease_pauses,
        }
        if idle and len(voters) >= 3:
            kinds["a node without services dies"] = lambda: random.choice(idle).crash(power=True)
        if idle and len(voters) >= 3:
            kinds["a node without services leaves"] = lambda: random.choice(idle).stop()
        kind = random.choice(sorted(kinds))
        self._world.note(f"tease: {kind}")
        self._world.faults[f"tease {kind}"] += 1
        kinds[kind]()
        return kind

    def _tease_link(self) -> None:
        link = self._world.random.choice(LINKS)
        for a in self._hosts:
            for b in self._hosts:
                self._network.cut(a.name, b.name, (link,))

    def _tease_weather(self) -> None:
        self._network.weather = Weather(loss_permille=50, repeat_permille=200, jitter_us=20_000)

    def _tease_pauses(self) -> None:
        """Freeze each daemon in turn, for less than any lease lasts."""
        step_us = self._plan.dead_after_us // 5
        for number, host in enumerate(self._hosts):
            self._world.after(2 * number * step_us, host.pause)
            self._world.after((2 * number + 1) * step_us, host.resume)
