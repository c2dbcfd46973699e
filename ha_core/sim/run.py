"""One seed, from draw to verdict; and many seeds, counted.

Owns: the phases of a run (form, storm, heal, settle, quiet) and what each must
show. The bounds below are part of rule S5: they are generous multiples of
`dead_after_ms`, with room for operations that hang until their time limit.
"""

from dataclasses import dataclass

from ha_core.config.model import Configuration
from ha_core.ids import ResourceId
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.sim.checkers import OneCoordinator, OneHistory, OneOwner, Violations
from ha_core.sim.disk import Disk
from ha_core.sim.host import Host
from ha_core.sim.nemesis import Nemesis
from ha_core.sim.network import Network
from ha_core.sim.plan import LINKS, draw
from ha_core.sim.world import US_PER_MS, World
from ha_core.snapshot import ClusterSnapshot

FORM_D = 6
"""A healthy cluster has formed and placed everything after so many times D."""
HEAL_D = 8
"""After healing, a coordinator acts and every node has reported."""
SETTLE_D = 12
"""After the operator's clean-up, everything placeable runs."""
QUIET_D = 6
"""And then nothing moves."""
LOOK_EVERY_US = 20 * US_PER_MS


@dataclass(frozen=True, slots=True)
class Result:
    """What a seed showed; `digest` names its trace."""

    seed: int
    events: int
    violations: tuple[str, ...]
    digest: str
    trace: tuple[str, ...] = ()


def bootstrap(configuration: Configuration) -> Snapshot:
    """Return the snapshot with which every first node of a new cluster begins."""
    first = ConfigurationChange(1, configuration, "bootstrap", "first configuration", 0)
    return Snapshot(1, 1, (first,))


class Run:
    """A simulated cluster and its judges."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.world = World(seed)
        if trace:
            self.world.trace = []
        self.seed = seed
        self.plan = draw(self.world.random)
        self.violations = Violations()
        self.network = Network(self.world, LINKS)
        self.hosts = [
            Host(
                self.world,
                self.network,
                node.name,
                Disk(bootstrap(self.plan.configuration)),
                rate,
                self._service_changed,
            )
            for node, rate in zip(self.plan.configuration.nodes, self.plan.rates_ppm, strict=True)
        ]
        self.one_owner = OneOwner(self.hosts, self.violations)
        self.one_coordinator = OneCoordinator(self.hosts, self.violations)
        self.one_history = OneHistory(self.hosts, self.violations)
        self.nemesis = Nemesis(self.world, self.network, self.hosts, self.plan)
        self._changes = 0

    def execute(self) -> Result:
        """Run all phases and return the verdict."""
        d_us = self.plan.configuration.options.dead_after_ms * US_PER_MS
        for host in self.hosts:
            self.world.after(self.world.random.randrange(d_us // 5), host.boot)
        self.world.after(LOOK_EVERY_US, self._look)
        self.world.run_until(FORM_D * d_us)
        self._expect_placed("before any fault", strict=True)
        storm_us = self.plan.storm_ms * US_PER_MS
        self.nemesis.begin(self.world.now_us + storm_us)
        self.world.run_until(self.world.now_us + storm_us)
        # Faults that end later than the storm (pauses, reboots) end with it.
        self.nemesis.heal()
        self.world.run_until(self.world.now_us + HEAL_D * d_us)
        self.nemesis.heal()
        self.nemesis.settle()
        self.world.run_until(self.world.now_us + SETTLE_D * d_us)
        self._expect_placed("after healing", strict=True)
        self.one_history.at_end()
        changes = self._changes
        self.world.run_until(self.world.now_us + QUIET_D * d_us)
        if self._changes != changes:
            self.violations.add(f"S6: {self._changes - changes} moves in a healed, quiet cluster")
        return Result(
            self.seed,
            self.world.events,
            tuple(self.violations.found),
            self.world.digest(),
            tuple(self.world.trace or ()),
        )

    def _service_changed(self, host: Host) -> None:
        self._changes += 1
        self.one_owner.look(self.world.now_us)

    def _look(self) -> None:
        self.one_coordinator.look(self.world.now_us)
        self.one_history.look(self.world.now_us)
        self.world.after(LOOK_EVERY_US, self._look)

    def _expect_placed(self, when: str, *, strict: bool) -> None:
        """S5: there is one coordinator, and whatever it would place is running."""
        leads = [host for host in self.hosts if host.node is not None and host.node.is_coordinator]
        if len(leads) != 1:
            names = ", ".join(host.name for host in leads) or "none"
            self.violations.add(f"S5: coordinators {when}: {names}")
            return
        node = leads[0].node
        assert node is not None
        snapshot = node.snapshot(leads[0].now_ms())
        running = {resource for host in self.hosts for resource in host.running}
        hopeless = _hopeless(snapshot)
        for decision in snapshot.decisions:
            if decision.resource in hopeless:
                continue
            is_running = ResourceId(decision.resource) in running
            if decision.node is not None and not is_running:
                self.violations.add(f"S5: {decision.resource} does not run {when}")
            if decision.node is None and is_running:
                self.violations.add(f"S5: {decision.resource} should not run {when}")
            if decision.blocked and strict:
                self.violations.add(f"S5: {decision.resource} {when}: {decision.blocked}")


def _hopeless(snapshot: ClusterSnapshot) -> set[ResourceId]:
    """Return what is ordered after something that no node may run, directly or not."""
    configuration = snapshot.configuration
    nowhere = {decision.resource for decision in snapshot.decisions if decision.node is None}
    found: set[ResourceId] = set()
    for _ in configuration.orderings:
        for item in configuration.orderings:
            first = configuration.group(item.first)
            then = configuration.group(item.then)
            last = first.members[-1] if first else item.first
            if last in nowhere or last in found:
                found.update(then.members if then else (item.then,))
    return found


def run_seed(seed: int, *, trace: bool = False) -> Result:
    """Run one seed."""
    return Run(seed, trace=trace).execute()
