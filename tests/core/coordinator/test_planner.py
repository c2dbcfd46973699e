"""The policy engine is asked when its answer may differ, and not at every event."""

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Node as Member,
    OnFail,
    Primitive,
)
from ha_core.coordinator.planner import Planner
from ha_core.coordinator.roster import Roster
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import Transition
from ha_core.status import Failure, FailureKind, Instance, InstanceState, NodeState
from ha_core.timers import timers

N1, N2 = NodeName("n1"), NodeName("n2")
WEB = ResourceId("web")
BOTH = Configuration(
    nodes=(Member(N1, ()), Member(N2, ())),
    primitives=(Primitive(WEB, AgentRef(AgentClass.PROCESS)),),
)


def roster(instance: Instance) -> Roster:
    """Return a roster of two nodes that are there; n1 has reported the resource so."""
    made = Roster(N1, 1, timers(1000), (), (), 1000)
    made.configure(BOTH, 0)
    for record in made.records.values():
        record.state, record.generation = NodeState.ONLINE, 1
        record.instances = (Instance(WEB, InstanceState.STOPPED),)
    made.records[N1].instances = (instance,)
    return made


def plan(planner: Planner, known: Roster) -> Transition:
    """Plan, and again with what was meant by the first plan."""
    planner.plan(known, BOTH, 1000, 0)
    planner.plan(known, BOTH, 1000, 0)
    return planner.transition


def test_the_same_question_is_asked_once() -> None:
    planner, known = Planner(1), roster(Instance(WEB, InstanceState.STARTED))
    first = plan(planner, known)
    planner.plan(known, BOTH, 2000, 1000)
    assert planner.transition is first
    known.records[N1].instances = (Instance(WEB, InstanceState.STOPPED),)
    planner.plan(known, BOTH, 3000, 2000)
    assert planner.transition is not first


def test_numbers_of_orders_make_no_other_question_of_it() -> None:
    planner, known = Planner(1), roster(Instance(WEB, InstanceState.STARTED))
    first = plan(planner, known)
    known.records[N1].instances = (
        Instance(WEB, InstanceState.STARTED, order_id=1_000_007, started_wall_ms=900),
    )
    planner.plan(known, BOTH, 2000, 1000)
    assert planner.transition is first


def test_the_same_question_is_asked_again_where_that_is_wanted_and_answered_alike() -> None:
    planner, known = Planner(1), roster(Instance(WEB, InstanceState.STARTED))
    first = plan(planner, known)
    planner.anew()
    planner.plan(known, BOTH, 1000, 0)
    assert planner.transition is not first
    assert planner.transition == first


def test_what_may_change_with_time_is_asked_again() -> None:
    failure = Failure("monitor", 7, FailureKind.SOFT, "gone", 0, OnFail.RESTART)
    failed = Instance(WEB, InstanceState.STARTED, fail_count=1, failure=failure)
    planner, known = Planner(1), roster(failed)
    first = plan(planner, known)
    planner.plan(known, BOTH, 2000, 1000)
    assert planner.transition is not first


def test_a_failure_of_what_ran_is_an_incident_of_its_own() -> None:
    planner = Planner(1)
    planner.incidents[WEB] = "n2-lost-1-1"
    planner.failed(WEB, "web-failed-1-1", InstanceState.STOPPED)
    assert planner.incidents[WEB] == "n2-lost-1-1", "its start has failed: it is part of the loss"
    planner.failed(WEB, "web-failed-2-2", InstanceState.STARTED)
    assert planner.incidents[WEB] == "web-failed-2-2"
