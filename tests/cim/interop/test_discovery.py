"""What a console finds out about a server that it knows nothing of: with pywbem."""

from collections.abc import Iterator

import pytest
import pywbem

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.counters import Statistics
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.statistics import statistics_area
from tests.cim.mapping.views import IDENTITY, MODEL, cluster, node_path, schema
from tests.cim.server.harness import OBSERVER, Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    statistics = Statistics()
    area = statistics_area(statistics, lambda: 0)
    mapping = Mapping(schema(), MemoryEngine(cluster()), IDENTITY, [area])
    directory = tmp_path_factory.mktemp("served")
    with serving(directory, performer=mapping, statistics=statistics) as server:
        yield server


@pytest.fixture
def client(served: Served) -> pywbem.WBEMConnection:
    found = served.client(tls=True)
    found.default_namespace = MODEL
    return found


def counted(client: pywbem.WBEMConnection, name: str) -> pywbem.CIMInstance:
    found = client.EnumerateInstances("CIM_CIMOMStatisticalData", namespace="interop")
    return next(each for each in found if each["ElementName"] == name)


def local(path: pywbem.CIMInstanceName) -> pywbem.CIMInstanceName:
    found = path.copy()
    found.host = None
    return found


def test_every_request_is_counted_also_what_is_answered_from_memory(
    client: pywbem.WBEMConnection,
) -> None:
    path = node_path("n1")
    before = counted(client, "GetInstance")
    for _ in range(3):
        client.GetInstance(path)
    with pytest.raises(pywbem.CIMError):
        client.GetInstance(node_path("nobody"))
    after = counted(client, "GetInstance")
    assert after["NumberOfOperations"] - before["NumberOfOperations"] == 4
    assert after["ResponseSize"] > after["RequestSize"] > before["RequestSize"]
    assert after["ProviderElapsedTime"].timedelta > before["ProviderElapsedTime"].timedelta
    calls = counted(client, "InvokeMethod")["NumberOfOperations"]
    client.InvokeMethod("RequestStateChange", path, RequestedState=pywbem.Uint16(77))
    assert counted(client, "InvokeMethod")["NumberOfOperations"] == calls + 1


def test_administrator_alone_switches_the_counting(
    served: Served, client: pywbem.WBEMConnection
) -> None:
    (manager,) = client.EnumerateInstances("CIM_ObjectManager", namespace="interop")
    for wanted in (False, True):
        manager["GatherStatisticalData"] = wanted
        client.ModifyInstance(manager, PropertyList=["GatherStatisticalData"])
        assert client.GetInstance(manager.path)["GatherStatisticalData"] is wanted
        before = counted(client, "EnumerateClassNames")["NumberOfOperations"]
        client.EnumerateClassNames()
        after = counted(client, "EnumerateClassNames")["NumberOfOperations"]
        assert after == before + wanted
    with pytest.raises(pywbem.CIMError) as refused:
        served.client(OBSERVER).ModifyInstance(manager)
    assert refused.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED


def test_protocol_and_namespaces_are_found_from_the_one_server(
    client: pywbem.WBEMConnection,
) -> None:
    server = pywbem.WBEMServer(client)
    manager = server.cimom_inst
    assert manager["ElementName"] == server.brand
    mechanisms = client.Associators(manager.path, AssocClass="CIM_CommMechanismForManager")
    assert [each["CommunicationMechanism"] for each in mechanisms] == [2]
    assert mechanisms[0]["AuthenticationMechanismsSupported"] == [3]
    namespaces = client.Associators(manager.path, AssocClass="CIM_NamespaceInManager")
    assert {each["Name"] for each in namespaces} == set(server.namespaces)
    (system,) = client.Associators(manager.path, AssocClass="CIM_HostedService")
    assert system["Name"] == manager["SystemName"] == IDENTITY.host


def test_namespaces_can_neither_be_made_nor_removed(client: pywbem.WBEMConnection) -> None:
    server = pywbem.WBEMServer(client)
    with pytest.raises(pywbem.CIMError) as refused:
        server.create_namespace("root/mine")
    assert refused.value.status_code == pywbem.CIM_ERR_NOT_SUPPORTED
    with pytest.raises((pywbem.CIMError, pywbem.ModelError)):
        server.delete_namespace(MODEL)
    assert MODEL in pywbem.WBEMServer(client).namespaces


def test_walks_over_each_association_of_the_namespace_agree(
    client: pywbem.WBEMConnection,
) -> None:
    names = client.EnumerateClassNames(namespace="interop", DeepInheritance=True)
    walked = 0
    for name in names:
        declared = client.GetClass(name, namespace="interop", LocalOnly=False)
        if "Association" not in declared.qualifiers:
            continue
        roles = [p.name for p in declared.properties.values() if p.type == "reference"]
        for link in client.EnumerateInstances(name, namespace="interop"):
            near, far = (link[role] for role in roles)
            asked = {"AssocClass": name, "Role": roles[0], "ResultRole": roles[1]}
            assert local(far) in map(local, client.AssociatorNames(near, **asked))
            links = client.ReferenceNames(near, ResultClass=name, Role=roles[0])
            assert local(link.path) in map(local, links)
            walked += 1
    assert walked > 20
