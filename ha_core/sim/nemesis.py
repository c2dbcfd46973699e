"""The nemesis: makes faults happen, one after another, while the storm lasts.

Owns: what each kind of fault does to the hosts and the network, and how the
world is healed afterwards.
"""

from collections.abc import Callable

from ha_core import commands
from ha_core.commands import Command
from ha_core.config.model import Configuration, TargetRole
from ha_core.events import CommandGiven
from ha_core.ids import NodeName, ResourceId
from ha_core.sim.host import Host, Services
from ha_core.sim.network import Network, Weather
from ha_core.sim.plan import LINKS, Draw
from ha_core.sim.world import US_PER_MS, World


class Nemesis:
    """Draws faults from the world's randomness until `end_us`."""

    def __init__(self, world: World, network: Network, hosts: list[Host], plan: Draw) -> None:
        self._world = world
        self._network = network
        self._hosts = hosts
        self._plan = plan
        self._configuration: Configuration = plan.configuration
        self._end_us = 0
        self._commands = 0
        self.given: list[tuple[Host, str]] = []
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
            "command": self._command,
            "stop-node": self._stop_node,
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
            host.resume()
            host.boot()

    def settle(self) -> None:
        """Give the commands that an operator would give after the storm."""
        resources = [item.id for item in self._configuration.primitives]
        tops = [item.id for item in self._configuration.groups] + resources
        for host in self._hosts:
            self._give(commands.SetStandby(host.name, False))
        for resource in tops:
            self._give(commands.Clear(resource))
            self._give(commands.SetTargetRole(resource, None))
        for resource in resources:
            self._give(commands.Cleanup(resource))

    def _next(self) -> None:
        gap_us = self._plan.fault_gap_ms * US_PER_MS
        delay_us = self._world.random.randrange(gap_us // 4, gap_us * 2)
        if self._world.now_us + delay_us >= self._end_us:
            return

        def strike() -> None:
            host = self._world.random.choice(self._hosts)
            kind = self._world.random.choice(self._plan.faults)
            self._world.note(f"fault {kind} {host.name}")
            self._faults[kind](host)
            self._next()

        self._world.after(delay_us, strike)

    def _later(self, action: Callable[[], None], longest_factor: int = 3) -> None:
        longest_ms = self._configuration.options.dead_after_ms * longest_factor
        self._world.after(self._world.random.randrange(10, longest_ms) * US_PER_MS, action)

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
        host.services = Services(random.choice((0, 100, 400)), random.choice((0, 50, 200)))

    def _slow_disk(self, host: Host) -> None:
        host.disk_us = self._world.random.choice((2, 100, 600)) * US_PER_MS

    def _stop_node(self, host: Host) -> None:
        if host.node is not None:
            host.stop()
        self._later(host.boot, 5)

    def _command(self, host: Host) -> None:
        random = self._world.random
        tops = [item.id for item in self._configuration.groups]
        grouped = {member for item in self._configuration.groups for member in item.members}
        tops += [item.id for item in self._configuration.primitives if item.id not in grouped]
        resource = random.choice(tops)
        node = random.choice(self._hosts).name
        self._give(random.choice(self._some_commands(resource, node)))

    def _some_commands(self, resource: ResourceId, node: NodeName) -> list[Command]:
        return [
            commands.SetStandby(node, True),
            commands.SetStandby(node, False),
            commands.Move(resource, node),
            commands.Clear(resource),
            commands.Restart(resource),
            commands.Cleanup(resource),
            commands.SetTargetRole(resource, TargetRole.STOPPED),
            commands.SetTargetRole(resource, TargetRole.STARTED),
        ]

    def _give(self, command: Command) -> None:
        host = self._world.random.choice(self._hosts)
        if host.node is None:
            return
        self._commands += 1
        request_id = f"sim-{self._commands}"
        self.given.append((host, request_id))
        host.command(CommandGiven(request_id, "nemesis", command))
