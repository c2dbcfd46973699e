"""What the pictures of the schema book show: which classes stand where, and what joins them.

Owns: the layout, one picture for each subject. What stands in a box, and that
an association really joins two classes, comes from the declarations.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Box:
    """A class at a place of the grid, with the properties that are shown besides its keys."""

    name: str
    column: float
    row: float
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """An association, from the box that has its first role to that of its second."""

    association: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; inheritance among its boxes is drawn without being said."""

    name: str
    title: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def _lines(text: str) -> tuple[Line, ...]:
    return tuple(Line(*line.split()) for line in text.strip().splitlines())


PICTURES: Final = (
    Picture(
        "nodes",
        "Cluster and nodes",
        (
            Box("HA_Cluster", 0, 0, ("ClusterState", "Quorate", "NodesOnline", "HealthState")),
            Box("HA_SoftwareIdentity", 0, 1, ("VersionString",)),
            Box("HA_EnabledLogicalElementCapabilities", 1, 1, ("RequestedStatesSupported",)),
            Box("HA_ClusterNode", 1, 0, ("IsOnline", "IsStandby", "VotingRole", "HealthState")),
            Box("HA_HeartbeatLink", 2, 0, ("LinkState", "SilentPeers", "LossPermille")),
            Box("HA_ResourceAgent", 2, 1, ("AgentClass", "VersionString")),
        ),
        _lines("""
HA_ParticipatingNode HA_ClusterNode HA_Cluster
HA_ComponentCS HA_Cluster HA_ClusterNode
HA_InstalledSoftwareIdentity HA_Cluster HA_SoftwareIdentity
HA_ElementCapabilities HA_Cluster HA_EnabledLogicalElementCapabilities
HA_ElementCapabilities HA_ClusterNode HA_EnabledLogicalElementCapabilities
HA_HostedLink HA_ClusterNode HA_HeartbeatLink
HA_InstalledAgent HA_ClusterNode HA_ResourceAgent
"""),
    ),
    Picture(
        "resources",
        "Resources",
        (
            Box("HA_Cluster", 0, 0),
            Box(
                "HA_ClusterResource",
                1,
                0,
                ("EnabledState", "HealthState", "TargetRole", "RunningNodes", "PlacementReason"),
            ),
            Box("HA_ResourceInstance", 3, 0, ("EnabledState", "HealthState")),
            Box("HA_ClusterNode", 3, 1.1),
            Box("HA_ResourceGroup", 0, 1.1, ("Members", "RunningMembers")),
            Box("HA_ResourceClone", 1, 1.1, ("CloneMax", "CloneNodeMax")),
            Box("HA_PrimitiveResource", 2, 1.1, ("ResourceClass", "Type", "HostingNode")),
            Box("HA_MasterSlaveResource", 0, 2, ("CloneMax", "MaxMasters")),
        ),
        _lines("""
HA_SystemResource HA_Cluster HA_ClusterResource
HA_SubResource HA_ClusterResource HA_ClusterResource
HA_ResourceComponent HA_ClusterResource HA_ClusterResource
HA_InstanceOfResource HA_ClusterResource HA_ResourceInstance
HA_InstanceOnNode HA_ClusterNode HA_ResourceInstance
HA_HostedResource HA_ClusterNode HA_PrimitiveResource
"""),
    ),
    Picture(
        "configuration",
        "Configuration",
        (
            Box("HA_ClusterResource", 1, 0),
            Box("HA_MetaAttributes", 2, 0, ("Name", "Value")),
            Box("HA_PrimitiveResource", 1, 1, ("ResourceClass", "Type")),
            Box("HA_Operation", 2, 1, ("Name", "Interval", "Timeout", "OnFail")),
            Box("HA_InstanceAttributes", 0, 1, ("Name", "Value")),
            Box("HA_NodeAttributes", 0, 0, ("NodeName", "Name", "Value")),
            Box("HA_ClusterProperty", 3, 0, ("Name", "Value")),
            Box("HA_FencingLevel", 3, 1, ("Level", "Target", "Devices")),
            Box("HA_ResourceConstraint", 1.5, 2),
            Box("HA_OrderConstraint", 0, 3, ("From", "OrderType", "To")),
            Box("HA_ColocationConstraint", 1, 3, ("From", "To", "Score")),
            Box("HA_LocationConstraint", 2, 3, ("Resource", "Score", "Origin", "Expires")),
            Box("HA_TicketConstraint", 3, 3, ("Ticket", "LossPolicy")),
            Box(
                "HA_LocationConstraintRule",
                2,
                4,
                ("ConstraintId", "Attribute", "Operation", "Value"),
            ),
            Box("HA_Ticket", 3, 4, ("Granted", "IsStandby", "Owner")),
        ),
        _lines("""
HA_MetaAttributesOfResource HA_ClusterResource HA_MetaAttributes
HA_AttributesOfResource HA_PrimitiveResource HA_InstanceAttributes
HA_OperationOnResource HA_PrimitiveResource HA_Operation
HA_RuleOfLocationConstraint HA_LocationConstraint HA_LocationConstraintRule
"""),
    ),
    Picture(
        "redundancy",
        "Redundancy and services",
        (
            Box("HA_Cluster", 0, 1),
            Box("HA_NodeRedundancySet", 0, 0, ("RedundancyStatus", "MemberNames")),
            Box("HA_ClusterNode", 1, 0),
            Box(
                "HA_ResourceRedundancySet",
                2,
                0,
                ("RedundancyStatus", "MemberNames", "SpareNames"),
            ),
            Box("HA_ResourceService", 1, 1, ("Started", "EnabledState")),
            Box("HA_ClusterResource", 2, 1, ("EnabledState",)),
        ),
        _lines("""
HA_ClusterIdentity HA_Cluster HA_NodeRedundancySet
HA_HostedRedundancySet HA_Cluster HA_NodeRedundancySet
HA_MemberOfRedundancySet HA_NodeRedundancySet HA_ClusterNode
HA_MemberOfRedundancySet HA_ResourceRedundancySet HA_ClusterNode
HA_IsSpare HA_ClusterNode HA_ResourceRedundancySet
HA_HostedResourceService HA_Cluster HA_ResourceService
HA_ResourceServiceIdentity HA_ClusterResource HA_ResourceService
HA_ResourceServiceDependency HA_ResourceService HA_ResourceService
"""),
    ),
    Picture(
        "history",
        "History and figures",
        (
            Box("HA_EventLog", 0, 0, ("CurrentNumberOfRecords",)),
            Box("HA_EventLogEntry", 0, 1, ("RecordData", "CreationTimeStamp")),
            Box("HA_Cluster", 1, 0),
            Box("HA_ConfigurationRevision", 0, 2, ("Author", "Reason")),
            Box("HA_FencingEvent", 0, 3, ("Target", "Device")),
            Box("HA_ClusterNode", 1, 1),
            Box("HA_PrimitiveResource", 2, 1),
            Box("HA_OperationResult", 2, 2, ("Operation", "NodeName", "ReturnCode")),
            Box("HA_ClusterStatistics", 2, 0),
            Box("HA_NodeStatistics", 1, 2),
            Box("HA_ResourceStatistics", 3, 1),
            Box("HA_HeartbeatLink", 1, 3),
            Box("HA_LinkStatistics", 2, 3),
            Box("HA_MetricValue", 3, 2, ("MetricValue", "TimeStamp")),
            Box("HA_MetricDefinition", 3, 3, ("Name", "ProgrammaticUnits")),
        ),
        _lines("""
HA_UseOfEventLog HA_EventLog HA_Cluster
HA_EventLogRecord HA_EventLog HA_EventLogEntry
HA_ResultOfResource HA_PrimitiveResource HA_OperationResult
HA_FencingDeviceOfNode HA_PrimitiveResource HA_ClusterNode
HA_ElementStatisticalData HA_Cluster HA_ClusterStatistics
HA_ElementStatisticalData HA_ClusterNode HA_NodeStatistics
HA_ElementStatisticalData HA_PrimitiveResource HA_ResourceStatistics
HA_ElementStatisticalData HA_HeartbeatLink HA_LinkStatistics
HA_MetricInstance HA_MetricDefinition HA_MetricValue
HA_MetricForME HA_PrimitiveResource HA_MetricValue
"""),
    ),
    Picture(
        "control",
        "Control and jobs",
        (
            Box("HA_Cluster", 1, 0),
            Box("HA_ClusterControlService", 1, 1),
            Box("HA_ClusterSAP", 0, 0.5),
            Box("HA_ClusterNode", 2, 0, ("EnabledState",)),
            Box("HA_ClusterResource", 2, 1, ("EnabledState",)),
            Box("HA_ClusteringService", 0, 2),
            Box("HA_ConcreteJob", 2, 2, ("JobState", "PercentComplete", "Subject")),
            Box("HA_MethodResult", 1, 2),
        ),
        _lines("""
HA_HostedClusterControlService HA_Cluster HA_ClusterControlService
HA_HostedClusterSAP HA_Cluster HA_ClusterSAP
HA_ClusterServiceAccess HA_ClusterControlService HA_ClusterSAP
HA_ServiceAffectsElement HA_ClusterNode HA_ClusterControlService
HA_ServiceAffectsElement HA_ClusterResource HA_ClusterControlService
HA_OwningJobElement HA_ClusterControlService HA_ConcreteJob
HA_AffectedJobElement HA_ClusterResource HA_ConcreteJob
HA_AssociatedJobMethodResult HA_ConcreteJob HA_MethodResult
"""),
    ),
)
"""All pictures, in the order of the subjects."""
