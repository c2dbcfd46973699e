"""What a lost node's declared gates are worth: each resource becomes free at its own time."""

from dataclasses import replace

import pytest

from ha_core.agents.registry import RESET_MS, exclusivity_of, guard_of
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Exclusivity,
    Meta,
    Node as Member,
    Primitive,
)
from ha_core.coordinator.roster import Roster
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import LeaseRequest, Report
from ha_core.replication.entries import ADMITTED, OPERATOR, Verdict
from ha_core.status import Instance, InstanceState, NodeState
from ha_core.timers import timers, with_drift

N1, N2 = NodeName("n1"), NodeName("n2")
DISK, WEB = ResourceId("disk"), ResourceId("web")
UNGUARDED = Primitive(DISK, AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))
GUARDED = Primitive(WEB, AgentRef(AgentClass.PROCESS))
BOTH = Configuration(nodes=(Member(N1, ()), Member(N2, ())), primitives=(UNGUARDED, GUARDED))
RUNNING = (Instance(DISK, InstanceState.STARTED), Instance(WEB, InstanceState.STARTED))
WATCHED = Gates(watchdog_ms=10_000)
FREE_MS = with_drift(10_000 + RESET_MS)
ELECTED_MS, LOST_MS = 100_000, 110_000


def admitted(gates: Gates = WATCHED, generation: int = 3) -> Verdict:
    """Return the word that lets n2 run things."""
    return Verdict(N2, generation, ADMITTED, "cluster", "", 0, gates)


def elected(*verdicts: Verdict) -> Roster:
    """Return the roster of n1, just elected, that never saw n2."""
    made = Roster(N1, 1, timers(1000), verdicts, (), ELECTED_MS)
    made.configure(BOTH, 0)
    return made


def ask(made: Roster, gates: Gates | None = None, generation: int = 3) -> bool:
    """Let n2 ask for its lease; return whether the log must admit it first."""
    request = LeaseRequest(5, 1, generation, 1, 0, 0, gates)
    return made.request(N2, generation, request, ELECTED_MS + 10, 0)


def lost(gates: Gates = WATCHED) -> Roster:
    """Return a roster whose n2 ran both resources and was lost at LOST_MS."""
    made = elected(admitted(gates))
    assert not ask(made)
    assert made.report(N2, 3, Report(5, made.records[N2].admission, 3, 1, RUNNING), 0)
    found, _ = made.check({}, set(), LOST_MS, 0)
    assert [item.node for item in found] == [N2]
    return made


def states(made: Roster) -> dict[ResourceId, InstanceState]:
    """Return what may run on n2."""
    return {item.resource: item.state for item in made.records[N2].instances}


def test_watched_resource_is_uncertain_until_the_watchdog_has_fired_and_free_then() -> None:
    made = lost()
    assert states(made) == {DISK: InstanceState.UNCERTAIN, WEB: InstanceState.STOPPED}
    assert made.deadline_ms() == LOST_MS + FREE_MS
    assert made.release(LOST_MS + FREE_MS - 1) == []
    assert states(made)[DISK] is InstanceState.UNCERTAIN
    assert [item.affected for item in made.release(LOST_MS + FREE_MS)] == [(DISK,)]
    assert states(made)[DISK] is InstanceState.STOPPED
    assert made.release(LOST_MS + FREE_MS + 1) == []
    assert made.deadline_ms() is None


def test_coordinator_that_never_saw_the_node_knows_its_gates_from_the_log() -> None:
    made = elected(admitted())
    found, _ = made.check({N2: 9000}, set(), LOST_MS, 0)
    assert [(item.uncertain, item.delayed) for item in found] == [((), ((DISK, FREE_MS),))]
    assert made.deadline_ms() == LOST_MS + FREE_MS


def test_node_that_never_spoke_of_gates_is_not_taken_over_by_time() -> None:
    made = lost(Gates())
    assert states(made)[DISK] is InstanceState.UNCERTAIN
    assert made.deadline_ms() is None
    assert made.release(LOST_MS + 10**9) == []


def test_node_that_is_back_keeps_what_it_may_run_whatever_its_watchdog_had_to_do() -> None:
    made = lost()
    assert not ask(made)
    assert made.records[N2].state is NodeState.PENDING
    assert made.release(LOST_MS + FREE_MS) == []
    assert states(made)[DISK] is InstanceState.UNCERTAIN
    found, _ = made.check({}, set(), LOST_MS + 50_000, 0)
    assert [item.delayed for item in found] == [((DISK, FREE_MS),)], "the wait begins anew"
    assert made.release(LOST_MS + 50_000 + FREE_MS - 1) == []


def test_operators_word_frees_at_once_what_the_watchdog_would_free_later() -> None:
    made = lost()
    made.judged(Verdict(N2, 3, OPERATOR, "admin", "powered off", 0))
    assert states(made)[DISK] is InstanceState.STOPPED
    assert made.deadline_ms() is None


def test_gates_are_those_that_the_incarnation_itself_declared() -> None:
    made = elected(admitted())
    assert made.gates_of(N2, 3, None) == WATCHED
    assert made.gates_of(N2, 4, None) == Gates(), "a later start says for itself"
    assert made.gates_of(N2, 4, Gates(kernel=True)) == Gates(kernel=True)
    made.judged(admitted(Gates(), 4))
    assert made.records[N2].gates == Gates()


CASES = [
    (AgentClass.OCF, Gates(), False, ("none", False, 0)),
    (AgentClass.OCF, Gates(), True, ("fencing", False, 0)),
    (AgentClass.OCF, WATCHED, False, ("watchdog", True, 10_000 + RESET_MS)),
    (AgentClass.OCF, WATCHED, True, ("watchdog", True, 10_000 + RESET_MS)),
    (AgentClass.PROCESS, WATCHED, True, ("guardian", True, 0)),
]


@pytest.mark.parametrize(("agent_class", "gates", "fenced", "expected"), CASES)
def test_guard_follows_from_class_and_gates(
    agent_class: AgentClass, gates: Gates, fenced: bool, expected: tuple[str, bool, int]
) -> None:
    guard = guard_of(Primitive(DISK, AgentRef(agent_class)), gates, fenced=fenced)
    assert (guard.name, guard.bounded, guard.extra_ms) == expected


@pytest.mark.parametrize("agent", ["IPaddr", "IPaddr2", "IPv6addr"])
def test_script_that_sets_an_address_is_not_ended_by_taking_storage(agent: str) -> None:
    primitive = Primitive(DISK, AgentRef(AgentClass.OCF, "heartbeat", agent))
    assert exclusivity_of(primitive) is Exclusivity.NETWORK
    assert not guard_of(primitive, Gates(kernel=True)).bounded, "the gate does not know of it"
    own = replace(primitive, meta=Meta(exclusivity=Exclusivity.DEVICE))
    assert exclusivity_of(own) is Exclusivity.DEVICE
