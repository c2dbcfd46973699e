"""GetInstance, EnumerateInstances and EnumerateInstanceNames: parameters, keys and errors."""

import pytest
import pywbem

from cim_provider.wbem.operations import (
    EnumerateInstanceNames,
    EnumerateInstances,
    GetInstance,
    Instances,
    Paths,
    Selection,
    WrittenNumber,
)
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    cluster,
    cluster_path,
    node_path,
    path,
    primitive,
    resource_path,
)

ALL = Selection()


@pytest.fixture
def provider() -> Provider:
    return Provider()


def get(
    provider: Provider,
    name: pywbem.CIMInstanceName,
    selection: Selection = ALL,
    namespace: str = MODEL,
) -> pywbem.CIMInstance:
    answer = provider.ask(GetInstance(namespace, name, selection))
    assert isinstance(answer, Instances)
    (found,) = answer.items
    return found


def enumerated(
    provider: Provider, class_name: str, deep: bool = True, selection: Selection = ALL
) -> tuple[pywbem.CIMInstance, ...]:
    answer = provider.ask(EnumerateInstances(MODEL, class_name, deep, selection))
    assert isinstance(answer, Instances)
    return answer.items


def names(provider: Provider, class_name: str, namespace: str = MODEL) -> list[str]:
    answer = provider.ask(EnumerateInstanceNames(namespace, class_name))
    assert isinstance(answer, Paths)
    return [each.classname for each in answer.items]


def test_instance_has_its_keys_its_types_and_its_whole_path(provider: Provider) -> None:
    found = get(provider, node_path("n1"))
    assert found.path == node_path("n1")
    assert found["Name"] == "n1"
    assert found.properties["OperationalStatus"].type == "uint16"
    assert found["OperationalStatus"] == [2]
    assert isinstance(found["Incarnation"], pywbem.Uint64)
    assert found["IsDesignatedController"] is True
    assert found["IsDC"] == "True"


def test_datetime_is_one_in_utc(provider: Provider) -> None:
    changed = get(provider, cluster_path())["LastConfigurationChange"]
    assert isinstance(changed, pywbem.CIMDateTime)
    assert str(changed) == "20231114221320.000000+000"


def test_names_of_class_property_namespace_and_key_ignore_case(provider: Provider) -> None:
    odd = pywbem.CIMInstanceName(
        "ha_clusternode", {"NAME": "n1", "creationclassname": "HA_ClusterNode"}, None, MODEL
    )
    found = get(provider, odd, Selection(properties=("ONLINE", "name")), "ROOT/CimV2")
    assert found.classname == "HA_ClusterNode"
    assert list(found.keys()) == ["Name", "OnLine"]
    assert found.path.namespace == MODEL


def test_values_of_keys_do_not_ignore_case(provider: Provider) -> None:
    assert provider.refused(GetInstance(MODEL, node_path("N1"))) == 6


@pytest.mark.parametrize(
    "keys",
    [
        {"Id": "db"},
        {"Id": " db\n"},
        {"Id": "db", "SystemCreationClassName": "HA_LinuxHA", "SystemName": "x"},
        {"Id": "db", "CreationClassName": "HA_PrimitiveResource"},
    ],
)
def test_constant_keys_may_be_absent_or_different_as_old_scripts_have_them(
    provider: Provider, keys: dict[str, object]
) -> None:
    assert get(provider, path("HA_PrimitiveResource", **keys)).path == resource_path("db")


@pytest.mark.parametrize(
    ("class_name", "keys", "status"),
    [
        ("HA_PrimitiveResource", {"Id": "db", "Colour": "red"}, 4),
        ("HA_PrimitiveResource", {"CreationClassName": "HA_PrimitiveResource"}, 4),
        ("HA_PrimitiveResource", {}, 4),
        ("HA_PrimitiveResource", {None: "db"}, 4),
        ("HA_PrimitiveResource", {"Id": pywbem.Uint8(1)}, 4),
        ("HA_PrimitiveResource", {"Id": node_path("n1")}, 4),
        ("HA_PrimitiveResource", {"Id": "dba"}, 6),
        ("HA_ResourceGroup", {"Id": "db"}, 6),
        ("HA_ClusterResource", {"Id": "db"}, 6),
        ("CIM_ComputerSystem", {"CreationClassName": "HA_ClusterNode", "Name": "n1"}, 6),
        ("HA_Unheard", {"Id": "db"}, 5),
        ("HA_SoftwareIdentity", {"InstanceID": "LinuxHA:Other"}, 6),
        ("HA_HostedResource", {"Antecedent": "n2", "Dependent": "db"}, 4),
        ("HA_HostedResource", {"Antecedent": node_path("n2")}, 4),
        (
            "HA_HostedResource",
            {"Antecedent": node_path("n1"), "Dependent": resource_path("db")},
            6,
        ),
        (
            "HA_HostedResource",
            {"Antecedent": node_path("n9"), "Dependent": resource_path("db")},
            6,
        ),
        (
            "HA_HostedResource",
            {"Antecedent": path("HA_Unheard", Id="x"), "Dependent": resource_path("db")},
            6,
        ),
        (
            "HA_HostedResource",
            {
                "Antecedent": path("HA_ClusterNode", "root/other", Name="n2"),
                "Dependent": resource_path("db"),
            },
            6,
        ),
    ],
)
def test_keys_that_do_not_fit_and_keys_that_name_nothing_are_told_apart(
    provider: Provider, class_name: str, keys: dict[str, object], status: int
) -> None:
    name = pywbem.CIMInstanceName(class_name, keys, namespace=MODEL)
    assert provider.refused(GetInstance(MODEL, name)) == status


def test_single_key_needs_no_name(provider: Provider) -> None:
    bare = pywbem.CIMInstanceName("HA_SoftwareIdentity", {None: "LinuxHA:Cluster"}, None, MODEL)
    found = get(provider, bare)
    assert found["MajorVersion"] == 0
    assert found["MinorVersion"] == 1
    assert found.path.keybindings == {"InstanceID": "LinuxHA:Cluster"}


def test_digits_written_as_a_number_are_the_text_of_a_string_key() -> None:
    provider = Provider(cluster(primitives=(primitive("10"), primitive("010"), primitive("true"))))
    for text in ("10", "010"):
        key = WrittenNumber(text)
        assert get(provider, path("HA_PrimitiveResource", Id=key))["Id"] == text
    assert get(provider, path("HA_PrimitiveResource", Id=True))["Id"] == "true"


def test_association_is_found_by_its_references_however_they_are_written(
    provider: Provider,
) -> None:
    node = pywbem.CIMInstanceName("ha_clusternode", {"name": "n2"}, "elsewhere", "root/CIMV2")
    resource = path("HA_PrimitiveResource", Id="db", SystemName="x")
    resource.namespace = None
    found = get(provider, path("HA_HostedResource", antecedent=node, dependent=resource))
    assert found["Antecedent"] == node_path("n2")
    assert found["Dependent"] == resource_path("db")


def test_property_list_chooses_and_unknown_names_are_ignored(provider: Provider) -> None:
    chosen = Selection(properties=("OnLine", "Colour", "Standby"))
    assert list(get(provider, node_path("n1"), chosen).keys()) == ["OnLine", "Standby"]
    none = Selection(properties=())
    found = get(provider, node_path("n1"), none)
    assert not found.properties
    assert found.path == node_path("n1")


def test_every_declared_property_is_there_unless_a_list_says_otherwise(
    provider: Provider,
) -> None:
    for found in enumerated(provider, "CIM_ManagedElement"):
        declared = {each.name for each in found.properties.values()}
        assert {"InstanceID", "Caption", "ElementName"} <= declared
        assert all(each.class_origin for each in found.properties.values())


def test_superclass_gives_the_instances_of_its_subclasses(provider: Provider) -> None:
    assert names(provider, "CIM_ComputerSystem") == ["HA_Cluster"] + ["HA_ClusterNode"] * 4
    assert names(provider, "HA_ClusterResource") == [
        *["HA_PrimitiveResource"] * 4,
        "HA_ResourceGroup",
    ]
    hosted = {"HA_HostedResource", "HA_InstanceOnNode", "HA_HostedRedundancySet"}
    assert hosted <= set(names(provider, "CIM_HostedDependency"))
    depending = hosted | {"HA_ParticipatingNode", "HA_SubResource", "HA_IsSpare"}
    assert depending <= set(names(provider, "CIM_Dependency"))
    assert "HA_ResourceService" in names(provider, "CIM_Service")
    profiles = names(provider, "CIM_RegisteredProfile", "interop")
    assert set(profiles) == {"HA_RegisteredProfile"}


def test_names_and_instances_are_the_same_in_the_same_order(provider: Provider) -> None:
    answer = provider.ask(EnumerateInstanceNames(MODEL, "CIM_ManagedElement"))
    assert isinstance(answer, Paths)
    found = enumerated(provider, "CIM_ManagedElement")
    assert [each.path for each in found] == list(answer.items)


def test_deep_inheritance_decides_whether_properties_of_subclasses_come(
    provider: Provider,
) -> None:
    deep = enumerated(provider, "CIM_ComputerSystem", deep=True)
    shallow = enumerated(provider, "CIM_ComputerSystem", deep=False)
    assert [each.path for each in deep] == [each.path for each in shallow]
    assert "OnLine" in deep[1]
    assert "OnLine" not in shallow[1]
    assert "Dedicated" in shallow[1]
    assert shallow[1].classname == "HA_ClusterNode"


def test_deep_inheritance_and_property_list_limit_each_other(provider: Provider) -> None:
    chosen = Selection(properties=("OnLine", "Name"))
    deep = enumerated(provider, "CIM_ComputerSystem", True, chosen)
    assert list(deep[0].keys()) == ["Name"]
    assert list(deep[1].keys()) == ["Name", "OnLine"]
    shallow = enumerated(provider, "CIM_ComputerSystem", False, chosen)
    assert [list(each.keys()) for each in shallow] == [["Name"]] * 5


@pytest.mark.parametrize("kind", [EnumerateInstances, EnumerateInstanceNames])
def test_enumeration_says_what_does_not_exist(
    provider: Provider, kind: type[EnumerateInstances | EnumerateInstanceNames]
) -> None:
    assert provider.refused(kind("root/other", "HA_Unheard")) == 3
    assert provider.refused(kind(MODEL, "HA_Unheard")) == 5
    assert provider.refused(kind("interop", "HA_ClusterNode")) == 5


def test_get_instance_looks_at_the_namespace_first(provider: Provider) -> None:
    assert provider.refused(GetInstance("root/other", path("HA_Unheard"))) == 3


def test_all_objects_of_an_answer_are_of_one_moment(provider: Provider) -> None:
    before = enumerated(provider, "CIM_ManagedElement")
    provider.engine.change_node("n3", state="lost")
    after = enumerated(provider, "CIM_ManagedElement")
    cluster_before = next(each for each in before if each.classname == "HA_Cluster")
    cluster_after = next(each for each in after if each.classname == "HA_Cluster")
    assert (cluster_before["NodesOnline"], cluster_after["NodesOnline"]) == (4, 3)
    assert [n["OnLine"] for n in after if n.classname == "HA_ClusterNode"].count("True") == 3


def test_secrets_are_never_told(provider: Provider) -> None:
    for found in enumerated(provider, "CIM_ManagedElement"):
        assert "sesame" not in str(list(found.values()))
    hidden = get(provider, path("HA_InstanceAttributes", Id="db-password", ResourceId="db"))
    assert hidden["Value"] == "hidden"
    assert hidden["IsSecret"] is True
    assert get(provider, cluster_path())["AuthKey"] == "hidden"


def test_cluster_shows_links_by_their_medium_and_what_is_pinged() -> None:
    view = cluster(
        links=("ring0: n1 a port 1", "wide: n1 a port 2", "many: n1 a port 3", "cable: n1 /dev/b"),
        media=("udp", "broadcast", "multicast", "serial"),
        ping_targets=(("gateway", ("10.0.0.254",)), ("out", ("192.0.2.1", "192.0.2.2"))),
    )
    found = get(Provider(view), cluster_path())
    wanted = {
        "UniCastPath": "ring0: n1 a port 1",
        "BroadCastPath": "wide: n1 a port 2",
        "MultiCastPath": "many: n1 a port 3",
        "SerialPath": "cable: n1 /dev/b",
        "PingNode": ["10.0.0.254"],
        "PingGroup": ["out 192.0.2.1 192.0.2.2"],
    }
    assert {name: found[name] for name in wanted} == wanted
