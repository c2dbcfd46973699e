"""Views of clusters in all states, and an engine and a mapping over them.

Owns: the sample cluster of the tests: three nodes and a witness, a group of
address and server on n1, a database on n2, a cache that is stopped.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
import pywbem

from cim_provider.engine import (
    CloneView,
    ClusterView,
    EngineState,
    GroupView,
    InstanceView,
    NodeView,
    PrimitiveView,
)
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.counters import NAME, Statistics
from cim_provider.mapping.figures_held import NAME as FIGURES
from cim_provider.mapping.job_records import (
    EXCEPTION,
    HOLDER as JOBS,
    Call,
    Job,
    JobRecord,
    Jobs,
    table,
)
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import Schema, load_schema
from cim_provider.server.service import schema_texts
from cim_provider.views.history import HistoryView, RevisionView
from cim_provider.views.redundancy import MayRun, Redundancy, StartsAfter
from cim_provider.wbem.operations import Answer, Operation
from tests.cim.mapping.facts import beyond, facts
from tests.cim.mapping.figured import figures
from tests.cim.mapping.pasts import event, past
from tests.cim.mapping.settings import settings, settings_of_clones

MODEL = "root/cimv2"
WALL_MS = 1_700_000_000_000
IDENTITY = ServerIdentity("server.example", version="1.2.3")
NODE_STATES = ("online", "standby", "maintenance", "suspect", "lost", "left")
PRIMITIVE_STATES = (
    *("started", "stopped", "starting", "stopping"),
    *("failed", "unknown", "blocked"),
)


@cache
def schema() -> Schema:
    """Return the declarations, compiled once."""
    return load_schema(schema_texts())


def node(name: str, **changes: object) -> NodeView:
    """Return a node that is online."""
    made = NodeView(
        name, "online", generation=3, addresses=("10.0.0.1",), attributes=(("rack", "a"),)
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by their names


def primitive(name: str, on: str = "", **changes: object) -> PrimitiveView:
    """Return a primitive that runs on a node, or is stopped as wanted."""
    role = "started" if on else "stopped"
    made = PrimitiveView(
        id=name,
        agent_class="ocf",
        provider="heartbeat",
        type="Dummy",
        state=role,
        nodes=(on,) if on else (),
        target_role=role,
        stickiness=100,
        guard="guardian",
        takeover_wait_ms=1000,
        guard_text="the guardian kills it when the node's run lease ends",
        shorter=("a dead_after below 1000 ms",),
        instances=(InstanceView(on, "started", started_wall_ms=WALL_MS),) if on else (),
        parameters=(("state", f"/run/{name}"), ("password", "sesame")),
        description=f"the {name}",
        why=f"{on} has the highest score" if on else "it is not wanted",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by their names


def cluster(**changes: object) -> ClusterView:
    """Return the sample cluster, all well."""
    made = ClusterView(
        version="1",
        engine=EngineState.RUNNING,
        name="shop",
        product_version="0.1.0",
        local_node="n1",
        revision=7,
        coordinator="n1",
        term=2,
        quorate=True,
        votes=4,
        votes_expected=4,
        votes_needed=3,
        outlook="4 of 4 votes are there, and 3 are needed: one more vote may be lost",
        last_change_author="root",
        last_change_wall_ms=WALL_MS,
        nodes=(
            node("n1", is_coordinator=True, is_local=True),
            node("n2", can_fence=True),
            node("n3"),
            node("w", is_witness=True),
        ),
        primitives=(
            primitive("cache"),
            primitive("db", "n2"),
            primitive("ip", "n1", group="web", position=1),
            primitive("server", "n1", group="web", position=2),
        ),
        groups=(GroupView("web", ("ip", "server"), target_role="started", description="the shop"),),
        links=("ring0: n1 10.0.0.1 port 6940, n2 10.0.0.2 port 6940",),
        redundancy=Redundancy(
            may_run=(MayRun("server", ("n1", "n2")),), orders=(StartsAfter("db", "server"),)
        ),
        facts=facts(),
        settings=settings(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by their names


def copy(node: str, name: str, **changes: object) -> InstanceView:
    """Return an instance that is started."""
    made = InstanceView(node, "started", started_wall_ms=WALL_MS, id=name)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by their names


def _part(name: str, clone: str, **changes: object) -> PrimitiveView:
    """Return a primitive of a clone, active on n1 and n2."""
    nodes = ("n1", "n2")
    parts = tuple(copy(node, name) for node in nodes)
    started = {"nodes": nodes, "state": "started", "target_role": "started", "instances": parts}
    return primitive(name, clone=clone, **{**started, **changes})


def _store() -> PrimitiveView:
    """Return the primitive that has roles."""
    scores = {"promotion_score": 10, "placement_score": 5}
    parts = (
        copy("n1", "store", role="promoted", **scores),
        copy("n2", "store", role="unpromoted", failed_wall_ms=WALL_MS, **scores),
    )
    return _part("store", "stores", promoted=("n1",), instances=parts)


def _worker() -> PrimitiveView:
    """Return the primitive whose instances have numbers; one has failed."""
    failed = copy(
        "n2",
        "worker:2",
        state="failed",
        fail_count=2,
        failed_wall_ms=WALL_MS,
        failure="monitor gave exit code 1: error",
    )
    parts = (copy("n1", "worker:0"), copy("n1", "worker:1"), failed)
    return _part("worker", "workers", instances=parts)


def cloned(**changes: object) -> ClusterView:
    """Return a cluster with a clone, one with roles, one of a group and one with numbers."""
    cells = CloneView("cells", "cell", description="the cells", instances_wanted=3, instances_max=3)
    stack = CloneView("stack", "base", instances_wanted=2, instances_max=2, is_ordered=True)
    stores = CloneView(
        "stores",
        "store",
        target_role="promoted",
        description="the stores",
        instances_wanted=2,
        instances_max=2,
        is_promotable=True,
        notifies=True,
    )
    workers = CloneView(
        "workers", "worker", instances_wanted=3, instances_max=3, node_max=2, is_unique=True
    )
    made = cluster(
        primitives=(
            _part("cell", "cells"),
            _part("disk", "stack", group="base", position=1),
            _store(),
            _worker(),
        ),
        groups=(GroupView("base", ("disk",), target_role="started", clone="stack"),),
        clones=(cells, stack, stores, workers),
        settings=settings_of_clones(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by their names


def _begun() -> ClusterView:
    """Return a cluster whose first revision is kept, with a standby that has an end."""
    well = cluster()
    resting = replace(well.nodes[0], state="standby", standby_until_wall_ms=WALL_MS + 9)
    began = HistoryView(
        events=(event(1, "coordinator-elected", "n1"),),
        revisions=(RevisionView(1, "root", "begin", WALL_MS),),
    )
    return cluster(
        cluster_id="0123456789abcdef" * 2, nodes=(resting, *well.nodes[1:]), history=began
    )


def never_seen() -> ClusterView:
    """Return what an engine shows that has never reached its cluster."""
    return ClusterView("0", EngineState.NOT_ANSWERING, "", "", "")


def _views_of_nodes(well: ClusterView) -> Iterator[tuple[str, ClusterView]]:
    """Yield clusters with a node in every state, and links of every medium."""
    for state in NODE_STATES:
        for unclean in (False, True):
            changed = replace(well.nodes[0], state=state, unclean=unclean)
            yield f"node {state} unclean {unclean}", cluster(nodes=(changed, *well.nodes[1:]))
    deaf = replace(well.nodes[1], links_down=("ring0",))
    yield (
        "every medium",
        cluster(
            links=("ring0: n1 a port 1", "wide: n1 a port 2", "many: n1 a port 3", "cable: n1 b"),
            media=("udp", "broadcast", "multicast", "serial"),
            ping_targets=(("gateway", ("10.0.0.254",)), ("out", ("192.0.2.1", "192.0.2.2"))),
            facts=beyond(),
        ),
    )
    yield "link down", cluster(nodes=(well.nodes[0], deaf, *well.nodes[2:]))


def all_views() -> Iterator[tuple[str, ClusterView]]:
    """Yield clusters in every state that a node, a primitive and the engine can be in."""
    well = cluster()
    yield "all well", well
    yield "never seen", never_seen()
    for engine in EngineState:
        yield f"engine {engine}", cluster(engine=engine)
    yield "no quorum", cluster(quorate=False, coordinator="", votes=1)
    yield "maintenance", cluster(maintenance=True)
    yield "empty", cluster(nodes=(), primitives=(), groups=(), links=(), product_version="0.1.0-7")
    yield "group without members", cluster(primitives=(), groups=(GroupView("web", ()),))
    yield from _views_of_nodes(well)
    for state in PRIMITIVE_STATES:
        for managed in (True, False):
            for target in ("started", "stopped", ""):
                changed_primitives = tuple(
                    replace(each, state=state, managed=managed, target_role=target)
                    for each in well.primitives
                )
                yield (
                    f"primitives {state} managed {managed} target {target!r}",
                    cluster(primitives=changed_primitives),
                )
    yield (
        "half a group has failed",
        cluster(
            primitives=(
                primitive(
                    "ip",
                    "n1",
                    group="web",
                    position=1,
                    state="failed",
                    instances=(copy("n1", "ip", state="failed", failed_wall_ms=WALL_MS),),
                ),
                primitive("server", "n1", group="web", position=2, state="starting"),
            )
        ),
    )
    yield "with a past", cluster(history=past(), facts=beyond())
    yield "begun lately", _begun()
    yield "with a past, not asked", cluster(history=past(), engine=EngineState.NOT_ANSWERING)
    yield "clones of every kind", cloned()
    yield "clones not asked", cloned(engine=EngineState.NOT_ANSWERING)
    failed = InstanceView("n1", "failed", 1_000_000, "start gave exit code 1: *** ERROR ***")
    yield (
        "failures, active twice, an exhausted time",
        cluster(
            last_change_wall_ms=10**18,
            last_change_author="ERROR * FAILED",
            primitives=(
                primitive("a", "n1", nodes=("n1", "n2"), instances=(failed,)),
                primitive("b", "n1", instances=(failed,), why="Exception: error"),
            ),
            groups=(),
        ),
    )


def worlds() -> Iterator[tuple[str, World]]:
    """Yield all views as worlds."""
    for name, view in all_views():
        yield name, World(view, IDENTITY, {NAME: counted(), FIGURES: figures(), JOBS: jobs()})


CALL = Call("HA_PrimitiveResource", (("Id", "db"),), (("Reason", "string", "r"),), True)
"""The call that began a job."""


def jobs() -> Jobs:
    """Return one job of each kind of subject, and one that has failed."""
    wanted = [
        Job("stop", "db"),
        Job("move", "web", node="n2"),
        Job("standby", "n1"),
        Job("apply", "LinuxHACluster"),
        Job("grant", "west"),
        Job("start", "gone"),
    ]
    records = [
        JobRecord(
            f"{number}", job, "ann", "HA.Method", WALL_MS + number, WALL_MS + number, call=CALL
        )
        for number, job in enumerate(wanted)
    ]
    failed = replace(records[0], id="failed").ended(EXCEPTION, "db is failed", 50, WALL_MS + 99)
    return table([*records, failed])


def counted() -> Statistics:
    """Return counters of a server that has answered a few requests."""
    statistics = Statistics(WALL_MS)
    for name in ("GetInstance", "CloseEnumeration"):
        statistics.provided(name, 3)
        statistics.count(name, WALL_MS, total_us=5, request_bytes=7, response_bytes=9)
    return statistics


class Provider:
    """A mapping over a memory engine, asked without a server."""

    def __init__(self, view: ClusterView | None = None) -> None:
        self.engine = MemoryEngine(view or cluster())
        self.mapping = Mapping(schema(), self.engine, IDENTITY)

    def ask(self, operation: Operation, user: str = "ann") -> Answer:
        """Carry out one operation; nothing in it waits, so it needs no event loop."""
        performing = self.mapping.perform(operation, user)
        try:
            performing.send(None)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
        raise AssertionError("an operation on a view in memory waits for something")

    def refused(self, operation: Operation) -> int:
        """Return the status code of an operation that must fail, with a sentence."""
        with pytest.raises(pywbem.CIMError) as fault:
            self.ask(operation)
        assert fault.value.status_description, "an error says why"
        return int(fault.value.status_code)


def path(class_name: str, namespace: str = MODEL, **keys: object) -> pywbem.CIMInstanceName:
    """Return the path of an instance."""
    return pywbem.CIMInstanceName(class_name, keys, namespace=namespace)


def node_path(name: str) -> pywbem.CIMInstanceName:
    """Return the path of a node."""
    return path("HA_ClusterNode", CreationClassName="HA_ClusterNode", Name=name)


def resource_path(name: str, class_name: str = "HA_PrimitiveResource") -> pywbem.CIMInstanceName:
    """Return the path of a resource."""
    return path(
        class_name,
        Id=name,
        CreationClassName=class_name,
        SystemName="LinuxHACluster",
        SystemCreationClassName="HA_Cluster",
    )


def cluster_path() -> pywbem.CIMInstanceName:
    """Return the path of the cluster."""
    return path("HA_Cluster", CreationClassName="HA_Cluster", Name="LinuxHACluster")
