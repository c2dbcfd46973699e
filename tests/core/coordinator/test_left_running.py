"""What a lost node may run on without harm is remembered when the node is back, or starts again."""

from dataclasses import replace

import pytest

from ha_core.agents.registry import LIFETIME_MS
from ha_core.config.choices import Role
from ha_core.config.model import AgentClass, AgentRef, Configuration, Primitive
from ha_core.coordinator.planner import Planner
from ha_core.coordinator.roster import Roster
from ha_core.gates import Gates
from ha_core.ids import Generation
from ha_core.messages import LeaseRequest, Report
from ha_core.replication.entries import ADMITTED, OPERATOR, Verdict
from ha_core.status import InstanceState, NodeState
from ha_core.timers import timers, with_drift
from tests.core.coordinator.test_new_exclusivity import (
    COPIES,
    EXCLUSIVE,
    FREE,
    FREE_HELD,
    GONE,
    HELD,
    JOB,
    LATE_MS,
    N1,
    N2,
    ROLES,
    TWICE,
    refusal,
    running,
)

ADDRESS = Primitive(JOB, AgentRef(AgentClass.ADDRESS), (("address", "192.0.2.7"),))
ONE_ADDRESS = replace(EXCLUSIVE, primitives=(ADDRESS,))
FREE_ADDRESS = replace(EXCLUSIVE, primitives=(replace(ADDRESS, meta=TWICE),))


def asks(made: Roster, generation: Generation) -> None:
    """One request of n2 for its lease comes through."""
    made.request(N2, generation, LeaseRequest(5, 1, generation, 1, 0, 0), LATE_MS + 10, 0)
    assert made.records[N2].state is NodeState.PENDING


def lost_again(made: Roster) -> None:
    made.check({N2: 0}, set(), LATE_MS + 10_000, 0)
    assert made.records[N2].state is NodeState.LOST


def test_one_request_without_a_report_ends_nothing_that_may_run_on() -> None:
    made = running(FREE, lost=True)
    asks(made, 3)
    assert "it may run on n2: stop it first" in refusal(made, FREE, EXCLUSIVE)
    lost_again(made)
    assert "confirm-down n2" in refusal(made, FREE, EXCLUSIVE)
    without = replace(FREE, nodes=FREE.nodes[:1])
    assert "node 'n2' cannot be removed while it may run something" in refusal(made, FREE, without)


def test_copy_that_was_not_promoted_is_none_that_may_be_when_its_node_is_lost_again() -> None:
    made = running(ROLES, lost=True, role=Role.UNPROMOTED)
    asks(made, 3)
    (item,) = made.records[N2].instances
    assert (item.state, item.role) == (InstanceState.UNKNOWN, Role.UNPROMOTED)
    lost_again(made)
    assert made.records[N2].instances[0].state is InstanceState.STOPPED, "it does no harm"
    assert made.records[N2].harmless == {JOB}


def starts_anew(made: Roster) -> None:
    """The daemon of n2 starts again, is admitted, and asks for its lease."""
    made.judged(Verdict(N2, 4, ADMITTED, "", "", 0))
    asks(made, 4)


@pytest.mark.parametrize("configuration", [FREE, COPIES], ids=["may run twice", "clone"])
def test_next_start_looks_for_what_its_last_one_ran_without_harm(
    configuration: Configuration,
) -> None:
    made = running(configuration, lost=True)
    starts_anew(made)
    assert not made.records[N2].has_left_nothing(JOB)
    proved = running(configuration, lost=True)
    proved.judged(Verdict(N2, 3, OPERATOR, "ann", "seen", 0))
    starts_anew(proved)
    assert proved.records[N2].has_left_nothing(JOB), "somebody has seen it end"


def test_silence_of_a_start_without_its_disk_does_not_end_what_was_removed_meanwhile() -> None:
    """As seed 61213, of what did no harm."""
    made = running(FREE, lost=True)
    made.configure(GONE, 0)
    starts_anew(made)
    made.report(N2, 4, Report(5, made.records[N2].admission, 4, 1, ()), 0)
    (item,) = made.records[N2].instances
    assert (item.resource, item.state) == (JOB, InstanceState.UNKNOWN)


def test_nor_does_it_under_a_coordinator_that_knows_the_node_from_a_view() -> None:
    known = running(FREE, lost=True).statuses()
    verdict = Verdict(N2, 4, ADMITTED, "", "", 0)
    made = Roster(N1, 1, timers(1000), (verdict,), known, LATE_MS)
    made.configure(GONE, 0)
    asks(made, 4)
    made.report(N2, 4, Report(5, made.records[N2].admission, 4, 1, ()), 0)
    (item,) = made.records[N2].instances
    assert (item.resource, item.state) == (JOB, InstanceState.UNKNOWN)


@pytest.mark.parametrize("before", [FREE, COPIES], ids=["may run twice", "clone"])
def test_what_runs_on_unguarded_is_not_declared_guarded(before: Configuration) -> None:
    """The next coordinator would take the new guard for the one that it runs under."""
    made = running(before, lost=True)
    assert "that the run lease bounds while it may still run on n2" in refusal(
        made, before, FREE_HELD
    )
    made.configure(GONE, 0)
    assert "confirm-down n2" in refusal(made, GONE, HELD), "nor under that name"
    made.judged(Verdict(N2, 3, OPERATOR, "ann", "seen", 0))
    assert refusal(made, before, FREE_HELD) == refusal(made, GONE, HELD) == ""


def test_address_that_may_be_there_twice_is_exclusive_only_once_the_kernel_has_removed_it() -> None:
    made = running(FREE_ADDRESS, lost=True)
    (order,) = Planner(1).plan(made, FREE_ADDRESS, LATE_MS, 0)
    assert order.node == N1, "nothing waits while it may be there twice"
    assert refusal(made, FREE_ADDRESS, ONE_ADDRESS) == ""
    made.configure(ONE_ADDRESS, 0)
    gone_ms = LATE_MS + with_drift(LIFETIME_MS)
    assert made.release(gone_ms - 1) == []
    assert Planner(1).plan(made, ONE_ADDRESS, gone_ms - 1, 0) == []
    assert [item.node for item in made.release(gone_ms)] == [N2]
    (order,) = Planner(1).plan(made, ONE_ADDRESS, gone_ms, 0)
    assert order.node == N1


def test_address_behind_a_kernel_gate_is_gone_with_the_lease() -> None:
    made = running(FREE_ADDRESS, lost=False)
    made.records[N2].gates = Gates(kernel=True)
    made.check({N2: LATE_MS}, set(), LATE_MS, 0)
    (item,) = made.records[N2].instances
    assert (item.state, item.free_after_ms) == (InstanceState.STOPPED, 0)


def test_what_becomes_exclusive_in_the_moment_in_which_its_node_is_lost_is_open_there() -> None:
    """The edit was judged while nothing was lost, and is final only now."""
    made = running(FREE, lost=True)
    made.configure(EXCLUSIVE, 0)
    (found,) = made.records[N2].instances
    assert (found.state, made.records[N2].harmless) == (InstanceState.UNCERTAIN, frozenset())
