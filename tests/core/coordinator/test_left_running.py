"""What a lost node may run on without harm is remembered when the node is back, or starts again."""

from dataclasses import replace

from ha_core.config.choices import Role
from ha_core.coordinator.roster import Roster
from ha_core.ids import Generation
from ha_core.messages import LeaseRequest
from ha_core.status import InstanceState, NodeState
from tests.core.coordinator.test_new_exclusivity import (
    EXCLUSIVE,
    FREE,
    JOB,
    LATE_MS,
    N2,
    ROLES,
    refusal,
    running,
)


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
