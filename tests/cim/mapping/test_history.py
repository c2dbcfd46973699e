"""The event log, links, revisions, fencing and results over WBEM, on an engine in memory."""

import asyncio
from dataclasses import replace

import pytest
import pywbem

from cim_provider.commands import CleanupResource
from cim_provider.engine import EngineState, Refused
from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.picture import watched_by
from cim_provider.mapping.history_log import ENTRY_CLASS, LOG_CLASS, LOG_ID
from cim_provider.mapping.history_results import results_area
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import Pulls
from cim_provider.mapping.times import cim_datetime
from cim_provider.messages import KINDS, MESSAGES, TIME_LIMIT, message_of
from cim_provider.query.parser import parse_select
from cim_provider.query.tree import Language
from cim_provider.views.history import EVENTS_KEPT, HistoryView, ResultView
from cim_provider.wbem.operations import (
    AssociatorNames,
    DeleteInstance,
    EnumerateInstances,
    Filters,
    GetInstance,
    Instances,
    InvokeMethod,
    MethodResult,
    ModifyInstance,
    OpenEnumeration,
    Opening,
    Page,
    Paths,
    Pull,
    PullKind,
    Selection,
)
from cim_provider.wbem.render import render_pieces
from tests.cim.mapping.facts import beyond
from tests.cim.mapping.pasts import WALL_MS, event, past
from tests.cim.mapping.views import (
    IDENTITY,
    MODEL,
    Provider,
    cluster,
    cluster_path,
    node_path,
    path,
    resource_path,
    schema,
)

LOG = path(LOG_CLASS, InstanceID=LOG_ID)


@pytest.fixture
def provider() -> Provider:
    return Provider(cluster(history=past()))


def got(provider: Provider, where: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    answer = provider.ask(GetInstance(MODEL, where))
    assert isinstance(answer, Instances)
    return answer.items[0]


def all_of(provider: Provider, class_name: str) -> list[pywbem.CIMInstance]:
    answer = provider.ask(EnumerateInstances(MODEL, class_name))
    assert isinstance(answer, Instances)
    return list(answer.items)


def entry(seq: int) -> pywbem.CIMInstanceName:
    return path(ENTRY_CLASS, InstanceID=f"LinuxHA:event:{seq}")


def test_entries_replay_the_alerts_with_their_numbers_and_severities(provider: Provider) -> None:
    found = {each["SequenceNumber"]: each for each in all_of(provider, "CIM_LogEntry")}
    told = {seq: (each["MessageID"], each["PerceivedSeverity"]) for seq, each in found.items()}
    assert told == {
        4: ("LHA003", 6),
        7: ("LHA034", 2),
        8: ("LHA017", 5),
        1_000_001: ("LHA101", 2),
    }
    lost = found[4]
    assert (lost["RecordID"], lost["LogInstanceID"]) == ("00000000000000000004", LOG_ID)
    assert (lost["OwningEntity"], lost["NodeName"], lost["CorrelationId"]) == (
        *("Linux-HA", "n1", "i1"),
    )
    assert lost["MessageArguments"] == ["n3", "n1"]
    fields = dict(zip(lost["RecordFormat"].split("|"), lost["RecordData"].split("|"), strict=True))
    assert fields["MessageID"] == "LHA003"
    assert fields["Message"] == "n3 is lost / failed -"


def test_clearing_the_log_marks_a_start_and_keeps_every_event(provider: Provider) -> None:
    before = provider.engine
    events = asyncio.run(before.view()).history.events
    answer = provider.ask(InvokeMethod(MODEL, LOG, "ClearLog"))
    assert isinstance(answer, MethodResult)
    assert answer.value == 0
    log = got(provider, LOG)
    assert (log["CurrentNumberOfRecords"], log["ClearedThrough"]) == (0, 1_000_001)
    assert all_of(provider, ENTRY_CLASS) == []
    assert provider.refused(GetInstance(MODEL, entry(4))) == pywbem.CIM_ERR_NOT_FOUND
    view = asyncio.run(before.view())
    assert view.history.events == events
    later = event(1_000_002, "node-joined")
    before.become(history=replace(view.history, events=(*events, later)))
    assert [each["Kind"] for each in all_of(provider, ENTRY_CLASS)] == ["node-joined"]
    again = provider.ask(InvokeMethod(MODEL, LOG, "ClearLog"))
    assert isinstance(again, MethodResult)
    assert again.value == 0


def test_empty_log_can_be_cleared(provider: Provider) -> None:
    empty = Provider()
    answer = empty.ask(InvokeMethod(MODEL, LOG, "ClearLog"))
    assert isinstance(answer, MethodResult)
    assert answer.value == 0
    assert got(empty, LOG)["CurrentNumberOfRecords"] == 0


def test_log_says_that_the_cluster_cannot_be_asked(provider: Provider) -> None:
    for engine, status in ((EngineState.STOPPED, [10]), (EngineState.NOT_ANSWERING, [13])):
        provider.engine.become(engine=engine)
        assert got(provider, LOG)["OperationalStatus"] == status
        assert {each["LinkState"] for each in all_of(provider, "HA_HeartbeatLink")} == {0}
        assert len(all_of(provider, ENTRY_CLASS)) == 4


@pytest.mark.parametrize(
    "name",
    [
        "",
        "LinuxHA:event:",
        "LinuxHA:event:x",
        "LinuxHA:event:²",
        "LinuxHA:event:" + "9" * 30,
        "LinuxHA:event:3",
        "LinuxHA:event:5",
    ],
)
def test_event_that_is_not_shown_is_not_found(provider: Provider, name: str) -> None:
    asked = GetInstance(MODEL, path(ENTRY_CLASS, InstanceID=name))
    assert provider.refused(asked) == pywbem.CIM_ERR_NOT_FOUND


@pytest.mark.parametrize(
    "name", ["", "LinuxHA:op:", "LinuxHA:op:n1:start:²:db", f"LinuxHA:op:n1:start:{'9' * 5000}:db"]
)
def test_result_that_is_not_there_is_not_found(provider: Provider, name: str) -> None:
    asked = GetInstance(MODEL, path("HA_OperationResult", InstanceID=name))
    assert provider.refused(asked) == pywbem.CIM_ERR_NOT_FOUND


def test_log_leads_to_its_entries_and_its_cluster_and_both_lead_back(provider: Provider) -> None:
    def far(source: pywbem.CIMInstanceName, **filters: str) -> list[pywbem.CIMInstanceName]:
        answer = provider.ask(AssociatorNames(MODEL, source, Filters(**filters)))
        assert isinstance(answer, Paths)
        return list(answer.items)

    assert far(LOG, assoc_class="CIM_LogManagesRecord", result_role="Record") == [
        entry(seq) for seq in (4, 7, 8, 1_000_001)
    ]
    assert far(entry(4), assoc_class="HA_EventLogRecord") == [LOG]
    assert far(LOG, assoc_class="CIM_UseOfLog") == [cluster_path()]
    assert LOG in far(cluster_path(), assoc_class="HA_UseOfEventLog")


def test_ten_thousand_events_are_walked_in_parts_and_others_have_their_turn() -> None:
    events = tuple(event(number, "node-joined") for number in range(1, EVENTS_KEPT + 1))
    history = replace(past(), events=events, cleared=0)
    engine = MemoryEngine(cluster(history=history))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1

    contexts = iter(["c"])
    mapping = Mapping(
        schema(), engine, IDENTITY, (), Pulls(lambda: 0.0, lambda: next(contexts)), turn
    )

    async def walk() -> list[str]:
        read = EnumerateInstances(MODEL, ENTRY_CLASS)
        page = await mapping.perform(OpenEnumeration(MODEL, read, Opening(objects_max=100)), "a")
        found: list[str] = []
        pages = 0
        while True:
            assert isinstance(page, Page)
            assert isinstance(page.objects, Instances)
            pages += 1
            assert len(page.objects.items) <= 1000
            found += [each["RecordID"] for each in page.objects.items]
            if not page.context:
                assert pages == 11
                return found
            asked = Pull(MODEL, PullKind.INSTANCES_WITH_PATH, page.context, 10_000)
            page = await mapping.perform(asked, "a")

    found = asyncio.run(walk())
    assert found == sorted(found)
    assert len(set(found)) == EVENTS_KEPT
    assert turns > EVENTS_KEPT / 100


def test_no_filter_over_all_changes_watches_the_entries_of_the_log() -> None:
    provider = Provider()
    catalog = provider.mapping.catalog
    select = parse_select(Language.CQL, "SELECT * FROM CIM_InstIndication")
    names = {name for _, name in watched_by(select, [MODEL], catalog)}
    assert not names & {ENTRY_CLASS, LOG_CLASS, "HA_OperationResult"}
    assert {"HA_HeartbeatLink", "HA_ConfigurationRevision"} <= names


def test_links_say_how_each_node_hears_the_others(provider: Provider) -> None:
    found = {
        (each["NodeName"], each["LinkName"]): each
        for each in all_of(provider, "CIM_ProtocolEndpoint")
    }
    states = {
        name: (each["LinkState"], each["OperationalStatus"], each["EnabledState"])
        for name, each in found.items()
    }
    assert states == {
        ("n1", "ring0"): (2, [2], 2),
        ("n1", "wide"): (4, [3], 2),
        ("n2", "many"): (3, [12], 3),
        ("n2", "ring0"): (2, [3], 2),
        ("n3", "cable"): (0, [0], 0),
    }
    ring, cable = found["n1", "ring0"], found["n3", "cable"]
    assert (ring["ProtocolIFType"], ring["PortNumber"], ring["LossPermille"]) == (4110, 6940, 20)
    assert (cable["ProtocolIFType"], cable["PortNumber"], cable["LineSpeed"]) == (33, None, 115200)
    assert found["n1", "wide"]["ElementName"] == "n1 broadcast eth1"
    assert found["n2", "ring0"]["SilentPeers"] == ["n3"]
    changed = {name: each["TimeOfLastStateChange"] is not None for name, each in found.items()}
    assert [name for name, known in changed.items() if known] == [("n1", "wide"), ("n2", "many")]
    assert str(found["n1", "wide"]["TimeOfLastStateChange"]) == cim_datetime(WALL_MS)
    assert ring.path["SystemName"] == "n1"
    assert ring.path["Name"] == "udp:ring0"


def test_state_of_a_link_is_not_a_clients_to_change(provider: Provider) -> None:
    link = all_of(provider, "HA_HeartbeatLink")[0].path
    asked = InvokeMethod(MODEL, link, "RequestStateChange", (("RequestedState", pywbem.Uint16(3)),))
    answer = provider.ask(asked)
    assert isinstance(answer, MethodResult)
    assert answer.value == 1


def test_revisions_tell_who_changed_what_and_why(provider: Provider) -> None:
    oldest, more, nothing = all_of(provider, "HA_ConfigurationRevision")
    assert (oldest["DiffText"], oldest["Summary"]) == (None, "the oldest revision that is kept")
    assert (more["Author"], more["Reason"], more["Revision"]) == ("ann", "more: fault", 7)
    assert more["DiffText"] == "+ resource db\n+ resource ip"
    assert more["Summary"] == "+ resource db, and 1 more"
    assert nothing["Summary"] == "nothing was changed"
    assert [each["IsCurrent"] for each in (oldest, more, nothing)] == [False, False, True]
    for asked in (
        DeleteInstance(MODEL, more.path),
        ModifyInstance(MODEL, pywbem.CIMInstance(more.classname, {"Reason": "x"}, path=more.path)),
    ):
        assert provider.refused(asked) == pywbem.CIM_ERR_NOT_SUPPORTED


def test_fencing_is_told_with_its_end_and_the_operators_word(provider: Provider) -> None:
    found = all_of(provider, "HA_FencingEvent")
    assert [(each["State"], each["OperatorConfirmed"]) for each in found] == [
        (2, False),
        (3, False),
        (4, False),
        (3, True),
    ]
    assert (found[0]["Action"], found[0]["Device"], found[0]["Delegate"]) == ("on", "pdu", "n2")
    assert found[1]["ElementName"] == "n3 was cut off"


def test_fence_device_leads_to_the_nodes_that_it_can_cut_off() -> None:
    provider = Provider(cluster(history=past(), facts=beyond()))
    answer = provider.ask(
        AssociatorNames(MODEL, node_path("n1"), Filters(assoc_class="HA_FencingDeviceOfNode"))
    )
    assert isinstance(answer, Paths)
    (device,) = answer.items
    assert (device.classname, device["Id"]) == ("HA_PrimitiveResource", "switch")
    back = provider.ask(
        AssociatorNames(MODEL, device, Filters(assoc_class="HA_FencingDeviceOfNode"))
    )
    assert isinstance(back, Paths)
    assert list(back.items) == [node_path("n1"), node_path("n3")]


def test_results_tell_code_reason_output_and_times(provider: Provider) -> None:
    found = {each["InstanceID"]: each for each in all_of(provider, "HA_OperationResult")}
    failed = found["LinuxHA:op:n2:start:0:db"]
    assert (failed["Status"], failed["ReturnCode"], failed["ReturnCodeText"]) == (
        *(3, 5, "not installed"),
    )
    assert failed["ExitReason"] == "the program db is not there"
    assert failed["OutputTail"] == ["looking for db", "not there"]
    fine = found["LinuxHA:op:n1:monitor:10000:server"]
    assert (fine["Status"], fine["ExecutionMilliseconds"], fine["CallId"]) == (2, 7, 4)
    late = found["LinuxHA:op:n3:stop:0:worker:2"]
    assert (late["Status"], late["ResourceId"]) == (4, "worker")


def cleaning() -> tuple[MemoryEngine, Mapping, pywbem.CIMInstanceName]:
    engine = MemoryEngine(cluster(history=past()))
    mapping = Mapping(schema(), engine, IDENTITY, [results_area(engine)])
    return engine, mapping, path("HA_OperationResult", InstanceID="LinuxHA:op:n2:start:0:db")


def test_deleting_a_result_cleans_up_after_the_resource_on_that_node() -> None:
    engine, mapping, where = cleaning()
    asyncio.run(mapping.perform(DeleteInstance(MODEL, where), "ann"))
    assert engine.given == [(CleanupResource("db", "n2"), "ann")]


def test_refused_cleanup_says_why() -> None:
    engine, mapping, where = cleaning()
    engine.answer = Refused("denied", "not you")
    with pytest.raises(pywbem.CIMError, match="not you") as fault:
        asyncio.run(mapping.perform(DeleteInstance(MODEL, where), "ann"))
    assert fault.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED


def test_result_cannot_be_changed() -> None:
    _, mapping, where = cleaning()
    changed = pywbem.CIMInstance("HA_OperationResult", {"ReturnCode": pywbem.Sint32(0)}, path=where)
    with pytest.raises(pywbem.CIMError):
        asyncio.run(mapping.perform(ModifyInstance(MODEL, changed), "ann"))


def test_every_kind_of_event_has_a_message_and_others_have_one_for_all() -> None:
    assert set(KINDS.values()) <= set(MESSAGES)
    assert message_of("node-lost").id == "LHA003"
    assert message_of("resource-failed", f"monitor: {TIME_LIMIT} after 3 ms").id == "LHA017"
    assert message_of("resource-failed", "monitor gave 7").id == "LHA016"
    assert message_of("never heard of").id == "LHA101"
    assert all(number == message.id for number, message in MESSAGES.items())


def test_selection_of_an_entry_shows_what_was_asked_for(provider: Provider) -> None:
    asked = GetInstance(MODEL, entry(4), Selection(properties=("messageid", "NoSuch")))
    answer = provider.ask(asked)
    assert isinstance(answer, Instances)
    assert dict(answer.items[0].items()) == {"MessageID": "LHA003"}


@pytest.mark.parametrize("selection", [Selection(), Selection(properties=("ReturnCode", "CallId"))])
def test_value_that_does_not_fit_its_type_is_null_and_logged_once_and_all_else_is_shown(
    caplog: pytest.LogCaptureFixture, selection: Selection
) -> None:
    number = 2**40 + len(selection.properties or ())
    bad = ResultView("n1", "db", "start", exit_code=number, call=-1)
    good = ResultView("n1", "db", "stop", exit_code=1, call=2)
    seen = Provider(cluster(history=HistoryView(results=(bad, good))))
    asked = EnumerateInstances(MODEL, "CIM_ManagedElement", selection=selection)
    for _ in range(2):
        answer = seen.ask(asked)
        assert isinstance(answer, Instances)
        text = b"".join(render_pieces(asked, answer, "server.example"))
        assert b"LinuxHA:op:n1:stop:0:db" in text
        shown = [each for each in answer.items if each.classname == "HA_OperationResult"]
        assert [(each["ReturnCode"], each["CallId"]) for each in shown] == [(None, None), (1, 2)]
    told = [each for each in caplog.messages if str(number) in each]
    assert len(told) == 1, told
    assert told[0].startswith("HA_OperationResult.ReturnCode is shown as NULL")


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        (resource_path("cache"), "cache"),
        (resource_path("web", "HA_ResourceGroup"), "server"),
        (
            path(
                "HA_ResourceService",
                SystemCreationClassName="HA_Cluster",
                SystemName="LinuxHACluster",
                CreationClassName="HA_ResourceService",
                Name="cache",
            ),
            "cache",
        ),
    ],
)
def test_what_was_stopped_says_since_when(name: pywbem.CIMInstanceName, subject: str) -> None:
    hour_ms = 3_600_000
    past_events = (
        event(hour_ms, "resource-started", subject),
        event(2 * hour_ms, "resource-stopped", subject),
        event(3 * hour_ms, "resource-stopped", "other"),
    )
    seen = Provider(cluster(history=HistoryView(events=past_events)))
    assert str(got(seen, name)["TimeOfLastStateChange"]).startswith("20231115001320")
