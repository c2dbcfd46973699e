"""What the states of the cluster are called in CIM: the tables, situation by situation."""

from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import ClusterView, EngineState, GroupView, InstanceView
from cim_provider.mapping.redundancy import level_of_nodes
from cim_provider.mapping.states import plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.wbem.operations import (
    EnumerateInstances,
    Filters,
    GetInstance,
    Instances,
    References,
)
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    Provider,
    cluster,
    cluster_path,
    never_seen,
    node_path,
    primitive,
    resource_path,
)

STOPPED, SILENT = EngineState.STOPPED, EngineState.NOT_ANSWERING


def read(view: ClusterView, name: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    answer = Provider(view).ask(GetInstance(MODEL, name))
    assert isinstance(answer, Instances)
    return answer.items[0]


def summary(found: pywbem.CIMInstance) -> tuple[list[int], int, int]:
    return found["OperationalStatus"], found["HealthState"], found["EnabledState"]


def with_node(
    state: str, *, unclean: bool = False, links_down: tuple[str, ...] = ()
) -> ClusterView:
    view = cluster()
    changed = replace(view.nodes[1], state=state, unclean=unclean, links_down=links_down)
    return replace(view, nodes=(view.nodes[0], changed, *view.nodes[2:]))


def with_db(**changes: object) -> ClusterView:
    return cluster(primitives=(primitive("db", "n2", **changes),), groups=())


@pytest.mark.parametrize(
    ("view", "expected", "cluster_state"),
    [
        (cluster(), ([2], 5, 2), 2),
        (cluster(engine=STOPPED), ([10], 5, 3), 3),
        (cluster(engine=SILENT), ([13], 25, 0), 0),
        (never_seen(), ([13], 25, 0), 0),
        (cluster(quorate=False), ([6], 25, 5), 5),
        (with_node("lost", unclean=True), ([6], 20, 2), 4),
        (with_db(state="failed"), ([3, 16], 20, 2), 4),
        (with_db(state="blocked"), ([3, 16], 20, 2), 4),
        (with_node("lost"), ([3], 10, 2), 4),
        (with_node("left"), ([3], 10, 2), 4),
        (with_node("suspect"), ([3], 10, 2), 4),
        (with_node("online", links_down=("ring1",)), ([3], 10, 2), 4),
        (with_node("standby"), ([2], 5, 2), 2),
        (cluster(maintenance=True), ([2], 5, 9), 2),
    ],
)
def test_cluster_in_each_situation(
    view: ClusterView, expected: tuple[list[int], int, int], cluster_state: int
) -> None:
    found = read(view, cluster_path())
    assert summary(found) == expected
    assert found["ClusterState"] == cluster_state


@pytest.mark.parametrize(
    ("view", "expected", "word", "communication", "participation"),
    [
        (with_node("online"), ([2], 5, 2), "OK", 2, (4, 2)),
        (with_node("online", links_down=("r",)), ([3], 10, 2), "Degraded", 2, (6, 2)),
        (with_node("standby"), ([2, 15], 5, 6), "OK", 2, (3, 5)),
        (with_node("maintenance"), ([2], 5, 9), "OK", 2, (4, 2)),
        (with_node("suspect"), ([3], 10, 2), "Degraded", 4, (6, 2)),
        (with_node("left"), ([10], 5, 3), "Stopped", 4, (5, 0)),
        (with_node("lost"), ([13], 20, 0), "Lost Comm", 3, (5, 0)),
        (with_node("lost", unclean=True), ([13, 6], 25, 0), "Lost Comm", 3, (5, 0)),
        (with_node("unheard-of"), ([0], 0, 0), "Unknown", 0, (0, 0)),
        (cluster(engine=STOPPED), ([13], 0, 0), "Lost Comm", 3, (0, 0)),
        (cluster(engine=SILENT), ([13], 25, 0), "Lost Comm", 3, (0, 0)),
    ],
)
def test_node_in_each_situation(
    view: ClusterView,
    expected: tuple[list[int], int, int],
    word: str,
    communication: int,
    participation: tuple[int, int],
) -> None:
    found = read(view, node_path("n2"))
    assert summary(found) == expected
    assert (found["Status"], found["CommunicationStatus"]) == (word, communication)
    answer = Provider(view).ask(
        References(MODEL, node_path("n2"), Filters(assoc_class="HA_ParticipatingNode"))
    )
    assert isinstance(answer, Instances)
    (part,) = answer.items
    assert (part["StateOfNode"], part["RoleOfNode"]) == participation


FAILURE = (InstanceView("n2", "started", 2, "monitor gave exit code 7: not running"),)


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({}, "running", ([2], 5, 2)),
        ({"instances": FAILURE}, "running", ([3], 10, 2)),
        ({"nodes": ("n1", "n2")}, "multi-running", ([6], 25, 2)),
        ({"state": "starting", "nodes": ()}, "not running", ([8], 5, 10)),
        ({"state": "stopping"}, "running", ([9], 5, 4)),
        ({"state": "failed", "nodes": ()}, "failed", ([6], 20, 6)),
        ({"state": "blocked"}, "failed", ([6], 25, 6)),
        ({"state": "unknown"}, "unknown", ([0], 0, 0)),
        ({"state": "stopped", "nodes": ()}, "not running", ([6], 20, 6)),
        ({"state": "stopped", "nodes": (), "target_role": "stopped"}, "not running", ([10], 5, 3)),
        ({"managed": False}, "unmanaged", ([2], 5, 9)),
        ({"managed": False, "state": "stopped", "nodes": ()}, "unmanaged", ([10], 5, 9)),
    ],
)
def test_primitive_in_each_situation(
    changes: dict[str, object], status: str, expected: tuple[list[int], int, int]
) -> None:
    found = read(with_db(**changes), resource_path("db"))
    assert found["ResourceStatus"] == status
    assert summary(found) == expected


@pytest.mark.parametrize(("engine", "expected"), [(STOPPED, ([13], 0, 0)), (SILENT, ([13], 0, 0))])
def test_resource_of_a_cluster_that_cannot_be_asked_is_unknown_and_not_off(
    engine: EngineState, expected: tuple[list[int], int, int]
) -> None:
    found = read(cluster(engine=engine), resource_path("db"))
    assert summary(found) == expected
    assert found["ResourceStatus"] == "unknown"
    assert found["HostingNode"] == "Unknown"
    assert found["RunningNodes"] is None
    assert found["FailCount"] is None
    assert found["AvailableRequestedStates"] == []


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("started", "started"), ([2], 5, 2)),
        (("started", "stopped"), ([3], 10, 2)),
        (("started", "failed"), ([3], 10, 2)),
        (("starting", "stopped"), ([6], 20, 6)),
        (("started", "starting"), ([8], 5, 10)),
        (("blocked", "failed"), ([6], 25, 6)),
        ((), ([15], 5, 3)),
    ],
)
def test_group_is_as_its_worst_member_and_degraded_if_only_some_run(
    states: tuple[str, ...], expected: tuple[list[int], int, int]
) -> None:
    members = tuple(
        primitive(f"m{place}", "n1", group="g", position=place + 1, state=state)
        for place, state in enumerate(states)
    )
    group = GroupView("g", tuple(each.id for each in members), target_role="started")
    found = read(
        cluster(primitives=members, groups=(group,)), resource_path("g", "HA_ResourceGroup")
    )
    assert summary(found) == expected
    assert found["ResourceStatus"] == "group"


def test_cluster_that_was_never_seen_still_answers_and_claims_nothing() -> None:
    found = read(never_seen(), cluster_path())
    claimed = ("NodesOnline", "Quorate", "HaveQuorum", "KeepAlive", "HBVersion", "DeadTime")
    assert [found[name] for name in claimed] == [None] * len(claimed)
    assert found["ElementName"] == "LinuxHACluster"
    answer = Provider(never_seen()).ask(EnumerateInstances(MODEL, "HA_ClusterNode"))
    assert answer == Instances(())


def test_stopped_cluster_keeps_what_it_had_told_and_not_what_may_have_changed() -> None:
    found = read(cluster(engine=STOPPED), cluster_path())
    assert (found["DeadTime"], found["NodesTotal"], found["HBVersion"]) == ("1000ms", 4, "0.1.0")
    assert (found["NodesOnline"], found["DesignatedController"]) == (None, None)
    node = read(cluster(engine=STOPPED), node_path("n1"))
    assert (node["OnLine"], node["IsOnline"], node["IsDC"]) == ("False", None, None)
    assert summary(node) == ([10], 5, 3)


@pytest.mark.parametrize(
    "name",
    [node_path("n2"), resource_path("web", "HA_ResourceGroup"), resource_path("cache")],
)
def test_server_of_a_stopped_node_knows_nothing_of_what_goes_on_elsewhere(
    name: pywbem.CIMInstanceName,
) -> None:
    found = read(cluster(engine=STOPPED), name)
    assert summary(found) == ([13], 0, 0)
    assert found["StatusDescriptions"] == [
        "not known: the cluster service is stopped on the node that answers"
    ]
    assert found.get("OnLine") is None


def test_cluster_says_when_the_next_loss_would_stop_it() -> None:
    assert "next loss" in read(cluster(votes=3), cluster_path())["StatusDescriptions"][0]
    assert "next loss" not in read(cluster(), cluster_path())["StatusDescriptions"][0]


@pytest.mark.parametrize(("decides", "state"), [(False, 4), (True, 2)])
def test_two_nodes_are_degraded_where_nothing_decides_between_them(
    decides: bool, state: int
) -> None:
    nodes = tuple(each for each in cluster().nodes if each.name in ("n1", "n2"))
    two = cluster(nodes=nodes, votes=2, votes_expected=2, votes_needed=2, fencing_decides=decides)
    found = read(two, cluster_path())
    assert (found["ClusterState"], found["HealthState"]) == (state, 5 if decides else 10)
    level = level_of_nodes(World(two, IDENTITY))
    assert level.status == (2 if decides else 4)
    assert ("the other goes on once it is proved to be off" in level.text) is decides
    lone = level_of_nodes(World(replace(two, votes=1), IDENTITY))
    assert lone.status == 4, "the one that is left is the last one"


@pytest.mark.parametrize(
    ("wall_ms", "expected"),
    [
        (0, None),
        (-1, None),
        (1, "19700101000000.001000+000"),
        (1_700_000_000_123, "20231114221320.123000+000"),
        (253_402_300_799_999, "99991231235959.999000+000"),
        (253_402_300_800_000, None),
    ],
)
def test_times_are_in_utc_to_the_millisecond_or_not_known(
    wall_ms: int, expected: str | None
) -> None:
    assert cim_datetime(wall_ms) == expected


def test_words_that_old_scripts_stumble_over_are_replaced() -> None:
    assert plain("*** ERROR: Exception, unknown error, FAILED") == (
        "--- ErrOR: exception, unknown fault, failed"
    )
