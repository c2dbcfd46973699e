"""A node's stay: which grants count, and that a farewell ends."""

from dataclasses import replace

import pytest

from ha_core.ids import NodeName, ResourceId
from ha_core.membership.farewell import Farewell
from ha_core.membership.stay import Granted, Leader, Stay
from ha_core.messages import LeaseGrant, Order
from ha_core.policy.transition import ActionKind
from ha_core.replication.entries import ADMITTED, LEFT, Verdict
from ha_core.timers import timers

TIMERS = timers(1000)
NOW_MS = 50_000
N1 = NodeName("n1")
LEADER = Leader(N1, 4)
GRANT = LeaseGrant(4, NOW_MS - 10, 1, 0, 20, 7, 1000)


def taken(grant: LeaseGrant, *, leader: Leader | None = LEADER) -> Stay | None:
    """Return the stay after a grant, or None if the grant did not count."""
    stay = Stay(7, TIMERS)
    return stay if stay.granted(leader, N1, grant, NOW_MS) else None


def test_lease_runs_from_the_round_that_a_majority_answered() -> None:
    stay = taken(GRANT)
    assert stay is not None
    assert stay.lease.until_ms == NOW_MS - 10 - 20 + TIMERS.run_lease_ms


def test_grant_to_an_earlier_start_counts_for_nothing() -> None:
    assert taken(replace(GRANT, generation=6)) is None


def test_grant_of_a_coordinator_with_another_dead_time_counts_for_nothing() -> None:
    assert taken(replace(GRANT, dead_after_ms=500)) is None


def test_grant_of_a_deposed_coordinator_counts_for_nothing() -> None:
    assert taken(GRANT, leader=Leader(NodeName("n2"), 5)) is None
    assert taken(replace(GRANT, term=3)) is None
    assert taken(GRANT, leader=None) is None


def test_answer_to_a_request_from_the_future_gives_no_lease() -> None:
    stay = taken(replace(GRANT, request_ms=NOW_MS + 1_000_000))
    assert stay is not None
    assert not stay.lease.is_held(NOW_MS)


def test_late_grant_never_shortens_the_lease() -> None:
    stay = taken(GRANT)
    assert stay is not None
    until_ms = stay.lease.until_ms
    late = replace(GRANT, request_ms=NOW_MS - 500)
    assert stay.granted(LEADER, N1, late, NOW_MS) == Granted(False, False)
    assert stay.lease.until_ms == until_ms


@pytest.mark.parametrize("term", [4, 5], ids=["the same coordinator", "the next one"])
def test_lapsed_lease_gives_way_to_no_other_stay_before_all_has_ended_that_it_bounded(
    term: int,
) -> None:
    """An address that nothing has taken away would answer again, beside its new owner."""
    stay = taken(GRANT)
    assert stay is not None
    until_ms, later_ms = stay.lease.until_ms, NOW_MS + 2000
    leader = Leader(N1, term)
    other = replace(GRANT, term=term, admission=2, request_ms=later_ms - 10)
    found = stay.granted(leader, N1, other, later_ms, is_clear=lambda: False)
    assert found is not None
    assert (found.is_longer, stay.lease.until_ms) == (False, until_ms)
    found = stay.granted(leader, N1, other, later_ms, is_clear=lambda: False)
    assert found == Granted(False, False, is_withheld=True), "and it is asked again each time"
    found = stay.granted(leader, N1, other, later_ms, is_clear=lambda: True)
    assert found == Granted(True, False)
    assert stay.lease.is_held(later_ms)


def test_lapsed_lease_of_the_same_stay_goes_on() -> None:
    stay = taken(GRANT)
    assert stay is not None
    later = replace(GRANT, request_ms=NOW_MS + 1990)
    assert stay.granted(LEADER, N1, later, NOW_MS + 2000, is_clear=lambda: False) == Granted(
        True, False
    )


def test_lease_that_runs_goes_on_in_the_next_stay() -> None:
    stay = taken(GRANT)
    assert stay is not None
    other = replace(GRANT, admission=2, request_ms=NOW_MS + 90)
    found = stay.granted(LEADER, N1, other, NOW_MS + 100, is_clear=lambda: False)
    assert found == Granted(True, True)


def test_orders_of_an_earlier_admission_are_void() -> None:
    stay = taken(replace(GRANT, admission=3))
    assert stay is not None
    order = Order(4, 3, 1, ResourceId("web"), ActionKind.START)
    assert stay.is_bound_by(LEADER, N1, order, 7)
    assert not stay.is_bound_by(LEADER, N1, replace(order, admission=2), 7)
    assert not stay.is_bound_by(LEADER, NodeName("n2"), order, 7)
    assert stay.is_bound_by(LEADER, N1, replace(order, revision=7), 7)
    assert not stay.is_bound_by(LEADER, N1, replace(order, revision=8), 7)


def test_farewell_ends_when_the_log_has_it_or_when_others_would_call_us_lost() -> None:
    farewell = Farewell(TIMERS, NOW_MS)
    soon_ms = NOW_MS + 10
    word = Verdict(N1, 7, LEFT, "cluster", "", 0)
    assert farewell.is_over(N1, 7, [word], soon_ms)
    assert not farewell.is_over(N1, 7, [], soon_ms)
    assert not farewell.is_over(N1, 8, [word], soon_ms), "that was an earlier start"
    assert not farewell.is_over(N1, 7, [replace(word, method=ADMITTED)], soon_ms)
    assert farewell.is_over(N1, 7, [], NOW_MS + TIMERS.dead_after_ms)


def test_goodbye_is_said_again_every_beat() -> None:
    farewell = Farewell(TIMERS, NOW_MS)
    said = [ms for ms in range(500) if farewell.maybe_say(NOW_MS + ms)]
    assert said == [0, 100, 200, 300, 400]
