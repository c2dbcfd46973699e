"""Associators and References of instances: filters, both directions, and agreement of all ways."""

from itertools import product

import pytest
import pywbem

from cim_provider.engine import ClusterView
from cim_provider.wbem.operations import (
    AssociatorNames,
    Associators,
    EnumerateInstanceNames,
    EnumerateInstances,
    Filters,
    Instances,
    Paths,
    ReferenceNames,
    References,
    Selection,
)
from tests.cim.mapping.views import (
    MODEL,
    Provider,
    all_views,
    cluster_path,
    node_path,
    path,
    resource_path,
    schema,
)

PROFILE = path(
    "HA_RegisteredProfile", "interop", InstanceID="LinuxHA:profile:Linux-HA:HA_Cluster:1.0.0"
)
NODE_CAPABILITIES = path(
    "HA_EnabledLogicalElementCapabilities", InstanceID="LinuxHA:cap:node-local"
)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def associated(
    provider: Provider, source: pywbem.CIMInstanceName, **filters: str
) -> list[pywbem.CIMInstanceName]:
    answer = provider.ask(AssociatorNames(source.namespace, source, Filters(**filters)))
    assert isinstance(answer, Paths)
    return list(answer.items)


def referring(
    provider: Provider, source: pywbem.CIMInstanceName, **filters: str
) -> list[pywbem.CIMInstanceName]:
    answer = provider.ask(ReferenceNames(source.namespace, source, Filters(**filters)))
    assert isinstance(answer, Paths)
    return list(answer.items)


def test_node_leads_to_its_cluster_its_resources_and_its_capabilities(
    provider: Provider,
) -> None:
    found = associated(provider, node_path("n1"))
    for expected in (
        cluster_path(),
        resource_path("ip"),
        resource_path("server"),
        path("HA_ResourceInstance", InstanceID="LinuxHA:rsc:n1:ip"),
        path("HA_ResourceInstance", InstanceID="LinuxHA:rsc:n1:server"),
        path("HA_NodeRedundancySet", InstanceID="LinuxHA:set:nodes"),
        NODE_CAPABILITIES,
    ):
        assert expected in found
    assert resource_path("db") not in found


def test_cluster_leads_to_everything_that_it_is_made_of(provider: Provider) -> None:
    found = associated(provider, cluster_path())
    assert found[:4] == [node_path(name) for name in ("n1", "n2", "n3", "w")]
    assert resource_path("web", "HA_ResourceGroup") in found
    assert resource_path("db") in found
    assert resource_path("ip") not in found
    assert PROFILE in found


def test_every_object_comes_once_however_many_ways_lead_to_it(provider: Provider) -> None:
    found = associated(provider, cluster_path(), result_class="HA_ClusterNode")
    assert len(found) == len(set(found)) == 4
    for filters in ({"assoc_class": "CIM_Dependency"}, {}):
        links = [each.to_wbem_uri() for each in referring(provider, node_path("n2"), **filters)]
        assert len(links) == len(set(links)) >= 3


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"assoc_class": "ha_subresource"}, ["ip", "server"]),
        ({"assoc_class": "CIM_Dependency"}, ["ip", "server"]),
        ({"assoc_class": "CIM_ConcreteComponent"}, ["ip", "server"]),
        ({"assoc_class": "CIM_SystemComponent"}, ["LinuxHACluster"]),
        ({"assoc_class": "HA_HostedResource"}, []),
        ({"result_class": "CIM_System"}, ["LinuxHACluster"]),
        ({"result_class": "ha_clusterresource"}, ["ip", "server"]),
        ({"role": "antecedent"}, ["ip", "server"]),
        ({"role": "Dependent"}, []),
        ({"role": "GROUPCOMPONENT"}, ["ip", "server"]),
        ({"role": "PartComponent"}, ["LinuxHACluster"]),
        ({"result_role": "dependent"}, ["ip", "server"]),
        ({"result_role": "Antecedent"}, []),
        ({"role": "PartComponent", "result_role": "GroupComponent"}, ["LinuxHACluster"]),
        ({"role": "PartComponent", "result_role": "Dependent"}, []),
        ({"role": "Unheard"}, []),
        ({"result_role": "Unheard"}, []),
        ({"assoc_class": "HA_SubResource", "result_class": "HA_Cluster"}, []),
    ],
)
def test_filters_of_associators(
    provider: Provider, filters: dict[str, str], expected: list[str]
) -> None:
    found = associated(provider, resource_path("web", "HA_ResourceGroup"), **filters)
    shown = [dict(each.keybindings) for each in found if "cap" not in str(each)]
    assert [keys.get("Id") or keys.get("Name") for keys in shown] == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (
            {"assoc_class": "CIM_HostedDependency"},
            ["HA_HostedResource"] * 2 + ["HA_InstanceOnNode"] * 2,
        ),
        ({"assoc_class": "HA_HostedResource", "role": "ANTECEDENT"}, ["HA_HostedResource"] * 2),
        ({"role": "Dependent"}, []),
        ({"role": "PartComponent"}, ["HA_ComponentCS"]),
        ({"role": "Unheard"}, []),
    ],
)
def test_filters_of_references(
    provider: Provider, filters: dict[str, str], expected: list[str]
) -> None:
    found = referring(provider, node_path("n1"), **filters)
    assert [each.classname for each in found] == expected


def test_property_list_and_paths_of_associators_and_references(provider: Provider) -> None:
    chosen = Selection(properties=("ONLINE", "Position", "Unheard"))
    answer = provider.ask(
        Associators(MODEL, cluster_path(), Filters(result_class="CIM_System"), chosen)
    )
    assert isinstance(answer, Instances)
    assert [list(each.keys()) for each in answer.items] == [["OnLine"]] * 4
    assert [each.path for each in answer.items] == [node_path(n) for n in ("n1", "n2", "n3", "w")]
    group = resource_path("web", "HA_ResourceGroup")
    answer = provider.ask(
        References(MODEL, group, Filters(assoc_class="HA_ResourceComponent"), chosen)
    )
    assert isinstance(answer, Instances)
    assert [dict(each.items()) for each in answer.items] == [{"Position": 0}, {"Position": 1}]
    answer = provider.ask(References(MODEL, group, selection=Selection(properties=())))
    assert isinstance(answer, Instances)
    assert all(not each.properties for each in answer.items)
    assert all(each.path.keybindings for each in answer.items)


def test_participation_says_how_a_node_takes_part(provider: Provider) -> None:
    provider.engine.change_node("n1", state="standby")
    filters = Filters(assoc_class="HA_ParticipatingNode")
    answer = provider.ask(References(MODEL, node_path("n1"), filters))
    assert isinstance(answer, Instances)
    (found,) = answer.items
    assert (found["StateOfNode"], found["RoleOfNode"]) == (3, 5)


@pytest.mark.parametrize("name", ["interop", "root/interop", "ROOT/pg_interop"])
def test_profile_and_cluster_lead_to_each_other_across_namespaces(
    provider: Provider, name: str
) -> None:
    profile = PROFILE.copy()
    profile.namespace = name
    filters = {"assoc_class": "CIM_ElementConformsToProfile"}
    assert associated(provider, profile, **filters) == [cluster_path()]
    assert PROFILE in associated(provider, cluster_path(), **filters)
    references = referring(provider, cluster_path(), **filters)
    assert PROFILE in [each["ConformantStandard"] for each in references]


@pytest.mark.parametrize("kind", [Associators, AssociatorNames, References, ReferenceNames])
def test_association_operations_say_what_does_not_exist(
    provider: Provider,
    kind: type[Associators | AssociatorNames | References | ReferenceNames],
) -> None:
    node = node_path("n1")
    assert provider.refused(kind("root/other", node)) == 3
    assert provider.refused(kind(MODEL, path("HA_Unheard", Id="x"))) == 4
    assert provider.refused(kind(MODEL, "HA_Unheard")) == 4
    assert provider.refused(kind(MODEL, node, Filters(assoc_class="HA_Unheard"))) == 4
    assert provider.refused(kind(MODEL, node, Filters(assoc_class="HA_Cluster"))) == 4
    assert provider.refused(kind(MODEL, node, Filters(result_class="HA_Unheard"))) == 4
    assert provider.refused(kind(MODEL, node_path("n9"))) == 6
    assert provider.refused(kind(MODEL, path("HA_ClusterNode", Colour="red"))) == 4


@pytest.mark.parametrize("view", [each for _, each in all_views()], ids=[n for n, _ in all_views()])
def test_all_ways_to_walk_an_association_agree_in_every_state_of_the_cluster(
    view: ClusterView,
) -> None:
    provider = Provider(view)
    for namespace in (MODEL, "interop"):
        objects = _ask_paths(provider, EnumerateInstanceNames(namespace, "CIM_ManagedElement"))
        walked = set()
        for source in objects:
            far = _ask_paths(provider, AssociatorNames(namespace, source))
            full = provider.ask(Associators(namespace, source))
            assert isinstance(full, Instances)
            assert [each.path for each in full.items] == far
            links = _ask_paths(provider, ReferenceNames(namespace, source))
            ends = {end for link in links for end in link.keybindings.values()}
            assert ends - {source} == set(far) - {source}, source
            walked |= set(links)
        assert walked == set(_all_associations(provider, namespace))


def _ask_paths(
    provider: Provider, asked: EnumerateInstanceNames | AssociatorNames | ReferenceNames
) -> list[pywbem.CIMInstanceName]:
    answer = provider.ask(asked)
    assert isinstance(answer, Paths)
    return list(answer.items)


def _all_associations(provider: Provider, namespace: str) -> list[pywbem.CIMInstanceName]:
    declared = schema().namespace(namespace)
    assert declared is not None
    found = []
    for root in (each.name for each in declared.subclasses("", deep=False) if each.is_association):
        answer = provider.ask(EnumerateInstances(namespace, root))
        assert isinstance(answer, Instances)
        found += [each.path for each in answer.items]
    return found


def test_walks_of_an_association_that_begin_at_any_member_come_back(provider: Provider) -> None:
    objects = _ask_paths(provider, EnumerateInstanceNames(MODEL, "CIM_ManagedElement"))
    pairs = {(a, b) for a in objects for b in associated(provider, a) if b.namespace == MODEL}
    assert pairs
    assert all((b, a) in pairs for a, b in product(objects, objects) if (a, b) in pairs)
