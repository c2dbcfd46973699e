"""GetClass of each HA_ class lists what scripts for Linux-HA 2.1 know, with its type."""

import pytest

from cim_provider.schema import MODEL, ClassInfo, load_schema
from cim_provider.server.service import schema_texts

SCHEMA = load_schema(schema_texts())
_OBJECT = ("Id", "CreationClassName", "SystemName", "SystemCreationClassName")
_RESOURCE = (
    *_OBJECT,
    *("ResourceStatus", "Caption", "Enabled", "Description", "IsManaged", "OnStopFail"),
    *("RestartType", "MultipleActive", "ResourceStickiness", "StartPreRep"),
)
TEXTS = {
    "HA_Cluster": (
        *("CreationClassName", "Name", "Caption", "HBVersion", "NiceFailBack", "AutoFailBack"),
        *("KeepAlive", "WarnTime", "DeadTime", "InitDead", "DeadPing", "BaudRate", "UDPPort"),
        *("HOPFudge", "LogFacility", "LogFile", "DebugFile", "DebugLevel", "UseLogd"),
        *("ConnLogdTime", "LogBadPack", "CoreDump", "CoreRootDir", "GenMethod", "MsgFmt"),
        *("RealTime", "RTPriority", "WatchdogTimer", "Respawn", "WithCrm", "NormalPoll"),
        *("Stonith", "StonithHost", "BroadCastPath", "UniCastPath", "MultiCastPath"),
        *("SerialPath", "Aping", "AuthKey", "TransitionIdleTimeout", "SymmetricCluster"),
        *("StonithEnabled", "NoQuorumPolicy", "DefaultResourceStickiness", "HaveQuorum"),
    ),
    "HA_SoftwareIdentity": ("InstanceID", "VersionString", "Caption"),
    "HA_ClusterNode": (
        *("CreationClassName", "Name", "Caption", "OnLine", "Standby", "Unclean", "Shutdown"),
        *("ExpectedUp", "IsDC", "NodePing", "Status"),
    ),
    "HA_ClusterResource": _RESOURCE,
    "HA_PrimitiveResource": (*_RESOURCE, "ResourceClass", "Type", "Provider", "HostingNode"),
    "HA_ResourceGroup": _RESOURCE,
    "HA_ResourceClone": (
        *_RESOURCE,
        *("CloneMax", "CloneNodeMax", "Notify", "Ordered", "Interleave"),
    ),
    "HA_MasterSlaveResource": (
        *_RESOURCE,
        *("CloneMax", "CloneNodeMax", "MaxMasters", "MaxNodeMasters"),
    ),
    "HA_InstanceAttributes": ("Id", "ResourceId", "Name", "Value", "Caption"),
    "HA_Operation": (
        *("Id", "ResourceId", "Name", "Interval", "Timeout", "Caption", "Description", "PreReq"),
        *("OnFail", "Enabled"),
    ),
    "HA_ResourceConstraint": (*_OBJECT, "Caption"),
    "HA_OrderConstraint": (*_OBJECT, "Caption", "From", "OrderType", "To"),
    "HA_ColocationConstraint": (*_OBJECT, "Caption", "From", "To", "Score"),
    "HA_LocationConstraint": (*_OBJECT, "Caption", "Resource", "Score"),
    "HA_LocationConstraintRule": (
        *("Id", "ConstraintId", "Attribute", "Operation", "Value", "Caption"),
    ),
    "HA_ClusteringService": ("Id", "Caption"),
    "HA_Indication": ("Message",),
}
"""The properties of type string of each class."""
OTHERS = [
    ("HA_Cluster", "EnabledState", "uint16", False),
    ("HA_Cluster", "RequestedState", "uint16", False),
    ("HA_Cluster", "Node", "string", True),
    ("HA_Cluster", "APIAuth", "string", True),
    ("HA_Cluster", "PingNode", "string", True),
    ("HA_Cluster", "PingGroup", "string", True),
    ("HA_Cluster", "AuthMethod", "uint32", False),
    ("HA_SoftwareIdentity", "MajorVersion", "uint16", False),
    ("HA_SoftwareIdentity", "MinorVersion", "uint16", False),
    ("HA_SoftwareIdentity", "RevisionNumber", "uint16", False),
    ("HA_SoftwareIdentity", "BuildNumber", "uint16", False),
    ("HA_ParticipatingNode", "StateOfNode", "uint16", False),
    ("HA_ParticipatingNode", "RoleOfNode", "uint16", False),
    ("HA_Indication", "Type", "uint16", False),
    ("HA_Indication", "Time", "datetime", False),
]
"""The other properties: class, name, type, whether it is an array."""
ENDS = {
    "HA_ParticipatingNode": {"Dependent": "HA_Cluster", "Antecedent": "HA_ClusterNode"},
    "HA_InstalledSoftwareIdentity": {
        "System": "HA_Cluster",
        "InstalledSoftware": "HA_SoftwareIdentity",
    },
    "HA_HostedResource": {"Antecedent": "HA_ClusterNode", "Dependent": "HA_PrimitiveResource"},
    "HA_SubResource": {"Antecedent": "HA_ClusterResource", "Dependent": "HA_ClusterResource"},
    "HA_AttributesOfResource": {
        "Resource": "HA_PrimitiveResource",
        "InstanceAttributes": "HA_InstanceAttributes",
    },
    "HA_OperationOnResource": {"Resource": "HA_PrimitiveResource", "Operation": "HA_Operation"},
    "HA_RuleOfLocationConstraint": {
        "Constraint": "HA_LocationConstraint",
        "Rule": "HA_LocationConstraintRule",
    },
}
"""The ends of each association."""
METHODS = [
    ("HA_ClusteringService", "AddResource", "Resource"),
    ("HA_ResourceGroup", "AddPrimitiveResource", "Resource"),
    ("HA_ResourceClone", "AddResource", "Resource"),
    ("HA_MasterSlaveResource", "AddResource", "Resource"),
    ("HA_Cluster", "RequestStateChange", "RequestedState"),
]
"""The methods: class, name, first parameter."""


def info(name: str) -> ClassInfo:
    namespace = SCHEMA.namespace(MODEL)
    assert namespace is not None
    found = namespace.get(name)
    assert found is not None, name
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_classes_keep_the_texts_of_linux_ha(name: str) -> None:
    declared = info(name).declaration.properties
    for each in TEXTS[name]:
        assert each in declared, each
        assert (declared[each].type, declared[each].is_array) == ("string", False), each


@pytest.mark.parametrize(("name", "member", "kind", "is_array"), OTHERS)
def test_classes_keep_the_types_of_linux_ha(
    name: str, member: str, kind: str, is_array: bool
) -> None:
    declared = info(name).declaration.properties[member]
    assert (declared.type, declared.is_array) == (kind, is_array)


@pytest.mark.parametrize("name", ENDS)
def test_associations_keep_their_ends(name: str) -> None:
    declared = info(name).declaration
    assert declared.qualifiers["Association"].value
    for role, expected in ENDS[name].items():
        assert declared.properties[role].type == "reference", role
        end: str | None = expected
        lineage = []
        while end:
            lineage.append(end)
            end = info(end).superclass
        assert declared.properties[role].reference_class in lineage, role


@pytest.mark.parametrize(("name", "method", "parameter"), METHODS)
def test_methods_keep_their_names_and_answer_with_a_number(
    name: str, method: str, parameter: str
) -> None:
    declared = info(name).declaration.methods[method]
    assert declared.return_type == "uint32"
    assert parameter in declared.parameters
