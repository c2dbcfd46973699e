"""What could run twice does not become exclusive while it may run where nothing ends it."""

from dataclasses import replace

import pytest

from ha_core.config.choices import Role
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
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import ADMITTED, OPERATOR, Verdict
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.timers import timers

N1, N2 = NodeName("n1"), NodeName("n2")
JOB = ResourceId("job")
SCRIPT = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")
PROCESS = AgentRef(AgentClass.PROCESS)
TWICE = Meta(exclusivity=Exclusivity.NONE)
EXCLUSIVE = Configuration(
    nodes=(Member(N1, ()), Member(N2, ())), primitives=(Primitive(JOB, SCRIPT),)
)
HELD = replace(EXCLUSIVE, primitives=(Primitive(JOB, PROCESS),))
FREE = replace(EXCLUSIVE, primitives=(Primitive(JOB, SCRIPT, meta=TWICE),))
FREE_HELD = replace(EXCLUSIVE, primitives=(Primitive(JOB, PROCESS, meta=TWICE),))
COPIES = replace(EXCLUSIVE, clones=(Clone(ResourceId("jobs"), JOB),))
ROLES = replace(EXCLUSIVE, clones=(Clone(ResourceId("jobs"), JOB, promotable=True),))
UNIQUE = replace(EXCLUSIVE, clones=(Clone(ResourceId("jobs"), JOB, 2, unique=True),))
ROLES_FREE = replace(ROLES, primitives=FREE.primitives)
GONE = replace(EXCLUSIVE, primitives=())
LATE_MS = 100_000


def running(configuration: Configuration, *, lost: bool, role: Role | None = None) -> Roster:
    """Return the roster of n1; n2 runs the job, or did when it was lost."""
    made = Roster(N1, 1, timers(1000), (Verdict(N2, 3, ADMITTED, "", "", 0),), (), 1000)
    made.configure(configuration, 0)
    made.records[N1].instances = (Instance(JOB, InstanceState.STOPPED),)
    made.records[N1].state = NodeState.ONLINE
    made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), 1010, 0)
    started = Instance(JOB, InstanceState.STARTED, role=role)
    made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, (started,)), 0)
    if lost:
        made.check({N2: LATE_MS}, set(), LATE_MS, 0)
        assert made.records[N2].state is NodeState.LOST
    return made


def refusal(made: Roster, current: Configuration, changed: Configuration) -> str:
    try:
        refuse_unsafe(current, changed, made.records.values(), ())
    except RefusedError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    ("before", "role"),
    [(FREE, None), (COPIES, None), (ROLES, Role.UNPROMOTED)],
    ids=["may run twice", "clone", "unpromoted copy"],
)
@pytest.mark.parametrize("after", [EXCLUSIVE, HELD], ids=["device", "process"])
def test_what_a_lost_node_may_run_on_does_not_become_exclusive(
    before: Configuration, role: Role | None, after: Configuration
) -> None:
    made = running(before, lost=True, role=role)
    (item,) = made.records[N2].instances
    assert item.state is InstanceState.STOPPED, "it does no harm, so nothing waits for it"
    cure = "if n2 is down for sure: 'ha node confirm-down n2 --reason TEXT'"
    assert cure in refusal(made, before, after)
    made.judged(Verdict(N2, 3, OPERATOR, "ann", "seen", 0))
    assert refusal(made, before, after) == ""


def test_nor_does_it_after_it_was_removed_and_is_added_again() -> None:
    made = running(FREE, lost=True)
    made.configure(GONE, 0)
    assert "confirm-down n2" in refusal(made, GONE, EXCLUSIVE)
    assert refusal(made, GONE, FREE) == ""


def test_node_that_may_run_it_on_is_not_forgotten() -> None:
    made = running(FREE, lost=True)
    without = replace(FREE, nodes=FREE.nodes[:1])
    assert "node 'n2' cannot be removed while it may run something" in refusal(made, FREE, without)
    made.judged(Verdict(N2, 3, OPERATOR, "ann", "seen", 0))
    assert refusal(made, FREE, without) == ""


def test_promoted_one_that_might_be_there_twice_is_not_forgotten_either() -> None:
    made = running(ROLES_FREE, lost=True, role=Role.PROMOTED)
    assert made.records[N2].instances[0].state is InstanceState.STOPPED
    assert "confirm-down n2" in refusal(made, ROLES_FREE, ROLES)
    assert refusal(made, ROLES_FREE, replace(ROLES_FREE, nodes=ROLES.nodes)) == ""
    there = running(ROLES_FREE, lost=False, role=Role.PROMOTED)
    assert "may run on n2: stop it first" in refusal(there, ROLES_FREE, ROLES)
    assert refusal(running(ROLES_FREE, lost=False, role=Role.UNPROMOTED), ROLES_FREE, ROLES) == ""


def test_unpromoted_copy_on_a_lost_node_hinders_no_other_edit_of_what_is_promotable() -> None:
    made = running(ROLES, lost=True, role=Role.UNPROMOTED)
    preferring = replace(ROLES, primitives=(Primitive(JOB, SCRIPT, meta=Meta(stickiness=5)),))
    assert refusal(made, ROLES, preferring) == ""


@pytest.mark.parametrize("before", [FREE, COPIES], ids=["may run twice", "clone"])
@pytest.mark.parametrize("after", [EXCLUSIVE, HELD], ids=["device", "process"])
def test_what_runs_without_a_guard_is_stopped_before_it_becomes_exclusive(
    before: Configuration, after: Configuration
) -> None:
    """No watchdog was armed for it, and no guardian holds it."""
    assert "stop it first" in refusal(running(before, lost=False), before, after)


def test_what_a_guardian_holds_may_become_exclusive_where_it_runs_alone() -> None:
    assert refusal(running(FREE_HELD, lost=False), FREE_HELD, HELD) == ""
    assert refusal(running(FREE_HELD, lost=True), FREE_HELD, HELD) == "", "it ended with the lease"
    made = running(FREE_HELD, lost=False)
    made.records[N1].instances = made.records[N2].instances
    assert "n1 and n2: wait until it runs on one node" in refusal(made, FREE_HELD, HELD)


def test_clone_that_becomes_unique_waits_for_a_lost_node() -> None:
    assert "confirm-down n2" in refusal(running(COPIES, lost=True), COPIES, UNIQUE)
    made = running(COPIES, lost=False)
    assert refusal(made, COPIES, UNIQUE) == "", "nothing begins before the old names have ended"
    made.configure(UNIQUE, 0)
    made.check({N2: LATE_MS}, set(), LATE_MS, 0)
    states = {item.resource: item.state for item in made.records[N2].instances}
    assert states[JOB] is InstanceState.UNCERTAIN, "nor if its node is lost on the way"


def test_what_a_lost_node_may_run_is_started_elsewhere_once_it_may_run_twice() -> None:
    made = running(EXCLUSIVE, lost=True)
    assert made.records[N2].instances[0].state is InstanceState.UNCERTAIN
    assert refusal(made, EXCLUSIVE, FREE) == ""
    made.configure(FREE, 0)
    (order,) = Planner(1).plan(made, FREE, LATE_MS, 0)
    assert (order.kind, order.node) == (ActionKind.START, N1)
    assert "n1 and n2" in refusal(with_started(made), FREE, EXCLUSIVE), "and not back again"


def with_started(made: Roster) -> Roster:
    made.records[N1].instances = (Instance(JOB, InstanceState.STARTED),)
    return made


def test_node_that_comes_back_has_its_say() -> None:
    made = running(FREE, lost=True)
    made.request(N2, 3, LeaseRequest(5, 1, 3, 1, 0, 0), LATE_MS + 10, 0)
    assert made.records[N2].harmless == frozenset()
    stopped = Instance(JOB, InstanceState.STOPPED)
    made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, (stopped,)), 0)
    assert refusal(made, FREE, EXCLUSIVE) == ""
