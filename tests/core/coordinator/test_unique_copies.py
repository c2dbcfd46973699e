"""Instances of a unique clone are called ID:N; unsafe edits of ID are refused for them as well."""

from dataclasses import replace

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Exclusivity,
    Meta,
    Node as Member,
    Primitive,
)
from ha_core.coordinator.planner import Planner
from ha_core.coordinator.refusals import refuse_unsafe
from ha_core.coordinator.roster import Roster
from ha_core.errors import RefusedError
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.timers import timers

N1, N2 = NodeName("n1"), NodeName("n2")
JOB, COPY = ResourceId("job"), ResourceId("job:0")
SCRIPT = Primitive(JOB, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
PROCESS = Primitive(JOB, AgentRef(AgentClass.PROCESS), (("command", "/bin/true"),))
NODES = (Member(N1, ()), Member(N2, ()))
UNIQUE = (Clone(ResourceId("jobs"), JOB, 1, unique=True),)
LATE_MS = 100_000


def config(primitive: Primitive) -> Configuration:
    return Configuration(nodes=NODES, primitives=(primitive,), clones=UNIQUE)


def running(configuration: Configuration, gates: Gates = Gates()) -> Roster:
    """Return the roster of n1; n2 runs job:0."""
    made = Roster(N1, 1, timers(1000), (Verdict(N2, 3, ADMITTED, "", "", 0, gates),), (), 1000)
    made.configure(configuration, 0)
    made.records[N1].instances = (Instance(COPY, InstanceState.STOPPED),)
    made.records[N1].state = NodeState.ONLINE
    made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), 1010, 0)
    started = Instance(COPY, InstanceState.STARTED)
    made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, (started,)), 0)
    return made


def refusal(made: Roster, current: Configuration, changed: Configuration) -> str:
    try:
        refuse_unsafe(current, changed, made.records.values(), ())
    except RefusedError as refused:
        return str(refused)
    return ""


def test_unguarded_copy_is_not_declared_guarded_while_it_may_run() -> None:
    """As test_clerk has it for a plain primitive: 'stop it first'."""
    before, after = config(SCRIPT), config(PROCESS)
    made = running(before)
    said = refusal(made, before, after)
    # what follows if it is accepted:
    made.configure(after, 0)
    made.check({N2: LATE_MS}, set(), LATE_MS, 0)
    assert made.records[N2].state is NodeState.LOST
    (item,) = made.records[N2].instances
    orders = [(str(o.kind), o.resource, o.node) for o in Planner(1).plan(made, after, LATE_MS, 0)]
    assert said or item.state is InstanceState.UNCERTAIN, (
        f"nothing ends job:0 on n2, which is cut off, and yet: {item.state}, {orders}"
    )


def test_copy_that_no_watchdog_was_armed_for_does_not_become_exclusive_while_it_runs() -> None:
    """As test_new_exclusivity has it for a plain primitive: 'No watchdog was armed for it'."""
    before = config(replace(SCRIPT, meta=Meta(exclusivity=Exclusivity.NONE)))
    after = config(SCRIPT)
    assert "stop it first" in refusal(running(before), before, after)


def test_copy_that_runs_on_two_nodes_does_not_become_exclusive_that_moment() -> None:
    """In the middle of a move, which is made before it is broken, `job:0` runs on both."""
    before = config(replace(PROCESS, meta=Meta(exclusivity=Exclusivity.NONE)))
    after = config(PROCESS)
    made = running(before)
    made.records[N1].instances = made.records[N2].instances
    assert "may run on" in refusal(made, before, after)
