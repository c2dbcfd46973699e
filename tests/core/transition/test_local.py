"""A node's own resources: orders, results, monitors, failures, and what outlives the daemon."""

from dataclasses import replace

import pytest

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Group,
    Meta,
    OnFail,
    Operation,
    Options,
    Primitive,
)
from ha_core.effects import CancelOperation, LocalState, Persist, RunOperation
from ha_core.events import LEASE_RAN_OUT, OperationDone
from ha_core.ids import INFINITY, ResourceId
from ha_core.messages import Order
from ha_core.policy.transition import ActionKind
from ha_core.status import FailureKind, Instance, InstanceState
from ha_core.transition.local import LocalResources
from ha_core.transition.telling import Happened

WEB, DB = ResourceId("web"), ResourceId("db")
LEASE_MS = 1_000_000


def primitive(name: ResourceId = WEB, *operations: Operation, **meta: object) -> Primitive:
    ref = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")
    return Primitive(name, ref, (), operations, Meta(**meta))  # type: ignore[arg-type]  # by name


class Bench:
    """One node's resources, with the time and the operations under way in reach."""

    def __init__(self, *primitives: Primitive, kept: LocalState | None = None) -> None:
        self.now_ms = 1000
        self.lease_until_ms = LEASE_MS
        self.local = LocalResources(kept or LocalState())
        self.configuration = Configuration(primitives=primitives or (primitive(),))
        self.out: list[object] = []
        self.number = 0
        self.configure(self.configuration)

    def configure(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.out = list(self.local.configure(configuration, self.now_ms))

    def order(self, kind: ActionKind, resource: ResourceId = WEB, **more: object) -> None:
        self.number += 1
        order = Order(1, 1, self.number, resource, kind, **more)  # type: ignore[arg-type]  # by name
        self.give(order)

    def give(self, order: Order) -> None:
        self.out = list(self.local.order(order, self.lease_until_ms, self.now_ms))

    def done(self, exit_code: int = 0, **more: object) -> None:
        """End the operation that was begun last."""
        event = OperationDone(self.last().operation_id, exit_code, **more)  # type: ignore[arg-type]  # by name
        self.end(event)

    def end(self, event: OperationDone) -> None:
        self.out = list(self.local.done(event, self.now_ms, self.lease_until_ms, self.now_ms))

    def tick(self, advance_ms: int) -> None:
        self.now_ms += advance_ms
        self.out = list(self.local.tick(self.now_ms))

    def runs(self) -> list[RunOperation]:
        return [item for item in self.out if isinstance(item, RunOperation)]

    def last(self) -> RunOperation:
        found = self.runs()
        if found:
            self._last = found[-1]
        return self._last

    def start(self, resource: ResourceId = WEB) -> None:
        self.order(ActionKind.START, resource)
        self.done()

    def events(self) -> list[str]:
        return [item.text for item in self.out if isinstance(item, Happened)]

    def instance(self, resource: ResourceId = WEB) -> Instance:
        return next(item for item in self.local.instances() if item.resource == resource)


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
