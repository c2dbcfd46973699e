"""What one node reaches: answers, time-outs, groups of hosts, and changes of what is pinged."""

from ha_core.config.model import Ping, PingTarget
from ha_core.events import PingAnswered, PingRefused
from ha_core.membership.reachability import Reachability
from ha_core.status import Connectivity

PING = Ping(
    (PingTarget("gateway", ("192.0.2.1",)), PingTarget("outside", ("203.0.113.1", "2001:db8::1"))),
    interval_ms=100,
    timeout_ms=400,
)
BOTH = Connectivity(("gateway", "outside"), ())


def answering(*hosts: str, at_ms: int = 1000) -> Reachability:
    """Return what a node reaches that began at 1000 ms and got these answers."""
    found = Reachability()
    found.configure(PING, 1000)
    for host in hosts:
        found.take(PingAnswered(host), at_ms)
    found.maybe_change(at_ms)
    return found


def test_nothing_is_said_before_every_target_is_known() -> None:
    assert answering("192.0.2.1").measured is None


def test_one_answer_of_a_group_is_enough() -> None:
    assert answering("192.0.2.1", "2001:db8::1").measured == BOTH


def test_host_that_never_answers_is_missed_after_the_time_out() -> None:
    found = answering("203.0.113.1", at_ms=1200)
    assert found.deadline_ms() == 1400
    assert found.maybe_change(1400)
    assert found.measured == Connectivity(("outside",), ("gateway",))


def test_host_that_falls_silent_is_missed_a_time_out_after_its_last_answer() -> None:
    found = answering("192.0.2.1", "203.0.113.1")
    found.take(PingAnswered("192.0.2.1"), 1300)
    assert not found.maybe_change(1399)
    assert found.maybe_change(1400)
    assert found.measured == Connectivity(("gateway",), ("outside",))
    assert found.deadline_ms() == 1700


def test_target_comes_back_with_the_first_answer() -> None:
    found = answering("192.0.2.1", "203.0.113.1")
    found.maybe_change(1400)
    assert found.measured == Connectivity((), ("gateway", "outside"))
    found.take(PingAnswered("192.0.2.1"), 1500)
    assert found.maybe_change(1500)
    assert found.measured == Connectivity(("gateway",), ("outside",))


def test_node_that_may_not_ping_says_so_until_it_may() -> None:
    found = answering()
    found.take(PingRefused("no permission"), 1100)
    assert found.maybe_change(1100)
    assert found.measured == Connectivity(fault="no permission")
    assert found.deadline_ms() is None
    found.take(PingAnswered("192.0.2.1"), 5000)
    found.maybe_change(5000)
    assert found.measured == Connectivity(("gateway",), ("outside",))


def test_answers_of_strangers_mean_nothing() -> None:
    found = answering("198.51.100.7")
    assert not found.maybe_change(1100)


def test_targets_that_stay_keep_what_is_known() -> None:
    found = answering("192.0.2.1", "203.0.113.1")
    found.configure(Ping(PING.targets[:1], 100, 400), 1100)
    found.maybe_change(1100)
    assert found.measured == Connectivity(("gateway",), ())
    found.configure(Ping(timeout_ms=400), 1200)
    found.maybe_change(1200)
    assert (found.measured, found.deadline_ms()) == (None, None)
