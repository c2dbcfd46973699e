"""How long the coordinator takes to plan again after one change.

Owns: the made-up cluster, in which everything runs, and the measuring. The changes are failures of
single resources, each on another node; what is measured is from the new status to the plan.
"""

import gc
import statistics
import time
from dataclasses import dataclass, replace
from typing import Final

from ha_core.config.choices import OnFail
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Colocation,
    Configuration,
    Group,
    Location,
    Node,
    Ordering,
    Primitive,
)
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from ha_core.policy.schedule import Scheduler
from ha_core.runtime.collector import collector_waits
from ha_core.status import (
    ClusterStatus,
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
)

RESOURCES: Final = 1000
NODES: Final = 16
REPLAN_MS_MAX: Final = 50.0
CHANGES: Final = 40


@dataclass(frozen=True)
class Replans:
    """What single changes took, in milliseconds, the first plan of all, and a look of the garbage
    collector at everything, which the daemon takes after a plan, never within one.
    """

    first_ms: float
    each_ms: tuple[float, ...]
    collector_ms: float

    @property
    def median_ms(self) -> float:
        """The median of them."""
        return statistics.median(self.each_ms)


def configuration(resources: int, nodes: int) -> Configuration:
    """Return groups of three, pairs that go together in order, wishes for nodes, and the rest."""
    names = [ResourceId(f"r{number:05}") for number in range(resources)]
    half = resources // 2
    pairs = [(names[n], names[n + 1]) for n in range(half, resources - 1, 4)]
    return Configuration(
        nodes=tuple(Node(NodeName(f"n{number:02}"), ()) for number in range(nodes)),
        primitives=tuple(Primitive(name, AgentRef(AgentClass.PROCESS)) for name in names),
        groups=tuple(
            Group(ResourceId(f"g{n:05}"), tuple(names[n : n + 3])) for n in range(0, half - 3, 6)
        ),
        colocations=tuple(
            Colocation(ConstraintId(f"c-{one}"), other, one, INFINITY) for one, other in pairs
        ),
        orderings=tuple(Ordering(ConstraintId(f"o-{one}"), one, other) for one, other in pairs),
        locations=tuple(
            Location(ConstraintId(f"l-{name}"), name, NodeName(f"n{n % nodes:02}"), 100)
            for n, name in enumerate(names[half::5])
        ),
    )


def stopped(made: Configuration) -> ClusterStatus:
    """Return the cluster before anything runs."""
    instances = tuple(Instance(item.id, InstanceState.STOPPED) for item in made.primitives)
    nodes = tuple(NodeStatus(n.name, NodeState.ONLINE, 1, instances) for n in made.nodes)
    return ClusterStatus(nodes, True)


def running(made: Configuration, scheduler: Scheduler) -> ClusterStatus:
    """Return the cluster once everything runs where it was placed."""
    status = stopped(made)
    plan = scheduler.plan(made, status, 0, is_told=False)
    places = {decision.resource: decision.node for decision in plan.decisions}
    return replace(
        status,
        nodes=tuple(
            replace(
                node,
                instances=tuple(
                    replace(item, state=InstanceState.STARTED)
                    if places[item.resource] == node.name
                    else item
                    for item in node.instances
                ),
            )
            for node in status.nodes
        ),
    )


def failed(status: ClusterStatus, number: int) -> ClusterStatus:
    """Return the status after a monitor of one resource has failed."""
    node = status.nodes[number % len(status.nodes)]
    active = [item for item in node.instances if item.state is InstanceState.STARTED]
    item = active[number % len(active)]
    failure = Failure("monitor", 7, FailureKind.SOFT, "not running", 0, OnFail.RESTART)
    news = replace(item, state=InstanceState.FAILED, fail_count=1, failure=failure)
    instances = tuple(news if other is item else other for other in node.instances)
    nodes = tuple(
        replace(other, instances=instances) if other is node else other for other in status.nodes
    )
    return replace(status, nodes=nodes)


def measured(resources: int = RESOURCES, nodes: int = NODES) -> Replans:
    """Return how long the processor was busy with each plan."""
    made, scheduler = configuration(resources, nodes), Scheduler()
    begun = time.process_time()
    status = running(made, scheduler)
    first_ms = (time.process_time() - begun) * 1000
    scheduler.plan(made, status, 0, is_told=False)
    each = []
    for number in range(CHANGES):
        changed = failed(status, number)
        with collector_waits():  # as in the daemon
            begun = time.process_time()
            plan = scheduler.plan(made, changed, 0, is_told=False)
            each.append((time.process_time() - begun) * 1000)
        if not plan.actions:
            raise SystemExit("nothing was planned after a failure")
    begun = time.process_time()
    gc.collect()
    return Replans(first_ms, tuple(each), (time.process_time() - begun) * 1000)
