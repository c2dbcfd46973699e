"""The declarations of mof/: they compile, keep the old names, and inherit as DSP0004 says."""

import pytest

from cim_provider.schema import (
    INTEROP_NAMES,
    MAX_TEXT,
    MODEL,
    NAMESPACES,
    ClassInfo,
    Schema,
    SchemaError,
    load_schema,
)
from cim_provider.server.service import schema_texts

QUALIFIERS = schema_texts()["00_qualifiers.mof"]
RESOURCE_KEYS = ("Id", "CreationClassName", "SystemName", "SystemCreationClassName")


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(schema_texts())


def info(schema: Schema, name: str, namespace: str = MODEL) -> ClassInfo:
    declared = schema.namespace(namespace)
    assert declared is not None
    found = declared.get(name)
    assert found is not None, name
    return found


def one(text: str) -> Schema:
    return load_schema({"00_qualifiers.mof": QUALIFIERS, "10_a.mof": text})


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("HA_Cluster", {"CreationClassName", "Name"}),
        ("HA_ClusterNode", {"CreationClassName", "Name"}),
        ("HA_SoftwareIdentity", {"InstanceID"}),
        ("HA_ClusterResource", set(RESOURCE_KEYS)),
        ("HA_PrimitiveResource", set(RESOURCE_KEYS)),
        ("HA_ResourceGroup", set(RESOURCE_KEYS)),
        ("HA_InstanceAttributes", {"Id", "ResourceId"}),
        ("HA_ParticipatingNode", {"Antecedent", "Dependent"}),
        ("HA_HostedResource", {"Antecedent", "Dependent"}),
        ("HA_SubResource", {"Antecedent", "Dependent"}),
        ("HA_InstalledSoftwareIdentity", {"System", "InstalledSoftware"}),
        ("HA_AttributesOfResource", {"Resource", "InstanceAttributes"}),
        ("HA_Operation", {"Id", "ResourceId"}),
        ("HA_OperationOnResource", {"Resource", "Operation"}),
        ("HA_OrderConstraint", set(RESOURCE_KEYS)),
        ("HA_ColocationConstraint", set(RESOURCE_KEYS)),
        ("HA_LocationConstraint", set(RESOURCE_KEYS)),
        ("HA_LocationConstraintRule", {"Id", "ConstraintId"}),
        ("HA_RuleOfLocationConstraint", {"Constraint", "Rule"}),
        ("HA_TicketConstraint", set(RESOURCE_KEYS)),
        ("HA_MetaAttributes", {"Id", "ResourceId"}),
        ("HA_NodeAttributes", {"Id", "NodeName"}),
        ("HA_ClusterProperty", {"Id"}),
        ("HA_Ticket", {"Id"}),
        ("HA_FencingLevel", {"Id"}),
        ("CIM_ElementConformsToProfile", {"ConformantStandard", "ManagedElement"}),
        ("CIM_ConcreteJob", {"InstanceID"}),
        (
            "CIM_Namespace",
            {
                *("SystemCreationClassName", "SystemName", "ObjectManagerCreationClassName"),
                *("ObjectManagerName", "CreationClassName", "Name"),
            },
        ),
    ],
)
def test_keys_are_those_that_scripts_name(schema: Schema, name: str, keys: set[str]) -> None:
    assert set(info(schema, name).keys) == keys


@pytest.mark.parametrize(
    ("name", "ancestor"),
    [
        ("HA_Cluster", "CIM_Cluster"),
        ("HA_Cluster", "CIM_ComputerSystem"),
        ("HA_ClusterNode", "CIM_ComputerSystem"),
        ("HA_PrimitiveResource", "CIM_EnabledLogicalElement"),
        ("HA_ResourceGroup", "HA_ClusterResource"),
        ("HA_SoftwareIdentity", "CIM_SoftwareIdentity"),
        ("HA_ParticipatingNode", "CIM_ParticipatingCS"),
        ("HA_HostedResource", "CIM_HostedDependency"),
        ("HA_SubResource", "CIM_Dependency"),
        ("HA_InstalledSoftwareIdentity", "CIM_InstalledSoftwareIdentity"),
        ("HA_ConcreteJob", "CIM_ManagedElement"),
    ],
)
def test_classes_are_what_consoles_ask_for(schema: Schema, name: str, ancestor: str) -> None:
    namespace = schema.namespace(MODEL)
    assert namespace is not None
    assert namespace.is_a(name.upper(), ancestor.lower())
    assert not namespace.is_a(ancestor, name)


def test_no_key_is_added_below_a_class_that_has_keys(schema: Schema) -> None:
    for namespace in schema.namespaces.values():
        for each in namespace.classes.values():
            parent = namespace.get(each.superclass)
            if parent is not None and parent.keys:
                assert set(each.keys) == set(parent.keys), each.name


def test_every_class_property_and_method_is_described_and_every_value_map_is_named(
    schema: Schema,
) -> None:
    for namespace in schema.namespaces.values():
        for each in namespace.classes.values():
            declared = each.declaration
            elements = [declared, *declared.properties.values(), *declared.methods.values()]
            for method in declared.methods.values():
                elements += method.parameters.values()
            for element in elements:
                assert element.qualifiers["Description"].value, f"{each.name}: {element}"
                values = element.qualifiers.get("Values")
                if values is not None:
                    numbers = element.qualifiers["ValueMap"].value
                    assert len(values.value) == len(numbers), f"{each.name}: {element.name}"


def test_references_name_classes_of_the_same_namespace(schema: Schema) -> None:
    for namespace in schema.namespaces.values():
        for each in namespace.classes.values():
            for declared in each.declaration.properties.values():
                if declared.type == "reference":
                    assert namespace.get(declared.reference_class), f"{each.name}.{declared.name}"


def test_namespaces_are_found_in_any_case_and_under_all_their_names(schema: Schema) -> None:
    for name in NAMESPACES:
        for spelled in (name, name.upper(), f"/{name}/"):
            found = schema.namespace(spelled)
            assert found is not None
            assert found.name == name
    assert schema.namespace("root/other") is None
    first, *others = (schema.namespace(name) for name in INTEROP_NAMES)
    assert first is not None
    assert all(other is not None and other.classes is first.classes for other in others)


def test_files_of_one_namespace_are_not_seen_in_the_other() -> None:
    loaded = load_schema(
        {
            "00_qualifiers.mof": QUALIFIERS,
            "10_both.mof": "class A { };",
            "20_model.cimv2.mof": "class B : A { };",
            "somewhere/30_server.interop.mof": "class C : A { };",
        }
    )
    names = {name: set(each.classes) for name, each in loaded.namespaces.items()}
    assert names == {
        MODEL: {"a", "b"},
        **{name.lower(): {"a", "c"} for name in INTEROP_NAMES},
    }


def test_subclasses_inherit_and_override_in_place() -> None:
    loaded = one(
        '[Description("a")] class A { [Key, Description("old")] string Id; uint8 B;'
        " uint32 M(); };"
        ' class B : A { [Override("B"), Description("new")] uint8 B = 3; string C; };'
        " class D : B { };"
    )
    found = info(loaded, "d")
    properties = found.declaration.properties
    assert list(properties) == ["Id", "B", "C"]
    assert found.keys == ("Id",)
    assert [each.class_origin for each in properties.values()] == ["A", "B", "B"]
    assert all(each.propagated for each in properties.values())
    assert properties["B"].qualifiers["Description"].value == "new"
    assert properties["B"].value == 3
    assert "Override" not in properties["B"].qualifiers
    assert found.declaration.methods["M"].propagated
    assert found.lineage == ("d", "b", "a")
    assert not info(loaded, "B").declaration.properties["B"].propagated


def test_qualifiers_of_the_class_alone_do_not_reach_its_subclasses() -> None:
    loaded = one(
        '[Abstract, Version("1.0.0"), Description("a")] class A { }; class B : A { };'
        "[Association] class X { [Key] A REF Left; [Key] A REF Right; }; class Y : X { };"
    )
    assert info(loaded, "A").is_abstract
    assert not info(loaded, "B").is_abstract
    inherited = info(loaded, "B").declaration.qualifiers
    assert "Version" not in inherited
    assert inherited["Description"].propagated
    assert info(loaded, "Y").is_association


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class A : Nowhere { };", "Nowhere"),
        ("class A { strin Id; };", "strin"),
        ("class A { string Id; }", "10_a.mof"),
        ("[Unheard] class A { };", "Unheard"),
        ("class A { };\n\nclass ] { };", "3"),
    ],
)
def test_text_that_does_not_compile_is_refused_with_file_and_fault(text: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words) as fault:
        one(text)
    assert "10_a.mof" in str(fault.value)


def test_no_text_and_far_too_much_text_are_refused() -> None:
    with pytest.raises(SchemaError, match="no MOF text"):
        load_schema({})
    with pytest.raises(SchemaError, match="characters together"):
        load_schema({"a.mof": "/" * (MAX_TEXT + 1)})
