"""HA_Operation and HA_FencingLevel: how resources are acted on, and how nodes are cut off.

Owns: their paths and properties. The id of an operation is its resource, its action and its
interval (`OperationView.id`), that of a level its number and its node
(`LevelView.id`); `World.view.settings` finds them by these. Source: Linux-HA 2.1's provider for
HA_Operation.
"""

from collections.abc import Iterator
from typing import Final

from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.settings_texts import caption
from cim_provider.mapping.world import World
from cim_provider.views.settings import LevelView, OperationView

OPERATION_CLASS: Final = "HA_Operation"
LEVEL_CLASS: Final = "HA_FencingLevel"
ON_FAIL: Final = {
    "ignore": 2,
    "block": 3,
    "stop": 4,
    "restart": 5,
    "demote": 6,
    "standby": 7,
    "fence": 8,
}
"""Numbers of OnFailPolicy."""


def operation_ref(item: OperationView) -> Ref:
    """Return the name of an operation."""
    return Ref(OPERATION_CLASS, (("Id", item.id), ("ResourceId", item.resource)))


def level_ref(item: LevelView) -> Ref:
    """Return the name of a fencing level."""
    return Ref(LEVEL_CLASS, (("Id", item.id),))


def _operations(world: World) -> Iterator[OperationView]:
    return (item for item in world.view.settings.operations if item.resource in world.primitives)


def _operation(world: World, identity: tuple[str, ...]) -> OperationView | None:
    if identity[0] not in world.primitives:
        return None
    return world.view.settings.operation.get((identity[0], identity[1]))


def _described(item: OperationView) -> str:
    every = f" every {item.interval}" if item.interval_ms else ""
    return f"{item.action} of {item.resource}{every}, within {item.timeout}"


_OPERATION: Final[tuple[Column[OperationView], ...]] = (
    Column("Name", "action of the operation", lambda o: o.action),
    Column("Interval", "interval", lambda o: o.interval),
    Column("Timeout", "timeout", lambda o: o.timeout),
    Column("PreReq", "of a start: option requires of the resource", lambda o: o.requires or None),
    Column("OnFail", "on_fail", lambda o: o.on_fail or None),
    Column("Enabled", "enabled", lambda o: "true" if o.is_enabled else "false"),
    Column("IntervalMilliseconds", "interval", lambda o: o.interval_ms),
    Column("TimeoutMilliseconds", "timeout", lambda o: o.timeout_ms),
    constant("StartDelayMilliseconds", 0),
    Column("IsEnabled", "enabled", lambda o: o.is_enabled),
    constant("RecordPending", True),
    Column("OnFailPolicy", "on_fail", lambda o: ON_FAIL.get(o.on_fail)),
    Column("Role", "role", lambda o: o.role or None),
    Column("Depth", "depth", lambda o: o.depth),
    Column("ElementName", "action and interval", lambda o: f"{o.action} {o.interval}"),
    Column("Caption", "Operation. and id", lambda o: caption(f"Operation.{o.id}")),
    Column("Description", "what it does, how often and for how long", _described),
    *unfilled("InstanceID", "BaseRevision"),
)
_LEVEL: Final[tuple[Column[LevelView], ...]] = (
    Column("Target", "the node", lambda level: level.target),
    Column("Level", "place in fence_levels of the node", lambda level: level.level),
    Column("Devices", "the devices there", lambda level: level.devices),
    Column("ElementName", "level and node", lambda level: f"level {level.level} of {level.target}"),
    Column("Caption", "FencingLevel. and id", lambda level: caption(f"FencingLevel.{level.id}")),
    Column(
        "Description",
        "the devices in words",
        lambda level: f"{level.target} is cut off by {' and '.join(level.devices)}",
    ),
    *unfilled("InstanceID", "TargetAttribute", "BaseRevision"),
)


def _on_resources(world: World) -> Iterator[Pair]:
    for item in _operations(world):
        yield Pair(primitive_ref(item.resource), operation_ref(item))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        OPERATION_CLASS,
        ("ResourceId", "Id"),
        _operations,
        operation_ref,
        _OPERATION,
        find=_operation,
    ),
    class_row(
        LEVEL_CLASS,
        ("Id",),
        lambda world: world.view.settings.levels,
        level_ref,
        _LEVEL,
        find=lambda world, keys: world.view.settings.level.get(keys[0]),
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_OperationOnResource", "Resource", "Operation", _on_resources),
)
"""The association of this module."""
