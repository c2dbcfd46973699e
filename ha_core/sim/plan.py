"""What the seed draws: cluster, configuration, weather, and the storm of faults.

Owns: the draw. Knows the model of a configuration, nothing of how a run goes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from ha_core.config.check import check
from ha_core.config.limits import VOTERS_MAX
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Colocation,
    Configuration,
    Defaults,
    Exclusivity,
    FenceAction,
    FenceCall,
    FenceDevice,
    Group,
    Link,
    Location,
    Meta,
    Node,
    NoQuorumPolicy,
    OnFail,
    Operation,
    Options,
    Ordering,
    OrderKind,
    Primitive,
)
from ha_core.gates import Gates
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from ha_core.sim.clock import DRIFT_PPM_MAX, TRUE_PPM
from ha_core.sim.plan_clones import with_clone, with_migration
from ha_core.sim.plan_quorum import with_quorum_options
from ha_core.sim.plan_tickets import with_tickets
from ha_core.sim.world import US_PER_MS
from ha_core.timers import timers

LINKS = (LinkName("ring0"), LinkName("ring1"), LinkName("ring2"))
"""Names of links; a run has one to three of them."""
SPARES = 2
"""Machines that are no members at first."""
OPERATION_MS = 800
"""Time limit of all but monitors: what hangs in the storm ends before the run."""
SIZES = (1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9)
THEMES = (
    ("crash", "power", "boundary-crash", "blackout", "journal-loss", "slow-disk", "full-disk"),
    ("disk-loss", "blackout", "crash", "split", "stop-node"),
    ("pause", "boundary-freeze", "stall", "suspend", "late-timers", "clock-rate", "wall-jump"),
    ("guardian-death", "gate-loss", "stall", "isolate", "fence-agents", "crash"),
    ("isolate", "one-way", "split", "link", "weather", "witness-away", "stall"),
    ("kill-service", "agents", "stop-node", "command", "power"),
    ("command", "apply", "add-node", "remove-node", "confirm-down", "stop-node", "crash"),
)
"""Kinds of faults that show more together than among all others."""
FAULTS = tuple(sorted({kind for theme in THEMES for kind in theme}))
RICH_THEMES = (
    ("fail", "timed-standby", "kill-service", "agents", "command", "crash"),
    ("exclusivity", "recloned", "isolate", "split", "power", "crash", "command"),
    ("exclusivity", "recloned", "stall", "boundary-crash", "stop-node", "apply"),
    ("switch", "isolate", "power", "fence-agents", "stall", "command"),
    ("ticket", "crash", "isolate", "timed-standby", "wall-jump", "command"),
)
RICH_FAULTS = tuple(sorted({kind for theme in (*THEMES, *RICH_THEMES) for kind in theme}))
JUDGED_FAULTS = ("witness-away", "add-node", "remove-node", "crash", "isolate", "stop-node")
"""What a cluster of one node and a witness must bear."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What one machine is made of."""

    rate_ppm: int
    """Rate of its clock: one million is true time."""
    gates: Gates
    """What ends its resources with the lease, beside the guardian."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything that a seed decides before its run begins."""

    configuration: Configuration
    kits: tuple[Kit, ...]
    drift_ppm: int
    """Clocks run fast or slow by so much at most."""
    guardian_late_us: int
    """Guardians are late by so much at most."""
    faults: tuple[str, ...]
    """Kinds of faults that this run may have (a swarm: not every run has all)."""
    fault_gap_ms: int
    """Mean time between faults."""
    storm_ms: int
    weather: tuple[int, int, int]
    """Loss, repetition and delay-spike rates in permille."""
    is_rich: bool = False
    """Whether people do more in it than the everyday (`deeds`)."""
    has_tickets: bool = False
    """Whether the site is given its tickets right at the beginning."""

    @property
    def dead_after_us(self) -> int:
        """D in microseconds."""
        return self.configuration.options.dead_after_ms * US_PER_MS

    @property
    def links(self) -> tuple[LinkName, ...]:
        """The links of this cluster."""
        return tuple(link.name for link in self.configuration.links)


def addresses_of(name: NodeName, links: Iterable[LinkName]) -> tuple[Address, ...]:
    """Return where a machine can be reached."""
    return tuple(Address(link, f"{name}.{link}.example") for link in links)


def draw(random: Random, *, is_rich: bool = False) -> Draw:
    """Draw a run; a rich one has more in it, drawn after all that others have."""
    found = _draw(random)
    return _enriched(random, found) if is_rich else found


def _enriched(random: Random, plain: Draw) -> Draw:
    """Add what people may do, tickets, and the cluster of one node with a witness."""
    themes = random.choice((0, 1, 1, 2))
    faults = {kind for theme in random.sample(RICH_THEMES, themes) for kind in theme}
    faults |= set(plain.faults) if random.random() < 0.5 or not faults else set()
    configuration = with_tickets(random, plain.configuration, is_certain="ticket" in faults)
    if len(configuration.nodes) == 2 and random.random() < 0.6:
        node, judge = configuration.nodes
        alone = replace(configuration, nodes=(node, replace(judge, voter=True, witness=True)))
        if not check(alone):
            configuration = alone
            faults |= set(JUDGED_FAULTS)
    return replace(
        plain,
        configuration=configuration,
        faults=tuple(sorted(faults)),
        is_rich=True,
        has_tickets=random.random() < 0.7,
    )


def _draw(random: Random) -> Draw:
    size = random.choice(SIZES)
    dead_after_ms = random.choice((300, 500, 1000, 1000, 2000))
    drift_ppm = random.choice((0, 100, DRIFT_PPM_MAX))
    gates = random.choice((0.0, 0.5, 1.0))
    watchdogs = random.choice((0.0, 0.0, 0.5, 1.0))
    late_ms = timers(dead_after_ms).guard_late_ms()
    return Draw(
        configuration=_configuration(random, size, dead_after_ms),
        kits=tuple(_kit(random, drift_ppm, gates, watchdogs) for _ in range(size + SPARES)),
        drift_ppm=drift_ppm,
        guardian_late_us=random.choice((0, 2, late_ms)) * US_PER_MS,
        faults=_faults(random),
        fault_gap_ms=random.choice((300, 800, 2000)) * dead_after_ms // 1000,
        storm_ms=random.randint(6, 24) * dead_after_ms,
        weather=(random.choice((0, 0, 20, 100)), random.choice((0, 50)), random.choice((0, 20))),
    )


def _faults(random: Random) -> tuple[str, ...]:
    """Draw which faults a run may have: those of one theme or two, or a part of all."""
    themes = random.choice((0, 1, 1, 2))
    if themes:
        chosen = random.sample(THEMES, themes)
        return tuple(sorted({kind for theme in chosen for kind in theme}))
    share = random.choice((0.2, 0.5, 0.9))
    return tuple(kind for kind in FAULTS if random.random() < share) or ("crash",)


def _kit(random: Random, drift_ppm: int, kernel_gates: float, watchdogs: float) -> Kit:
    rate_ppm = TRUE_PPM + random.randint(-drift_ppm, drift_ppm)
    watchdog_ms = random.choice((1000, 2000)) if random.random() < watchdogs else 0
    return Kit(rate_ppm, Gates(kernel=random.random() < kernel_gates, watchdog_ms=watchdog_ms))


def _configuration(random: Random, size: int, dead_after_ms: int) -> Configuration:
    links = LINKS[: random.choice((1, 2, 2, 3))]
    nodes = tuple(_node(random, number, size, links) for number in range(size))
    hosts = [node.name for node in nodes if not node.witness]
    primitives = tuple(draw_primitive(random, f"r{i}") for i in range(random.randint(1, 5)))
    ids = [item.id for item in primitives]
    groups = _groups(random, ids)
    grouped = {member for group in groups for member in group.members}
    top = [group.id for group in groups] + [name for name in ids if name not in grouped]
    devices = _fence_devices(random, nodes)
    if devices:
        primitives = tuple(_maybe_fencing(random, item) for item in primitives)
    symmetric = random.random() < 0.9
    result = Configuration(
        name="simulated",
        options=_options(random, dead_after_ms, symmetric=symmetric),
        nodes=nodes,
        links=tuple(Link(link) for link in links),
        fence_devices=devices,
        primitives=primitives,
        groups=groups,
        locations=_locations(random, top, hosts, symmetric=symmetric),
        colocations=_colocations(random, top),
        orderings=_orderings(random, top),
        defaults=Defaults(Meta(stickiness=random.choice((0, 1, 100))), OPERATION_MS),
    )
    result = with_clone(random, with_quorum_options(random, result))
    result = with_migration(random, result)
    assert not check(result), check(result)
    return result


def _options(random: Random, dead_after_ms: int, *, symmetric: bool) -> Options:
    policy = random.choice((NoQuorumPolicy.STOP, NoQuorumPolicy.FREEZE))
    grace_ms = random.choice((0, 2000))
    return Options(
        dead_after_ms, symmetric=symmetric, no_quorum_policy=policy, fencing_grace_ms=grace_ms
    )


def _node(random: Random, number: int, size: int, links: tuple[LinkName, ...]) -> Node:
    """Draw a node: the last of three or more may be a witness, the later ones may be learners."""
    name = NodeName(f"n{number + 1}")
    is_witness = 3 <= size <= VOTERS_MAX and number == size - 1 and random.random() < 0.25
    is_learner = not is_witness and number >= 2 and (number >= VOTERS_MAX or random.random() < 0.15)
    return Node(name, addresses_of(name, links), voter=not is_learner, witness=is_witness)


def _fence_devices(random: Random, nodes: tuple[Node, ...]) -> tuple[FenceDevice, ...]:
    """Draw devices that can switch machines off: none, one for all, or two."""
    if len(nodes) < 2 or random.random() < 0.5:
        return ()
    names = tuple(node.name for node in nodes)
    return tuple(
        FenceDevice(
            f"power{number}",
            random.choice(("fence:fence_simulated", "stonith:external/simulated")),
            targets=names,
            action=random.choice(tuple(FenceAction)),
            delay_ms=random.choice((0, 200)),
            random_delay_ms=random.choice((0, 300)),
            timeouts=tuple((str(call), 500) for call in FenceCall),
            settle_ms=2000,
        )
        for number in range(random.choice((1, 1, 2)))
    )


def _maybe_fencing(random: Random, primitive: Primitive) -> Primitive:
    """Let a failed stop cut its node off, now and then."""
    if random.random() < 0.7:
        return primitive
    return replace(
        primitive,
        operations=tuple(
            replace(item, on_fail=OnFail.FENCE) if item.action == "stop" else item
            for item in primitive.operations
        ),
    )


def _groups(random: Random, ids: list[ResourceId]) -> tuple[Group, ...]:
    if len(ids) < 2 or random.random() < 0.5:
        return ()
    first = Group(ResourceId("grp"), tuple(ids[: random.randint(1, min(3, len(ids)))]))
    rest = ids[len(first.members) :]
    if len(rest) < 2 or random.random() < 0.5:
        return (first,)
    return (first, Group(ResourceId("grp2"), tuple(rest[:2])))


def draw_primitive(random: Random, name: str) -> Primitive:
    """Draw a resource: of a class that a guard bounds, or not."""
    ref = random.choice(
        (
            AgentRef(AgentClass.PROCESS),
            AgentRef(AgentClass.PROCESS),
            AgentRef(AgentClass.ADDRESS),
            AgentRef(AgentClass.OCF, "heartbeat", "Dummy"),
        )
    )
    command = (("command", "/bin/true"),) if ref.agent_class is AgentClass.PROCESS else ()
    number = sum(name.encode()) % 250 + 1
    address = (("address", f"192.0.2.{number}"),) if ref.agent_class is AgentClass.ADDRESS else ()
    parameters: tuple[tuple[str, str], ...] = command + address
    operations = (
        Operation("monitor", random.choice((500, 2000)), 400),
        Operation("start", 0, OPERATION_MS),
        Operation("stop", 0, OPERATION_MS),
    )
    return Primitive(ResourceId(name), ref, parameters, operations, _meta(random))


def _meta(random: Random) -> Meta:
    """Draw options; now and then a resource that may run twice, or whose owner takes the risk."""
    exclusivity, accept_risk = None, None
    if random.random() < 0.2:
        exclusivity = random.choice((Exclusivity.NONE, *Exclusivity))
    elif random.random() < 0.05:
        accept_risk = "it writes nothing"
    return Meta(
        migration_threshold=random.choice((None, 2)),
        failure_timeout_ms=random.choice((None, 3000)),
        priority=random.choice((None, None, 10)),
        exclusivity=exclusivity,
        accept_risk=accept_risk,
    )


def _locations(
    random: Random, top: list[ResourceId], hosts: list[NodeName], *, symmetric: bool
) -> tuple[Location, ...]:
    if not symmetric:
        # Nothing runs where it is not told to: everything is told, on most nodes.
        return tuple(
            Location(ConstraintId(f"loc-{resource}-{node}"), resource, node, 10)
            for resource in top
            for node in hosts
            if node == hosts[0] or random.random() < 0.8
        )
    count = random.choice((0, 0, 1, 2))
    return tuple(
        Location(
            ConstraintId(f"loc{number}"),
            random.choice(top),
            random.choice(hosts),
            random.choice((50, 200, -50, -INFINITY)),
        )
        for number in range(count)
    )


def _colocations(random: Random, top: list[ResourceId]) -> tuple[Colocation, ...]:
    if len(top) < 2 or random.random() < 0.6:
        return ()
    first, second = random.sample(top, 2)
    score = random.choice((INFINITY, 100, -100, -INFINITY))
    return (Colocation(ConstraintId("col"), first, second, score),)


def _orderings(random: Random, top: list[ResourceId]) -> tuple[Ordering, ...]:
    if len(top) < 2 or random.random() < 0.6:
        return ()
    first, second = random.sample(top, 2)
    kind = random.choice((OrderKind.MANDATORY, OrderKind.MANDATORY, OrderKind.OPTIONAL))
    return (Ordering(ConstraintId("ord"), first, second, kind, random.random() < 0.8),)
