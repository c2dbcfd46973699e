"""One seed, from draw to verdict.

Owns: the phases of a run (form, tease, storm, heal, settle, quiet) and what
each must show. The bounds below are part of rule S5: they are generous
multiples of `dead_after_ms`, with room for operations that hang until their
time limit.
"""

from dataclasses import dataclass, field
from functools import partial
from random import Random

from ha_core.agents.registry import exclusivity_of
from ha_core.config.model import Configuration, Primitive
from ha_core.ids import NodeName
from ha_core.replication.entries import ConfigurationChange, Snapshot
from ha_core.sim.checkers import Judges, Violations
from ha_core.sim.disk import Disk
from ha_core.sim.host import Host
from ha_core.sim.journals import OneJournal
from ha_core.sim.machine import Machine
from ha_core.sim.nemesis import Nemesis
from ha_core.sim.network import Network
from ha_core.sim.operator import Operator
from ha_core.sim.outlets import Outlets
from ha_core.sim.plan import SPARES, Kit, draw
from ha_core.sim.world import US_PER_MS, World

FORM_D = 6
"""A healthy cluster has formed and placed everything after so many times D."""
TEASE_D = 3
"""A fault that must cost nothing lasts so long."""
TEASED_D = 2
"""It is over for so long: who died is back, and has been given nothing."""
HEAL_D = 8
"""After healing, a coordinator acts and every node has reported."""
SETTLE_D = 14
"""After the operator's clean-up, everything placeable runs."""
QUIET_D = 3
"""And then nothing moves: longer than the coordinator lets a plan stand that time may change."""
HASTE_D = 3
"""A phase ends early when all is well, but not before so many times D: after 2, a single node
may be given other timers.
"""
CALM_D = 2
"""All is well when the judge of S5 finds nothing and nothing has moved for so long."""
D_US_MIN = 500 * US_PER_MS
"""Phases are no shorter than with this D: agents have time limits of their own."""
LOOK_EVERY_US = 20 * US_PER_MS
RICH_FROM = 60_001
"""From this seed on storms have the deeds of `deeds`; earlier ones stay the runs that they were,
since what they once found is listed in tests/sim/found.md.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a seed showed; `digest` names its run, `faults` counts what went wrong,
    `states` what the cluster was like."""

    seed: int
    events: int
    violations: tuple[str, ...]
    digest: str
    trace: tuple[str, ...] = ()
    faults: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)


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
        self.plan = draw(self.world.random, is_rich=seed >= RICH_FROM)
        self.network = Network(self.world, self.plan.links)
        self.outlets = Outlets(self.world)
        first = bootstrap(self.plan.configuration)
        names = [node.name for node in self.plan.configuration.nodes]
        spares = [NodeName(f"s{number + 1}") for number in range(SPARES)]
        self.hosts = [
            self._host(name, kit, Disk(first if name in names else None))
            for name, kit in zip([*names, *spares], self.plan.kits, strict=True)
        ]
        self._describe()
        self.violations = Violations()
        self.judges = Judges(self.hosts, self.violations, lambda: self.world.now_us)
        for host in self.hosts:
            host.observer = self.judges
            host.agents.hand_on = partial(self._hand_on, host)
        # Drawn apart: seeds of which this is not true stay the runs that they were before.
        apart = Random(f"timers {seed}")
        retimer = apart if apart.getrandbits(1) else None
        self.operator = Operator(self.world, self.hosts, self.plan, retimer)
        self.nemesis = Nemesis(
            self.world, self.network, self.outlets, self.hosts, self.plan, self.operator
        )

    def _host(self, name: NodeName, kit: Kit, disk: Disk) -> Host:
        machine = Machine(self.world, name, kit.rate_ppm, kit.gates)
        machine.guardian.late_us = self.plan.guardian_late_us
        return Host(self.world, self.network, self.outlets, machine, disk)

    def _hand_on(self, source: Host, primitive: Primitive, target: NodeName) -> None:
        """A service goes from machine to machine alive, whatever their daemons are doing."""
        host = next((item for item in self.hosts if item.name == target), None)
        if host is None or host.node is None or host.machine.is_suspended:
            return
        self.world.states["live migrations"] += 1
        source.claims.prove(primitive.id)
        source.machine.end(primitive.id)
        host.claims.begin(primitive, host.node.generation)
        host.machine.begin(primitive)

    def _describe(self) -> None:
        """Count what this cluster is like."""
        states, configuration = self.world.states, self.plan.configuration
        options = configuration.options
        states[f"nodes {len(configuration.nodes)}"] += 1
        states[f"links {len(configuration.links)}"] += 1
        states[f"dead_after {options.dead_after_ms}"] += 1
        states[f"no_quorum_policy {options.no_quorum_policy}"] += 1
        states[f"two_node {options.two_node}"] += len(configuration.voters()) == 2
        states["wait_for_all"] += options.wait_for_all
        states["last_man_standing"] += bool(options.last_man_standing_ms)
        states["with a witness"] += any(node.witness for node in configuration.nodes)
        is_lone = len(configuration.nodes) == 2
        states["a node and a witness"] += is_lone and any(n.witness for n in configuration.nodes)
        states["with tickets"] += bool(configuration.tickets)
        states["with learners"] += len(configuration.voters()) < len(configuration.nodes)
        states["with fence devices"] += bool(configuration.fence_devices)
        states["with kernel gates"] += any(kit.gates.kernel for kit in self.plan.kits)
        states["with watchdogs"] += any(kit.gates.watchdog_ms for kit in self.plan.kits)
        for clone in configuration.clones:
            kind = "promotable" if clone.promotable else "unique" if clone.unique else "anonymous"
            states[f"with a clone, {kind}"] += 1
        for primitive in configuration.primitives:
            states[f"resource {exclusivity_of(primitive)}"] += 1

    def execute(self) -> None:
        """Run all phases."""
        self._form()
        self._tease()
        self._storm()
        self._heal()
        self._rest()

    def result(self) -> Result:
        """Return the verdict."""
        return Result(
            self.seed,
            self.world.events,
            tuple(self.violations.found),
            self.world.digest(),
            tuple(self.world.trace or ()),
            dict(sorted(self.world.faults.items())),
            dict(sorted(self.world.states.items())),
        )

    # --- phases --------------------------------------------------------------------------

    def _form(self) -> None:
        d_us = self.plan.dead_after_us
        for host in self.operator.members():
            self.world.after(self.world.random.randrange(d_us // 5), host.boot)
        self.world.after(LOOK_EVERY_US, self._look)
        if self.plan.has_tickets:
            self.world.after(2 * d_us, self.operator.grant)
        self._pass_until_calm(FORM_D)
        self.judges.placed.look("before any fault")

    def _tease(self) -> None:
        """S6: what is healthy stays where it is, whatever happens elsewhere."""
        before = self._places()
        changes = self.judges.changes
        kind = self.nemesis.tease()
        self._pass(TEASE_D)
        self.nemesis.heal()
        self._pass(TEASED_D)
        self._expect_unmoved(changes, before, f"though only {kind}")

    def _storm(self) -> None:
        storm_us = self.plan.storm_ms * US_PER_MS
        self.nemesis.begin(self.world.now_us + storm_us)
        self.world.run_until(self.world.now_us + storm_us)

    def _heal(self) -> None:
        # Faults that end later than the storm (pauses, reboots) end with it.
        self.nemesis.heal()
        self._pass_until_calm(HEAL_D)
        self.nemesis.heal()
        self.operator.settle()
        self._pass_until_calm(SETTLE_D)
        snapshot = self.judges.placed.look("after healing")
        if snapshot is not None:
            members = {node.name for node in snapshot.nodes}
            first = set(self.plan.configuration.voters())
            promoted = set(snapshot.configuration.voters()) - first
            self.world.faults["voters promoted"] += len(promoted)
            self.judges.one_history.at_end(members, self.world.now_us)

    def _rest(self) -> None:
        before, changes, since_us = self._places(), self.judges.changes, self.world.now_us
        self._pass(QUIET_D)
        self._expect_unmoved(changes, before, "in a healed, quiet cluster")
        self.judges.recorded_moves.at_end(since_us)
        members = [node.name for node in self.operator.configuration().nodes]
        OneJournal(self.hosts, self.violations).at_end(members, self.world.now_us)

    # --- small things --------------------------------------------------------------------

    def _d_us(self) -> int:
        now_ms = self.operator.configuration().options.dead_after_ms
        return max(self.plan.dead_after_us, now_ms * US_PER_MS, D_US_MIN)

    def _pass(self, times_d: int) -> None:
        self.world.run_until(self.world.now_us + times_d * self._d_us())

    def _pass_until_calm(self, times_d: int) -> None:
        """Let so much time pass at most; less if all is well for a while."""
        calm, changes = 0, self.judges.changes
        for step in range(1, times_d + 1):
            self._pass(1)
            self.nemesis.look_after_machines()
            is_calm = self.judges.changes == changes and self.judges.placed.is_met()
            calm, changes = (calm + 1 if is_calm else 0), self.judges.changes
            if step >= HASTE_D and calm >= CALM_D:
                return

    def _look(self) -> None:
        self.judges.one_history.look(self.world.now_us)
        self.world.after(LOOK_EVERY_US, self._look)

    def _places(self) -> dict[str, list[str]]:
        return {host.name: sorted(host.running) for host in self.hosts}

    def _expect_unmoved(self, changes: int, before: dict[str, list[str]], when: str) -> None:
        made = self.judges.changes - changes
        if made:
            moved = [name for name, places in self._places().items() if before[name] != places]
            where = f", on {', '.join(moved)} for good" if moved else ""
            self.violations.add(f"S6: {made} services began or ended {when}{where}")


def run_seed(seed: int, *, trace: bool = False) -> Result:
    """Run one seed; a broken invariant inside the core ends it, and is a violation like any."""
    run = Run(seed, trace=trace)
    try:
        run.execute()
    except (AssertionError, LookupError) as bug:
        run.violations.add(f"the core broke off: {type(bug).__name__} {bug}")
    return run.result()
