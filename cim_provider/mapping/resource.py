"""HA_PrimitiveResource, HA_ResourceGroup, and where they belong.

Owns: paths and properties of resources, HA_HostedResource, HA_SubResource,
HA_SystemResource, HA_ResourceComponent.
Knows nothing of why a resource is where it is beyond the sentence in the view.
Source: Linux-HA 2.1's provider for the properties that are text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import CloneView, GroupView, PrimitiveView
from cim_provider.mapping import resource_typed
from cim_provider.mapping.cluster import cluster_ref, score_text
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Keyed,
    Pair,
    Ref,
    class_row,
    configured_ref,
    constant,
    unfilled,
)
from cim_provider.mapping.states import (
    ENABLED_COLUMNS,
    State,
    device_state,
    fail_count,
    group_state,
    plain,
    primitive_state,
    resource_status,
)
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.facts import DeviceFacts

PRIMITIVE_CLASS: Final = "HA_PrimitiveResource"
GROUP_CLASS: Final = "HA_ResourceGroup"
CLONE_CLASS: Final = "HA_ResourceClone"
MASTER_CLASS: Final = "HA_MasterSlaveResource"
STATES: Final = (2, 3, 9, 10, 11)
"""What RequestStateChange carries out: start, stop, restart (two numbers for the same)."""
_OF_STOPPED: Final = (2, 3, 9)
"""The same of what is to be stopped: there is nothing to restart; …"""
_OF_UNMANAGED: Final = (2, 9)
"""… and of what is left alone: a start ends that."""
_WANTED: Final = {"started": 2, "stopped": 3, "unpromoted": 2, "promoted": 2}
ROLES: Final = {"stopped": 2, "started": 3, "unpromoted": 4, "promoted": 5}
"""Numbers of roles; 0 is unset or unknown, 6 means that instances differ."""
MIXED: Final = 6
_BAD: Final = ("failed", "blocked")
FENCE_CLASSES: Final = ("stonith", "fence")
"""Classes of agents that cut nodes off."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A primitive, or a group or clone with its members; a primitive is its own only member."""

    world: World
    view: PrimitiveView | GroupView | CloneView
    members: tuple[PrimitiveView, ...]
    state: State

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes where any of it is active, each once."""
        return tuple(dict.fromkeys(node for each in self.members for node in each.nodes))

    @property
    def promoted_on(self) -> tuple[str, ...]:
        """Names of the nodes where any of it is promoted, each once."""
        return tuple(dict.fromkeys(node for each in self.members for node in each.promoted))

    @property
    def failed_on(self) -> tuple[str, ...]:
        """Names of the nodes where any of it has failures, each once."""
        return tuple(
            dict.fromkeys(
                instance.node
                for each in self.members
                for instance in each.instances
                if instance.fail_count or instance.state in _BAD
            )
        )


@dataclass(frozen=True, slots=True)
class _Primitive(Resource):
    primitive: PrimitiveView


def clone_ref(clone: CloneView) -> Ref:
    """Return the name of a clone: what has roles is of a class of its own."""
    return configured_ref(MASTER_CLASS if clone.is_promotable else CLONE_CLASS, clone.id)


def primitive_ref(resource: str) -> Ref:
    """Return the name of a primitive."""
    return configured_ref(PRIMITIVE_CLASS, resource)


def group_ref(resource: str) -> Ref:
    """Return the name of a group."""
    return configured_ref(GROUP_CLASS, resource)


def resource_ref(world: World, resource: str) -> Ref | None:
    """Return the name of a primitive, fence device, group or clone; None: none has that id."""
    if resource in world.primitives or resource in world.devices:
        return primitive_ref(resource)
    if resource in world.groups:
        return group_ref(resource)
    clone = world.clones.get(resource)
    return None if clone is None else clone_ref(clone)


def _as_primitive(world: World, view: PrimitiveView) -> _Primitive:
    return _Primitive(world, view, (view,), primitive_state(world, view), view)


def _as_device(world: World, device: DeviceFacts) -> _Primitive:
    """Return a fence device as the primitive that it is to consoles: nobody starts or stops it."""
    view = PrimitiveView(
        id=device.id,
        agent_class=device.agent_class,
        provider="",
        type=device.type,
        state="ready",
        managed=False,
        description=f"cuts off {', '.join(device.targets)}",
    )
    return _Primitive(world, view, (view,), device_state(world), view)


def _as_group(world: World, view: GroupView) -> Resource:
    members = world.members(view)
    return Resource(world, view, members, group_state(world, members))


def _ids(world: World) -> Iterator[str]:
    yield from (view.id for view in world.view.primitives)
    yield from world.devices


def _of_id(world: World, name: str) -> Iterator[_Primitive]:
    found = _primitive(world, (name,))
    return iter(() if found is None else (found,))


def _group_ids(world: World) -> Iterator[str]:
    return (view.id for view in world.view.groups)


def _group_of_id(world: World, name: str) -> Iterator[Resource]:
    found = _group(world, (name,))
    return iter(() if found is None else (found,))


def _primitive(world: World, identity: tuple[str, ...]) -> _Primitive | None:
    view = world.primitives.get(identity[0])
    if view is not None:
        return _as_primitive(world, view)
    device = world.devices.get(identity[0])
    return None if device is None else _as_device(world, device)


def _group(world: World, identity: tuple[str, ...]) -> Resource | None:
    view = world.groups.get(identity[0])
    return None if view is None else _as_group(world, view)


def _requested(resource: Resource) -> int:
    if not resource.view.managed:
        return 9
    return _WANTED.get(resource.view.target_role, 5)


def _available(resource: Resource) -> tuple[int, ...]:
    """Return what RequestStateChange would not refuse now."""
    if not resource.world.running or resource.view.id in resource.world.devices:
        return ()
    if not resource.view.managed:
        return _OF_UNMANAGED
    return _OF_STOPPED if resource.view.target_role == "stopped" else STATES


def _role_of(world: World, primitive: PrimitiveView) -> int:
    """Return the highest role that a primitive has anywhere, 0 if it is in none for sure."""
    if primitive.state == "started" and world.is_promotable(primitive):
        return ROLES["promoted" if primitive.promoted else "unpromoted"]
    return ROLES.get(primitive.state, 0)


def _role(resource: Resource) -> int:
    if not resource.world.running:
        return 0
    roles = {_role_of(resource.world, each) for each in resource.members}
    if isinstance(resource.view, CloneView) and resource.view.is_promotable:
        found = {each.role for part in resource.members for each in part.instances} - {""}
        if len(found) > 1:
            return MIXED
    if not roles or 0 in roles:
        return 0
    return roles.pop() if len(roles) == 1 else MIXED


def _last_start(resource: Resource) -> str | None:
    started = (
        instance.started_wall_ms
        for each in resource.members
        for instance in each.instances
        if instance.node in each.nodes
    )
    return cim_datetime(max(started, default=0))


def _reasons(resource: Resource) -> tuple[str, ...]:
    return tuple(plain(each.why) for each in resource.members if each.why)


def _place(resource: _Primitive) -> int | None:
    primitive = resource.primitive
    if primitive.group:
        return primitive.position - 1
    return 0 if primitive.clone else None


COMMON: Final[tuple[Column[Resource], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name != "TimeOfLastStateChange"),
    *resource_typed.COLUMNS,
    Column("Name", "id of the resource", lambda r: r.view.id),
    Column("ElementName", "id of the resource", lambda r: r.view.id),
    Column("Caption", "Resource. and the id", lambda r: f"Resource.{r.view.id}"),
    Column("Description", "description of the resource", lambda r: r.view.description or None),
    Column("RequestedState", "9 if not managed, else the target role", _requested),
    Column(
        "EnabledDefault",
        "3 if the target role is stopped, else 2",
        lambda r: 3 if r.view.target_role == "stopped" else 2,
    ),
    Column(
        "AvailableRequestedStates",
        "what is not refused: no restart of what is to be stopped, of what is not managed 2 and 9;"
        " none if the cluster does not run, or of a fence device",
        lambda r: _available(r),
    ),
    constant("Enabled", "true"),
    constant("InConfiguration", True),
    Column(
        "IsManaged",
        "whether it is managed",
        lambda r: "true" if r.view.managed else "false",
    ),
    Column("Managed", "whether it is managed", lambda r: r.view.managed),
    constant("RestartType", "restart"),
    constant("StartPreRep", "quorum"),
    Column("ResourceStickiness", "stickiness", lambda r: score_text(r.view.stickiness)),
    Column("Stickiness", "stickiness", lambda r: r.view.stickiness),
    Column("Priority", "priority", lambda r: r.view.priority),
    Column("TargetRole", "target role", lambda r: ROLES.get(r.view.target_role, 0)),
    Column("CurrentRole", "highest role, 6 if members or instances of a clone differ", _role),
    Column(
        "RunningNodes",
        "nodes where it is active",
        lambda r: r.nodes if r.world.running else None,
    ),
    Column(
        "FailedNodes",
        "nodes where it has failures",
        lambda r: r.failed_on if r.world.running else None,
    ),
    Column(
        "FailCount",
        "largest fail count",
        lambda r: max(map(fail_count, r.members), default=0) if r.world.running else None,
    ),
    Column("LastStartTime", "latest start where it is active", _last_start),
    Column("PlacementReason", "sentences of the plan", _reasons),
    *unfilled("InstanceID", "BaseRevision"),
)

_PRIMITIVE: Final[tuple[Column[_Primitive], ...]] = (
    *COMMON,
    Column(
        "ResourceStatus",
        "table of states",
        lambda r: resource_status(r.world, r.primitive),
    ),
    Column(
        "ParentId",
        "id of the group or clone",
        lambda r: r.primitive.group or r.primitive.clone or None,
    ),
    Column(
        "PromotedNodes",
        "nodes where it is promoted",
        lambda r: r.promoted_on if r.world.running else None,
    ),
    Column(
        "Position",
        "place within the group; 0 within a clone",
        _place,
    ),
    Column("ResourceClass", "class of the agent", lambda r: r.primitive.agent_class),
    Column("Type", "type of the agent", lambda r: r.primitive.type or None),
    Column("Provider", "provider of the agent", lambda r: r.primitive.provider or None),
    Column(
        "HostingNode",
        "first node where it is active",
        lambda r: r.nodes[0] if r.nodes and r.world.running else "Unknown",
    ),
    Column("AgentRef", "class, provider and type of the agent", lambda r: _agent(r.primitive)),
    Column(
        "ProtectionDescription",
        "sentence of the guard",
        lambda r: r.primitive.guard_text or None,
    ),
    Column("QuickerTakeover", "what would shorten the wait", lambda r: r.primitive.shorter),
    Column(
        "IsFencingDevice",
        "class of the agent",
        lambda r: r.primitive.agent_class in FENCE_CLASSES,
    ),
)

_GROUP: Final[tuple[Column[Resource], ...]] = (
    *COMMON,
    constant("ResourceStatus", "group"),
    Column("Members", "members of the group", lambda r: tuple(each.id for each in r.members)),
    Column(
        "RunningMembers",
        "members started",
        lambda r: sum(m.state == "started" for m in r.members) if r.world.running else None,
    ),
    Column(
        "FailedMembers",
        "members failed or blocked",
        lambda r: sum(m.state in _BAD for m in r.members) if r.world.running else None,
    ),
    Column("ParentId", "id of the clone", lambda r: _clone_of(r) or None),
    Column("Position", "0 within a clone", lambda r: 0 if _clone_of(r) else None),
)


def _clone_of(resource: Resource) -> str:
    assert isinstance(resource.view, GroupView), "only groups have these columns"
    return resource.view.clone


def _agent(primitive: PrimitiveView) -> str:
    parts = (primitive.agent_class, primitive.provider, primitive.type)
    return ":".join(part for part in parts if part)


def _hosted(world: World) -> Iterator[Pair]:
    """A primitive is hosted by the first node where it is active, as HostingNode says.

    It may still be active on one that was taken out of the cluster just now.
    """
    if not world.running:
        return
    for primitive in world.view.primitives:
        if primitive.nodes and primitive.nodes[0] in world.nodes:
            yield Pair(node_ref(primitive.nodes[0]), primitive_ref(primitive.id))


def _memberships(world: World) -> Iterator[Pair]:
    for group in world.view.groups:
        for place, member in enumerate(world.members(group)):
            yield Pair(group_ref(group.id), primitive_ref(member.id), (("Position", place),))
    for clone in world.view.clones:
        if clone.member in world.groups:
            yield Pair(clone_ref(clone), group_ref(clone.member), (("Position", 0),))
        elif clone.member in world.primitives:
            yield Pair(clone_ref(clone), primitive_ref(clone.member), (("Position", 0),))


def _sub_resources(world: World) -> Iterator[Pair]:
    return (Pair(pair.left, pair.right) for pair in _memberships(world))


def _top_level(world: World) -> Iterator[Pair]:
    for clone in world.view.clones:
        yield Pair(cluster_ref(), clone_ref(clone))
    for group in world.view.groups:
        if not group.clone:
            yield Pair(cluster_ref(), group_ref(group.id))
    for primitive in world.view.primitives:
        if not (primitive.group or primitive.clone):
            yield Pair(cluster_ref(), primitive_ref(primitive.id))
    for device in world.devices:
        yield Pair(cluster_ref(), primitive_ref(device))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        PRIMITIVE_CLASS,
        ("Id",),
        Keyed(_ids, _of_id),
        lambda r: primitive_ref(r.view.id),
        _PRIMITIVE,
        find=_primitive,
    ),
    class_row(
        GROUP_CLASS,
        ("Id",),
        Keyed(_group_ids, _group_of_id),
        lambda r: group_ref(r.view.id),
        _GROUP,
        find=_group,
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_HostedResource", "Antecedent", "Dependent", _hosted),
    AssociationRow("HA_SubResource", "Antecedent", "Dependent", _sub_resources),
    AssociationRow("HA_SystemResource", "GroupComponent", "PartComponent", _top_level),
    AssociationRow(
        "HA_ResourceComponent",
        "GroupComponent",
        "PartComponent",
        _memberships,
        {"Position": "place within the group"},
    ),
)
"""The associations of this module."""
