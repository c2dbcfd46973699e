"""What a preview says of a loss, a failure and a command: places, actions, waits, assumptions."""

from dataclasses import replace

import pytest

from ha_core import commands
from ha_core.agents.registry import RESET_MS
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Defaults,
    Exclusivity,
    FenceDevice,
    Meta,
    NoQuorumPolicy,
    OnFail,
    Operation,
    Primitive,
    TargetRole,
    TwoNode,
)
from ha_core.errors import RefusedError
from ha_core.fencing.rules import cut_limit_ms
from ha_core.gates import Gates
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.preview.foresee import Preview, foresee
from ha_core.preview.suppose import NodeLost, ResourceFails, Supposition
from ha_core.snapshot import ClusterSnapshot
from ha_core.timers import timers, with_drift
from tests.cli.picture import snapshot_of
from tests.core.policy import case

SHOP = """
nodes n1 n2 n3
primitives ip web db
group shop ip web
on n1 ip started
on n1 web started
on n2 db started
"""
N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
DB, IP, WEB, SHOP_ID = (ResourceId(name) for name in ("db", "ip", "web", "shop"))
PLUG = FenceDevice("plug", "fence:fence_dummy", targets=(N1, N2, N3))


def picture(text: str = SHOP) -> ClusterSnapshot:
    return snapshot_of(case.read(text))


def changed(snapshot: ClusterSnapshot, name: str, **fields: object) -> ClusterSnapshot:
    """Return the snapshot with one primitive defined otherwise."""
    primitives = tuple(
        replace(item, **fields) if item.id == name else item  # type: ignore[arg-type]  # by name
        for item in snapshot.configuration.primitives
    )
    return with_(snapshot, primitives=primitives)


def with_(snapshot: ClusterSnapshot, **fields: object) -> ClusterSnapshot:
    """Return the snapshot with parts of its configuration replaced."""
    configuration = replace(snapshot.configuration, **fields)  # type: ignore[arg-type]  # by name
    return replace(snapshot, configuration=configuration)


def device(snapshot: ClusterSnapshot, name: str = "db") -> ClusterSnapshot:
    """Return it with one resource that no guard ends."""
    return changed(snapshot, name, agent=AgentRef(AgentClass.OCF, "heartbeat", "Dummy"))


def ask(what: Supposition, snapshot: ClusterSnapshot | None = None) -> Preview:
    return foresee(snapshot or picture(), what, 0)


def times(preview: Preview) -> dict[str, int | None]:
    return {item.service: item.at_most_ms for item in preview.interruptions}


def places(preview: Preview) -> dict[str, tuple[str | None, str | None]]:
    return {move.resource: (move.source, move.target) for move in preview.moves}


def done(preview: Preview) -> list[str]:
    return [f"{step.key.kind} {step.key.resource} {step.key.node}" for step in preview.steps]


# --- a node is lost ------------------------------------------------------------------------


def test_what_a_lost_node_ran_is_away_for_dead_after_and_its_starts() -> None:
    preview = ask(NodeLost(N1), replace(picture(), coordinator=N3))
    assert places(preview) == {"ip": ("n1", "n2"), "web": ("n1", "n2")}
    assert done(preview) == ["start ip n2", "start web n2"]
    assert times(preview) == {"shop": 1000 + 20_000 + 20_000}
    assert preview.moments == ((1000, "n1 counts as lost"),)
    assert "n1 does not come back" in preview.assumed


def test_a_lost_copy_of_a_clone_goes_nowhere_and_the_others_stay_where_they_are() -> None:
    text = "nodes n1 n2 n3\nprimitive a\nclone A a\n"
    snapshot = picture(text + "".join(f"on n{number} a started\n" for number in (1, 2, 3)))
    (move,) = ask(NodeLost(N1), snapshot).moves
    assert (move.before, move.after) == ((N1, N2, N3), (N2, N3))
    assert (move.source, move.target) == (N1, None)


def test_the_loss_of_the_coordinator_costs_an_election_more() -> None:
    preview = ask(NodeLost(N1))
    derived = timers(1000)
    elected_ms = derived.lease_bound_ms() + derived.election_spread_ms + derived.beat_ms
    assert elected_ms > 1000
    assert times(preview) == {"shop": elected_ms + 20_000 + 20_000}


def test_a_guard_that_needs_longer_delays_the_takeover() -> None:
    snapshot = device(picture())
    nodes = tuple(
        replace(node, gates=Gates(watchdog_ms=5000)) if node.name == N2 else node
        for node in snapshot.nodes
    )
    preview = ask(NodeLost(N2), replace(snapshot, nodes=nodes))
    assert times(preview) == {"db": 1000 + with_drift(5000 + RESET_MS) + 20_000}
    assert "the guard of db on n2 has ended it" in preview.moments[1][1]


def test_what_nothing_ends_waits_for_a_word_and_no_end_is_foreseen() -> None:
    preview = ask(NodeLost(N2), device(picture()))
    assert times(preview) == {"db": None}
    assert "nobody confirms that n2 is down, and nothing else ends db there" in preview.assumed
    assert preview.moves[0].blocked.startswith("db may still run on n2, which is lost")


def test_a_fence_device_bounds_what_nothing_else_ends() -> None:
    snapshot = with_(device(picture()), fence_devices=(PLUG,))
    limit_ms = cut_limit_ms(PLUG)
    preview = ask(NodeLost(N2), snapshot)
    assert times(preview) == {"db": 1000 + limit_ms + 20_000}
    assert f"fence device plug cuts n2 off within {limit_ms} ms" in preview.assumed
    assert (1000 + limit_ms, "plug has proved that n2 is off") in preview.moments


def test_accepted_risk_is_taken_over_like_what_is_guarded() -> None:
    snapshot = changed(device(picture()), "db", meta=Meta(accept_risk="it only reads"))
    assert times(ask(NodeLost(N2), snapshot)) == {"db": 21_000}


def test_the_loss_of_the_majority_stops_everything() -> None:
    preview = ask(
        NodeLost(N1), picture("nodes n1 n2\nprimitives a b\non n1 a started\non n2 b started")
    )
    assert times(preview) == {"a": None, "b": None}
    (first_ms, first), (then_ms, then) = preview.moments
    assert first_ms < then_ms  # a coordinator's loss is noticed once another one is elected
    assert first.startswith("without n1 there is no majority")
    assert then == "n1 counts as lost"


def test_without_a_quorum_what_no_lease_ends_is_kept_if_the_options_say_so() -> None:
    text = "nodes n1 n2\nprimitives a db\non n1 a started\non n2 db started"
    snapshot = device(picture(text))
    options = replace(snapshot.configuration.options, no_quorum_policy=NoQuorumPolicy.FREEZE)
    assert times(ask(NodeLost(N1), with_(snapshot, options=options))) == {"a": None}


def test_of_two_nodes_with_fencing_the_survivor_goes_on_once_the_other_is_off() -> None:
    text = "nodes n1 n2\nprimitives a b\non n1 a started\non n2 b started"
    snapshot = with_(picture(text), fence_devices=(PLUG,))
    options = replace(snapshot.configuration.options, two_node=TwoNode.FENCING)
    preview = ask(NodeLost(N1), with_(snapshot, options=options))
    assert set(times(preview)) == {"a", "b"}
    assert all(at_most_ms is not None for at_most_ms in times(preview).values())
    assert places(preview) == {"a": ("n1", "n2")}


@pytest.mark.parametrize(
    ("node", "text"),
    [("n9", "there is no node 'n9'"), ("n3", "n3 is left already")],
)
def test_only_a_node_that_is_there_can_be_lost(node: str, text: str) -> None:
    snapshot = picture("nodes n1 n2\nnode n3 left\nprimitive a\non n1 a started")
    with pytest.raises(RefusedError, match=text):
        ask(NodeLost(NodeName(node)), snapshot)


def test_without_a_coordinator_nothing_is_foreseen() -> None:
    with pytest.raises(RefusedError, match="sees no working coordinator"):
        ask(NodeLost(N1), picture(f"quorum lost\n{SHOP}"))


# --- a resource fails ----------------------------------------------------------------------


def test_a_process_that_ends_is_seen_at_once_and_started_again() -> None:
    preview = ask(ResourceFails(DB))
    assert places(preview) == {}
    assert done(preview) == ["stop db n2", "start db n2"]
    assert times(preview) == {"db": 40_000}


def test_a_failure_is_seen_by_the_next_monitor() -> None:
    monitor = Operation("monitor", interval_ms=10_000, timeout_ms=5000)
    snapshot = changed(device(picture()), "db", operations=(monitor,))
    preview = ask(ResourceFails(DB), snapshot)
    assert times(preview) == {"db": 15_000 + 40_000}
    assert preview.moments == ((15_000, "db is seen to have failed on n2"),)


def test_so_many_failures_as_the_threshold_move_the_resource() -> None:
    snapshot = changed(picture(), "db", meta=Meta(migration_threshold=3))
    assert places(ask(ResourceFails(DB), snapshot)) == {}
    preview = ask(ResourceFails(DB, often=True), snapshot)
    assert places(preview) == {"db": ("n2", "n3")}
    assert "db has failed 2 times on n2 before" in preview.assumed


def test_a_supposed_failure_is_not_older_than_its_time_out() -> None:
    snapshot = changed(picture(), "db", meta=Meta(migration_threshold=3, failure_timeout_ms=60_000))
    preview = foresee(snapshot, ResourceFails(DB, often=True), 1_800_000_000_000)
    assert places(preview) == {"db": ("n2", "n3")}


def test_what_has_no_threshold_cannot_fail_so_often() -> None:
    with pytest.raises(RefusedError, match="db has no migration_threshold"):
        ask(ResourceFails(DB, often=True))


@pytest.mark.parametrize("on_fail", [OnFail.BLOCK, OnFail.IGNORE])
def test_a_failure_that_nobody_mends_has_no_end(on_fail: OnFail) -> None:
    monitor = Operation("monitor", interval_ms=10_000, on_fail=on_fail)
    snapshot = changed(device(picture()), "db", operations=(monitor,))
    preview = ask(ResourceFails(DB), snapshot)
    assert times(preview) == {"db": None}
    assert done(preview) == []


def test_a_failure_that_asks_for_it_has_its_whole_node_cut_off() -> None:
    monitor = Operation("monitor", interval_ms=10_000, on_fail=OnFail.FENCE)
    snapshot = changed(device(picture(), "web"), "web", operations=(monitor,))
    preview = ask(ResourceFails(WEB), with_(snapshot, fence_devices=(PLUG,)))
    assert places(preview) == {"ip": ("n1", "n2"), "web": ("n1", "n2")}
    seen_ms = 10_000 + 20_000
    assert times(preview) == {"shop": seen_ms + cut_limit_ms(PLUG) + 40_000}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shop", r"shop is a group: name the member that fails \(ip, web\)"),
        ("dbx", "there is no resource 'dbx'"),
        ("mail", "mail runs nowhere"),
    ],
)
def test_only_a_primitive_that_runs_can_fail(name: str, text: str) -> None:
    with pytest.raises(RefusedError, match=text):
        ask(ResourceFails(ResourceId(name)), picture(f"{SHOP}primitive mail target=stopped\n"))


# --- a command is given --------------------------------------------------------------------


def test_standby_moves_everything_in_order() -> None:
    preview = ask(commands.SetStandby(N1, True))
    assert done(preview) == ["stop web n1", "stop ip n1", "start ip n2", "start web n2"]
    assert times(preview) == {"shop": 80_000}
    assert preview.changes == ("node n1: standby false -> true",)
    assert [step.begins_ms for step in preview.steps] == [0, 20_000, 40_000, 60_000]


def test_what_may_run_twice_is_not_interrupted_by_a_move() -> None:
    snapshot = changed(picture(), "db", meta=Meta(exclusivity=Exclusivity.NONE))
    preview = ask(commands.Move(DB, N3), snapshot)
    assert places(preview) == {"db": ("n2", "n3")}
    assert times(preview) == {}


def test_time_limits_are_those_of_the_operations_else_the_default() -> None:
    snapshot = changed(picture(), "db", operations=(Operation("start", timeout_ms=3000),))
    snapshot = with_(snapshot, defaults=Defaults(operation_timeout_ms=7000))
    assert times(ask(commands.Restart(DB), snapshot)) == {"db": 10_000}


def test_a_stop_has_no_end() -> None:
    preview = ask(commands.SetTargetRole(SHOP_ID, TargetRole.STOPPED))
    assert times(preview) == {"shop": None}
    assert preview.interruptions[0].why == "it is wanted stopped"


def test_what_is_removed_is_stopped_and_what_is_redefined_restarts() -> None:
    snapshot = picture()
    kept = tuple(
        replace(item, parameters=(("command", "/bin/other"),)) if item.id == WEB else item
        for item in snapshot.configuration.primitives
        if item.id != DB
    )
    wanted = replace(snapshot.configuration, primitives=kept)
    preview = ask(commands.Apply(wanted), snapshot)
    assert done(preview) == ["stop web n1", "start web n1", "stop db n2"]
    assert places(preview) == {"db": ("n2", None)}
    assert times(preview) == {"db": None, "shop": 40_000}


def test_what_is_new_is_looked_for_first_and_then_started() -> None:
    snapshot = picture()
    new = Primitive(ResourceId("new"), AgentRef(AgentClass.PROCESS))
    wanted = replace(snapshot.configuration, primitives=(*snapshot.configuration.primitives, new))
    preview = ask(commands.Apply(wanted), snapshot)
    assert done(preview)[-1] == "start new n3"
    assert done(preview)[:3] == ["probe new n1", "probe new n2", "probe new n3"]
    assert "what nobody has looked at yet is found stopped" in preview.assumed


def test_a_command_that_names_nothing_is_refused_like_the_command_itself() -> None:
    for what in (commands.Move(ResourceId("x"), N1), commands.Restart(ResourceId("x"))):
        with pytest.raises(RefusedError, match="there is no resource 'x'"):
            ask(what)


def test_what_is_under_way_is_taken_as_done() -> None:
    preview = ask(
        commands.SetStandby(N1, True), picture(f"{SHOP}on n3 db stopped pending=monitor\n")
    )
    assert "what is under way now has ended well before" in preview.assumed


def test_a_wish_that_holds_already_changes_nothing() -> None:
    preview = ask(commands.Move(DB, N2), picture(f"{SHOP}location db n2 {INFINITY}\n"))
    assert (preview.moves, preview.steps, preview.interruptions) == ((), (), ())
