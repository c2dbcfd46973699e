"""Rows of the tables of states that need more than the lists of the view."""

from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import CloneView, ClusterView, EngineState
from cim_provider.views.facts import Facts, NodeFacts, PingFacts, ResourceFacts
from cim_provider.views.settings import Settings, TicketConstraintView, TicketView
from cim_provider.wbem.operations import (
    EnumerateInstances,
    Filters,
    Instances,
    InvokeMethod,
    MethodResult,
    References,
)
from tests.cim.mapping.facts import beyond, facts
from tests.cim.mapping.test_states import read, summary, with_db
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    cloned,
    cluster,
    cluster_path,
    node_path,
    resource_path,
)


def knowing(view: ClusterView, *nodes: NodeFacts, leaving: bool = False) -> ClusterView:
    known = view.facts
    changed = {each.name: each for each in (*known.nodes, *nodes)}
    settings = replace(known.cluster, is_local_leaving=leaving)
    more = replace(known, nodes=tuple(changed.values()), cluster=settings)
    return replace(view, facts=more)


def node_in(state: str, more: NodeFacts, **changes: object) -> ClusterView:
    view = cluster()
    changed = replace(view.nodes[1], state=state, **changes)  # type: ignore[arg-type]  # fields by their names
    return knowing(replace(view, nodes=(view.nodes[0], changed, *view.nodes[2:])), more)


@pytest.mark.parametrize(
    ("view", "expected", "cluster_state", "words"),
    [
        (knowing(cluster(), NodeFacts("n1", is_joining=True)), ([8], 5, 10), 3, "starting"),
        (knowing(cluster(), leaving=True), ([9], 5, 4), 3, "stopping"),
        (
            knowing(cluster(), NodeFacts("n2", fencing_fault="no answer")),
            ([6], 20, 2),
            4,
            "cannot be cut off: n2",
        ),
        (cluster(votes=3), ([3], 10, 2), 4, "next loss of a vote would stop the cluster"),
        (cloned(), ([3], 10, 2), 4, "fewer instances run than are wanted: cells, workers"),
    ],
)
def test_cluster_in_more_situations(
    view: ClusterView, expected: tuple[list[int], int, int], cluster_state: int, words: str
) -> None:
    found = read(view, cluster_path())
    assert summary(found) == expected
    assert found["ClusterState"] == cluster_state
    assert words in found["StatusDescriptions"][0]


def test_lost_reserve_is_told_beside_what_is_worse() -> None:
    view = node_in("lost", NodeFacts("n2"))
    (text,) = read(replace(view, votes=3), cluster_path())["StatusDescriptions"]
    assert text == "not there: n2; the next loss of a vote would stop the cluster"


@pytest.mark.parametrize(
    ("view", "expected", "participation", "requested", "word"),
    [
        (node_in("suspect", NodeFacts("n2", is_joining=True)), ([8], 5, 10), (2, 2), 2, "Starting"),
        (node_in("online", NodeFacts("n2", health="red")), ([3], 10, 2), (6, 2), 2, "Degraded"),
        (node_in("online", NodeFacts("n2", health="green")), ([2], 5, 2), (4, 2), 2, "OK"),
        (node_in("left", NodeFacts("n2", is_seen=False)), ([10], 10, 3), (5, 0), 5, "Stopped"),
        (
            node_in("lost", NodeFacts("n2", fencing_stage="cutting"), unclean=True),
            ([9], 20, 3),
            (5, 0),
            11,
            "Stopping",
        ),
        (
            node_in("lost", NodeFacts("n2", fencing_stage="waiting"), unclean=True),
            ([13, 6], 25, 0),
            (5, 0),
            11,
            "Lost Comm",
        ),
        (node_in("lost", NodeFacts("n2"), fenced_by="switch"), ([10], 10, 3), (5, 0), 5, "Stopped"),
        (
            knowing(replace(node_in("online", NodeFacts("n2")), local_node="n2"), leaving=True),
            ([2], 5, 2),
            (4, 2),
            2,
            "OK",
        ),
        (
            knowing(node_in("online", NodeFacts("n2"), is_local=True), leaving=True),
            ([9], 5, 4),
            (5, 2),
            3,
            "Stopping",
        ),
    ],
)
def test_node_in_more_situations(
    view: ClusterView,
    expected: tuple[list[int], int, int],
    participation: tuple[int, int],
    requested: int,
    word: str,
) -> None:
    found = read(view, node_path("n2"))
    assert summary(found) == expected
    assert (found["RequestedState"], found["Status"]) == (requested, word)
    (part,) = participations(view, node_path("n2"))
    assert (part["StateOfNode"], part["RoleOfNode"]) == participation


def participations(view: ClusterView, path: pywbem.CIMInstanceName) -> list[pywbem.CIMInstance]:
    asked = References(MODEL, path, Filters(assoc_class="HA_ParticipatingNode"))
    answer = Provider(view).ask(asked)
    assert isinstance(answer, Instances)
    return list(answer.items)


@pytest.mark.parametrize(
    ("ping", "engine", "expected", "participation"),
    [
        (PingFacts("gw", ("10.0.0.254",), ("n1",), ("n2",)), "running", ([2], 5, 5), (4, 1)),
        (PingFacts("gw", ("10.0.0.254",), (), ("n2",)), "running", ([12], 15, 5), (5, 1)),
        (PingFacts("gw", ("10.0.0.254",)), "running", ([0], 0, 5), (0, 1)),
        (PingFacts("gw", ("10.0.0.254",), ("n1",)), "stopped", ([13], 0, 5), (0, 1)),
    ],
)
def test_what_is_pinged_is_a_node_that_runs_nothing(
    ping: PingFacts,
    engine: str,
    expected: tuple[list[int], int, int],
    participation: tuple[int, int],
) -> None:
    view = cluster(facts=Facts(pings=(ping,)), engine=EngineState(engine))
    found = read(view, node_path("gw"))
    assert summary(found) == expected
    assert (found["NodePing"], found["NodeType"], found["VotingRole"]) == ("ping", 3, 4)
    assert (found["Roles"], found["Dedicated"]) == (["ping"], [2])
    assert found["OtherDedicatedDescriptions"] == ["cluster ping node"]
    assert found["AvailableRequestedStates"] == []
    (part,) = participations(view, node_path("gw"))
    assert (part["StateOfNode"], part["RoleOfNode"]) == participation
    component = References(MODEL, node_path("gw"), Filters(assoc_class="HA_ComponentCS"))
    answer = Provider(view).ask(component)
    assert isinstance(answer, Instances)
    assert not answer.items


def test_node_wins_over_what_is_pinged_under_its_name() -> None:
    view = cluster(facts=Facts(pings=(PingFacts("n2", ("10.0.0.2",)),)))
    assert read(view, node_path("n2"))["NodePing"] == "member"
    answer = Provider(view).ask(EnumerateInstances(MODEL, "HA_ClusterNode"))
    assert isinstance(answer, Instances)
    assert [each["Name"] for each in answer.items] == ["n1", "n2", "n3", "w"]


def test_resource_that_is_handed_over_alive_is_relocating() -> None:
    moving = replace(facts(), resources=(ResourceFacts("db", moving_to="n3"),))
    found = read(replace(with_db(), facts=moving), resource_path("db"))
    assert summary(found) == ([19], 5, 2)
    assert (found["ResourceStatus"], found["OperatingStatus"]) == ("running", 9)


def test_clone_that_is_stopped_on_purpose_is_not_partial() -> None:
    clone = CloneView("cells", "cell", target_role="stopped", instances_wanted=3, instances_max=3)
    view = cloned(clones=(clone,), primitives=cloned().primitives[:1], groups=())
    assert read(view, cluster_path())["OperationalStatus"] == [2]


def test_fence_device_is_a_primitive_that_stands_ready_and_cannot_be_started() -> None:
    provider = Provider(cluster(facts=beyond()))
    found = read(cluster(facts=beyond()), resource_path("switch"))
    assert (found["IsFencingDevice"], found["ResourceClass"], found["Type"]) == (
        True,
        "fence",
        "fence_apc",
    )
    assert summary(found) == ([2], 5, 2)
    assert (found["Description"], found["HostingNode"]) == ("cuts off n2", "Unknown")
    assert found["AvailableRequestedStates"] == []
    given = (("RequestedState", pywbem.Uint16(3)),)
    asked = InvokeMethod(MODEL, resource_path("switch"), "RequestStateChange", given)
    answer = provider.ask(asked)
    assert isinstance(answer, MethodResult)
    assert answer.value == 1
    assert provider.engine.given == []
    silent = read(cluster(facts=beyond(), engine=EngineState.STOPPED), resource_path("switch"))
    assert silent["OperationalStatus"] == [13]


def test_name_that_a_resource_shares_with_a_fence_device_is_the_resource() -> None:
    shared = replace(beyond(), devices=(replace(beyond().devices[0], id="db"),))
    assert read(cluster(facts=shared), resource_path("db"))["IsFencingDevice"] is False


@pytest.mark.parametrize(("own", "all_", "expected"), [(True, False, True), (False, True, True)])
def test_resource_is_in_maintenance_by_its_option_or_with_the_cluster(
    own: bool, all_: bool, expected: bool
) -> None:
    more = replace(facts(), resources=(ResourceFacts("db", in_maintenance=own),))
    view = replace(with_db(), facts=more, maintenance=all_)
    assert read(view, resource_path("db"))["InMaintenance"] is expected
    assert read(with_db(), resource_path("db"))["InMaintenance"] is False


@pytest.mark.parametrize(
    ("ticket", "needing", "expected"),
    [
        (None, "", ([3, 16], 20, 2)),
        (TicketView("t", is_granted=True), "db", ([3, 16], 20, 2)),
        (TicketView("t"), "db", ([2], 5, 2)),
        (TicketView("t", is_granted=True, is_standby=True), "db", ([2], 5, 2)),
        (TicketView("t"), "other", ([3, 16], 20, 2)),
    ],
)
def test_what_can_run_nowhere_is_trouble_of_the_cluster_unless_its_ticket_is_elsewhere(
    ticket: TicketView | None, needing: str, expected: tuple[list[int], int, int]
) -> None:
    bound = (TicketConstraintView("c", "t", needing),) if needing else ()
    settings = Settings(tickets=(ticket,) if ticket else (), ticket_constraints=bound)
    view = replace(
        with_db(state="stopped"), unplaced=(("db", "no node may run it"),), settings=settings
    )
    found = read(view, cluster_path())
    assert summary(found) == expected
    if expected[1] == 20:
        assert found["StatusDescriptions"][0] == "can run nowhere: db"
        assert found["ClusterState"] == 4
