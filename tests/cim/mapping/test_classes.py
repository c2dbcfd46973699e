"""Reads of the schema through the operations."""

import pytest

from cim_provider.wbem.operations import (
    AssociatorNames,
    Associators,
    Classes,
    ClassNames,
    EnumerateClasses,
    EnumerateClassNames,
    EnumerateQualifiers,
    Filters,
    GetClass,
    GetQualifier,
    Qualifiers,
    ReferenceNames,
    References,
    Selection,
)
from tests.cim.mapping.views import MODEL, Provider

ALL = Selection(local_only=False, include_qualifiers=True)
LOCAL = Selection(local_only=True, include_qualifiers=True)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def names(provider: Provider, *args: object) -> tuple[str, ...]:
    answer = provider.ask(EnumerateClassNames(MODEL, *args))  # type: ignore[arg-type]  # the tests' own
    assert isinstance(answer, ClassNames)
    return answer.items


def test_class_comes_with_what_it_inherits_marked_as_such(provider: Provider) -> None:
    answer = provider.ask(GetClass("ROOT/CIMV2", "ha_clusternode", ALL))
    assert isinstance(answer, Classes)
    (found,) = answer.items
    assert found.classname == "HA_ClusterNode"
    assert found.superclass == "CIM_ComputerSystem"
    assert found.properties["Caption"].propagated
    assert found.properties["Caption"].class_origin == "CIM_ManagedElement"
    assert not found.properties["OnLine"].propagated
    assert found.properties["Name"].qualifiers["Key"].value is True
    assert "RequestStateChange" in found.methods


def test_local_only_leaves_what_the_class_declares_itself(provider: Provider) -> None:
    answer = provider.ask(GetClass(MODEL, "HA_ClusterNode", LOCAL))
    assert isinstance(answer, Classes)
    (found,) = answer.items
    assert "OnLine" in found.properties
    assert "Status" in found.properties
    assert "Caption" not in found.properties
    assert {"RequestStateChange", "SetMaintenance", "Fence"} <= set(found.methods)
    assert "SetPowerState" not in found.methods, "its superclass declares that"
    bare = provider.ask(GetClass(MODEL, "HA_SoftwareIdentity", LOCAL))
    assert isinstance(bare, Classes)
    assert not bare.items[0].properties


def test_property_list_chooses_of_a_class_and_leaves_its_methods(provider: Provider) -> None:
    chosen = Selection(include_qualifiers=True, properties=("ONLINE", "Unheard"))
    answer = provider.ask(GetClass(MODEL, "HA_ClusterNode", chosen))
    assert isinstance(answer, Classes)
    assert list(answer.items[0].properties) == ["OnLine"]
    assert {"RequestStateChange", "SetMaintenance", "SetPowerState"} <= set(answer.items[0].methods)
    none = provider.ask(GetClass(MODEL, "HA_ClusterNode", Selection(properties=())))
    assert isinstance(none, Classes)
    assert not none.items[0].properties


def test_answers_do_not_change_the_schema(provider: Provider) -> None:
    provider.ask(GetClass(MODEL, "HA_ClusterNode", Selection(properties=())))
    answer = provider.ask(GetClass(MODEL, "HA_ClusterNode", ALL))
    assert isinstance(answer, Classes)
    assert "OnLine" in answer.items[0].properties


def test_class_names_are_those_of_the_next_level_or_of_all(provider: Provider) -> None:
    assert "CIM_ManagedElement" in names(provider)
    assert "HA_Cluster" not in names(provider)
    assert names(provider, "CIM_ComputerSystem") == ("CIM_Cluster", "HA_ClusterNode")
    assert names(provider, "cim_computersystem", True) == (
        *("CIM_Cluster", "HA_Cluster"),
        "HA_ClusterNode",
    )
    assert names(provider, "HA_ClusterNode", True) == ()
    everything = names(provider, None, True)
    assert len(everything) == len(set(everything)) > 50


def test_classes_are_those_of_the_names(provider: Provider) -> None:
    for name, deep in ((None, False), (None, True), ("CIM_Dependency", True)):
        answer = provider.ask(EnumerateClasses(MODEL, name, deep, ALL))
        assert isinstance(answer, Classes)
        assert tuple(each.classname for each in answer.items) == names(provider, name, deep)
    local = provider.ask(EnumerateClasses(MODEL, "CIM_ComputerSystem", True, LOCAL))
    assert isinstance(local, Classes)
    assert "Name" not in local.items[1].properties


def test_interop_has_its_own_classes_and_not_those_of_the_cluster(provider: Provider) -> None:
    answer = provider.ask(EnumerateClassNames("interop", None, True))
    assert isinstance(answer, ClassNames)
    assert "CIM_Namespace" in answer.items
    assert "HA_RegisteredProfile" in answer.items
    assert "HA_Cluster" not in answer.items
    for name in ("root/interop", "root/PG_InterOp"):
        assert provider.ask(EnumerateClassNames(name, None, True)) == answer


def test_qualifiers_are_read_one_by_one_and_all(provider: Provider) -> None:
    answer = provider.ask(EnumerateQualifiers(MODEL))
    assert isinstance(answer, Qualifiers)
    assert {"Key", "Description", "ValueMap", "Association"} <= {q.name for q in answer.items}
    one = provider.ask(GetQualifier(MODEL, "KEY"))
    assert isinstance(one, Qualifiers)
    assert one.items[0].name == "Key"


def test_schema_operations_say_what_does_not_exist(provider: Provider) -> None:
    assert provider.refused(GetClass(MODEL, "HA_Unheard")) == 6
    assert provider.refused(GetClass("root/other", "HA_Unheard")) == 3
    assert provider.refused(EnumerateClasses(MODEL, "HA_Unheard")) == 5
    assert provider.refused(EnumerateClasses("root/other")) == 3
    assert provider.refused(EnumerateClassNames(MODEL, "HA_Unheard")) == 5
    assert provider.refused(EnumerateClassNames("root/other")) == 3
    assert provider.refused(GetQualifier(MODEL, "Unheard")) == 6
    assert provider.refused(GetQualifier("root/other", "Key")) == 3
    assert provider.refused(EnumerateQualifiers("root/other")) == 3


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"assoc_class": "HA_HostedResource"}, {"HA_PrimitiveResource"}),
        ({"assoc_class": "HA_ParticipatingNode"}, {"HA_Cluster"}),
        ({"assoc_class": "CIM_ParticipatingCS"}, {"HA_Cluster", "CIM_Cluster"}),
        ({"result_class": "CIM_Cluster"}, {"HA_Cluster", "CIM_Cluster"}),
        ({"assoc_class": "HA_ParticipatingNode", "role": "Antecedent"}, {"HA_Cluster"}),
        ({"assoc_class": "HA_ParticipatingNode", "role": "Dependent"}, set()),
        ({"assoc_class": "HA_ParticipatingNode", "result_role": "dependent"}, {"HA_Cluster"}),
        ({"assoc_class": "HA_ParticipatingNode", "result_role": "Antecedent"}, set()),
        ({"assoc_class": "HA_SubResource"}, set()),
    ],
)
def test_classes_are_associated_by_what_their_associations_declare(
    provider: Provider, filters: dict[str, str], expected: set[str]
) -> None:
    answer = provider.ask(AssociatorNames(MODEL, "ha_clusternode", Filters(**filters)))
    assert isinstance(answer, ClassNames)
    assert set(answer.items) == expected
    full = provider.ask(Associators(MODEL, "HA_ClusterNode", Filters(**filters)))
    assert isinstance(full, Classes)
    assert tuple(each.classname for each in full.items) == answer.items


def test_classes_are_referred_to_by_associations_of_their_superclasses_too(
    provider: Provider,
) -> None:
    answer = provider.ask(ReferenceNames(MODEL, "HA_ClusterNode"))
    assert isinstance(answer, ClassNames)
    assert {"HA_HostedResource", "HA_ParticipatingNode", "CIM_Dependency"} <= set(answer.items)
    assert "HA_SubResource" not in answer.items
    filters = Filters(assoc_class="CIM_Dependency", role="antecedent")
    chosen = Selection(properties=("Antecedent",))
    full = provider.ask(References(MODEL, "HA_ClusterNode", filters, chosen))
    assert isinstance(full, Classes)
    assert "HA_ParticipatingNode" in [each.classname for each in full.items]
    assert all(list(each.properties) == ["Antecedent"] for each in full.items)


def test_class_that_refers_to_itself_at_both_ends_is_associated_with_itself(
    provider: Provider,
) -> None:
    filters = Filters(assoc_class="HA_SubResource")
    answer = provider.ask(AssociatorNames(MODEL, "HA_PrimitiveResource", filters))
    assert answer == ClassNames(("HA_ClusterResource",))
