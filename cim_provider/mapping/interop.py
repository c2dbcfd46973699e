"""The interop namespace: the server, its namespaces, its protocol and its profiles.

Owns: the objects by which consoles find out where the cluster's classes are.
They are of standard classes, but for the profiles. Knows nothing of the cluster
but the path of HA_Cluster.
Source: DSP1033 1.0 (profile registration); SMI-S 1.1, "Server profile".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import (
    IN_INTEROP,
    IN_MODEL,
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.states import ENABLED_COLUMNS, FINE, State
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import INTEROP, MODEL, NAMESPACES

PROFILE_CLASS: Final = "HA_RegisteredProfile"
SYSTEM_CLASS: Final = "CIM_ComputerSystem"
MANAGER_CLASS: Final = "CIM_ObjectManager"
PRODUCT: Final = "Beatkeeper"


@dataclass(frozen=True, slots=True)
class _Server:
    identity: ServerIdentity
    state: State = FINE


@dataclass(frozen=True, slots=True)
class _Namespace:
    identity: ServerIdentity
    name: str


@dataclass(frozen=True, slots=True)
class _Profile:
    organization: int
    other: str | None
    """Who wrote it, where the organization has no number."""
    short: str
    name: str
    version: str


_CLUSTER_PROFILE: Final = _Profile(1, "Linux-HA", "Linux-HA", "HA Cluster", "1.0.0")
_REGISTRATION: Final = _Profile(2, None, "DMTF", "Profile Registration", "1.0.0")


def _servers(world: World) -> Iterator[_Server]:
    yield _Server(world.server)


def _system_keys(identity: ServerIdentity) -> tuple[tuple[str, str], ...]:
    return (("SystemCreationClassName", SYSTEM_CLASS), ("SystemName", identity.host))


def _system_ref(identity: ServerIdentity) -> Ref:
    return Ref(SYSTEM_CLASS, (("CreationClassName", SYSTEM_CLASS), ("Name", identity.host)))


def _manager_ref(identity: ServerIdentity) -> Ref:
    own = (("CreationClassName", MANAGER_CLASS), ("Name", identity.name))
    return Ref(MANAGER_CLASS, (*_system_keys(identity), *own))


def _mechanism_ref(identity: ServerIdentity) -> Ref:
    name = "CIM_CIMXMLCommunicationMechanism"
    own = (("CreationClassName", name), ("Name", "cim-xml"))
    return Ref(name, (*_system_keys(identity), *own))


def _namespace_ref(namespace: _Namespace) -> Ref:
    keys = (
        *_system_keys(namespace.identity),
        ("ObjectManagerCreationClassName", MANAGER_CLASS),
        ("ObjectManagerName", namespace.identity.name),
        ("CreationClassName", "CIM_Namespace"),
        ("Name", namespace.name),
    )
    return Ref("CIM_Namespace", keys)


def _namespaces(world: World) -> Iterator[_Namespace]:
    return (_Namespace(world.server, name) for name in NAMESPACES)


def _profiles(_: World) -> Iterator[_Profile]:
    yield from (_REGISTRATION, _CLUSTER_PROFILE)


def _profile_ref(profile: _Profile, namespace: str = "") -> Ref:
    name = profile.name.replace(" ", "_")
    instance_id = f"LinuxHA:profile:{profile.short}:{name}:{profile.version}"
    return Ref(PROFILE_CLASS, (("InstanceID", instance_id),), namespace)


_ENABLED: Final[tuple[Column[_Server], ...]] = (
    *ENABLED_COLUMNS,
    constant("RequestedState", 12),
    constant("EnabledDefault", 2),
    constant("AvailableRequestedStates", ()),
    *unfilled("InstanceID"),
)

_SYSTEM: Final[tuple[Column[_Server], ...]] = (
    *_ENABLED,
    Column("Caption", "name of the machine", lambda s: s.identity.host),
    Column("ElementName", "name of the machine", lambda s: s.identity.host),
    constant("Description", "The machine that this server runs on"),
    constant("NameFormat", "Other"),
    Column("OtherIdentifyingInfo", "name of the machine", lambda s: (s.identity.host,)),
    constant("IdentifyingDescriptions", ("Linux-HA:HostName",)),
    constant("Roles", ("WBEM server",)),
    constant("Dedicated", (0,)),
    constant("ResetCapability", 5),
    *unfilled("OtherDedicatedDescriptions", "PrimaryOwnerContact", "PrimaryOwnerName"),
)

_MANAGER: Final[tuple[Column[_Server], ...]] = (
    *_ENABLED,
    constant("Caption", "WBEM server"),
    constant("ElementName", PRODUCT),
    Column(
        "Description",
        "version of the server",
        lambda s: f"{PRODUCT} WBEM server version {s.identity.version or 'unknown'}",
    ),
    constant("Started", True),
    constant("StartMode", "Automatic"),
    constant("GatherStatisticalData", False),
    *unfilled("PrimaryOwnerContact", "PrimaryOwnerName"),
)

_MECHANISM: Final[tuple[Column[_Server], ...]] = (
    *_ENABLED,
    constant("Caption", "CIM-XML"),
    constant("ElementName", "CIM-XML"),
    constant("Description", "CIM-XML over HTTP and HTTPS"),
    constant("CommunicationMechanism", 2),
    constant("FunctionalProfilesSupported", (2, 6)),
    constant("MultipleOperationsSupported", False),
    constant("AuthenticationMechanismsSupported", (3,)),
    constant("Version", "1.0"),
    constant("CIMXMLProtocolVersion", 1),
    constant("CIMValidated", False),
    *unfilled("FunctionalProfileDescriptions", "OtherCommunicationMechanismDescription"),
)

_NAMESPACE: Final[tuple[Column[_Namespace], ...]] = (
    Column("Caption", "the namespace", lambda n: n.name),
    Column("ElementName", "the namespace", lambda n: n.name),
    Column(
        "Description",
        "whether the cluster is in it",
        lambda n: "The cluster" if n.name == MODEL else "The server itself",
    ),
    constant("ClassInfo", 11),
    constant("ClassType", 2),
    constant("ClassTypeVersion", "2.41.0"),
    *unfilled("InstanceID"),
)

_PROFILE: Final[tuple[Column[_Profile], ...]] = (
    Column("Caption", "name of the profile", lambda p: p.name),
    Column("ElementName", "name of the profile", lambda p: f"{p.short} {p.name} {p.version}"),
    Column("RegisteredOrganization", "list of profiles", lambda p: p.organization),
    Column("OtherRegisteredOrganization", "list of profiles", lambda p: p.other),
    Column("RegisteredName", "list of profiles", lambda p: p.name),
    Column("RegisteredVersion", "list of profiles", lambda p: p.version),
    constant("AdvertiseTypes", (2,)),
    constant("SpecificationType", 2),
    *unfilled("AdvertiseTypeDescriptions", "Description", "ImplementedFeatures"),
)


def _hosting(world: World) -> Iterator[Pair]:
    yield Pair(_system_ref(world.server), _manager_ref(world.server))


def _mechanisms(world: World) -> Iterator[Pair]:
    yield Pair(_manager_ref(world.server), _mechanism_ref(world.server))


def _managed(world: World) -> Iterator[Pair]:
    for namespace in _namespaces(world):
        yield Pair(_manager_ref(world.server), _namespace_ref(namespace))


def _conforming(_: World) -> Iterator[Pair]:
    yield Pair(_profile_ref(_REGISTRATION), _profile_ref(_REGISTRATION))
    yield Pair(_profile_ref(_CLUSTER_PROFILE), cluster_ref(MODEL))


def _conforming_in_model(_: World) -> Iterator[Pair]:
    yield Pair(_profile_ref(_CLUSTER_PROFILE, INTEROP), cluster_ref())


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        SYSTEM_CLASS,
        ("Name",),
        _servers,
        lambda s: _system_ref(s.identity),
        _SYSTEM,
        namespaces=IN_INTEROP,
    ),
    class_row(
        MANAGER_CLASS,
        ("Name",),
        _servers,
        lambda s: _manager_ref(s.identity),
        _MANAGER,
        namespaces=IN_INTEROP,
    ),
    class_row(
        "CIM_CIMXMLCommunicationMechanism",
        ("Name",),
        _servers,
        lambda s: _mechanism_ref(s.identity),
        _MECHANISM,
        namespaces=IN_INTEROP,
    ),
    class_row(
        "CIM_Namespace", ("Name",), _namespaces, _namespace_ref, _NAMESPACE, namespaces=IN_INTEROP
    ),
    class_row(
        PROFILE_CLASS, ("InstanceID",), _profiles, _profile_ref, _PROFILE, namespaces=IN_INTEROP
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("CIM_HostedService", "Antecedent", "Dependent", _hosting, namespaces=IN_INTEROP),
    AssociationRow(
        "CIM_CommMechanismForManager",
        "Antecedent",
        "Dependent",
        _mechanisms,
        namespaces=IN_INTEROP,
    ),
    AssociationRow(
        "CIM_NamespaceInManager", "Antecedent", "Dependent", _managed, namespaces=IN_INTEROP
    ),
    AssociationRow(
        "HA_ElementConformsToProfile",
        "ConformantStandard",
        "ManagedElement",
        _conforming,
        namespaces=IN_INTEROP,
    ),
    AssociationRow(
        "HA_ElementConformsToProfile",
        "ConformantStandard",
        "ManagedElement",
        _conforming_in_model,
        namespaces=IN_MODEL,
    ),
)
"""The associations of this module."""
