"""The interop namespace: the server, its namespaces and its protocol.

Owns: the objects by which consoles find out where the cluster's classes are,
all of standard classes, and the one property of them that clients may change.
Knows nothing of the cluster.
Source: SMI-S 1.1, "Server profile".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.mapping.counters import NAME, Statistics
from cim_provider.mapping.rows import (
    IN_INTEROP,
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
from cim_provider.schema import MODEL, NAMESPACES, ROOT

INDICATIONS: Final = "indications"
"""Name of the service that sends indications, and of what it holds in a world."""
SYSTEM_CLASS: Final = "CIM_ComputerSystem"
MANAGER_CLASS: Final = "CIM_ObjectManager"
PRODUCT: Final = "Beatkeeper"
FUNCTIONS: Final = (2, 3, 5, 6, 7, 9, 10, 11, 12)
"""Basic read and write, instance manipulation, association traversal, queries, indications, pulled
reads with their count, pulled queries. Not: manipulation of the schema and of qualifiers."""


@dataclass(frozen=True, slots=True)
class _Server:
    identity: ServerIdentity
    is_gathering: bool = False
    state: State = FINE


@dataclass(frozen=True, slots=True)
class _Namespace:
    identity: ServerIdentity
    name: str


def _servers(world: World) -> Iterator[_Server]:
    statistics = world.held(NAME, Statistics)
    yield _Server(world.server, statistics is not None and statistics.is_gathering)


def system_keys(identity: ServerIdentity) -> tuple[tuple[str, str], ...]:
    """Return the keys by which what the machine hosts says so."""
    return (("SystemCreationClassName", SYSTEM_CLASS), ("SystemName", identity.host))


def system_ref(identity: ServerIdentity) -> Ref:
    """Return how the machine that the server runs on is named."""
    return Ref(SYSTEM_CLASS, (("CreationClassName", SYSTEM_CLASS), ("Name", identity.host)))


def manager_ref(identity: ServerIdentity) -> Ref:
    """Return how the server is named."""
    own = (("CreationClassName", MANAGER_CLASS), ("Name", identity.name))
    return Ref(MANAGER_CLASS, (*system_keys(identity), *own))


def indication_service_ref(identity: ServerIdentity) -> Ref:
    """Return how the service that sends indications is named."""
    name = "CIM_IndicationService"
    own = (("CreationClassName", name), ("Name", INDICATIONS))
    return Ref(name, (*system_keys(identity), *own))


def _mechanism_ref(identity: ServerIdentity) -> Ref:
    name = "CIM_CIMXMLCommunicationMechanism"
    own = (("CreationClassName", name), ("Name", "cim-xml"))
    return Ref(name, (*system_keys(identity), *own))


def _namespace_ref(namespace: _Namespace) -> Ref:
    keys = (
        *system_keys(namespace.identity),
        ("ObjectManagerCreationClassName", MANAGER_CLASS),
        ("ObjectManagerName", namespace.identity.name),
        ("CreationClassName", "CIM_Namespace"),
        ("Name", namespace.name),
    )
    return Ref("CIM_Namespace", keys)


def _namespaces(world: World) -> Iterator[_Namespace]:
    return (_Namespace(world.server, name) for name in NAMESPACES)


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
    *unfilled("OtherDedicatedDescriptions", "PowerManagementCapabilities"),
    *unfilled("PrimaryOwnerContact", "PrimaryOwnerName"),
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
    Column("GatherStatisticalData", "whether operations are counted", lambda s: s.is_gathering),
    *unfilled("PrimaryOwnerContact", "PrimaryOwnerName"),
)

_MECHANISM: Final[tuple[Column[_Server], ...]] = (
    *_ENABLED,
    constant("Caption", "CIM-XML"),
    constant("ElementName", "CIM-XML"),
    constant("Description", "CIM-XML over HTTP and HTTPS"),
    constant("CommunicationMechanism", 2),
    constant("FunctionalProfilesSupported", FUNCTIONS),
    constant("MultipleOperationsSupported", True),
    constant("AuthenticationMechanismsSupported", (3,)),
    constant("Version", "1.0"),
    constant("CIMXMLProtocolVersion", 1),
    constant("CIMValidated", False),
    Column("AdvertiseTypes", "3 with SLP, else 2", lambda s: (3 if s.identity.has_slp else 2,)),
    *unfilled("AdvertiseTypeDescriptions", "AuthenticationMechanismDescriptions"),
    *unfilled("FunctionalProfileDescriptions", "OtherCommunicationMechanismDescription"),
)

_CONTENTS: Final = {MODEL: "The cluster", ROOT: "The names of the namespaces inside it"}

_NAMESPACE: Final[tuple[Column[_Namespace], ...]] = (
    Column("Caption", "the namespace", lambda n: n.name),
    Column("ElementName", "the namespace", lambda n: n.name),
    Column(
        "Description",
        "whether the cluster is in it",
        lambda n: _CONTENTS.get(n.name, "The server itself"),
    ),
    constant("ClassInfo", 11),
    constant("ClassType", 2),
    constant("ClassTypeVersion", "2.41.0"),
    *unfilled("DescriptionOfClassInfo", "DescriptionOfClassType", "InstanceID"),
)


def _hosting(world: World) -> Iterator[Pair]:
    yield Pair(system_ref(world.server), manager_ref(world.server))
    if INDICATIONS in world.holdings:
        yield Pair(system_ref(world.server), indication_service_ref(world.server))


def _mechanisms(world: World) -> Iterator[Pair]:
    yield Pair(manager_ref(world.server), _mechanism_ref(world.server))


def _managed(world: World) -> Iterator[Pair]:
    for namespace in _namespaces(world):
        yield Pair(manager_ref(world.server), _namespace_ref(namespace))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        SYSTEM_CLASS,
        ("Name",),
        _servers,
        lambda s: system_ref(s.identity),
        _SYSTEM,
        namespaces=IN_INTEROP,
    ),
    class_row(
        MANAGER_CLASS,
        ("Name",),
        _servers,
        lambda s: manager_ref(s.identity),
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
)
"""The associations of this module."""
