"""Figures: what is counted and measured, and that no view gets a new version for it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import ClusterView, InstanceView
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.figures_held import Figures
from cim_provider.mapping.figures_metrics import METRICS, Metric
from cim_provider.mapping.figures_statistics import figures_area
from cim_provider.mapping.operations import Mapping
from cim_provider.views.figures import LinkCounts, ResourceCounts
from cim_provider.views.tally import ResourceTally, Tally
from cim_provider.wbem.operations import (
    Answer,
    AssociatorNames,
    EnumerateInstances,
    Filters,
    GetInstance,
    Instances,
    InvokeMethod,
    MethodResult,
    Operation,
    Paths,
)
from tests.cim.mapping.figured import AT_MS, BEGAN_MS, Happened, figures, told
from tests.cim.mapping.pasts import past
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    cluster,
    node_path,
    path,
    primitive,
    schema,
)

RESET_MS = BEGAN_MS + 50_000


class Measuring:
    """A mapping over a memory engine whose server holds figures."""

    def __init__(self, held: Figures | None = None, view: ClusterView | None = None) -> None:
        self.held = figures() if held is None else held
        area = figures_area(self.held, lambda: RESET_MS)
        self.engine = MemoryEngine(view or cluster())
        self.mapping = Mapping(schema(), self.engine, IDENTITY, [area])

    def ask(self, operation: Operation) -> Answer:
        return asyncio.run(self.mapping.perform(operation, "ann"))

    def get(self, name: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
        answer = self.ask(GetInstance(MODEL, name))
        assert isinstance(answer, Instances)
        return answer.items[0]

    def stats(self, kind: str, local: str) -> pywbem.CIMInstance:
        return self.get(path(f"HA_{kind}Statistics", InstanceID=f"LinuxHA:stat:{local}"))

    def reset(self, kind: str, local: str, *names: str) -> int:
        target = path(f"HA_{kind}Statistics", InstanceID=f"LinuxHA:stat:{local}")
        given = (("SelectedStatistics", list(names)),) if names else ()
        asked = InvokeMethod(MODEL, target, "ResetSelectedStats", given)
        answer = self.ask(asked)
        assert isinstance(answer, MethodResult)
        assert isinstance(answer.value, int)
        return int(answer.value)


def test_cluster_counts_come_from_its_journal() -> None:
    found = Measuring().stats("Cluster", "cluster:LinuxHACluster")
    counts = [found[n] for n in ("FailoverCount", "FencingCount", "LeaderChanges")]
    assert counts == [1, 2, 1]
    assert found["LastFailoverMilliseconds"] == 2000
    assert (found["Transitions"], found["QuorumLosses"]) == (6, 0)
    assert str(found["StartStatisticTime"]) == "20231114221320.000000+000"


def test_transitions_are_those_of_all_nodes_and_losses_of_quorum_those_at_one_time() -> None:
    held = figures()
    held.become([told("n1", transitions=2), told("n2", transitions=3)])
    lost = ((1000, "n1"), (3000, "n2"), (20_000, "n1"))
    held.count(Happened("lease-lost", n, n, BEGAN_MS + 60_000 + at) for at, n in lost)
    found = Measuring(held).stats("Cluster", "cluster:LinuxHACluster")
    assert (found["Transitions"], found["QuorumLosses"]) == (5, 2)
    held.become([told(name, transitions=-1) for name in ("n1", "n2")])
    found = Measuring(held).stats("Cluster", "cluster:LinuxHACluster")
    assert found["Transitions"] is None, "nodes of an earlier version count none"


def test_late_and_lost_heartbeats_are_of_the_node_and_of_its_links() -> None:
    held = figures()
    links = (
        LinkCounts("ring0", lost=4, late=2, round_trip_us=230),
        LinkCounts("wide", lost=5, late=0),
    )
    held.become([told("n1", beats_late=1, links=links)])
    measuring = Measuring(held, replace(cluster(), history=past()))
    found = measuring.stats("Node", "node:n1")
    assert (found["HeartbeatsLost"], found["LateHeartbeats"]) == (9, 1)
    answer = measuring.ask(EnumerateInstances(MODEL, "HA_HeartbeatLink"))
    assert isinstance(answer, Instances)
    names = ("LateHeartbeats", "RoundTripMicroseconds")
    shown = {
        (each["NodeName"], each["LinkName"]): [each[name] for name in names]
        for each in answer.items
    }
    assert shown["n1", "ring0"] == [2, 230]
    assert shown["n1", "wide"] == [0, None]
    assert shown["n3", "cable"] == [None, None]


def test_node_counts_are_what_the_node_has_told() -> None:
    found = Measuring().stats("Node", "node:n2")
    assert (found["HeartbeatsSent"], found["HeartbeatsReceived"]) == (100, 99)
    assert found["UptimeSeconds"] == 1100
    assert found["ResourcesRunning"] == 1
    assert (found["HeartbeatsLost"], found["LateHeartbeats"]) == (1, 4)
    unheard = Measuring().stats("Node", "node:n3")
    assert unheard["HeartbeatsSent"] is None
    assert unheard["StartStatisticTime"] is None


def test_resource_counts_come_from_journal_and_nodes() -> None:
    found = Measuring().stats("Resource", "rsc:db")
    names = ("Starts", "Stops", "Moves", "Failures", "MonitorRuns", "MonitorFailures")
    assert [found[each] for each in names] == [2, 0, 1, 0, 14, 2]
    assert (found["AvailableSeconds"], found["UnavailableSeconds"]) == (98, 2)
    assert found["LastStartMilliseconds"] == 40


def test_what_the_journal_does_not_know_is_null() -> None:
    found = Measuring().stats("Resource", "rsc:cache")
    assert (found["Starts"], found["AvailableSeconds"], found["StartStatisticTime"]) == (None,) * 3


def test_without_figures_there_are_the_same_objects_with_nothing_in_them() -> None:
    area_less = Mapping(schema(), MemoryEngine(cluster()), IDENTITY)
    for name in ("HA_NodeStatistics", "HA_MetricValue", "HA_ResourceStatistics"):
        here = Measuring().ask(EnumerateInstances(MODEL, name))
        there = asyncio.run(area_less.perform(EnumerateInstances(MODEL, name), "ann"))
        assert isinstance(here, Instances)
        assert isinstance(there, Instances)
        assert [each.path for each in here.items] == [each.path for each in there.items]


def test_counters_that_are_set_back_count_from_there_and_say_since_when() -> None:
    server = Measuring()
    assert server.reset("Resource", "rsc:db", "Starts", "monitorruns") == 0
    found = server.stats("Resource", "rsc:db")
    assert (found["Starts"], found["MonitorRuns"], found["Moves"]) == (0, 0, 1)
    assert str(found["StartStatisticTime"]) == "20231114221410.000000+000"
    server.held.count([Happened("resource-started", "db", "n2", RESET_MS)])
    assert server.stats("Resource", "rsc:db")["Starts"] == 1
    assert server.reset("Resource", "rsc:db", "All") == 0
    found = server.stats("Resource", "rsc:db")
    assert (found["Starts"], found["Moves"], found["LastStartMilliseconds"]) == (0, 0, 40)
    assert server.stats("Resource", "rsc:ip")["MonitorRuns"] is None


def test_counter_of_a_daemon_that_has_begun_anew_counts_whole() -> None:
    server = Measuring()
    assert server.reset("Node", "node:n2", "HeartbeatsSent") == 0
    server.held.become([told("n2", beats_sent=130)])
    assert server.stats("Node", "node:n2")["HeartbeatsSent"] == 30
    server.held.become([told("n2", beats_sent=5)])
    assert server.stats("Node", "node:n2")["HeartbeatsSent"] == 5


@pytest.mark.parametrize(
    ("names", "code"), [((), 5), (("Nothing",), 5), (("Starts", "x"), 5), (("UptimeSeconds",), 1)]
)
def test_reset_of_what_is_no_counter_is_refused_and_changes_nothing(
    names: tuple[str, ...], code: int
) -> None:
    server = Measuring()
    kind = "Node" if code == 1 else "Resource"
    local = "node:n2" if code == 1 else "rsc:db"
    before = server.stats("Resource", "rsc:db")
    assert server.reset(kind, local, *names) == code
    assert server.stats("Resource", "rsc:db") == before


def processes() -> ClusterView:
    part = InstanceView("n2", "started", started_wall_ms=BEGAN_MS)
    db = primitive("db", "n2", agent_class="process", provider="", type="", instances=(part,))
    return cluster(primitives=(db,), groups=())


def test_metric_values_are_texts_with_definition_time_and_element() -> None:
    server = Measuring(view=processes())
    for metric, place, value in (
        ("Load1", "n2", "1.5"),
        ("ProcessorsBusy", "n2", "25.0"),
        ("MemoryAvailable", "n2", "1024"),
        ("Votes", "LinuxHACluster", "4"),
        ("Memory", "n2:db", "2048"),
        ("ProcessorTime", "n2:db", "0.03"),
        ("Load1", "n3", None),
    ):
        found = server.get(path("HA_MetricValue", InstanceID=f"LinuxHA:value:{metric}:{place}"))
        assert found["MetricValue"] == value
        assert found["MetricDefinitionId"] == f"LinuxHA:metric:{metric}"
        assert (found["MeasuredElementName"], found["Volatile"]) == (place, True)
        assert server.get(path("HA_MetricDefinition", Id=found["MetricDefinitionId"]))


def test_process_of_an_instance_is_told() -> None:
    server = Measuring(view=processes())
    name = path("HA_ResourceInstance", InstanceID="LinuxHA:rsc:n2:db")
    assert server.get(name)["ProcessId"] == 4711


def test_node_tells_version_protocol_machine_and_when_it_was_cut_off() -> None:
    found = Measuring().get(node_path("n2"))
    assert (found["SoftwareVersion"], found["ProtocolVersion"]) == ("0.1.0", "1")
    assert found["OtherIdentifyingInfo"] == ["no UUID", "n2"]
    assert found["Uuid"] is None
    assert found["IdentifyingDescriptions"] == ["Linux-HA:MachineId", "Linux-HA:NodeName"]
    assert str(found["LastFenced"]) == "20231114221331.000000+000"
    first = Measuring().get(node_path("n1"))
    assert first["OtherIdentifyingInfo"][0].startswith("3d1219c7")
    unheard = Measuring().get(node_path("n3"))
    assert unheard["SoftwareVersion"] is None
    assert unheard["OtherIdentifyingInfo"] == ["n3"]


def test_agents_are_told_with_what_they_say_of_themselves() -> None:
    server = Measuring()
    name = path("HA_ResourceAgent", InstanceID="LinuxHA:agent:ocf:heartbeat:Dummy")
    found = server.get(name)
    assert (found["Name"], found["AgentClass"], found["Provider"], found["Type"]) == (
        "ocf:heartbeat:Dummy",
        "ocf",
        "heartbeat",
        "Dummy",
    )
    assert (found["MetadataXml"], found["ParameterNames"]) == ("<resource-agent/>", ["state"])
    asked = AssociatorNames(MODEL, name, Filters(assoc_class="HA_InstalledAgent"))
    answer = server.ask(asked)
    assert isinstance(answer, Paths)
    assert [each["Name"] for each in answer.items] == ["n1", "n2"]
    process = server.get(path("HA_ResourceAgent", InstanceID="LinuxHA:agent:process::"))
    assert process["MetadataXml"] is None


def test_agent_that_was_seen_stays_while_its_node_has_it_no_more() -> None:
    server = Measuring()
    server.held.become([told(node, agents=("process",)) for node in ("n1", "n2")])
    name = path("HA_ResourceAgent", InstanceID="LinuxHA:agent:ocf:heartbeat:Dummy")
    assert server.get(name)
    answer = server.ask(AssociatorNames(MODEL, name, Filters(assoc_class="HA_InstalledAgent")))
    assert isinstance(answer, Paths)
    assert not answer.items


def test_load_and_counters_make_no_new_version_and_a_new_process_does() -> None:
    held = figures()
    before = held.version
    held.become([told("n2", at_wall_ms=AT_MS + 5000, load_milli=(1, 2, 3), beats_sent=999)])
    assert held.version == before
    held.become([told("n2", resources=(ResourceCounts("db", process_id=4713),))])
    assert held.version != before


def test_answers_with_figures_are_not_kept() -> None:
    server = Measuring()
    for name in ("HA_NodeStatistics", "HA_MetricValue", "CIM_StatisticalData"):
        answer = server.ask(EnumerateInstances(MODEL, name))
        assert isinstance(answer, Instances)
        assert answer.is_volatile
    answer = server.ask(EnumerateInstances(MODEL, "HA_ClusterNode"))
    assert isinstance(answer, Instances)
    assert not answer.is_volatile


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_units_of_metrics_are_dmtf_units(metric: Metric) -> None:
    assert metric.units in ("count", "percent", "byte", "second")


def resource_tally(*events: Happened) -> Tally:
    tally = Tally()
    for each in events:
        tally.take(each)
    return tally


def at(kind: str, node: str, second: int, **more: str) -> Happened:
    subject = more.get("subject", "db")
    return Happened(kind, subject, node, BEGAN_MS + 1000 * second, more.get("incident", ""))


@pytest.mark.parametrize(
    ("events", "read", "expected"),
    [
        (
            [at("resource-started", "n1", 0), at("resource-stopped", "n1", 5)],
            lambda r: (r.starts, r.stops, r.available_at(BEGAN_MS + 9000)),
            (1, 1, 5000),
        ),
        (
            [at("resource-started", "n1", 0), at("resource-started", "n2", 1)],
            lambda r: (r.moves, r.available_at(BEGAN_MS + 2000)),
            (0, 2000),
        ),
        (
            [
                at("resource-started", "n1", 0),
                at("resource-failed", "n1", 1),
                at("resource-started", "n1", 3),
            ],
            lambda r: (r.failures, r.moves, r.unavailable_at(BEGAN_MS + 4000)),
            (1, 0, 2000),
        ),
        (
            [at("resource-started", "n1", 0), at("node-left", "n2", 2, subject="n1")],
            lambda r: r.available_at(BEGAN_MS + 9000),
            2000,
        ),
        ([at("resource-started", "n1", 0, subject="db:1")], lambda r: r.starts, 1),
    ],
)
def test_resource_is_available_while_it_is_active_somewhere(
    events: list[Happened], read: Callable[[ResourceTally], object], expected: object
) -> None:
    assert read(resource_tally(*events).resources["db"]) == expected


def test_failover_is_a_loss_after_which_something_starts_elsewhere() -> None:
    lost = at("node-lost", "n2", 10, subject="n1", incident="i")
    idle = resource_tally(lost)
    assert (idle.failovers, idle.last_failover_ms) == (0, 0)
    both = resource_tally(
        at("resource-started", "n1", 0),
        at("resource-started", "n1", 0, subject="ip"),
        lost,
        at("resource-started", "n2", 11, incident="i"),
        at("resource-started", "n3", 13, subject="ip", incident="i"),
    )
    assert (both.failovers, both.last_failover_ms) == (1, 3000)


@pytest.mark.parametrize("class_name", ["HA_MetricValue", "HA_ResourceStatistics"])
def test_every_object_is_found_by_its_name_and_nothing_else_is(class_name: str) -> None:
    server = Measuring(view=processes())
    answer = server.ask(EnumerateInstances(MODEL, class_name))
    assert isinstance(answer, Instances)
    for each in answer.items:
        assert server.get(each.path)["InstanceID"] == each["InstanceID"]
    for local in ("value:Load1:nobody", "value:Memory:n3:db", "value:Load1:n2:db", "value:X:n2"):
        with pytest.raises(pywbem.CIMError) as refused:
            server.get(path(class_name, InstanceID=f"LinuxHA:{local}"))
        assert refused.value.status_code == 6
