"""What the seed draws: cluster, configuration, weather, and the storm of faults.

Owns: the draw. Knows the model of a configuration, nothing of how a run goes.
"""

from dataclasses import dataclass
from random import Random

from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Colocation,
    Configuration,
    Defaults,
    Exclusivity,
    Group,
    Link,
    Location,
    Meta,
    Node,
    Operation,
    Options,
    Ordering,
    Primitive,
)
from ha_core.ids import ConstraintId, LinkName, NodeName, ResourceId
from ha_core.sim.world import US_PER_MS

LINKS = (LinkName("ring0"), LinkName("ring1"))
SPARES = 2
"""Machines that are no members at first."""
FAULTS = (
    "crash",
    "power",
    "boundary-crash",
    "pause",
    "isolate",
    "one-way",
    "split",
    "link",
    "weather",
    "kill-service",
    "agents",
    "slow-disk",
    "stop-node",
    "journal-loss",
    "disk-loss",
    "command",
    "apply",
    "add-node",
    "remove-node",
    "confirm-down",
)


@dataclass(frozen=True, slots=True)
class Draw:
    """Everything that a seed decides before its run begins."""

    configuration: Configuration
    rates_ppm: tuple[int, ...]
    """Rates of the nodes' clocks: one million is true time."""
    faults: tuple[str, ...]
    """Kinds of faults that this run may have (a swarm: not every run has all)."""
    fault_gap_ms: int
    """Mean time between faults."""
    storm_ms: int
    weather: tuple[int, int, int]
    """Loss, repetition and delay-spike rates in permille."""

    @property
    def dead_after_us(self) -> int:
        """D in microseconds."""
        return self.configuration.options.dead_after_ms * US_PER_MS


def addresses_of(name: NodeName) -> tuple[Address, ...]:
    """Return where a machine can be reached."""
    return tuple(Address(link, f"{name}.{link}.example") for link in LINKS)


def draw(random: Random) -> Draw:
    """Draw a run."""
    size = random.choice((1, 2, 3, 3, 3, 3, 4, 5))
    dead_after_ms = random.choice((500, 1000, 1000, 2000))
    kinds = tuple(kind for kind in FAULTS if random.random() < 0.5)
    drift_ppm = random.choice((0, 100, 4000))
    return Draw(
        configuration=_configuration(random, size, dead_after_ms),
        rates_ppm=tuple(
            1_000_000 + random.randint(-drift_ppm, drift_ppm) for _ in range(size + SPARES)
        ),
        faults=kinds or ("crash",),
        fault_gap_ms=random.choice((300, 800, 2000)) * dead_after_ms // 1000,
        storm_ms=random.randint(6, 24) * dead_after_ms,
        weather=(random.choice((0, 0, 20, 100)), random.choice((0, 50)), random.choice((0, 20))),
    )


def _configuration(random: Random, size: int, dead_after_ms: int) -> Configuration:
    nodes = tuple(
        Node(
            NodeName(f"n{i + 1}"),
            addresses_of(NodeName(f"n{i + 1}")),
            witness=size >= 3 and i == size - 1 and random.random() < 0.15,
        )
        for i in range(size)
    )
    primitives = tuple(draw_primitive(random, f"r{i}") for i in range(random.randint(1, 5)))
    ids = [item.id for item in primitives]
    groups: tuple[Group, ...] = ()
    rest = ids
    if len(ids) >= 2 and random.random() < 0.6:
        members = tuple(ids[: random.randint(2, len(ids))])
        groups = (Group(ResourceId("group"), members),)
        rest = ids[len(members) :]
    top = [*(group.id for group in groups), *rest]
    return Configuration(
        name="sim",
        options=Options(dead_after_ms=dead_after_ms),
        nodes=nodes,
        links=tuple(Link(link) for link in LINKS),
        primitives=primitives,
        groups=groups,
        locations=_locations(random, top, nodes),
        colocations=_colocations(random, top),
        orderings=_orderings(random, top),
        defaults=Defaults(meta=Meta(stickiness=random.choice((0, 1, 100)))),
    )


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
        Operation("start", 0, 800),
        Operation("stop", 0, 800),
    )
    threshold = random.choice((None, 2))
    meta = Meta(
        migration_threshold=threshold,
        failure_timeout_ms=random.choice((None, 3000)),
        exclusivity=random.choice((None, None, None, Exclusivity.NONE)),
    )
    return Primitive(ResourceId(name), ref, parameters, operations, meta)


def _locations(
    random: Random, top: list[ResourceId], nodes: tuple[Node, ...]
) -> tuple[Location, ...]:
    if random.random() < 0.6:
        return ()
    node = random.choice([item for item in nodes if not item.witness])
    score = random.choice((50, 200, -50))
    return (Location(ConstraintId("loc"), random.choice(top), node.name, score),)


def _colocations(random: Random, top: list[ResourceId]) -> tuple[Colocation, ...]:
    if len(top) < 2 or random.random() < 0.6:
        return ()
    first, second = random.sample(top, 2)
    score = random.choice((1_000_000, 100, -100))
    return (Colocation(ConstraintId("col"), first, second, score),)


def _orderings(random: Random, top: list[ResourceId]) -> tuple[Ordering, ...]:
    if len(top) < 2 or random.random() < 0.6:
        return ()
    first, second = random.sample(top, 2)
    return (Ordering(ConstraintId("ord"), first, second),)
