"""HA_ResourceInstance: a primitive on one node where it is active, has failed or may be.

Owns: its path and properties, HA_InstanceOfResource, HA_InstanceOnNode. Only
what exists is walked: never every resource times every node.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import InstanceView, PrimitiveView
from cim_provider.mapping.figures_held import figures_in
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import ROLES, primitive_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Keyed,
    Pair,
    Ref,
    class_row,
    constant,
)
from cim_provider.mapping.states import ENABLED_COLUMNS, State, instance_state, plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World

INSTANCE_CLASS: Final = "HA_ResourceInstance"
_PREFIX: Final = "LinuxHA:rsc:"
_ACTIVE: Final = ("started", "failed", "blocked")


@dataclass(frozen=True, slots=True)
class _Copy:
    world: World
    primitive: PrimitiveView
    instance: InstanceView
    state: State

    @property
    def id(self) -> str:
        """Its name where it runs; only that of a unique clone's instance has a number."""
        return self.instance.id or self.primitive.id

    @property
    def is_active(self) -> bool:
        return self.instance.state in _ACTIVE


def instance_ref(node: str, name: str) -> Ref:
    """Return the name of what of a resource is on a node; `name` is what it is called there."""
    return Ref(INSTANCE_CLASS, (("InstanceID", f"{_PREFIX}{node}:{name}"),))


def _ref(copy: _Copy) -> Ref:
    return instance_ref(copy.instance.node, copy.id)


def _made(world: World, primitive: PrimitiveView, instance: InstanceView) -> _Copy:
    return _Copy(world, primitive, instance, instance_state(world, primitive, instance))


def _ids(world: World) -> Iterator[str]:
    return (primitive.id for primitive in world.view.primitives)


def _copies_of(world: World, name: str) -> Iterator[_Copy]:
    primitive = world.primitives.get(name)
    if primitive is not None:
        for instance in primitive.instances:
            yield _made(world, primitive, instance)


_copies: Final = Keyed(_ids, _copies_of)


def _found(world: World, identity: tuple[str, ...]) -> _Copy | None:
    if not identity[0].startswith(_PREFIX):
        return None
    node, _, name = identity[0].removeprefix(_PREFIX).partition(":")
    primitive = world.primitives.get(name.partition(":")[0])
    if primitive is None:
        return None
    for instance in primitive.instances:
        if instance.node == node and (instance.id or primitive.id) == name:
            return _made(world, primitive, instance)
    return None


def _role(copy: _Copy) -> int:
    if not copy.world.running or copy.instance.state == "uncertain":
        return 0
    return ROLES.get(copy.instance.role) or ROLES["started" if copy.is_active else "stopped"]


def _number(copy: _Copy) -> int:
    number = copy.id.partition(":")[2]
    return int(number) if number.isdigit() else -1


def _process_id(copy: _Copy) -> int:
    held = figures_in(copy.world)
    known = held.resource(copy.instance.node, copy.id) if held is not None else None
    return known.process_id if known is not None and copy.is_active else 0


_COLUMNS: Final[tuple[Column[_Copy], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name != "TimeOfLastStateChange"),
    Column(
        "TimeOfLastStateChange",
        "latest start or failure, whichever was later",
        lambda c: cim_datetime(max(c.instance.started_wall_ms, c.instance.failed_wall_ms)),
    ),
    Column("Name", "name of the instance on its node", lambda c: c.id),
    Column("ElementName", "name of the instance and its node", lambda c: _title(c)),
    Column("Caption", "Instance., name and node", lambda c: f"Instance.{_title(c)}"[:64]),
    Column("Description", "sentence of the state", lambda c: c.state.text),
    constant("RequestedState", 5),
    constant("EnabledDefault", 2),
    Column(
        "AvailableRequestedStates",
        "3 and 11 where it is active and managed; none if the cluster does not run",
        lambda c: (3, 11) if c.world.running and c.is_active and c.primitive.managed else (),
    ),
    Column("ResourceId", "id of the resource", lambda c: c.primitive.id),
    Column("NodeName", "name of the node", lambda c: c.instance.node),
    Column("CloneIndex", "number within a unique clone, -1 if it has none", _number),
    Column("Role", "role on the node", _role),
    Column(
        "IsActive",
        "whether it is active there",
        lambda c: c.is_active if c.world.running and c.instance.state != "uncertain" else None,
    ),
    constant("IsOrphan", False),
    Column("IsManaged", "whether the resource is managed", lambda c: c.primitive.managed),
    Column("FailCount", "failures there since the last cleanup", lambda c: c.instance.fail_count),
    Column(
        "LastFailureTime", "time of the failure", lambda c: cim_datetime(c.instance.failed_wall_ms)
    ),
    Column("LastFailureText", "what failed, and why", lambda c: plain(c.instance.failure) or None),
    Column("PromotionScore", "what the agent says", lambda c: c.instance.promotion_score),
    Column("PlacementScore", "score of the plan", lambda c: c.instance.placement_score),
    Column("StartTime", "latest start", lambda c: cim_datetime(c.instance.started_wall_ms)),
    Column("ProcessId", "told by the node; 0 if it is not known", _process_id),
)


def _title(copy: _Copy) -> str:
    return f"{copy.id} on {copy.instance.node}"


def _of_resource(world: World) -> Iterator[Pair]:
    return (Pair(primitive_ref(copy.primitive.id), _ref(copy)) for copy in _copies(world))


def _on_node(world: World) -> Iterator[Pair]:
    """What has ended on a node is on it no more; what may still be there is."""
    for copy in _copies(world):
        if copy.instance.node in world.nodes and copy.instance.state != "stopped":
            yield Pair(node_ref(copy.instance.node), _ref(copy))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(INSTANCE_CLASS, ("InstanceID",), _copies, _ref, _COLUMNS, find=_found),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_InstanceOfResource", "GroupComponent", "PartComponent", _of_resource),
    AssociationRow("HA_InstanceOnNode", "Antecedent", "Dependent", _on_node),
)
"""The associations of this module."""
