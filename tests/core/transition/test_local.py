"""A node's own resources: orders, results, definitions, and what outlives the daemon."""

from dataclasses import replace

from ha_core.config.model import (
    Group,
    OnFail,
    Operation,
)
from ha_core.effects import LocalState, Persist
from ha_core.events import LEASE_RAN_OUT, OperationDone
from ha_core.ids import INFINITY, ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import InstanceState
from ha_core.transition.telling import Happened
from tests.core.transition.local_bench import DB, LEASE_MS, WEB, Bench, primitive


def test_start_runs_within_the_lease_and_reports_started() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    run = bench.last()
    assert (run.action, run.not_after_ms) == ("start", LEASE_MS)
    assert bench.instance().pending == "start"
    bench.done(duration_ms=7)
    assert bench.instance().state is InstanceState.STARTED
    assert bench.instance().pending == ""
    assert bench.events() == ["web was started in 7 ms"]


def test_stop_and_probe_need_no_lease() -> None:
    bench = Bench()
    for kind in (ActionKind.STOP, ActionKind.PROBE):
        bench.order(kind)
        assert bench.last().not_after_ms is None
        bench.done(7 if kind is ActionKind.PROBE else 0)
        assert bench.instance().state is InstanceState.STOPPED


def test_repeated_and_older_orders_change_nothing() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done()
    before = bench.local.report_id
    for number in (1, 0):
        bench.give(Order(1, 1, number, WEB, ActionKind.STOP))
        assert bench.out == []
    assert bench.local.report_id == before


def test_order_for_what_is_not_configured_is_dropped() -> None:
    bench = Bench()
    bench.order(ActionKind.START, ResourceId("other"))
    assert bench.out == []


def test_start_without_a_lease_is_not_accepted() -> None:
    bench = Bench()
    bench.lease_until_ms = bench.now_ms
    bench.order(ActionKind.START)
    assert bench.out == []
    assert bench.instance().order_id == 0


def test_start_that_the_lease_cut_off_is_no_failed_start() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done(1, reason=LEASE_RAN_OUT)
    assert bench.instance().fail_count == 0
    assert bench.instance().failure is None


def test_failed_start_counts_as_too_many() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done(1, output="line\ncannot bind to port 80\n")
    item = bench.instance()
    assert (item.state, item.fail_count) == (InstanceState.FAILED, INFINITY)
    assert item.failure is not None
    assert item.failure.reason == "cannot bind to port 80"
    assert bench.events() == [
        "start of web failed with exit code 1: cannot bind to port 80",
    ]


def test_hanging_operation_says_its_time_limit() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done(1, timed_out=True, duration_ms=20_000, reason="waiting for the disk")
    failure = bench.instance().failure
    assert failure is not None
    assert failure.reason == "time limit exceeded after 20000 ms: waiting for the disk"


def test_failed_stop_blocks() -> None:
    bench = Bench()
    bench.start()
    bench.order(ActionKind.STOP)
    bench.done(1, timed_out=True, duration_ms=20_000)
    assert bench.instance().state is InstanceState.BLOCKED
    assert bench.instance().fail_count == 1
    bench.tick(100_000)
    assert bench.out == []


def test_failed_stop_with_ignore_counts_as_stopped() -> None:
    bench = Bench(primitive(WEB, Operation("stop", on_fail=OnFail.IGNORE)))
    bench.start()
    bench.order(ActionKind.STOP)
    bench.done(1)
    assert bench.instance().state is InstanceState.STOPPED


def test_order_waits_for_a_start_under_way() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    begun = bench.last()
    bench.order(ActionKind.STOP)
    assert bench.out == []
    bench.end(OperationDone(begun.operation_id, 0))
    assert [run.action for run in bench.runs()] == ["stop"]


def test_result_of_an_unknown_operation_is_dropped() -> None:
    bench = Bench()
    bench.end(OperationDone(99, 0))
    assert bench.out == []


def test_failures_outlive_the_daemon() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.start()
    bench.tick(1000)
    bench.done(1, reason="no answer")
    kept = [item.local for item in bench.out if isinstance(item, Persist)]
    assert len(kept) == 1
    again = Bench(kept=kept[0])
    item = again.instance()
    assert (item.state, item.fail_count) == (InstanceState.UNKNOWN, 1)
    assert item.failure is not None
    assert item.failure.reason == "no answer"


def test_cleanup_forgets_and_looks_again() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.done(1)
    bench.order(ActionKind.PROBE, cleanup=True)
    assert [item.local for item in bench.out if isinstance(item, Persist)] == [LocalState()]
    assert bench.last().action == "monitor"
    bench.done(7)
    item = bench.instance()
    assert (item.state, item.fail_count, item.failure) == (InstanceState.STOPPED, 0, None)


def test_fail_count_begins_anew_after_the_failure_timeout() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000), failure_timeout_ms=60_000))
    for wait_ms in (1000, 2000, 120_000):
        bench.start()
        bench.tick(wait_ms)
        bench.done(1)
    assert bench.instance().fail_count == 1


def test_changed_parameters_make_it_stale_and_changing_back_does_not() -> None:
    bench = Bench()
    bench.start()
    first = bench.configuration.primitives[0]
    changed = replace(first, parameters=(("port", "81"),))
    bench.configure(replace(bench.configuration, primitives=(changed,)))
    assert bench.instance().stale
    bench.configure(replace(bench.configuration, primitives=(first,)))
    assert not bench.instance().stale


def test_stale_resource_is_stopped_by_its_old_definition_and_started_by_the_new() -> None:
    bench = Bench()
    bench.start()
    changed = replace(bench.configuration.primitives[0], parameters=(("port", "81"),))
    bench.configure(replace(bench.configuration, primitives=(changed,)))
    bench.order(ActionKind.STOP)
    assert bench.last().primitive.parameters == ()
    bench.done()
    bench.order(ActionKind.START)
    assert bench.last().primitive.parameters == (("port", "81"),)
    bench.done()
    assert not bench.instance().stale


def test_start_that_never_began_leaves_nothing_stale_and_the_next_takes_the_new_definition() -> (
    None
):
    bench = Bench()
    bench.order(ActionKind.PROBE)
    bench.done(7)
    bench.order(ActionKind.START)
    start = bench.last().operation_id
    changed = replace(bench.configuration.primitives[0], parameters=(("port", "81"),))
    bench.configure(replace(bench.configuration, primitives=(changed,)))
    assert bench.instance().stale
    bench.end(OperationDone(start, 1, reason=LEASE_RAN_OUT))
    assert (bench.instance().state, bench.instance().stale) == (InstanceState.STOPPED, False)
    bench.order(ActionKind.START)
    assert bench.last().primitive.parameters == (("port", "81"),)


def test_what_the_lease_ended_starts_again_by_the_new_definition() -> None:
    bench = Bench()
    bench.start()
    changed = replace(bench.configuration.primitives[0], parameters=(("port", "81"),))
    bench.configure(replace(bench.configuration, primitives=(changed,)))
    bench.local.died(WEB, "the lease ran out", 5000, lease_held=False)
    assert not bench.instance().stale
    bench.order(ActionKind.START)
    assert bench.last().primitive.parameters == (("port", "81"),)


def test_changed_monitors_begin_at_once_without_a_restart() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 60_000)))
    bench.start()
    changed = replace(bench.configuration.primitives[0], operations=(Operation("monitor", 1000),))
    bench.configure(replace(bench.configuration, primitives=(changed,)))
    assert not bench.instance().stale
    bench.tick(1000)
    assert [run.interval_ms for run in bench.runs()] == [1000]


def test_removed_resource_is_stopped_and_forgotten() -> None:
    bench = Bench(primitive(), primitive(DB))
    bench.start()
    bench.configure(replace(bench.configuration, primitives=(primitive(DB),)))
    assert [run.action for run in bench.runs()] == ["stop"]
    bench.done()
    assert [item.resource for item in bench.local.instances()] == [DB]


def test_lost_lease_stops_groups_last_member_first() -> None:
    bench = Bench(primitive(), primitive(DB))
    group = Group(ResourceId("g"), (DB, WEB))
    bench.configure(replace(bench.configuration, groups=(group,)))
    bench.start(DB)
    bench.start(WEB)
    bench.out = list(bench.local.stop_all("the cluster is lost"))
    assert [(run.action, run.primitive.id) for run in bench.runs()] == [
        ("stop", WEB),
        ("stop", DB),
    ]


def test_every_visible_change_has_a_new_report_id() -> None:
    bench = Bench()
    seen = [bench.local.report_id]
    bench.order(ActionKind.START)
    seen.append(bench.local.report_id)
    bench.done()
    seen.append(bench.local.report_id)
    assert seen == sorted(set(seen))


def test_a_failure_of_what_ran_belongs_to_no_earlier_incident() -> None:
    bench = Bench()
    bench.order(ActionKind.START, incident="n2-lost-1-1")
    bench.done()
    assert [e.incident for e in bench.out if isinstance(e, Happened)] == ["n2-lost-1-1"]
    out = bench.local.died(WEB, "exit code 3", 5000, lease_held=True)
    assert [e.incident for e in out if isinstance(e, Happened)] == [""]
    bench.order(ActionKind.STOP, incident="web-failed-1-1")
    bench.done(1)
    assert [e.incident for e in bench.out if isinstance(e, Happened)] == ["web-failed-1-1"]


def test_what_is_told_to_fail_has_failed_whatever_its_agent_says() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000, on_fail=OnFail.BLOCK)))
    bench.start()
    bench.order(ActionKind.PROBE, fail=True, reason="root says so")
    assert bench.last().action == "monitor"
    bench.done(0)
    item = bench.instance()
    assert (item.state, item.fail_count) == (InstanceState.BLOCKED, 1), "as its monitor has it"
    assert bench.events() == ["web is taken as failed: root says so"]


def test_what_does_not_run_is_not_told_to_fail() -> None:
    bench = Bench()
    bench.order(ActionKind.PROBE, fail=True)
    bench.done(7)
    assert bench.instance().state is InstanceState.STOPPED
    bench.start()
    bench.order(ActionKind.PROBE, fail=True)
    bench.done(7)
    assert bench.instance().fail_count == 0, "it had ended before"
