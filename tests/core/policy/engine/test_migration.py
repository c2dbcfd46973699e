"""Live migration: when a move is one, and what it waits for."""

import pytest

from ha_core.policy.engine.problem import (
    Migration,
    Observed,
    OnFail,
    Options,
    Ordering,
    Requires,
    Resource,
    Role,
    Task,
)
from tests.core.policy.engine.acting import (
    active,
    answer,
    clone,
    group,
    nodes,
    prefers,
    primitive,
    question,
)

TO_N2 = (prefers("a", "n2"),)
MOVE = ["migrate_from a on n2", "migrate_to a on n1", "stop a on n1"]


def test_a_move_of_a_migratable_resource_is_a_migration() -> None:
    a = primitive("a", allow_migrate=True)
    got = answer(question(nodes(2), a, observed=(active("a", "n1"),), locations=TO_N2))
    assert got.does() == MOVE
    assert got.before("migrate_to a on n1", "migrate_from a on n2")
    assert got.before("migrate_from a on n2", "stop a on n1")
    assert got.where() == {"a": "n2"}


def test_a_standby_of_the_source_migrates() -> None:
    a = primitive("a", allow_migrate=True)
    where = nodes(2, n1={"is_standby": True})
    assert answer(question(where, a, observed=(active("a", "n1"),))).does() == MOVE


def test_a_failed_resource_is_not_migrated() -> None:
    a = primitive("a", allow_migrate=True)
    failed = active("a", "n1", failed=OnFail.RESTART)
    got = answer(question(nodes(2), a, observed=(failed,), locations=TO_N2))
    assert got.does() == ["start a on n2", "stop a on n1"]


def test_a_resource_active_twice_is_not_migrated() -> None:
    a = primitive("a", allow_migrate=True)
    seen = (active("a", "n1"), active("a", "n3"))
    got = answer(question(nodes(3), a, observed=seen, locations=TO_N2))
    assert got.does() == ["start a on n2", "stop a on n1", "stop a on n3"]


@pytest.mark.parametrize("migratable", [True, False])
def test_a_first_that_moves_for_real_forbids_the_migration_of_the_second(migratable: bool) -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a", allow_migrate=True),
            primitive("b", allow_migrate=migratable),
            orderings=(Ordering("o", "b", "a"),),
            observed=(active("a", "n1"), active("b", "n1")),
            locations=(*TO_N2, prefers("b", "n2")),
        )
    )
    assert ("migrate_to a on n1" in got.does()) is migratable
    if migratable:
        assert got.before("migrate_to b on n1", "migrate_to a on n1")


def test_a_migration_waits_for_the_start_of_the_first() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a", allow_migrate=True),
            primitive("b"),
            orderings=(Ordering("o", "b", "a"),),
            observed=(active("a", "n1"),),
            locations=(*TO_N2, prefers("b", "n2")),
        )
    )
    assert "start b on n2" in got.does()
    assert "stop a on n1" in got.does()
    if "migrate_to a on n1" in got.does():
        assert got.before("start b on n2", "migrate_to a on n1")


def test_what_follows_a_migrated_resource_waits_for_it() -> None:
    got = answer(
        question(
            nodes(2),
            primitive("a", allow_migrate=True),
            primitive("b"),
            orderings=(Ordering("o", "a", "b"),),
            observed=(active("a", "n1"), active("b", "n1")),
            locations=(*TO_N2, prefers("b", "n2")),
        )
    )
    assert set(MOVE) <= set(got.does())
    assert got.before("stop b on n1", "migrate_to a on n1")
    assert got.before("stop a on n1", "start b on n2")


@pytest.mark.parametrize("member", [primitive("p"), group("g", primitive("p"))])
def test_what_follows_a_clone_migrates_away_from_an_instance_that_ends(member: Resource) -> None:
    got = answer(
        question(
            nodes(2, n1={"is_standby": True}),
            clone("c", member, 2),
            primitive("a", allow_migrate=True),
            observed=(active("p", "n1"), active("p", "n2"), active("a", "n1")),
            orderings=(Ordering("o", "c", "a"),),
        )
    )
    assert [line for line in got.does() if " a " in line] == MOVE
    assert got.before("stop a on n1", "stop p:0 on n1")


def test_what_follows_a_clone_does_not_migrate_where_an_instance_starts_anew() -> None:
    got = answer(
        question(
            nodes(2, n1={"is_standby": True}),
            clone("c", primitive("p"), 2),
            primitive("a", allow_migrate=True),
            observed=(active("p", "n1"), active("a", "n1")),
            orderings=(Ordering("o", "c", "a"),),
        )
    )
    assert [line for line in got.does() if " a " in line] == ["start a on n2", "stop a on n1"]


def test_a_migration_under_way_is_continued() -> None:
    seen = (
        active("a", "n1", migration=Migration("n1", "n2", is_partial=True)),
        active("a", "n2"),
    )
    a = primitive("a", allow_migrate=True)
    got = answer(question(nodes(2), a, observed=seen, locations=TO_N2))
    assert got.does() == ["migrate_from a on n2", "stop a on n1"]
    assert got.where() == {"a": "n2"}


def test_a_migration_under_way_to_the_wrong_node_starts_afresh() -> None:
    seen = (
        active("a", "n1", migration=Migration("n1", "n2", is_partial=True)),
        active("a", "n2"),
    )
    a = primitive("a", allow_migrate=True)
    got = answer(question(nodes(3), a, observed=seen, locations=(prefers("a", "n3"),)))
    assert got.does() == ["start a on n3", "stop a on n1", "stop a on n2"]


def test_a_migration_without_its_last_stop_gets_it() -> None:

    left = Observed("a", "n1", migration=Migration("n1", "n2", is_partial=False))
    a = primitive("a", allow_migrate=True)
    got = answer(question(nodes(2), a, observed=(left, active("a", "n2"))))
    assert "stop a on n1" in got.does()
    assert got.where() == {"a": "n2"}


def test_without_quorum_nothing_migrates_to_where_it_cannot_start() -> None:
    options = Options(fencing_enabled=False, has_quorum=False)

    a = primitive("a", allow_migrate=True, requires=Requires.QUORUM)
    got = answer(
        question(nodes(2), a, observed=(active("a", "n1"),), locations=TO_N2, options=options)
    )
    assert got.does() == ["stop a on n1"]
    assert not got.find("a", Task.MIGRATE_TO).can_run


def test_a_migration_does_not_apply_to_what_stops() -> None:
    a = primitive("a", allow_migrate=True, target_role=Role.STOPPED)
    got = answer(question(nodes(2), a, observed=(active("a", "n1"),)))
    assert got.does() == ["stop a on n1"]


def test_members_of_a_group_migrate_one_after_the_other() -> None:
    members = [primitive(name, allow_migrate=True) for name in "ab"]
    seen = (active("a", "n1"), active("b", "n1"))
    where = nodes(2, n1={"is_standby": True})
    got = answer(question(where, group("g", *members), observed=seen))
    assert got.before("migrate_from a on n2", "migrate_to b on n1")
    assert got.before("stop b on n1", "stop a on n1")


def test_a_member_that_cannot_migrate_stops_before_the_others_do() -> None:
    members = [primitive("a", allow_migrate=True), primitive("b")]
    seen = (active("a", "n1"), active("b", "n1"))
    where = nodes(2, n1={"is_standby": True})
    got = answer(question(where, group("g", *members), observed=seen))
    assert got.before("stop b on n1", "migrate_to a on n1")
