"""What may have come alive to a node: whose word on it counts, and until when."""

from dataclasses import replace

import pytest

from ha_core.config.model import Configuration, Meta, Node as Member
from ha_core.coordinator.roster import Roster
from ha_core.ids import NodeName
from ha_core.messages import LeaseRequest, Report
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.status import Instance, InstanceState, NodeState, NodeStatus
from ha_core.timers import timers
from ha_core.transition.executor import OpenOrder
from tests.core.coordinator.test_roster import (
    DISK,
    ELECTED_MS,
    LATE_MS,
    N1,
    N2,
    STARTED,
    STOPPED,
    UNGUARDED,
    ask,
    report,
    word,
)

N3 = NodeName("n3")
MOVABLE = replace(UNGUARDED, meta=Meta(allow_migrate=True))
MEMBERS = (Member(N1, ()), Member(N2, ()), Member(N3, ()))
THREE = Configuration(nodes=MEMBERS, primitives=(MOVABLE,))
ADMITTED_BOTH = (word(ADMITTED), Verdict(N3, 3, ADMITTED, "admin", "", 0))


def seen_by(*known: NodeStatus, configuration: Configuration = THREE) -> Roster:
    """Return the roster of n1, just elected, which has reported that it runs nothing."""
    made = Roster(N1, 1, timers(1000), ADMITTED_BOTH, known, ELECTED_MS)
    made.configure(configuration, 0)
    made.records[N1].instances = (STOPPED,)
    made.records[N1].report_id = 1
    made.records[N1].state = NodeState.ONLINE
    return made


def third(made: Roster, *instances: Instance, number: int = 1) -> None:
    """Let n3 ask for its lease, and report."""
    made.request(N3, 3, LeaseRequest(5, 1, 3, 1, 0, 0), ELECTED_MS + 10, 0)
    told = Report(5, made.records[N3].admission, 3, number, instances)
    assert made.report(N3, 3, told, 0)


def state(made: Roster, node: NodeName) -> InstanceState:
    """Return what is known of the disk there."""
    return next(i.state for i in made.records[node].instances if i.resource == DISK)


def handing(made: Roster) -> None:
    """Let n2 be told to hand the disk on to n3."""
    order = OpenOrder(7, N2, DISK, ActionKind.MIGRATE_TO, "", peer=N3)
    made.orders.open[(DISK, N2)] = order


@pytest.mark.parametrize("is_fenced", [True, False])
def test_target_is_unknown_when_the_source_is_lost_that_had_not_answered(is_fenced: bool) -> None:
    made = seen_by()
    assert not ask(made)
    assert report(made, STARTED)
    third(made, STOPPED)
    handing(made)
    if is_fenced:
        made.judged(word("fenced:pdu"))
    silent = {N2: LATE_MS - ELECTED_MS}
    made.records[N3].requested_ms = LATE_MS
    made.check(silent, set(), LATE_MS, 0)
    assert made.records[N2].state is NodeState.LOST
    assert (state(made, N1), state(made, N3)) == (InstanceState.STOPPED, InstanceState.UNKNOWN)


def test_target_is_unknown_when_the_daemon_of_the_source_starts_again() -> None:
    made = seen_by()
    assert not ask(made)
    assert report(made, STARTED)
    third(made, STOPPED)
    handing(made)
    made.judged(word(ADMITTED, 4))
    assert not ask(made, 4)
    assert state(made, N3) is InstanceState.UNKNOWN
    third(made, replace(STOPPED, order_id=0), number=2)
    assert state(made, N3) is InstanceState.UNKNOWN, "that was seen before"


def test_order_that_was_on_its_way_when_the_doubt_arose_does_not_end_it() -> None:
    made = seen_by()
    assert not ask(made)
    assert report(made, replace(STARTED, migrated_to=N3))
    third(made, STOPPED)
    looks = made.orders.cleanup(DISK, N3, "", 0).order_id
    made.records[N3].requested_ms = LATE_MS
    made.check({N2: LATE_MS - ELECTED_MS}, set(), LATE_MS, 0)
    third(made, replace(STOPPED, order_id=looks), number=2)
    assert state(made, N3) is InstanceState.UNKNOWN
    third(made, replace(STOPPED, order_id=looks + 1), number=3)
    assert state(made, N3) is InstanceState.STOPPED


@pytest.mark.parametrize("is_movable", [True, False])
def test_new_coordinator_looks_everywhere_for_what_a_lost_node_could_hand_on(
    is_movable: bool,
) -> None:
    configuration = THREE if is_movable else replace(THREE, primitives=(UNGUARDED,))
    made = seen_by(configuration=configuration)
    third(made, STOPPED)
    made.records[N3].requested_ms = LATE_MS
    made.check({N2: LATE_MS - ELECTED_MS}, set(), LATE_MS, 0)
    found = InstanceState.UNKNOWN if is_movable else InstanceState.STOPPED
    assert [state(made, N1), state(made, N3)] == [found, found]


def test_what_is_seen_to_run_elsewhere_was_not_handed_on_by_a_node_that_nobody_heard() -> None:
    made = seen_by()
    third(made, STARTED)
    made.records[N3].requested_ms = LATE_MS
    made.check({N2: LATE_MS - ELECTED_MS}, set(), LATE_MS, 0)
    assert state(made, N1) is InstanceState.STOPPED


def test_new_coordinator_keeps_its_predecessors_doubt() -> None:
    unknown = Instance(DISK, InstanceState.UNKNOWN)
    made = seen_by(NodeStatus(N3, NodeState.ONLINE, 3, (unknown,)))
    third(made, STOPPED)
    assert state(made, N3) is InstanceState.UNKNOWN


def test_target_is_looked_at_when_the_source_has_ended_its_part_by_itself() -> None:
    made = seen_by()
    third(made, STOPPED)
    assert not ask(made)
    ended = replace(STOPPED, migrated_to=N3)
    assert report(made, ended)
    assert state(made, N3) is InstanceState.UNKNOWN
    assert next(iter(made.records[N2].instances)).migrated_to is None
    third(made, replace(STOPPED, order_id=1), number=2)
    assert state(made, N3) is InstanceState.STOPPED
    assert report(made, ended, number=2)
    assert state(made, N3) is InstanceState.STOPPED, "that is known"


@pytest.mark.parametrize("is_told", [True, False])
def test_goodbye_of_a_node_to_which_something_comes_alive_does_not_count(is_told: bool) -> None:
    made = seen_by()
    assert not ask(made)
    assert report(made, replace(STARTED, migrated_to=N3 if is_told else None))
    third(made, STOPPED)
    if not is_told:
        handing(made)
    assert not made.left(N3, 3, 0)
    made.orders.open.clear()
    assert report(made, STARTED, number=2)
    assert made.left(N3, 3, 0)
