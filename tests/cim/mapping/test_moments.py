"""When the cluster and its nodes changed their state, and which states can be asked for now."""

from dataclasses import replace

import pywbem

from cim_provider.engine import ClusterView, EngineState, InstanceView
from cim_provider.views.history import FencingView, HistoryView, RevisionView
from cim_provider.views.journal import CoreEvent
from cim_provider.views.settings import AttributeView, Settings
from tests.cim.mapping.test_states import read
from tests.cim.mapping.views import (
    MODEL,
    cluster,
    cluster_path,
    node_path,
    path,
    primitive,
)

SINCE = 1_699_999_000_000
"""Since when the nodes of the view are in their states."""


def with_past(*revisions: RevisionView, events: tuple[CoreEvent, ...] = ()) -> ClusterView:
    return replace(cluster(), history=HistoryView(events=events, revisions=revisions))


def moment(found: pywbem.CIMInstance, name: str = "TimeOfLastStateChange") -> int:
    """Return a moment in seconds; 0: NULL."""
    value = found[name]
    return 0 if value is None else int(value.datetime.timestamp())


def test_standby_and_maintenance_change_the_state_of_a_node() -> None:
    view = with_past(
        RevisionView(3, wall_ms=SINCE + 5_000, turned=("n2",)),
        RevisionView(4, wall_ms=SINCE + 9_000, turned=("n2",)),
        RevisionView(5, wall_ms=SINCE + 20_000),
    )
    base = SINCE // 1000
    assert moment(read(view, node_path("n1"))) == base
    assert moment(read(view, node_path("n2"))) == base + 9


def test_an_instance_changed_with_its_start_or_its_failure() -> None:
    here = InstanceView("n2", "failed", started_wall_ms=SINCE, failed_wall_ms=SINCE + 4_000)
    changed = replace(primitive("db", "n2"), instances=(here,))
    others = tuple(each for each in cluster().primitives if each.id != "db")
    name = path("HA_ResourceInstance", InstanceID="LinuxHA:rsc:n2:db")
    for instance, after_s in ((here, 4), (replace(here, failed_wall_ms=0), 0)):
        shown = replace(cluster(), primitives=(*others, replace(changed, instances=(instance,))))
        assert moment(read(shown, name)) == SINCE // 1000 + after_s


def test_a_node_tells_what_gates_it_has_and_why_not_more() -> None:
    found = read(cluster(), node_path("n2"))
    assert (found["HasKernelGate"], found["WatchdogMilliseconds"]) == (False, 900)
    assert found["GatesMissing"] == ["no nftables"]
    stopped = replace(cluster(), engine=EngineState.STOPPED)
    assert read(stopped, node_path("n2"))["HasKernelGate"] is None


def test_maintenance_of_all_changes_the_state_of_every_node_and_of_the_cluster() -> None:
    view = with_past(RevisionView(3, wall_ms=SINCE + 7_000, turned=("",)))
    for each in (node_path("n1"), node_path("n2"), cluster_path()):
        assert moment(read(view, each)) == SINCE // 1000 + 7


def test_an_older_turn_does_not_hide_that_a_node_came_back_since() -> None:
    view = with_past(RevisionView(3, wall_ms=SINCE - 7_000, turned=("n2",)))
    assert moment(read(view, node_path("n2"))) == SINCE // 1000


def test_a_cluster_changes_with_its_coordinator_and_tells_nothing_that_is_not_known() -> None:
    elected = CoreEvent(
        4, "n2", SINCE + 3_000, "coordinator-elected", "n2", "n2 is the coordinator"
    )
    assert moment(read(with_past(events=(elected,)), cluster_path())) == SINCE // 1000 + 3
    assert moment(read(with_past(), cluster_path())) == 0
    stopped = replace(with_past(events=(elected,)), engine=EngineState.STOPPED)
    assert moment(read(stopped, cluster_path())) == 0


def test_a_cluster_was_made_with_its_first_revision_as_long_as_that_is_kept() -> None:
    first, later = RevisionView(1, wall_ms=SINCE), RevisionView(2, wall_ms=SINCE + 1_000)
    assert moment(read(with_past(first, later), cluster_path()), "InstallDate") == SINCE // 1000
    assert moment(read(with_past(later), cluster_path()), "InstallDate") == 0


def test_a_cluster_says_what_can_be_asked_of_it_now() -> None:
    found = {
        state: read(replace(cluster(), engine=state), cluster_path())["AvailableRequestedStates"]
        for state in (EngineState.RUNNING, EngineState.STOPPED, EngineState.NOT_ANSWERING)
    }
    assert list(found.values()) == [[2, 3, 4, 9, 10, 11], [2], []]


def test_only_the_clusters_own_name_can_be_edited() -> None:
    names = ("cluster", "node", "resource", "service", "ticket")
    found = {
        name: read(
            cluster(),
            pywbem.CIMInstanceName(
                "HA_EnabledLogicalElementCapabilities",
                {"InstanceID": f"LinuxHA:cap:{name}"},
                namespace=MODEL,
            ),
        )
        for name in names
    }
    assert [found[name]["ElementNameEditSupported"] for name in names] == [True, *[False] * 4]
    assert found["cluster"]["MaxElementNameLen"] == 64
    assert found["ticket"]["MaxElementNameLen"] is None


def test_a_node_says_at_once_when_it_was_cut_off_and_not_when_somebody_said_so() -> None:
    past = (
        FencingView("4", "n2", "succeeded", "off", ended_wall_ms=SINCE + 4_000),
        FencingView("5", "n2", "failed", "off", ended_wall_ms=SINCE + 5_000),
        FencingView("6", "n2", "succeeded", ended_wall_ms=SINCE + 6_000, is_confirmed=True),
        FencingView("7", "n2", "pending", "off"),
    )
    view = replace(cluster(), history=HistoryView(fencing=past))
    assert moment(read(view, node_path("n2")), "LastFenced") == SINCE // 1000 + 4
    assert moment(read(view, node_path("n1")), "LastFenced") == 0


def test_cluster_and_nodes_have_names_that_no_other_cluster_has() -> None:
    view = replace(cluster(), cluster_id="0123456789abcdef0123456789abcdef")
    whole = read(view, cluster_path())
    assert whole["OtherIdentifyingInfo"] == ["01234567-89ab-cdef-0123-456789abcdef", "shop"]
    assert whole["IdentifyingDescriptions"] == ["Linux-HA:ClusterUUID", "Linux-HA:ClusterName"]
    other = replace(view, cluster_id="1123456789abcdef0123456789abcdef")
    found = [read(each, node_path(name)) for each in (view, other) for name in ("n1", "n2")]
    assert len({each["Uuid"] for each in found}) == 4
    for each in found:
        assert each["OtherIdentifyingInfo"] == [each["Uuid"], each["Name"]]
        assert each["IdentifyingDescriptions"] == ["Linux-HA:NodeUUID", "Linux-HA:NodeName"]
    assert read(view, node_path("n1"))["Uuid"] == found[0]["Uuid"]


def test_what_is_not_known_of_names_is_left_out() -> None:
    assert read(cluster(), cluster_path())["OtherIdentifyingInfo"] == ["shop"]
    found = read(replace(cluster(), cluster_id="strange"), node_path("n1"))
    assert (found["Uuid"], found["OtherIdentifyingInfo"]) == (None, ["n1"])


def test_a_node_says_what_its_resources_take_of_it() -> None:
    view = cluster()
    node = "n1"
    here = [each.id for each in view.primitives if node in each.nodes]
    away = [each.id for each in view.primitives if node not in each.nodes]
    wanted = [*((name, "memory", "4") for name in (*here, *away)), (here[0], "cpu", "2")]
    attributes = tuple(AttributeView(name, "utilization", of, much) for name, of, much in wanted)
    others = (AttributeView(here[0], "parameter", "memory", "9"),)
    view = replace(view, settings=Settings(attributes=(*attributes, *others)))
    found = read(view, node_path(node))["Utilization"]
    assert found == ["cpu=2", f"memory={4 * len(here)}"]
    stopped = replace(view, engine=EngineState.STOPPED)
    assert read(stopped, node_path(node))["Utilization"] is None
