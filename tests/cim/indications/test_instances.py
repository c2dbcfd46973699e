"""Filters, destinations and subscriptions as clients make, read, change and delete them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.indications.rows import ASSOCIATIONS, ROWS
from cim_provider.mapping.rows import AssociationRow, ClassRow
from cim_provider.wbem import operations
from tests.cim.indications.rig import (
    INTEROP,
    MODEL,
    NODES_CHANGE,
    Node,
    destination_of,
    filter_of,
    subscription_of,
)
from tests.cim.mapping.views import cluster, schema

URL = "http://127.0.0.1:9/"
ALREADY_EXISTS, FAILED, INVALID_PARAMETER, NOT_FOUND, NOT_SUPPORTED = 11, 1, 4, 6, 7
INVALID_QUERY, LANGUAGE, FEATURE = 15, 14, 29


def with_node(directory: Path, work: Callable[[Node], Awaitable[None]]) -> None:
    """Run with one server."""

    async def run() -> None:
        node = Node(MemoryEngine(cluster()), directory)
        try:
            await work(node)
        finally:
            await node.stop()

    asyncio.run(run())


async def refused(work: Awaitable[object]) -> tuple[int, str]:
    """Return code and words of the refusal."""
    with pytest.raises(pywbem.CIMError) as fault:
        await work
    return int(fault.value.status_code), str(fault.value.status_description)


async def read(node: Node, path: pywbem.CIMInstanceName) -> pywbem.CIMInstance:
    """Return an instance."""
    answer = await node.perform(operations.GetInstance(INTEROP, path))
    assert isinstance(answer, operations.Instances)
    return answer.items[0]


async def names(node: Node, class_name: str) -> list[pywbem.CIMInstanceName]:
    """Return the paths of the instances of a class, but for those that are always there."""
    answer = await node.perform(operations.EnumerateInstanceNames(INTEROP, class_name))
    assert isinstance(answer, operations.Paths)
    return [path for path in answer.items if not str(path.get("Name", "")).startswith("HA:")]


async def modify(node: Node, path: pywbem.CIMInstanceName, **values: object) -> None:
    """Change properties of an instance."""
    instance = pywbem.CIMInstance(path.classname, values, path=path)
    await node.perform(operations.ModifyInstance(INTEROP, instance))


def test_what_a_client_leaves_out_is_filled_in(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        paths = await node.subscribe(URL, NODES_CHANGE)
        chosen = await read(node, paths.filter)
        assert chosen["SystemName"] == "n1.example"
        assert chosen["SystemCreationClassName"] == "CIM_ComputerSystem"
        assert chosen["CreationClassName"] == "CIM_IndicationFilter"
        assert chosen["SourceNamespace"] == MODEL
        assert chosen["SourceNamespaces"] == [MODEL]
        destination = await read(node, paths.destination)
        assert destination["Protocol"] == 2
        assert destination["PersistenceType"] == 2
        subscription = await read(node, paths.subscription)
        assert subscription["OnFatalErrorPolicy"] == 2
        assert subscription["RepeatNotificationPolicy"] == 2
        assert subscription["SubscriptionState"] == 2
        assert subscription["SubscriptionStartTime"] is not None

    with_node(tmp_path, work)


def test_keys_that_are_given_are_kept_without_blanks(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        given = filter_of(NODES_CHANGE, "  mine ")
        given["SystemName"] = "somewhere.else"
        path = await node.create(given)
        assert (path["Name"], path["SystemName"]) == ("mine", "somewhere.else")
        assert (await read(node, path))["Query"] == NODES_CHANGE
        nameless = filter_of(NODES_CHANGE)
        del nameless["Name"]
        assert (await node.create(nameless))["Name"].startswith("beatkeeper:")

    with_node(tmp_path, work)


def test_what_is_in_use_is_not_deleted(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        paths = await node.subscribe(URL, NODES_CHANGE)
        for path in (paths.filter, paths.destination):
            code, text = await refused(node.delete(path))
            assert code == FAILED
            assert "is used by a subscription: delete that first" in text
        await node.delete(paths.subscription)
        await node.delete(paths.filter)
        await node.delete(paths.destination)
        assert (await refused(node.delete(paths.filter)))[0] == NOT_FOUND
        for class_name in ("CIM_IndicationFilter", "CIM_ListenerDestination"):
            assert await names(node, class_name) == []

    with_node(tmp_path, work)


@pytest.mark.parametrize(
    ("query", "language", "code"),
    [
        ("SELECT FROM", "WQL", INVALID_QUERY),
        ("SELECT * FROM CIM_InstModification WHERE", "WQL", INVALID_QUERY),
        ("SELECT * FROM CIM_InstModification WHERE NoSuch = 1", "WQL", INVALID_QUERY),
        ("SELECT * FROM CIM_AlertIndication ORDER BY Message", "DMTF:CQL", FEATURE),
        (NODES_CHANGE, "SQL", LANGUAGE),
        ("SELECT * FROM HA_ClusterNode", "WQL", INVALID_PARAMETER),
        ("SELECT * FROM CIM_NoSuchIndication", "WQL", INVALID_PARAMETER),
        ("", "WQL", INVALID_PARAMETER),
    ],
)
def test_a_bad_query_is_refused_when_the_filter_is_made(
    tmp_path: Path, query: str, language: str, code: int
) -> None:
    async def work(node: Node) -> None:
        assert (await refused(node.create(filter_of(query, language=language))))[0] == code
        assert await names(node, "CIM_IndicationFilter") == []

    with_node(tmp_path, work)


@pytest.mark.parametrize("language", ["WQL", "DMTF:CQL", "CIM:CQL", "CQL"])
def test_languages_under_all_their_names(tmp_path: Path, language: str) -> None:
    async def work(node: Node) -> None:
        path = await node.create(filter_of(NODES_CHANGE, language=language))
        assert (await read(node, path))["QueryLanguage"] == language

    with_node(tmp_path, work)


def test_namespaces_mirror_each_other_and_must_agree(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        old = filter_of(NODES_CHANGE, "old")
        del old["SourceNamespaces"]
        old["SourceNamespace"] = MODEL
        assert (await read(node, await node.create(old)))["SourceNamespaces"] == [MODEL]
        both = filter_of(NODES_CHANGE, "both")
        both["SourceNamespace"] = INTEROP
        assert (await refused(node.create(both)))[0] == INVALID_PARAMETER
        nowhere = filter_of(NODES_CHANGE, "nowhere")
        nowhere["SourceNamespaces"] = ["root/no/such"]
        assert (await refused(node.create(nowhere)))[0] == INVALID_PARAMETER

    with_node(tmp_path, work)


@pytest.mark.parametrize(
    "url", ["", "ftp://host/", "http://", "http://host:0/", "file:///etc/passwd"]
)
def test_a_destination_must_be_a_url_of_http(tmp_path: Path, url: str) -> None:
    async def work(node: Node) -> None:
        code, words = await refused(node.create(destination_of(url)))
        assert code == INVALID_PARAMETER
        assert "file" in words or not url

    with_node(tmp_path, work)


def test_the_same_twice_exists_already(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        paths = await node.subscribe(URL, NODES_CHANGE)
        again = subscription_of(paths.filter, paths.destination)
        assert (await refused(node.create(again)))[0] == ALREADY_EXISTS
        assert (await refused(node.create(filter_of(NODES_CHANGE))))[0] == ALREADY_EXISTS
        assert (await refused(node.create(destination_of(URL))))[0] == ALREADY_EXISTS

    with_node(tmp_path, work)


def test_a_subscription_needs_both_ends(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        paths = await node.subscribe(URL, NODES_CHANGE)
        missing = paths.filter.copy()
        missing["Name"] = "no such"
        given = subscription_of(missing, paths.destination)
        assert (await refused(node.create(given)))[0] in (INVALID_PARAMETER, NOT_FOUND)
        given = pywbem.CIMInstance("CIM_IndicationSubscription", {"Filter": paths.filter})
        assert (await refused(node.create(given)))[0] == INVALID_PARAMETER

    with_node(tmp_path, work)


@pytest.mark.parametrize("words", ["for the night shift", " ü\r\n<&> ", None])
def test_what_a_client_notes_on_a_subscription_is_kept(tmp_path: Path, words: str | None) -> None:
    async def work(node: Node) -> None:
        note = pywbem.CIMProperty("SubscriptionInfo", words, type="string")
        paths = await node.subscribe(URL, NODES_CHANGE, SubscriptionInfo=note)
        assert (await read(node, paths.subscription))["SubscriptionInfo"] == words
        await modify(node, paths.subscription, OnFatalErrorPolicy=pywbem.Uint16(4))
        assert (await read(node, paths.subscription))["SubscriptionInfo"] == words
        await node.delete(paths.subscription)
        too_long = subscription_of(paths.filter, paths.destination, SubscriptionInfo="x" * 257)
        code, text = await refused(node.create(too_long))
        assert code == INVALID_PARAMETER
        assert "SubscriptionInfo has 257 characters" in text

    with_node(tmp_path, work)


def test_policies_states_and_durations_can_be_changed(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        path = (await node.subscribe(URL, NODES_CHANGE)).subscription
        await modify(
            node,
            path,
            OnFatalErrorPolicy=pywbem.Uint16(4),
            SubscriptionState=pywbem.Uint16(4),
            SubscriptionDuration=pywbem.Uint64(3600),
        )
        found = await read(node, path)
        assert found["OnFatalErrorPolicy"] == 4
        assert found["SubscriptionState"] == 4
        assert found["SubscriptionDuration"] == 3600
        for name in ("OnFatalErrorPolicy", "SubscriptionState", "RepeatNotificationPolicy"):
            wrong = modify(node, path, **{name: pywbem.Uint16(1)})
            assert (await refused(wrong))[0] == INVALID_PARAMETER
        no_count = modify(node, path, RepeatNotificationPolicy=pywbem.Uint16(3))
        assert (await refused(no_count))[0] == INVALID_PARAMETER

    with_node(tmp_path, work)


def test_a_destination_can_move(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        path = (await node.subscribe(URL, NODES_CHANGE)).destination
        await modify(node, path, Destination="http://127.0.0.1:10/", ElementName="listener")
        found = await read(node, path)
        assert (found["Destination"], found["ElementName"]) == ("http://127.0.0.1:10/", "listener")
        wrong = modify(node, path, Destination="nowhere")
        assert (await refused(wrong))[0] == INVALID_PARAMETER

    with_node(tmp_path, work)


def test_a_filter_can_ask_something_else_if_that_is_understood(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        path = (await node.subscribe(URL, NODES_CHANGE)).filter
        other = "SELECT * FROM CIM_InstDeletion"
        await modify(node, path, Query=other, QueryLanguage="DMTF:CQL", ElementName="other")
        found = await read(node, path)
        assert (found["Query"], found["QueryLanguage"]) == (other, "DMTF:CQL")
        assert found["ElementName"] == "other"
        assert (await refused(modify(node, path, Query="SELECT")))[0] == INVALID_QUERY
        assert (await refused(modify(node, path, QueryLanguage="SQL")))[0] == LANGUAGE
        nowhere = modify(node, path, SourceNamespaces=["root/no/such"])
        assert (await refused(nowhere))[0] == INVALID_PARAMETER
        assert (await read(node, path))["Query"] == other

    with_node(tmp_path, work)


def test_the_service_can_be_set_and_forbid_filters(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        (path,) = await names(node, "CIM_IndicationService")
        assert (await read(node, path))["DeliveryRetryAttempts"] == 3
        await modify(
            node,
            path,
            FilterCreationEnabled=False,
            DeliveryRetryInterval=pywbem.Uint32(7),
            SubscriptionRemovalAction=pywbem.Uint16(4),
        )
        found = await read(node, path)
        assert found["DeliveryRetryInterval"] == 7
        assert found["SubscriptionRemovalAction"] == 4
        assert (await refused(node.create(filter_of(NODES_CHANGE))))[0] == NOT_SUPPORTED
        assert (await refused(node.delete(path)))[0] == NOT_SUPPORTED
        (able,) = await names(node, "CIM_IndicationServiceCapabilities")
        assert (await read(node, able))["SubscriptionsPersisted"] is True

    with_node(tmp_path, work)


def test_the_service_is_found_from_all_sides(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        paths = await node.subscribe(URL, NODES_CHANGE)
        (service,) = await names(node, "CIM_IndicationService")

        async def beside(path: pywbem.CIMInstanceName, link: str) -> set[str]:
            filters = operations.Filters(assoc_class=link)
            asked = operations.AssociatorNames(INTEROP, path, filters)
            answer = await node.perform(asked)
            assert isinstance(answer, operations.Paths)
            return {each.classname for each in answer.items}

        assert await beside(service, "CIM_HostedService") == {"CIM_ComputerSystem"}
        assert await beside(service, "CIM_ElementCapabilities") == {
            "CIM_IndicationServiceCapabilities"
        }
        assert await beside(service, "CIM_ServiceAffectsElement") == {
            "CIM_IndicationFilter",
            "CIM_ListenerDestinationCIMXML",
        }
        assert await beside(paths.filter, "CIM_IndicationSubscription") == {
            "CIM_ListenerDestinationCIMXML"
        }

    with_node(tmp_path, work)


def test_all_of_it_outlives_the_server_and_is_the_same_on_another(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        paths = await node.subscribe(URL, NODES_CHANGE)
        other = Node(MemoryEngine(cluster()), tmp_path, "n2")
        assert (await read(other, paths.subscription)).path == paths.subscription
        await other.stop()

    with_node(tmp_path, work)

    async def again(node: Node) -> None:
        (path,) = await names(node, "CIM_IndicationSubscription")
        assert (await read(node, path))["SubscriptionState"] == 2

    with_node(tmp_path, again)


def test_the_older_class_of_destinations_works_as_well(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        given = destination_of(URL, "old")
        old = pywbem.CIMInstance("CIM_IndicationHandlerCIMXML", given.properties)
        path = await node.create(old)
        chosen = await node.create(filter_of(NODES_CHANGE))
        await node.create(subscription_of(chosen, path))
        assert path in await names(node, "CIM_ListenerDestination")
        assert (await refused(node.delete(path)))[0] == FAILED

    with_node(tmp_path, work)


def test_a_password_in_a_url_is_not_told(tmp_path: Path) -> None:
    async def work(node: Node) -> None:
        path = await node.create(destination_of("http://me:secret@127.0.0.1:9/x"))
        shown = await read(node, path)
        assert shown["Destination"] == "http://me:hidden@127.0.0.1:9/x"
        await modify(node, path, Destination=shown["Destination"], PersistenceType=pywbem.Uint16(3))
        assert node.indications.held().destinations[0].url == "http://me:secret@127.0.0.1:9/x"

    with_node(tmp_path, work)


@pytest.mark.parametrize("row", [*ROWS, *ASSOCIATIONS], ids=lambda row: row.class_name)
def test_every_declared_property_has_a_source(row: ClassRow | AssociationRow) -> None:
    namespace = schema().namespace(INTEROP)
    assert namespace is not None
    info = namespace.get(row.class_name)
    assert info is not None
    assert set(info.types) - set(info.keys) == set(row.sources)
