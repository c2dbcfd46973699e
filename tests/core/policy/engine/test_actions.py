"""What one primitive goes through, from its present role and node to the next."""

from dataclasses import replace

import pytest

from ha_core.ids import INFINITY
from ha_core.policy.engine.problem import (
    Changed,
    Discovery,
    Location,
    MultipleActive,
    NoQuorum,
    OnFail,
    Options,
    Recurring,
    Requires,
    Resource,
    Role,
    Task,
)
from tests.core.policy.engine.acting import (
    EVERY_10_S,
    RUNS_10_S,
    active,
    answer,
    clone,
    nodes,
    prefers,
    primitive,
    question,
)


def test_what_is_stopped_and_may_run_is_started() -> None:
    got = answer(question(nodes(1), primitive("a")))
    assert got.does() == ["start a on n1"]
    assert got.where() == {"a": "n1"}


def test_what_is_not_wanted_is_stopped() -> None:
    got = answer(
        question(nodes(1), primitive("a", target_role=Role.STOPPED), observed=(active("a", "n1"),))
    )
    assert got.does() == ["stop a on n1"]
    assert got.where() == {}


def test_a_move_stops_before_it_starts() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a"),
            observed=(active("a", "n1"),),
            locations=(prefers("a", "n2"),),
        )
    )
    assert got.does() == ["start a on n2", "stop a on n1"]
    assert got.before("stop a on n1", "start a on n2")


def test_what_stays_as_it_is_gets_no_action_objects() -> None:
    a = primitive("a", operations=(EVERY_10_S,))
    got = answer(question(nodes(2), a, observed=(active("a", "n1", recurring=RUNS_10_S),)))
    assert got.graph.actions == []
    assert got.where() == {"a": "n1"}


def test_a_failed_resource_is_restarted_where_it_is() -> None:
    failed = active("a", "n1", failed=OnFail.RESTART, failed_task="monitor")
    got = answer(question(nodes(2), primitive("a"), observed=(failed,)))
    assert got.does() == ["start a on n1", "stop a on n1"]


def test_a_blocked_resource_is_left_alone() -> None:
    failed = active("a", "n1", failed=OnFail.BLOCK, failed_task="stop")
    got = answer(question(nodes(1), primitive("a", target_role=Role.STOPPED), observed=(failed,)))
    assert got.does() == []
    assert got.plan.outcome.blocked == ["a"]
    assert got.where() == {"a": "n1"}


def test_an_unmanaged_resource_is_left_alone() -> None:
    a = primitive("a", is_managed=False, target_role=Role.STOPPED)
    assert answer(question(nodes(1), a, observed=(active("a", "n1"),))).does() == []


def test_a_start_without_a_result_is_issued_again() -> None:
    pending = active("a", "n1", pending=Task.START)
    assert answer(question(nodes(1), primitive("a"), observed=(pending,))).does() == [
        "start a on n1"
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (MultipleActive.STOP_START, ["start a on n1", "stop a on n1", "stop a on n2"]),
        (MultipleActive.STOP_UNEXPECTED, ["stop a on n2"]),
        (MultipleActive.BLOCK, []),
    ],
)
def test_what_is_active_twice_follows_its_policy(
    policy: MultipleActive, expected: list[str]
) -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a", multiple_active=policy),
            observed=(active("a", "n1"), active("a", "n2")),
            locations=(prefers("a", "n1"),),
        )
    )
    assert got.does() == expected


def test_an_expected_instance_that_has_failed_is_stopped_with_the_unexpected_one() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a", multiple_active=MultipleActive.STOP_UNEXPECTED),
            observed=(active("a", "n1", failed=OnFail.RESTART), active("a", "n2")),
            locations=(prefers("a", "n1"),),
        )
    )
    assert got.does() == ["stop a on n1", "stop a on n2"]


# --- recurring monitors ------------------------------------------------------------------------


def test_a_start_is_followed_by_the_recurring_monitor() -> None:
    got = answer(question(nodes(1), primitive("a", operations=(EVERY_10_S,))))
    assert got.does() == ["monitor a on n1 every 10000", "start a on n1"]
    assert got.before("start a on n1", "monitor a on n1")


def test_a_monitor_that_does_not_run_yet_is_begun() -> None:
    a = primitive("a", operations=(EVERY_10_S,))
    got = answer(question(nodes(1), a, observed=(active("a", "n1"),)))
    assert got.does() == ["monitor a on n1 every 10000"]


def test_a_monitor_that_is_no_longer_configured_ends() -> None:
    got = answer(
        question(nodes(1), primitive("a"), observed=(active("a", "n1", recurring=RUNS_10_S),))
    )
    assert got.does() == ["cancel a on n1 every 10000"]


def test_a_monitor_whose_parameters_changed_is_begun_anew() -> None:
    changed = (Recurring("monitor", 10_000, is_changed=True),)
    a = primitive("a", operations=(EVERY_10_S,))
    got = answer(question(nodes(1), a, observed=(active("a", "n1", recurring=changed),)))
    assert got.does() == ["monitor a on n1 every 10000"]


def test_maintenance_ends_monitors() -> None:
    a = primitive("a", operations=(EVERY_10_S,), is_maintenance=True)
    got = answer(question(nodes(1), a, observed=(active("a", "n1", recurring=RUNS_10_S),)))
    assert got.does() == ["cancel a on n1 every 10000"]


def test_maintenance_of_one_node_ends_monitors_on_the_other_one_too() -> None:
    # Checked with crm_simulate 3.0.0 (newer) and 2.1.5 (older).
    a = primitive("a", operations=(EVERY_10_S,))
    here, there = active("a", "n1"), active("a", "n2", recurring=RUNS_10_S)
    asked = question(nodes(2, n1={"is_maintenance": True}), a, observed=(here, there))
    assert answer(asked).does() == ["cancel a on n2 every 10000"]
    older = replace(asked, options=replace(asked.options, is_like_2_1_5=True))
    assert answer(older).does() == []


def test_an_unmanaged_resource_keeps_its_monitor() -> None:
    a = primitive("a", operations=(EVERY_10_S,), is_managed=False)
    got = answer(question(nodes(1), a, observed=(active("a", "n1"),)))
    assert got.does() == ["monitor a on n1 every 10000"]


def test_a_monitor_of_role_stopped_runs_where_the_resource_does_not() -> None:
    stopped = replace(EVERY_10_S, role=Role.STOPPED)
    a = primitive("a", operations=(stopped,))
    got = answer(question(nodes(2), a, observed=(active("a", "n1"),)))
    assert got.does() == ["monitor a on n2 every 10000"]


# --- probes ------------------------------------------------------------------------------------


def test_a_start_waits_for_all_probes() -> None:
    got = answer(question(nodes(2), primitive("a"), is_known=False))
    assert got.does() == ["probe a on n1", "probe a on n2", "start a on n1"]
    assert got.before("monitor a on n2", "start a on n1")


def test_a_node_that_is_only_joining_holds_up_the_start() -> None:
    got = answer(question(nodes(2, n2={"is_pending": True}), primitive("a"), is_known=False))
    assert got.does() == ["probe a on n1"]
    start = got.find("a", Task.START)
    assert start.waits_for is not None
    assert start.waits_for.node == 1
    assert start.hindrance == "n2 is only joining"


def test_nothing_is_looked_for_where_discovery_is_off() -> None:
    never = Location("l", "a", (("n2", 0),), discovery=Discovery.NEVER)
    got = answer(question(nodes(2), primitive("a"), is_known=False, locations=(never,)))
    assert "probe a on n2" not in got.does()


# --- what else -----------------------------------------------------------------------------------


def test_changed_parameters_restart_or_reload() -> None:
    a = primitive("a")
    restart = active("a", "n1", changed=Changed.RESTART)
    reload = active("a", "n1", changed=Changed.RELOAD)
    assert answer(question(nodes(1), a, observed=(restart,))).does() == [
        "start a on n1",
        "stop a on n1",
    ]
    assert answer(question(nodes(1), a, observed=(reload,))).does() == ["reload a on n1"]


def test_a_move_makes_a_reload_pointless() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a"),
            observed=(active("a", "n1", changed=Changed.RELOAD),),
            locations=(prefers("a", "n2"),),
        )
    )
    assert got.does() == ["start a on n2", "stop a on n1"]


def test_another_agent_replaces_the_entry_between_stop_and_start() -> None:
    replaced = active("a", "n1", changed=Changed.REPLACE)
    got = answer(question(nodes(1), primitive("a"), observed=(replaced,)))
    assert got.does() == ["delete a on n1", "start a on n1", "stop a on n1"]
    assert got.before("stop a on n1", "delete a on n1")
    assert got.before("delete a on n1", "start a on n1")


def test_a_removed_resource_is_stopped_and_its_entry_deleted() -> None:
    removed = replace(primitive("old"), is_removed=True)
    got = answer(question(nodes(1), removed, observed=(active("old", "n1"),)))
    assert got.does() == ["delete old on n1", "stop old on n1"]
    assert got.before("stop old on n1", "delete old on n1")


def test_an_expired_fail_count_is_cleared() -> None:
    seen = active("a", "n1", clears_fail_count=True)
    got = answer(question(nodes(1), primitive("a"), observed=(seen,)))
    assert got.does() == ["clear_failcount a on n1"]


def test_an_expired_fail_count_of_a_clone_is_cleared_too() -> None:
    seen = active("a", "n1", clears_fail_count=True)
    got = answer(question(nodes(1), clone("c", primitive("a"), 1), observed=(seen,)))
    assert got.does() == ["clear_failcount a:0 on n1"]


@pytest.mark.parametrize("is_online", [True, False])
@pytest.mark.parametrize(
    ("top", "name"), [(primitive("a"), "a"), (clone("c", primitive("a"), 1), "a:0")]
)
def test_what_has_waited_long_enough_for_a_node_has_its_history_there_deleted(
    top: Resource, name: str, is_online: bool
) -> None:
    where = nodes(2, n2={"is_online": is_online})
    got = answer(question(where, top, observed=(active("a", "n1"),), expired_locks=(("a", "n2"),)))
    assert got.does() == [f"delete {name} on n2"]


def test_a_history_is_not_deleted_where_it_is_looked_for_anyway() -> None:
    asked = question(nodes(1), primitive("a"), is_known=False, expired_locks=(("a", "n1"),))
    assert "delete a on n1" not in answer(asked).does()


def test_without_quorum_a_start_says_what_it_lacks() -> None:
    options = Options(fencing_enabled=False, has_quorum=False)
    a = primitive("a", requires=Requires.QUORUM)
    got = answer(question(nodes(1), a, options=options))
    assert got.does() == []
    assert got.find("a", Task.START).hindrance == "there is no quorum"


def test_without_quorum_what_needs_it_stops_and_what_does_not_stays() -> None:
    options = Options(fencing_enabled=False, has_quorum=False)
    got = answer(
        question(
            nodes(1),
            primitive("a", requires=Requires.QUORUM),
            primitive("b"),
            options=options,
            observed=(active("a", "n1"), active("b", "n1")),
        )
    )
    assert got.does() == ["stop a on n1"]


def test_a_frozen_partition_restarts_but_starts_nothing_new() -> None:
    options = Options(fencing_enabled=False, has_quorum=False, no_quorum=NoQuorum.FREEZE)
    got = answer(
        question(
            nodes(1),
            primitive("a", requires=Requires.QUORUM),
            primitive("b", requires=Requires.QUORUM),
            options=options,
            observed=(active("a", "n1", failed=OnFail.RESTART),),
        )
    )
    assert got.does() == ["start a on n1", "stop a on n1"]


def test_a_ban_everywhere_stops_without_a_start() -> None:
    ban = Location("l", "a", (("n1", -INFINITY),))
    got = answer(
        question(nodes(1), primitive("a"), observed=(active("a", "n1"),), locations=(ban,))
    )
    assert got.does() == ["stop a on n1"]


def test_what_is_active_only_where_it_is_unexpected_starts_with_the_next_plan() -> None:
    """As with the reference: its start is taken as done where it is expected."""
    a = primitive("a", multiple_active=MultipleActive.STOP_UNEXPECTED)
    seen = (active("a", "n1"), active("a", "n2"))
    first = question(nodes(3), a, observed=seen, locations=(prefers("a", "n3"),))
    got = answer(first)
    assert got.does() == ["stop a on n1", "stop a on n2"]
    assert got.where() == {}
    assert answer(replace(first, observed=())).does() == ["start a on n3"]
