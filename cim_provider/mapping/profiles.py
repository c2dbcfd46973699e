"""The profiles that this server follows, and their central instances.

Owns: the list of profiles, what each of them is about, and how a client finds
that: by association, by the referencing profile, or by asking the profile
itself. A profile is listed only if all that it demands is there.
Source: DSP1033 1.0 (profile registration); SMI-S 1.1, "Server profile".
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import pywbem

from cim_provider.mapping.area import Area, MethodCall
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.control_service import service_ref
from cim_provider.mapping.figures_metrics import definition_refs
from cim_provider.mapping.history_log import log_ref
from cim_provider.mapping.interop import INDICATIONS, indication_service_ref, manager_ref
from cim_provider.mapping.jobs import job_refs
from cim_provider.mapping.paths import cim_path
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
from cim_provider.mapping.software import software_ref
from cim_provider.mapping.world import World
from cim_provider.schema import INTEROP, MODEL
from cim_provider.wbem.operations import MethodResult

CLASS: Final = "HA_RegisteredProfile"
CONFORMS_CLASS: Final = "HA_ElementConformsToProfile"
REFERENCED_CLASS: Final = "HA_ReferencedProfile"
_OTHER: Final = 1
_DMTF: Final = 2
_SNIA: Final = 11
_ORGANIZATIONS: Final = {_OTHER: "Linux-HA", _DMTF: "DMTF", _SNIA: "SNIA"}


@dataclass(frozen=True, slots=True)
class _Profile:
    organization: int
    name: str
    version: str
    central: Callable[[World], tuple[Ref, ...]]
    """The instances that it is about, as seen from the interop namespace; none: not followed."""
    scope: str = ""
    """Name of the profile that refers to it; nothing for one that stands by itself."""
    is_advertised: bool = False

    @property
    def short(self) -> str:
        """Return who wrote it, in short."""
        return _ORGANIZATIONS[self.organization]


def _itself(_: World) -> tuple[Ref, ...]:
    return (_ref(_REGISTRATION),)


def _cluster(_: World) -> tuple[Ref, ...]:
    return (cluster_ref(MODEL),)


def _manager(world: World) -> tuple[Ref, ...]:
    return (manager_ref(world.server),)


def _indications(world: World) -> tuple[Ref, ...]:
    return (indication_service_ref(world.server),) if INDICATIONS in world.holdings else ()


def _log(_: World) -> tuple[Ref, ...]:
    return (log_ref(MODEL),)


def _jobs(world: World) -> tuple[Ref, ...]:
    """Return the service that owns the jobs, which is there before the first of them, and these."""
    owner = replace(service_ref(), namespace=MODEL)
    return (owner, *(replace(each, namespace=MODEL) for each in job_refs(world)))


def _metrics(world: World) -> tuple[Ref, ...]:
    return tuple(replace(each, namespace=MODEL) for each in definition_refs(world))


def _software(_: World) -> tuple[Ref, ...]:
    return (replace(software_ref(), namespace=MODEL),)


_HA_CLUSTER: Final = "HA Cluster"
_REGISTRATION: Final = _Profile(_DMTF, "Profile Registration", "1.0.0", _itself, _HA_CLUSTER)
PROFILES: Final = (
    _REGISTRATION,
    _Profile(_OTHER, _HA_CLUSTER, "1.0.0", _cluster),
    _Profile(_DMTF, "Indications", "1.2.0", _indications, _HA_CLUSTER),
    _Profile(_DMTF, "Record Log", "2.0.0", _log, _HA_CLUSTER),
    _Profile(_SNIA, "Multiple Computer System", "1.2.0", _cluster, _HA_CLUSTER),
    _Profile(_DMTF, "Job Control", "1.0.0", _jobs, _HA_CLUSTER),
    _Profile(_DMTF, "Base Metrics", "1.0.1", _metrics, _HA_CLUSTER),
    _Profile(_DMTF, "Software Inventory", "1.0.1", _software, _HA_CLUSTER),
    _Profile(_SNIA, "Server", "1.1.0", _manager),
    _Profile(_SNIA, "Server", "1.2.0", _manager),
)
"""All profiles that a server can follow."""


def followed(world: World) -> tuple[_Profile, ...]:
    """Return the profiles that this server follows."""
    return tuple(each for each in PROFILES if each.central(world))


def _ref(profile: _Profile, namespace: str = "") -> Ref:
    name = profile.name.replace(" ", "_")
    instance_id = f"LinuxHA:profile:{profile.short}:{name}:{profile.version}"
    return Ref(CLASS, (("InstanceID", instance_id),), namespace)


def _listed(world: World) -> Iterator[_Profile]:
    return (replace(each, is_advertised=world.server.has_slp) for each in followed(world))


_COLUMNS: Final[tuple[Column[_Profile], ...]] = (
    Column("Caption", "name of the profile", lambda p: p.name),
    Column("ElementName", "name of the profile", lambda p: f"{p.short} {p.name} {p.version}"),
    Column("RegisteredOrganization", "list of profiles", lambda p: p.organization),
    Column(
        "OtherRegisteredOrganization",
        "list of profiles",
        lambda p: p.short if p.organization == _OTHER else None,
    ),
    Column("RegisteredName", "list of profiles", lambda p: p.name),
    Column("RegisteredVersion", "list of profiles", lambda p: p.version),
    Column("AdvertiseTypes", "3 with SLP, else 2", lambda p: (3 if p.is_advertised else 2,)),
    constant("SpecificationType", 2),
    *unfilled("AdvertiseTypeDescriptions", "Description", "ImplementedFeatures"),
    *unfilled("OtherSpecificationType"),
)


def _conforming(world: World) -> Iterator[Pair]:
    for profile in followed(world):
        for central in profile.central(world):
            yield Pair(_ref(profile), central)


def _conforming_in_model(world: World) -> Iterator[Pair]:
    """Yield the same for the instances of the cluster's namespace, as seen from there."""
    for profile in followed(world):
        for central in profile.central(world):
            if central.namespace == MODEL:
                yield Pair(_ref(profile, INTEROP), Ref(central.class_name, central.keys))


def _referenced(world: World) -> Iterator[Pair]:
    by_name = {profile.name: profile for profile in PROFILES}
    for profile in followed(world):
        if profile.scope:
            yield Pair(_ref(profile), _ref(by_name[profile.scope]))


async def _central_instances(call: MethodCall) -> MethodResult:
    """GetCentralInstances: what the profile is about."""
    record = call.record
    assert record is not None, "the method is not static"
    profile = next(each for each in PROFILES if _ref(each).keys == record.ref.keys)
    paths = [cim_path(ref, call.namespace) for ref in profile.central(call.world)]
    return MethodResult(pywbem.Uint8(0), (("CentralInstances", "reference", paths),))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(CLASS, ("InstanceID",), _listed, _ref, _COLUMNS, namespaces=IN_INTEROP),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(
        CONFORMS_CLASS,
        "ConformantStandard",
        "ManagedElement",
        _conforming,
        namespaces=IN_INTEROP,
    ),
    AssociationRow(
        CONFORMS_CLASS,
        "ConformantStandard",
        "ManagedElement",
        _conforming_in_model,
        namespaces=IN_MODEL,
    ),
    AssociationRow(REFERENCED_CLASS, "Antecedent", "Dependent", _referenced, namespaces=IN_INTEROP),
)
"""The associations of this module."""
AREA: Final = Area(methods={(CLASS, "GetCentralInstances"): _central_instances})
"""The method of this module."""
