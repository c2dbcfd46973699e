"""Answers in parts, with a real pywbem client: contexts, times, bounds, filters, queries."""

import asyncio
from collections.abc import Iterator

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.area import Area
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import PullLimits
from cim_provider.mapping.rows import Column, Ref, class_row
from cim_provider.wbem import operations
from tests.cim.mapping.things import MODEL, ThingSite, thing_schema, thing_site
from tests.cim.mapping.views import IDENTITY, cluster, cluster_path, node_path
from tests.cim.server.harness import OBSERVER

LIMITS = PullLimits(timeout_s=60, timeout_s_max=900, per_user=8, total=12, objects_per_page=50)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("pulls"), LIMITS) as found:
        yield found


@pytest.fixture
def client(site: ThingSite) -> pywbem.WBEMConnection:
    site.clear()
    site.clock.now_s += 10_000
    site.pulls.expire()
    found = site.client()
    for number in range(7):
        new = {
            "Id": f"t{number}",
            "a_string": f"text {number}",
            "a_uint32": pywbem.Uint32(number),
            "a_boolean": number % 2 == 0,
            "l_uint16": [pywbem.Uint16(number), pywbem.Uint16(100)],
            "a_datetime": pywbem.CIMDateTime(f"202402290{number}0000.000000+000"),
            "Part": pywbem.CIMProperty(
                "Part",
                pywbem.CIMInstance("TST_Part", {"Name": f"p{number}"}),
                embedded_object="instance",
            ),
        }
        found.CreateInstance(pywbem.CIMInstance("TST_Thing", new))
    return found


def status(call: object, *args: object, **more: object) -> int:
    return fault(call, *args, **more)[0]


def fault(call: object, *args: object, **more: object) -> tuple[int, str]:
    with pytest.raises(pywbem.CIMError) as caught:
        call(*args, **more)  # type: ignore[operator]  # a method of the client
    return int(caught.value.status_code), caught.value.status_description


def count(client: pywbem.WBEMConnection, context: tuple[str, str]) -> int:
    """Return what EnumerationCount says, for which pywbem has no method."""
    found = client._imethodcall("EnumerationCount", context[1], EnumerationContext=context[0])
    return int(found[0][2][0])


def ids(found: object) -> list[str]:
    """Return which things these instances or paths are, by number."""
    return [str(getattr(each, "path", each).keybindings["Id"])[1:] for each in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 1000])
def test_every_object_comes_once_and_in_order_whatever_the_size_of_the_parts(
    client: pywbem.WBEMConnection, size: int
) -> None:
    page = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=size)
    found, counts = list(page.instances), [len(page.instances)]
    while not page.eos:
        assert page.context[0]
        page = client.PullInstancesWithPath(page.context, MaxObjectCount=size)
        found += page.instances
        counts.append(len(page.instances))
    assert page.context is None
    assert max(counts) <= size
    whole = client.EnumerateInstances("TST_Thing")
    assert [each.properties for each in found] == [each.properties for each in whole]
    assert ids(found) == ids(whole)
    assert all(each.path.namespace == MODEL and each.path.host for each in found)


def test_every_kind_of_answer_can_be_pulled(client: pywbem.WBEMConnection) -> None:
    n1 = node_path("n1")
    pairs = (
        (client.OpenEnumerateInstances, client.EnumerateInstances, "CIM_ManagedElement"),
        (client.OpenEnumerateInstancePaths, client.EnumerateInstanceNames, "CIM_ManagedElement"),
        (client.OpenReferenceInstances, client.References, n1),
        (client.OpenReferenceInstancePaths, client.ReferenceNames, n1),
        (client.OpenAssociatorInstances, client.Associators, n1),
        (client.OpenAssociatorInstancePaths, client.AssociatorNames, n1),
    )
    for opened, whole, about in pairs:
        page = opened(about, MaxObjectCount=2)
        has_paths = "Path" in opened.__name__
        pull = client.PullInstancePaths if has_paths else client.PullInstancesWithPath
        found = list(page.paths if has_paths else page.instances)
        while not page.eos:
            page = pull(page.context, MaxObjectCount=5)
            found += page.paths if has_paths else page.instances
        expected = whole(about)
        assert len(expected) > 2, opened.__name__
        if has_paths:
            assert [each.keybindings for each in found] == [each.keybindings for each in expected]
        else:
            assert [dict(each) for each in found] == [dict(each) for each in expected]


def test_pywbem_iterates_with_pull_operations(client: pywbem.WBEMConnection) -> None:
    pulling = pywbem.WBEMConnection(
        client.url, client.creds, client.default_namespace, use_pull_operations=True
    )
    n1 = node_path("n1")
    assert ids(pulling.IterEnumerateInstances("TST_Thing", MaxObjectCount=2)) == list("0123456")
    assert ids(pulling.IterEnumerateInstancePaths("TST_Thing", MaxObjectCount=3)) == list("0123456")
    for each, whole in (
        (pulling.IterReferenceInstances, pulling.References),
        (pulling.IterReferenceInstancePaths, pulling.ReferenceNames),
        (pulling.IterAssociatorInstances, pulling.Associators),
        (pulling.IterAssociatorInstancePaths, pulling.AssociatorNames),
    ):
        assert len(list(each(n1, MaxObjectCount=1))) == len(whole(n1)) > 1
    selected = pulling.IterQueryInstances("WQL", "SELECT a_string FROM TST_Thing", MaxObjectCount=2)
    assert [each["a_string"] for each in selected.generator] == [f"text {n}" for n in range(7)]


def test_an_enumeration_opened_without_objects_brings_them_with_the_first_pull(
    client: pywbem.WBEMConnection,
) -> None:
    for about, count in (("TST_Thing", 7), ("TST_SubThing", 0)):
        page = client.OpenEnumerateInstances(about)
        assert (page.instances, page.eos) == ([], False)
        kept = client.PullInstancesWithPath(page.context, MaxObjectCount=0)
        assert (kept.instances, kept.eos) == ([], False)
        last = client.PullInstancesWithPath(kept.context, MaxObjectCount=10)
        assert (len(last.instances), last.eos) == (count, True)
    empty = client.OpenEnumerateInstances("TST_SubThing", MaxObjectCount=1)
    assert (empty.instances, empty.eos) == ([], True)


def test_an_enumeration_is_of_the_moment_when_it_was_opened(
    client: pywbem.WBEMConnection,
) -> None:
    page = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=3)
    client.DeleteInstance(pywbem.CIMInstanceName("TST_Thing", {"Id": "t5"}))
    client.CreateInstance(pywbem.CIMInstance("TST_Thing", {"Id": "t7"}))
    page = client.PullInstancesWithPath(page.context, MaxObjectCount=100)
    assert ids(page.instances) == list("3456")


def test_a_context_is_good_on_every_connection_of_its_user_and_for_nobody_else(
    client: pywbem.WBEMConnection, site: ThingSite
) -> None:
    page = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=3)
    stranger = site.client(user=OBSERVER)
    assert status(stranger.PullInstancesWithPath, page.context, MaxObjectCount=1) == 21
    assert status(count, stranger, page.context) == 21
    assert status(stranger.CloseEnumeration, page.context) == 21
    again = site.client(tls=True).PullInstancesWithPath(page.context, MaxObjectCount=2)
    assert ids(again.instances) == ["3", "4"]


def test_contexts_that_are_wrong_are_refused_and_nothing_is_lost(
    client: pywbem.WBEMConnection,
) -> None:
    page = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=3)
    for context in (("nonsense", MODEL), ("", MODEL), (page.context[0], "interop")):
        assert status(client.PullInstancesWithPath, context, MaxObjectCount=1) == 21
    assert status(client.PullInstancesWithPath, (page.context[0], "root/no"), MaxObjectCount=1) == 3
    refusal = fault(client.PullInstancePaths, page.context, MaxObjectCount=1)
    assert refusal[0] == 21
    assert "PullInstancesWithPath" in refusal[1]
    assert status(client.PullInstances, page.context, MaxObjectCount=1) == 21
    assert ids(client.PullInstancesWithPath(page.context, MaxObjectCount=9).instances) == list(
        "3456"
    )
    assert status(client.PullInstancesWithPath, page.context, MaxObjectCount=1) == 21


def test_an_enumeration_goes_on_under_another_name_of_its_namespace(
    client: pywbem.WBEMConnection,
) -> None:
    page = client.OpenEnumerateInstancePaths("CIM_Namespace", "interop", MaxObjectCount=1)
    token = page.context[0]
    more = client.PullInstancePaths((token, "root/PG_InterOp"), MaxObjectCount=2)
    rest = client.PullInstancePaths((token, "ROOT/interop"), MaxObjectCount=9)
    found = [*page.paths, *more.paths, *rest.paths]
    whole = client.EnumerateInstanceNames("CIM_Namespace", "interop")
    assert [each.keybindings for each in found] == [each.keybindings for each in whole]
    seen = [[each.namespace for each in part.paths] for part in (page, more, rest)]
    assert seen == [["interop"], ["root/PG_InterOp"] * 2, ["root/interop"] * 2]
    assert rest.eos


def test_what_is_left_is_counted_until_it_is_closed(client: pywbem.WBEMConnection) -> None:
    page = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=3)
    assert count(client, page.context) == 4
    client.CloseEnumeration(page.context)
    assert status(count, client, page.context) == 21
    assert status(client.CloseEnumeration, page.context) == 21


def test_an_enumeration_that_nobody_asks_about_in_time_is_forgotten(
    client: pywbem.WBEMConnection, site: ThingSite
) -> None:
    clock = site.clock
    page = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=1, OperationTimeout=10)
    unnamed = client.OpenEnumerateInstances("TST_Thing", MaxObjectCount=1)
    for _ in range(3):
        clock.now_s += 9
        client.PullInstancesWithPath(page.context, MaxObjectCount=0)
    clock.now_s += 10
    assert status(client.PullInstancesWithPath, page.context, MaxObjectCount=1) == 21
    assert len(site.pulls) == 1
    client.EnumerateInstanceNames("TST_Base")
    clock.now_s += 60
    client.EnumerateInstanceNames("TST_Base")  # any request frees it, also one that is kept
    assert len(site.pulls) == 0
    assert status(client.CloseEnumeration, unnamed.context) == 21


@pytest.mark.parametrize("timeout_s", [0, 901, 2**32 - 1])
def test_times_that_are_not_offered_are_refused(
    client: pywbem.WBEMConnection, timeout_s: int
) -> None:
    refusal = fault(client.OpenEnumerateInstances, "TST_Thing", OperationTimeout=timeout_s)
    assert refusal == (22, f"OperationTimeout is {timeout_s}, expected 1 to 900 seconds")


def test_open_enumerations_are_bounded_for_each_user_and_for_all(
    client: pywbem.WBEMConnection, site: ThingSite
) -> None:
    mine = [client.OpenEnumerateInstancePaths("TST_Thing") for _ in range(LIMITS.per_user)]
    assert status(client.OpenEnumerateInstancePaths, "TST_Thing") == 27
    other = site.client(user=OBSERVER)
    for _ in range(LIMITS.total - LIMITS.per_user):
        other.OpenEnumerateInstancePaths("TST_Thing")
    assert status(other.OpenEnumerateInstancePaths, "TST_Thing") == 27
    # What ends with its first part needs no room.
    assert client.OpenEnumerateInstancePaths("TST_Thing", MaxObjectCount=9).eos
    client.CloseEnumeration(mine[0].context)
    assert len(site.pulls) == LIMITS.total - 1


def test_one_part_is_bounded_whatever_the_client_asks_for(client: pywbem.WBEMConnection) -> None:
    for number in range(7, 60):
        client.CreateInstance(pywbem.CIMInstance("TST_Thing", {"Id": f"t{number}"}))
    page = client.OpenEnumerateInstancePaths("TST_Thing", MaxObjectCount=2**32 - 1)
    assert (len(page.paths), page.eos) == (LIMITS.objects_per_page, False)
    page = client.PullInstancePaths(page.context, MaxObjectCount=1000)
    assert (len(page.paths), page.eos) == (10, True)


def test_errors_of_the_read_are_those_of_the_whole_read(client: pywbem.WBEMConnection) -> None:
    assert status(client.OpenEnumerateInstances, "TST_Unheard") == 5
    assert status(client.OpenEnumerateInstances, "TST_Thing", namespace="root/no") == 3
    assert status(client.OpenAssociatorInstances, node_path("n9")) == 6
    assert status(client.OpenAssociatorInstances, node_path("n1"), AssocClass="TST_Unheard") == 4


def test_going_on_after_an_error_makes_no_difference_as_there_is_none(
    client: pywbem.WBEMConnection,
) -> None:
    page = client.OpenEnumerateInstances("TST_Thing", ContinueOnError=True, MaxObjectCount=10)
    assert (ids(page.instances), page.eos) == (list("0123456"), True)


def test_what_is_shown_is_chosen_as_with_the_whole_read(client: pywbem.WBEMConnection) -> None:
    page = client.OpenEnumerateInstances(
        "TST_Thing", PropertyList=["A_STRING", "Colour"], MaxObjectCount=1, IncludeClassOrigin=True
    )
    (first,) = page.instances
    assert list(first.keys()) == ["a_string"]
    assert first.properties["a_string"].class_origin == "TST_Thing"
    bare = client.OpenEnumerateInstances("TST_Thing", PropertyList=[], MaxObjectCount=1)
    assert not bare.instances[0].keys()
    client.CreateInstance(pywbem.CIMInstance("TST_SubThing", {"Id": "t9"}))
    flat = client.OpenEnumerateInstances("TST_Base", DeepInheritance=False, MaxObjectCount=20)
    assert {tuple(each.keys()) for each in flat.instances} == {("Id",)}
    assert {each.classname for each in flat.instances} == {"TST_Thing", "TST_SubThing"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a_string = 'text 3'", "3"),
        ("A_STRING = 'text 3'", "3"),
        ("a_uint32 >= 2 AND NOT a_uint32 > 3", "23"),
        ("a_boolean = true", "0246"),
        ("a_boolean IS FALSE OR Id = 't0'", "0135"),
        ("ANY l_uint16 = 5", "5"),
        ("EVERY l_uint16 > 4", "56"),
        ("l_uint16[0] = 6 AND l_uint16[1] = 100", "6"),
        ("Id LIKE 't[1-3]'", "123"),
        ("a_string LIKE '.*4'", "4"),
        ("a_datetime > '20240229050000.000000+060'", "56"),
        ("Part.Name = 'p2'", "2"),
        ("Part ISA TST_Part AND Part.Name <> 'p2'", "013456"),
        ("a_uint8 IS NULL", "0123456"),
        ("OBJECTPATH() = OBJECTPATH('root/cimv2:TST_Thing.Id=\"t4\"')", "4"),
        ("OBJECTPATH(Part) = OBJECTPATH('TST_Part.Name=\"p2\"')", "2"),
        ("OBJECTPATH(Part) = OBJECTPATH('nonsense')", ""),
        ("Part.Colour = 'red' OR Part.Size = 1", ""),
        ("a_string = 'blah'", ""),
    ],
)
def test_filters_choose_objects(client: pywbem.WBEMConnection, query: str, expected: str) -> None:
    page = client.OpenEnumerateInstances(
        "TST_Thing",
        FilterQueryLanguage="DMTF:FQL",
        FilterQuery=query,
        MaxObjectCount=100,
        PropertyList=["Fixed"],
    )
    assert page.eos
    assert ids(page.instances) == list(expected)
    paths = client.OpenEnumerateInstancePaths(
        "TST_Thing", FilterQueryLanguage="DMTF:FQL", FilterQuery=query, MaxObjectCount=100
    )
    assert ids(paths.paths) == list(expected)


def test_filters_choose_among_what_is_associated(client: pywbem.WBEMConnection) -> None:
    running = {"FilterQueryLanguage": "DMTF:FQL", "FilterQuery": "Id = 'ip'"}
    page = client.OpenAssociatorInstances(
        node_path("n1"), ResultClass="HA_PrimitiveResource", MaxObjectCount=100, **running
    )
    assert [each["Id"] for each in page.instances] == ["ip"]
    links = client.OpenReferenceInstances(
        cluster_path(),
        FilterQueryLanguage="DMTF:FQL",
        FilterQuery=f"Antecedent = OBJECTPATH('{node_path('n2')}')",
        MaxObjectCount=100,
    )
    assert [each["Antecedent"].keybindings["Name"] for each in links.instances] == ["n2"]


@pytest.mark.parametrize(
    ("language", "query", "expected"),
    [
        ("DMTF:FQL", None, 4),
        (None, "a_uint32 = 1", 4),
        ("BLAH", "a_uint32 = 1", 14),
        ("dmtf:fql", "a_uint32 = 1", 14),
        ("WQL", "SELECT * FROM TST_Thing", 25),
        ("DMTF:FQL", "blah", 15),
        ("DMTF:FQL", "a_uint32 = 'NotANumber'", 15),
        ("DMTF:FQL", "a_uint32 = 123a", 15),
        ("DMTF:FQL", "a_boolean = 1234", 15),
        ("DMTF:FQL", "Colour = 'red'", 15),
        ("DMTF:FQL", "", 15),
        ("DMTF:FQL", "SELECT * FROM TST_Thing", 15),
        ("DMTF:FQL", "UPPERCASE(a_string) = 'X'", 29),
    ],
)
def test_filters_that_cannot_be_carried_out_are_refused(
    client: pywbem.WBEMConnection, language: str | None, query: str | None, expected: int
) -> None:
    given = {"FilterQueryLanguage": language, "FilterQuery": query}
    assert status(client.OpenEnumerateInstances, "TST_Thing", MaxObjectCount=1, **given) == expected


@pytest.mark.parametrize("language", ["WQL", "DMTF:CQL"])
def test_queries_select_objects_and_properties(
    client: pywbem.WBEMConnection, language: str
) -> None:
    whole = client.ExecQuery(language, "SELECT * FROM TST_Thing WHERE a_uint32 < 2")
    assert [each["Id"] for each in whole] == ["t0", "t1"]
    assert [each.path.keybindings["Id"] for each in whole] == ["t0", "t1"]
    query = "SELECT A_String, Id FROM tst_base WHERE ANY l_uint16 = 3"
    (one,) = client.ExecQuery(language, query)
    assert dict(one) == {"Id": "t3", "a_string": "text 3"}
    page = client.OpenQueryInstances(language, query, ReturnQueryResultClass=True, MaxObjectCount=1)
    assert [dict(each) for each in page.instances] == [dict(one)]
    assert page.query_result_class.classname == "TST_Base"
    everything = "SELECT * FROM TST_Thing"
    page = client.OpenQueryInstances(language, everything, MaxObjectCount=4)
    assert status(client.PullInstancesWithPath, page.context, MaxObjectCount=4) == 21
    rest = client.PullInstances(page.context, MaxObjectCount=4)
    assert [each["Id"] for each in (*page.instances, *rest.instances)] == [
        f"t{n}" for n in range(7)
    ]


@pytest.mark.parametrize(
    ("language", "query", "expected"),
    [
        ("wql", "SELECT * FROM TST_Thing", 14),
        ("DMTF:FQL", "a_uint32 = 1", 14),
        ("WQL", "SELECT * FROM TST_Unheard", 5),
        ("WQL", "nonsense", 15),
        ("WQL", "SELECT Colour FROM TST_Thing", 15),
        ("WQL", "SELECT * FROM TST_Thing WHERE Colour = 1", 15),
        ("WQL", "SELECT * FROM TST_Thing WITHIN 5 WHERE a_uint8 = 1", 29),
        ("WQL", "SELECT Part.Name FROM TST_Thing", 29),
        ("DMTF:CQL", "SELECT * FROM TST_Thing, TST_Link", 29),
    ],
)
def test_queries_that_cannot_be_carried_out_are_refused(
    client: pywbem.WBEMConnection, language: str, query: str, expected: int
) -> None:
    assert status(client.ExecQuery, language, query) == expected
    assert status(client.OpenQueryInstances, language, query, MaxObjectCount=1) == expected


def test_wql_and_cql_have_their_own_patterns(client: pywbem.WBEMConnection) -> None:
    def found(language: str, pattern: str) -> list[str]:
        query = f"SELECT Id FROM TST_Thing WHERE a_string LIKE '{pattern}'"
        return [each["Id"] for each in client.ExecQuery(language, query)]

    assert found("WQL", "%_3") == ["t3"]
    assert found("WQL", "t.*") == []
    assert found("DMTF:CQL", ".*3") == ["t3"]
    assert found("DMTF:CQL", "text_3") == []


def test_answers_about_what_changes_by_itself_are_of_the_moment() -> None:
    class Ticks:
        """Objects that change without a new version."""

        def __init__(self) -> None:
            self.count = 0

    ticks = Ticks()
    row = class_row(
        "TST_Part",
        ("Name",),
        lambda _: ["a"] if ticks.count else [],
        lambda name: Ref("TST_Part", (("Name", name),)),
        (Column("Size", "ticks", lambda _: ticks.count),),
        is_volatile=True,
    )
    performer = Mapping(thing_schema(), MemoryEngine(cluster()), IDENTITY, [Area(rows=(row,))])
    path = pywbem.CIMInstanceName("TST_Part", {"Name": "a"}, namespace=MODEL)
    query = operations.ExecQuery(MODEL, "WQL", "SELECT Size FROM TST_Part")
    names = operations.EnumerateInstanceNames(MODEL, "TST_Part")
    whole = operations.EnumerateInstances(MODEL, "TST_Part")
    one, value = operations.GetInstance(MODEL, path), operations.GetProperty(MODEL, path, "Size")
    other = operations.EnumerateInstances(MODEL, "HA_Cluster")

    def lasts(asked: operations.Read) -> bool:
        return operations.is_lasting(asked, asyncio.run(performer.perform(asked, "ann")))

    assert [lasts(asked) for asked in (query, names, whole, other)] == [False, False, False, True]
    ticks.count = 5
    assert not any(lasts(asked) for asked in (query, names, whole, one, value))
    assert lasts(other)
