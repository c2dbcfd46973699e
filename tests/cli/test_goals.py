"""Goals: what counts as the visible effect of a command, and what as being stuck."""

from dataclasses import replace

import pytest

from ha_core.cli import goals
from ha_core.commands import Ban
from ha_core.config.change import apply_command
from ha_core.ids import NodeName, ResourceId
from ha_core.snapshot import ClusterSnapshot
from tests.fake_cluster import FakeCluster, snapshot


def changed(name: str, **changes: object) -> ClusterSnapshot:
    fake = FakeCluster()
    fake.change_resource(name, **changes)
    return fake.now


def test_plan_carried_out_is_reached() -> None:
    assert goals.placed(snapshot()) == goals.Progress(True, "3 of 3 resources started")


def test_resource_on_another_node_than_planned_is_not_reached() -> None:
    progress = goals.placed(changed("db", nodes=(NodeName("n3"),)))
    assert (progress.reached, progress.text) == (False, "db is started on n3")


def test_action_under_way_is_not_reached_and_not_stuck() -> None:
    progress = goals.placed(replace(changed("db", state="stopping"), pending=("stop db on n2",)))
    assert (progress.reached, progress.stuck) == (False, False)


def test_blocked_decision_is_told_in_its_own_words() -> None:
    now = changed("db", state="blocked", nodes=())
    decisions = tuple(
        replace(item, blocked="n2 may still run db: confirm it is down")
        for item in now.decisions
        if item.resource == "db"
    )
    progress = goals.placed(replace(now, decisions=decisions))
    assert progress == goals.Progress(False, "n2 may still run db: confirm it is down", True)


def failed(*names: str) -> ClusterSnapshot:
    fake = FakeCluster()
    for name in names:
        fake.change_resource(name, state="failed", nodes=())
    return fake.now


def test_what_failed_before_an_unrelated_change_holds_nothing_up() -> None:
    goal = goals.placed_since(failed("db"))
    assert goal(failed("db")) == goals.Progress(
        True, "2 of 3 resources started; as before: db is failed"
    )
    assert not goal(failed("db", "web")).reached


def test_what_failed_before_counts_when_it_is_changed() -> None:
    before = failed("db")
    changed_db = replace(before.configuration.primitives[0], parameters=(("command", "true"),))
    configuration = replace(
        before.configuration, primitives=(changed_db, *before.configuration.primitives[1:])
    )
    progress = goals.placed_since(before)(replace(before, configuration=configuration))
    assert (progress.reached, progress.text) == (False, "db is failed")


def test_nothing_counts_as_placed_without_quorum() -> None:
    progress = goals.placed(replace(snapshot(), quorate=False))
    assert (progress.reached, progress.stuck) == (False, False)
    assert "no quorum" in progress.text


def test_what_is_not_named_is_counted() -> None:
    now = failed("db", "shop")
    resources = [replace(item, id=ResourceId(f"{item.id}-2")) for item in now.resources]
    decisions = [replace(item, resource=ResourceId(f"{item.resource}-2")) for item in now.decisions]
    whole = replace(
        now,
        decisions=(*now.decisions, *decisions),
        resources=(*now.resources, *resources),
    )
    text = goals.placed(whole).text
    assert text == "db is failed; ip is failed; web is failed; and 3 more"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"managed": False}, "the cluster only watches web; 'ha resource manage shop' ends that"),
        ({}, "n1 is in maintenance; 'ha node maintenance n1 --off' ends it"),
    ],
)
def test_nothing_is_waited_for_where_the_cluster_only_watches(
    change: dict[str, object], text: str
) -> None:
    fake = FakeCluster()
    fake.change_resource("web", **change)
    if not change:
        fake.change_node("n1", state="maintenance")
    progress = goals.stopped("web")(fake.now)
    assert (progress.reached, progress.final) == (False, True)
    assert progress.text == f"web is started on n1: {text}"


def test_restart_of_what_did_not_run_is_never_reached() -> None:
    progress = goals.restarted(failed("db"), "db")(failed("db"))
    assert (progress.reached, progress.final) == (False, True)
    assert progress.text == "db is failed, nothing to restart"


def test_unmanaged_resource_holds_nothing_up() -> None:
    assert goals.placed(changed("db", managed=False, state="stopped")).reached


@pytest.mark.parametrize(
    ("state", "pending", "stuck"),
    [
        ("starting", ("start web on n1",), False),
        ("failed", (), True),
        ("failed", ("stop web on n1",), False),
        ("stopped", (), True),
        ("unknown", (), False),
    ],
)
def test_start_is_stuck_only_when_everything_rests(
    state: str, pending: tuple[str, ...], stuck: bool
) -> None:
    progress = goals.started("web")(replace(changed("web", state=state), pending=pending))
    assert (progress.reached, progress.stuck) == (False, stuck)


def test_resource_that_is_not_configured_never_reaches_a_goal() -> None:
    for goal in (goals.started("x"), goals.stopped("x"), goals.cleaned("x", None)):
        assert not goal(snapshot()).reached


def test_standby_is_reached_when_the_node_is_empty() -> None:
    fake = FakeCluster()
    fake.change_node("n1", state="standby")
    goal = goals.node_is("n1", "standby", empty=True)
    assert goal(fake.now).text == "n1 is in standby and runs ip, web"
    assert not goal(fake.now).reached
    fake.change_resource("shop", nodes=(NodeName("n2"),))
    assert goal(fake.now).reached


def test_confirmed_node_is_reached_when_nothing_is_in_doubt() -> None:
    fake = FakeCluster()
    fake.change_node("n3", state="lost", unclean=True)
    assert goals.clean("n3")(fake.now).text == "n3 is lost and still in doubt"
    fake.change_node("n3", unclean=False)
    assert goals.clean("n3")(fake.now).reached


def test_ban_is_not_reached_while_the_resource_is_still_on_its_way() -> None:
    on_its_way = changed("db", state="stopped", nodes=())
    goal = goals.banned("db", "n1")
    assert not goal(replace(on_its_way, pending=("start db on n2",))).reached
    assert goal(on_its_way).stuck
    assert goal(snapshot()).reached
    assert not goals.banned("db", "n2")(snapshot()).reached


def test_ban_that_leaves_no_node_is_reached_when_it_is_stopped() -> None:
    now = changed("db", state="stopped", nodes=())
    nowhere = tuple(
        replace(item, node=None) if item.resource == "db" else item for item in now.decisions
    )
    assert goals.banned("db", "n2")(replace(now, decisions=nowhere)).reached


def test_clear_is_reached_when_the_resource_is_where_the_plan_wants_it() -> None:
    assert goals.cleared("db")(snapshot()).reached
    assert not goals.cleared("db")(changed("db", nodes=(NodeName("n3"),))).reached
    banned = apply_command(snapshot().configuration, Ban(ResourceId("db"), NodeName("n3")))
    now = replace(snapshot(), configuration=banned)
    assert not goals.cleared("db")(now).reached
    assert not goals.cleared("db", "n3")(now).reached
    assert goals.cleared("db", "n1")(now).reached, "nothing by hand names that node"


def test_restart_does_not_look_at_starts_on_other_nodes() -> None:
    """A node that ran it before remembers when; that time never changes."""
    before = snapshot()
    old = before.instances[1].instances[0]
    elsewhere = replace(before.instances[2], instances=(replace(old, started_wall_ms=9),))
    before = replace(before, instances=(*before.instances[:2], elsewhere))
    anew = replace(old, started_wall_ms=old.started_wall_ms + 1)
    here = replace(before.instances[1], instances=(anew,))
    after = replace(before, instances=(before.instances[0], here, elsewhere))
    goal = goals.restarted(before, "db")
    assert not goal(before).reached
    assert goal(after).reached
