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

LINKS = (LinkName("ring0"), LinkName("ring1"))
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
    "command",
    "stop-node",
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


def draw(random: Random) -> Draw:
    """Draw a run."""
    size = random.choice((1, 2, 3, 3, 3, 3, 4, 5))
    dead_after_ms = random.choice((500, 1000, 1000, 2000))
    kinds = tuple(kind for kind in FAULTS if random.random() < 0.5)
    drift_ppm = random.choice((0, 100, 4000))
    return Draw(
        configuration=_configuration(random, size, dead_after_ms),
        rates_ppm=tuple(1_000_000 + random.randint(-drift_ppm, drift_ppm) for _ in range(size)),
        faults=kinds or ("crash",),
        fault_gap_ms=random.choice((300, 800, 2000)) * dead_after_ms // 1000,
        storm_ms=random.randint(4, 10) * dead_after_ms,
        weather=(random.choice((0, 0, 20, 100)), random.choice((0, 50)), random.choice((0, 20))),
    )


def _configuration(random: Random, size: int, dead_after_ms: int) -> Configuration:
    nodes = tuple(
        Node(
            NodeName(f"n{i + 1}"),
            tuple(Address(link, "sim") for link in LINKS),
            witness=size >= 3 and i == size - 1 and random.random() < 0.15,
        )
        for i in range(size)
    )
    primitives = tuple(_primitive(random, i) for i in range(random.randint(1, 5)))
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


def _primitive(random: Random, number: int) -> Primitive:
    ref = random.choice(
        (
            AgentRef(AgentClass.PROCESS),
            AgentRef(AgentClass.PROCESS),
            AgentRef(AgentClass.ADDRESS),
            AgentRef(AgentClass.OCF, "heartbeat", "Dummy"),
        )
    )
    operations = (
        Operation("monitor", random.choice((500, 2000)), 400),
        Operation("start", 0, 800),
        Operation("stop", 0, 800),
    )
    threshold = random.choice((None, 2))
    meta = Meta(migration_threshold=threshold, failure_timeout_ms=random.choice((None, 3000)))
    return Primitive(ResourceId(f"r{number}"), ref, (), operations, meta)


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
