"""What a history says: roles, failures that still count, what recurs, what has changed."""

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import (
    Changed,
    Migration,
    Observed,
    OnFail,
    Problem,
    Recurring,
    Role,
    Task,
)
from tests.core.policy.reading.cibs import (
    EVERY,
    NO_PARAMETERS,
    NOW,
    history,
    meta,
    operation,
    pairs,
    primitive,
    read,
)

START = operation("a", "start", call=1)
WATCH = '<operations><op id="w" name="monitor" interval="10s"/></operations>'


def seen(problem: Problem, node: str = "n1") -> Observed:
    found = [item for item in problem.observed if item.node == node]
    assert len(found) == 1
    return found[0]


def after(*operations: str, inner: str = "", **keywords: object) -> Observed:
    resource = primitive("a", inner)
    return seen(read(resource, histories={"n1": history("a", *operations)}, **keywords))


def policy(task: str, on_fail: str, interval: str = "0") -> str:
    kind = f'name="{task}" interval="{interval}" on-fail="{on_fail}"'
    return f'<operations><op id="p" {kind}/></operations>'


@pytest.mark.parametrize(
    ("operations", "role"),
    [
        ([START], Role.STARTED),
        ([START, operation("a", "stop", call=2)], Role.STOPPED),
        ([operation("a", "monitor", rc=0, expected=7)], Role.STARTED),
        ([operation("a", "monitor", rc=8, expected=7)], Role.PROMOTED),
        ([START, operation("a", "promote", call=2)], Role.PROMOTED),
        ([operation("a", "promote"), operation("a", "demote", call=2)], Role.UNPROMOTED),
        ([operation("a", "start", rc=1)], Role.STARTED),
        ([operation("a", "monitor", rc=1, expected=7)], Role.STARTED),
        ([operation("a", "monitor", rc=5, expected=7)], Role.STOPPED),
        ([START, operation("a", "monitor", interval=10000, rc=190, expected=0)], Role.STARTED),
    ],
)
def test_entries_are_applied_one_after_the_other(operations: list[str], role: Role) -> None:
    assert after(*operations).role is role
    assert after(*reversed(operations)).role is role


def test_what_is_only_known_to_be_stopped_is_no_observation() -> None:
    problem = read(primitive("a"), histories={"n2": history("a", operation("a", "monitor", rc=7))})
    assert problem.observed == ()
    assert problem.found_stopped == (("a", ("n2",)),)


@pytest.mark.parametrize(
    ("failed", "inner", "fencing", "expected"),
    [
        (operation("a", "start", rc=1, call=2), "", "true", OnFail.RESTART),
        (operation("a", "stop", rc=1, call=2), "", "true", OnFail.FENCE),
        (operation("a", "stop", rc=1, call=2), "", "false", OnFail.BLOCK),
        (operation("a", "stop", rc=1, call=2), policy("stop", "standby"), "true", OnFail.FENCE),
        (operation("a", "start", rc=1, call=2), policy("start", "fence"), "false", OnFail.STOP),
        (
            operation("a", "monitor", rc=1, interval=10000, call=2, expected=0),
            policy("monitor", "standby", "10s"),
            "true",
            OnFail.STANDBY,
        ),
        (
            operation("a", "monitor", rc=1, interval=10000, call=2, expected=0),
            policy("monitor", "demote", "10s"),
            "true",
            OnFail.RESTART,
        ),
    ],
)
def test_a_failure_leads_to_what_is_configured_or_the_default(
    failed: str, inner: str, fencing: str, expected: OnFail
) -> None:
    found = after(START, failed, inner=inner, options={"stonith-enabled": fencing})
    assert found.failed is expected


def test_an_ignored_failure_counts_as_success_and_for_no_threshold() -> None:
    found = after(operation("a", "start", rc=1), inner=policy("start", "ignore"))
    assert (found.failed, found.role) == (None, Role.STARTED)
    assert found.is_threshold_ignored


def test_later_success_forgives_a_restart_but_no_standby() -> None:
    failed = operation("a", "start", rc=1, call=1)
    again = operation("a", "start", call=2)
    assert after(failed, again).failed is None
    found = after(failed, again, inner=policy("start", "standby"))
    assert found.failed is OnFail.STANDBY


def test_the_defaults_hold_for_operations_that_are_not_configured() -> None:
    block = pairs("meta_attributes", {"on-fail": "block"}, "d")
    found = after(operation("a", "start", rc=1), more=f"<op_defaults>{block}</op_defaults>")
    assert found.failed is OnFail.BLOCK


@pytest.mark.parametrize(
    ("rc", "node", "everywhere"),
    [(1, False, False), (2, True, False), (3, True, False), (5, True, False), (6, False, True)],
)
def test_exit_codes_ban_the_node_or_all(rc: int, node: bool, everywhere: bool) -> None:
    found = after(operation("a", "start", rc=rc, expected=0, status=4))
    assert (found.bans_node, found.bans_all) == (node, everywhere)


def test_a_failed_promotion_is_not_tried_again_at_once() -> None:
    found = after(START, operation("a", "promote", rc=1, call=2))
    assert found.is_not_promoted_again
    assert found.role is Role.PROMOTED


def test_an_operation_without_a_result_is_pending() -> None:
    found = after(operation("a", "start", rc=193, expected=0, status=-1))
    assert (found.role, found.pending) == (Role.STARTED, Task.START)
    waiting = after(START, operation("a", "stop", rc=193, expected=0, status=-1, call=2))
    assert (waiting.role, waiting.pending) == (Role.STARTED, Task.STOP)


def test_a_pending_entry_is_ordered_by_its_transition() -> None:
    late = operation("a", "stop", rc=193, expected=0, status=-1, call=-1)
    found = after(late.replace('="-1:1:0:', '="9:9:0:'), START)
    assert (found.role, found.pending) == (Role.STARTED, Task.STOP)


# --- fail counts


def counted(
    *operations: str, count: str = "2", age_s: int = 700, inner: str = "", **more: str
) -> Observed:
    block = pairs(
        "instance_attributes",
        {
            "fail-count-a#monitor_10000": count,
            "fail-count-a#start_0": "1",
            "last-failure-a#monitor_10000": str(NOW - age_s),
            **more,
        },
        "t",
    )
    return after(
        *operations,
        inner=inner,
        transients={"n1": f"<transient_attributes>{block}</transient_attributes>"},
    )


FAILED = operation("a", "monitor", rc=7, interval=10000, call=2, expected=0, changed=NOW - 700)


def test_fail_counts_of_all_operations_add_up() -> None:
    assert counted(START, FAILED).fail_count == 3
    assert counted(START, FAILED, count="INFINITY").fail_count == INFINITY


def test_an_expired_fail_count_is_nothing_and_to_be_cleared() -> None:
    found = counted(START, FAILED, inner=meta(failure_timeout="10min"))
    assert (found.fail_count, found.clears_fail_count, found.failed) == (0, True, None)
    assert found.role is Role.STARTED


def test_a_fail_count_of_just_the_timeout_still_counts() -> None:
    found = counted(START, FAILED, inner=meta(failure_timeout="700"))
    assert (found.fail_count, found.clears_fail_count) == (3, False)
    assert found.failed is OnFail.RESTART


def test_a_counted_failure_that_blocks_never_expires() -> None:
    inner = meta(failure_timeout="10min") + policy("monitor", "block", "10s")
    found = counted(START, FAILED, inner=inner)
    assert (found.fail_count, found.failed) == (3, OnFail.BLOCK)


def test_an_old_failure_that_nothing_counts_is_forgotten_even_if_it_would_block() -> None:
    inner = meta(failure_timeout="10min") + policy("monitor", "block", "10s")
    found = after(START, FAILED, inner=inner)
    assert (found.fail_count, found.failed, found.role) == (0, None, Role.STARTED)
    begun = operation("a", "start", rc=193, expected=0, status=-1, changed=NOW - 700)
    inner = meta(failure_timeout="10min") + policy("start", "block")
    assert after(begun, inner=inner).is_known is False


def test_a_fail_count_without_any_history_is_told() -> None:
    block = pairs("instance_attributes", {"fail-count-a#start_0": "1"}, "t")
    told = f"<transient_attributes>{block}</transient_attributes>"
    found = seen(read(primitive("a"), transients={"n1": told}))
    assert (found.fail_count, found.is_known) == (1, False)


def test_old_feature_sets_have_fail_counts_without_operations() -> None:
    block = pairs("instance_attributes", {"fail-count-a": "4"}, "t")
    from ha_core.policy.cib.read import read_cib
    from tests.core.policy.reading.cibs import cib

    told = f"<transient_attributes>{block}</transient_attributes>"
    text = cib(primitive("a"), transients={"n1": told}).replace(b'"3.16.1"', b'"3.0.10"')
    assert seen(read_cib(text)).fail_count == 4


# --- what recurs, and what has changed


def test_what_recurs_since_the_start_is_told() -> None:
    stale = operation("a", "monitor", interval=20000, call=1)
    found = after(
        stale,
        operation("a", "start", call=2),
        operation("a", "monitor", interval=10000, call=3),
        inner=WATCH,
    )
    assert found.recurring == (Recurring("monitor", 10000),)


def test_nothing_recurs_after_a_stop() -> None:
    found = after(
        START,
        operation("a", "monitor", interval=10000, call=2),
        operation("a", "stop", call=3),
        inner=WATCH,
    )
    assert found.recurring == ()


OTHER = f'op-digest="{"0" * 32}"'
RELOADS = f'{OTHER} op-force-restart=" state " op-restart-digest="{NO_PARAMETERS}"'


@pytest.mark.parametrize(
    ("digest", "changed"),
    [
        (f'op-digest="{NO_PARAMETERS}"', Changed.NO),
        (OTHER, Changed.RESTART),
        ('op-digest=""', Changed.RESTART),
        (RELOADS, Changed.RELOAD),
        (RELOADS.replace(NO_PARAMETERS, "1" * 32), Changed.RESTART),
    ],
)
def test_another_digest_of_the_start_asks_for_a_restart_or_reload(
    digest: str, changed: Changed
) -> None:
    assert after(operation("a", "start", more=digest)).changed is changed


def test_another_digest_of_a_recurring_operation_changes_that_alone() -> None:
    watch = operation("a", "monitor", interval=10000, call=2, more=OTHER)
    found = after(START, watch, inner=WATCH)
    assert found.changed is Changed.NO
    assert found.recurring == (Recurring("monitor", 10000, is_changed=True),)


def test_parameters_are_part_of_the_digest_and_timeouts_of_recurring_operations() -> None:
    inner = pairs("instance_attributes", {"state": "/x"}, "i")
    assert after(START, inner=inner).changed is Changed.RESTART
    slow = WATCH.replace("/>", ' timeout="33s"/>')
    watch = operation("a", "monitor", interval=10000, call=2, more=f'op-digest="{EVERY}"')
    assert after(START, watch, inner=slow).recurring[0].is_changed


def test_another_agent_asks_for_a_replacement() -> None:
    problem = read(primitive("a"), histories={"n1": history("a", START, agent="Other")})
    assert seen(problem).changed is Changed.REPLACE


# --- migrations

MOVED = 'migrate_source="n1" migrate_target="n2"'
SENT = operation("a", "migrate_to", call=2, more=MOVED)


def moved(*received: str, sent: str = SENT) -> dict[str, Observed]:
    inside = {"n1": history("a", START, sent)}
    if received:
        inside["n2"] = history("a", *received)
    problem = read(primitive("a", meta(allow_migrate="true")), histories=inside)
    return {item.node: item for item in problem.observed}


def test_a_migration_that_was_not_received_yet_is_active_on_both() -> None:
    pending = operation("a", "migrate_from", rc=193, expected=0, status=-1, more=MOVED)
    found = moved(operation("a", "monitor", rc=7, changed=NOW - 5000), pending)
    assert found["n1"].migration == Migration("n1", "n2", is_partial=True)
    assert {node: item.role for node, item in found.items()} == {
        "n1": Role.STARTED,
        "n2": Role.STARTED,
    }


def test_a_migration_without_its_last_stop_dangles_at_the_source() -> None:
    found = moved(operation("a", "migrate_from", more=MOVED))
    assert found["n1"].migration == Migration("n1", "n2", is_partial=False)
    assert found["n1"].role is Role.STOPPED
    assert found["n2"].role is Role.STARTED


def test_a_migration_that_was_not_received_failed_on_both() -> None:
    found = moved(operation("a", "migrate_from", rc=1, more=MOVED))
    assert {node: item.role for node, item in found.items()} == {
        "n1": Role.STARTED,
        "n2": Role.STARTED,
    }
    assert found["n2"].failed is OnFail.RESTART


def test_a_migration_that_could_not_be_sent_is_active_at_the_source() -> None:
    failed = operation("a", "migrate_to", rc=1, call=2, more=MOVED)
    newer = operation("a", "monitor", rc=7, changed=NOW)
    found = moved(newer, sent=failed)
    assert found["n1"].role is Role.STARTED
    assert found["n1"].failed is OnFail.RESTART
    assert "n2" not in found


# --- shutdown locks


def test_a_lock_holds_until_its_limit() -> None:
    inside = {"n2": history("a", more=f'shutdown-lock="{NOW - 100}"')}
    away = {"n2": 'in_ccm="false" crmd="offline" join="down" expected="down"'}

    def locks(**options: str) -> tuple[tuple[str, str], ...]:
        named = {name.replace("_", "-"): value for name, value in options.items()}
        return read(primitive("a"), histories=inside, states=away, options=named).shutdown_locks

    assert locks() == ()
    assert locks(shutdown_lock="true") == (("a", "n2"),)
    assert locks(shutdown_lock="true", shutdown_lock_limit="99s") == ()
    assert locks(shutdown_lock="true", shutdown_lock_limit="2min") == (("a", "n2"),)


@pytest.mark.parametrize(
    ("since", "waits"), [(NOW - 100, True), (NOW - 600, True), (NOW - 601, False)]
)
def test_a_shutdown_lock_holds_for_its_time_and_is_then_over(since: int, waits: bool) -> None:
    problem = read(
        primitive("a"),
        histories={"n1": history("a", operation("a", "stop"), more=f'shutdown-lock="{since}"')},
        options={"shutdown-lock": "true", "shutdown-lock-limit": "10min"},
    )
    held = (("a", "n1"),)
    assert (problem.shutdown_locks, problem.expired_locks) == ((held, ()) if waits else ((), held))
