"""What a node sees of what it runs: monitors, probes, deaths."""

from dataclasses import replace

import pytest

from ha_core.config.model import (
    Group,
    Meta,
    OnFail,
    Operation,
    Options,
)
from ha_core.effects import CancelOperation
from ha_core.events import OperationDone
from ha_core.ids import ResourceId
from ha_core.policy.transition import ActionKind
from ha_core.status import FailureKind, InstanceState
from tests.core.transition.local_bench import WEB, Bench, primitive


@pytest.mark.parametrize(
    ("on_fail", "state"),
    [
        (None, InstanceState.FAILED),
        (OnFail.RESTART, InstanceState.FAILED),
        (OnFail.STOP, InstanceState.FAILED),
        (OnFail.STANDBY, InstanceState.FAILED),
        (OnFail.BLOCK, InstanceState.BLOCKED),
        (OnFail.IGNORE, InstanceState.STARTED),
    ],
)
def test_failed_monitor_follows_on_fail(on_fail: OnFail | None, state: InstanceState) -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 5000, on_fail=on_fail)))
    bench.start()
    bench.tick(5000)
    bench.done(1)
    item = bench.instance()
    assert (item.state, item.fail_count) == (state, 1)
    assert item.failure is not None
    assert item.failure.on_fail is (on_fail or OnFail.RESTART)


def test_monitors_of_several_depths_keep_their_own_rhythm() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000), Operation("monitor", 3000, depth=10)))
    bench.start()
    seen = []
    for _ in range(6):
        bench.tick(500)
        for run in bench.runs():
            seen.append((bench.now_ms - 1000, run.depth, run.interval_ms))
            bench.done()
        bench.tick(500)
        for run in bench.runs():
            seen.append((bench.now_ms - 1000, run.depth, run.interval_ms))
            bench.done()
    assert [s for s in seen if s[1] == 0][:3] == [(1000, 0, 1000), (2000, 0, 1000), (3000, 0, 1000)]
    assert [s for s in seen if s[1] == 10] == [(3500, 10, 3000)]


def test_missed_monitors_are_not_made_up_for() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.start()
    bench.tick(10_500)
    assert len(bench.runs()) == 1
    bench.done()
    assert bench.local.deadline_ms() == 12_000


def test_no_monitor_is_due_while_an_operation_runs() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.start()
    bench.order(ActionKind.STOP)
    assert bench.local.deadline_ms() is None
    bench.tick(5000)
    assert bench.out == []


def test_order_cancels_a_monitor_and_its_result_means_nothing() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.start()
    bench.tick(1000)
    monitor = bench.last()
    bench.order(ActionKind.STOP)
    assert bench.out == [CancelOperation(monitor.operation_id)]
    bench.end(OperationDone(monitor.operation_id, 1, reason="killed"))
    assert [run.action for run in bench.runs()] == ["stop"]
    assert bench.instance().failure is None
    bench.done()
    assert bench.instance().state is InstanceState.STOPPED


@pytest.mark.parametrize(
    ("exit_code", "state", "kind"),
    [
        (0, InstanceState.STARTED, None),
        (190, InstanceState.STARTED, None),
        (7, InstanceState.STOPPED, None),
        (1, InstanceState.FAILED, FailureKind.SOFT),
        (2, InstanceState.FAILED, FailureKind.HARD),
        (3, InstanceState.FAILED, FailureKind.HARD),
        (5, InstanceState.STOPPED, FailureKind.HARD),
        (6, InstanceState.FAILED, FailureKind.FATAL),
    ],
)
def test_probe_finds_what_is_there(
    exit_code: int, state: InstanceState, kind: FailureKind | None
) -> None:
    bench = Bench()
    bench.order(ActionKind.PROBE)
    bench.done(exit_code)
    item = bench.instance()
    assert item.state is state
    assert (item.failure.kind if item.failure else None) is kind


def test_what_was_found_running_is_monitored() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.order(ActionKind.PROBE)
    bench.done()
    bench.tick(1000)
    assert [run.action for run in bench.runs()] == ["monitor"]


def test_dead_process_is_a_failure_at_once() -> None:
    bench = Bench()
    bench.start()
    bench.out = list(bench.local.died(WEB, "exit code 3", 5000, lease_held=True))
    item = bench.instance()
    assert item.state is InstanceState.FAILED
    assert item.failure is not None
    assert (item.failure.exit_code, item.failure.at_wall_ms) == (7, 5000)


def test_process_ended_with_the_lease_has_not_failed() -> None:
    bench = Bench()
    bench.start()
    bench.local.died(WEB, "the lease is over", 5000, lease_held=False)
    item = bench.instance()
    assert (item.state, item.fail_count) == (InstanceState.STOPPED, 0)


@pytest.mark.parametrize("kind", [ActionKind.START, ActionKind.PROBE])
def test_death_that_is_read_before_the_end_of_what_began_or_found_it_counts_after_it(
    kind: ActionKind,
) -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 60_000)))
    bench.order(kind)
    assert bench.local.died(WEB, "exit code 3", 5000, lease_held=True) == []
    bench.done()
    item = bench.instance()
    assert (item.state, item.pending, item.fail_count) == (InstanceState.FAILED, "", 1)
    assert bench.events()[1:] == ["web ended unexpectedly: exit code 3"]
    bench.tick(60_000)
    assert bench.out == []


def test_death_with_the_lease_that_is_read_before_the_end_of_its_start_is_no_failure() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.local.died(WEB, "the lease ran out", 5000, lease_held=False)
    bench.done()
    assert (bench.instance().state, bench.instance().fail_count) == (InstanceState.STOPPED, 0)


def test_what_outlives_its_end_with_the_lease_has_failed_though_it_was_starting() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.local.died(WEB, "the lease ran out", 5000, lease_held=False, has_left=True)
    bench.done()
    assert bench.instance().state is InstanceState.FAILED


def test_failed_start_has_failed_once_whatever_died() -> None:
    bench = Bench()
    bench.order(ActionKind.START)
    bench.local.died(WEB, "exit code 3", 5000, lease_held=True)
    bench.done(1, output="cannot bind\n")
    assert bench.events() == ["start of web failed with exit code 1: cannot bind"]


def test_monitor_that_saw_a_process_before_its_death_does_not_raise_it() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.start()
    bench.tick(1000)
    bench.local.died(WEB, "the lease ran out", 5000, lease_held=False)
    bench.done()
    assert bench.instance().state is InstanceState.STOPPED
    assert bench.events() == []


def test_process_that_is_being_stopped_does_not_die() -> None:
    bench = Bench()
    bench.start()
    bench.order(ActionKind.STOP)
    assert bench.local.died(WEB, "exit code 0", 5000, lease_held=True) == []


def test_watched_resource_that_somebody_stops_has_not_failed() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000), managed=False))
    bench.order(ActionKind.PROBE)
    bench.done()
    bench.tick(1000)
    bench.done(7)
    assert bench.instance().state is InstanceState.STOPPED
    assert bench.instance().fail_count == 0
    bench.tick(1000)
    bench.done(0)
    assert bench.instance().state is InstanceState.STARTED
    assert bench.events() == ["web was started by somebody"]


def test_watched_resource_that_breaks_has_failed() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000), managed=False))
    bench.order(ActionKind.PROBE)
    bench.done()
    bench.tick(1000)
    bench.done(1)
    assert bench.instance().state is InstanceState.FAILED


def test_watched_process_that_ends_is_stopped() -> None:
    bench = Bench(primitive())
    bench.start()
    bench.configure(
        replace(bench.configuration, groups=(Group(ResourceId("g"), (WEB,), Meta(managed=False)),))
    )
    bench.local.died(WEB, "exit code 0", 5000, lease_held=True)
    assert (bench.instance().state, bench.instance().fail_count) == (InstanceState.STOPPED, 0)


def test_maintenance_of_the_cluster_rests_monitors() -> None:
    bench = Bench(primitive(WEB, Operation("monitor", 1000)))
    bench.start()
    bench.configure(replace(bench.configuration, options=Options(maintenance=True)))
    bench.tick(5000)
    assert bench.out == []
    bench.configure(replace(bench.configuration, options=Options()))
    bench.tick(1000)
    assert [run.action for run in bench.runs()] == ["monitor"]
