"""The nemesis: makes faults happen, one after another, while the storm lasts.

Owns: when which fault strikes whom, how the world is healed afterwards, and
the small faults for which nothing healthy may move.
"""

from collections.abc import Callable

from ha_core.events import StopAsked
from ha_core.sim.faults import Faults
from ha_core.sim.host import Host
from ha_core.sim.network import Network, Weather
from ha_core.sim.observer import Services
from ha_core.sim.operator import Operator
from ha_core.sim.outlets import Outlets
from ha_core.sim.plan import Draw
from ha_core.sim.world import US_PER_MS, World


class Nemesis:
    """Draws faults from the world's randomness until `end_us`."""

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
        self._end_us = 0
        self._faults = Faults(world, network, outlets, hosts, plan, operator).kinds

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
        self._outlets.heal()
        for host in self._hosts:
            host.agents.services = Services()
            host.restarts = True
            host.writer.slowest_us = 2 * US_PER_MS
            host.disk.is_full = False
            host.alarm_late_us = 0
            host.is_unplugged = False
            host.crash_after(None)
            host.freeze_at(None)
            host.unstall()
            host.thaw()
            host.look_at_gate()
            host.boot()

    def look_after_machines(self) -> None:
        """Somebody switches on what is off: an agent may have had the last word after the storm."""
        self._outlets.heal()
        for host in self._hosts:
            host.boot()

    def _next(self) -> None:
        gap_us = self._plan.fault_gap_ms * US_PER_MS
        delay_us = self._world.random.randrange(gap_us // 4, gap_us * 2)
        if self._world.now_us + delay_us >= self._end_us:
            return

        def strike() -> None:
            members = self._operator.members()
            # Mostly a member: what befalls a machine outside shows little.
            is_member = members and self._world.random.random() < 0.9
            host = self._world.random.choice(members if is_member else self._hosts)
            kind = self._world.random.choice(self._plan.faults)
            self._world.note(f"fault {kind} {host.name}")
            self._world.faults[f"fault {kind}"] += 1
            self._faults[kind](host)
            self._next()

        self._world.after(delay_us, strike)

    # --- faults that must cost nothing ---------------------------------------------------

    def tease(self) -> str:
        """Begin a fault that no healthy service may move for; return its name."""
        random = self._world.random
        idle = [host for host in self._hosts if host.node is not None and not host.running]
        voters = self._operator.configuration().voters()
        kinds: dict[str, Callable[[], None]] = {
            "light weather": self._tease_weather,
            "short pauses": self._tease_pauses,
        }
        if len(self._plan.links) > 1:
            kinds["one link is down"] = self._tease_link
        if idle and len(voters) >= 3:
            kinds["a node without services dies"] = lambda: random.choice(idle).crash(power=True)
            kinds["a node without services leaves"] = lambda: random.choice(idle).tell(StopAsked())
        if self._plan.is_rich and self._operator.witnesses():
            is_lone = len(self._operator.members()) == 2
            kinds = {} if is_lone else kinds
            kinds["the witness dies"] = self._tease_witness
        kind = random.choice(sorted(kinds))
        self._world.note(f"tease: {kind}")
        self._world.faults[f"tease {kind}"] += 1
        kinds[kind]()
        return kind

    def _tease_link(self) -> None:
        link = self._world.random.choice(self._plan.links)
        for a in self._hosts:
            for b in self._hosts:
                self._network.cut(a.name, b.name, (link,))

    def _tease_witness(self) -> None:
        for host in self._operator.witnesses():
            host.crash(power=True)

    def _tease_weather(self) -> None:
        # A single link loses what it loses; over several only a common loss would count.
        loss_permille = 50 if len(self._plan.links) > 1 else 10
        self._network.weather = Weather(loss_permille, 200, jitter_us=20_000)

    def _tease_pauses(self) -> None:
        """Freeze each daemon in turn, for less than any lease lasts."""
        step_us = self._plan.dead_after_us // 5
        for number, host in enumerate(self._hosts):
            self._world.after(2 * number * step_us, host.freeze)
            self._world.after((2 * number + 1) * step_us, host.thaw)
