"""HA_ResourceService: resources that belong to no group or clone, as services.

Owns: its properties, HA_HostedResourceService, HA_ResourceServiceIdentity,
HA_ResourceServiceDependency and HA_ServiceAffectsElement. It is a second view of the resource,
since the keys of a service are others than those of a resource in Linux-HA 2.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from cim_provider.mapping import control_resource
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.codes import Code
from cim_provider.mapping.control_service import service_ref as service_of_control
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import COMMON, Resource, clone_ref, group_ref, primitive_ref
from cim_provider.mapping.rows import (
    UNFILLED,
    AssociationRow,
    Column,
    Keyed,
    Pair,
    Ref,
    class_row,
    unfilled,
)
from cim_provider.mapping.states import ENABLED_COLUMNS
from cim_provider.mapping.tops import top, top_ids, top_of, top_ref, tops
from cim_provider.mapping.verbs import Asked, Meaning, Plan, Together, Verb
from cim_provider.mapping.world import CLUSTER_CLASS, CLUSTER_NAME, World

SERVICE_CLASS: Final = "HA_ResourceService"
_ALIKE: Final = (
    "RequestedState",
    "EnabledDefault",
    "AvailableRequestedStates",
    "TimeOfLastStateChange",
)
_MUST_BE_STARTED: Final = 3
_MANAGES: Final = 5


def service_ref(resource: str) -> Ref:
    """Return the name of a resource's service."""
    keys = (
        ("SystemCreationClassName", CLUSTER_CLASS),
        ("SystemName", CLUSTER_NAME),
        ("CreationClassName", SERVICE_CLASS),
        ("Name", resource),
    )
    return Ref(SERVICE_CLASS, keys)


# --- what the methods mean -------------------------------------------------------------------


def change_state(asked: Asked, state: int) -> Meaning:
    """Return what RequestStateChange of a service means: the same as of its resource."""
    found = top(asked.world, str(asked.keys["Name"]))
    assert found is not None, "the call is on a service that is there"
    record = replace(asked.record, ref=top_ref(found))
    return control_resource.change_state(replace(asked, record=record), state)


def _service_verb(state: int) -> Verb:
    def meaning(asked: Asked) -> Meaning:
        wanted = change_state(asked, state)
        return Together(wanted.commands, Code.NOT_IN_TIME) if isinstance(wanted, Plan) else wanted

    return meaning


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(
    {
        (SERVICE_CLASS, "StartService"): _service_verb(2),
        (SERVICE_CLASS, "StopService"): _service_verb(3),
    }
)
"""What the methods of a service mean, by class and name as declared."""


# --- rows ------------------------------------------------------------------------------------


def _find(world: World, identity: tuple[str, ...]) -> Resource | None:
    return top(world, identity[0])


def _of_id(world: World, name: str) -> Iterator[Resource]:
    found = top(world, name)
    return iter(() if found is None else (found,))


def _started(resource: Resource) -> bool | None:
    if not resource.world.running or any(each.state == "unknown" for each in resource.members):
        return None
    return bool(resource.members) and all(each.state == "started" for each in resource.members)


def _start_mode(resource: Resource) -> str:
    is_wanted = resource.view.managed and resource.view.target_role != "stopped"
    return "Automatic" if is_wanted else "Manual"


_COLUMNS: Final[tuple[Column[Resource], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name != "TimeOfLastStateChange"),
    *(each for each in COMMON if each.name in _ALIKE),
    Column("ElementName", "id of the resource", lambda r: r.view.id),
    Column("Caption", "Service. and the id", lambda r: f"Service.{r.view.id}"[:64]),
    Column(
        "Description",
        "description of the resource, else its kind",
        lambda r: r.view.description or "A resource of the cluster",
    ),
    Column("ResourceId", "id of the resource", lambda r: r.view.id),
    Column("Started", "whether all of it is started", _started),
    Column("StartMode", "Automatic if it is managed and not wanted stopped", _start_mode),
    *unfilled("InstanceID", "PrimaryOwnerContact", "PrimaryOwnerName"),
)


def _hosted(world: World) -> Iterator[Pair]:
    return (Pair(cluster_ref(), service_ref(each.view.id)) for each in tops(world))


def _identity(world: World) -> Iterator[Pair]:
    return (Pair(top_ref(each), service_ref(each.view.id)) for each in tops(world))


def _dependencies(world: World) -> Iterator[Pair]:
    known = {each.view.id for each in tops(world)}
    seen = set()
    about = (("TypeOfDependency", _MUST_BE_STARTED), ("RestartService", False))
    for order in world.view.redundancy.orders:
        pair = (top_of(world, order.first), top_of(world, order.then))
        if pair[0] != pair[1] and pair not in seen and known.issuperset(pair):
            seen.add(pair)
            yield Pair(service_ref(pair[0]), service_ref(pair[1]), about)


def _affected(world: World) -> Iterator[Pair]:
    control, about = service_of_control(), (("ElementEffects", (_MANAGES,)),)
    for node in world.view.nodes:
        yield Pair(node_ref(node.name), control, about)
    for clone in world.view.clones:
        yield Pair(clone_ref(clone), control, about)
    for group in world.view.groups:
        yield Pair(group_ref(group.id), control, about)
    for primitive in world.view.primitives:
        yield Pair(primitive_ref(primitive.id), control, about)


ROWS: Final = (
    class_row(
        SERVICE_CLASS,
        ("Name",),
        Keyed(top_ids, _of_id),
        lambda r: service_ref(r.view.id),
        _COLUMNS,
        find=_find,
    ),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_HostedResourceService", "Antecedent", "Dependent", _hosted),
    AssociationRow("HA_ResourceServiceIdentity", "SystemElement", "SameElement", _identity),
    AssociationRow(
        "HA_ResourceServiceDependency",
        "Antecedent",
        "Dependent",
        _dependencies,
        {
            "TypeOfDependency": "always 3: constraints of kind mandatory that order starts",
            "RestartService": "always False",
        },
    ),
    AssociationRow(
        "HA_ServiceAffectsElement",
        "AffectedElement",
        "AffectingElement",
        _affected,
        {"ElementEffects": "always 5", "OtherElementEffectsDescriptions": UNFILLED},
    ),
)
"""The associations of this module."""
