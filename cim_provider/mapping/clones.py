"""HA_ResourceClone and HA_MasterSlaveResource: resources that run several times.

Owns: their properties. Where they belong is `resource`'s, what runs on a node
`copies`'. Source: Linux-HA 2.1's provider for the properties that are text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import CloneView
from cim_provider.mapping.resource import (
    CLONE_CLASS,
    COMMON,
    MASTER_CLASS,
    Resource,
    clone_ref,
)
from cim_provider.mapping.rows import ClassRow, Column, Value, class_row, constant, unfilled
from cim_provider.mapping.states import clone_state, instances_running
from cim_provider.mapping.world import World


@dataclass(frozen=True, slots=True)
class _Clone(Resource):
    clone: CloneView


def _made(world: World, view: CloneView) -> _Clone:
    members = world.copied(view)
    return _Clone(world, view, members, clone_state(world, view, members), view)


def _subjects(*, is_promotable: bool) -> Callable[[World], Iterator[_Clone]]:
    def found(world: World) -> Iterator[_Clone]:
        views = (each for each in world.view.clones if each.is_promotable is is_promotable)
        return (_made(world, view) for view in views)

    return found


def _find(*, is_promotable: bool) -> Callable[[World, tuple[str, ...]], _Clone | None]:
    def found(world: World, identity: tuple[str, ...]) -> _Clone | None:
        view = world.clones.get(identity[0])
        is_here = view is not None and view.is_promotable is is_promotable
        return _made(world, view) if view is not None and is_here else None

    return found


def _text(name: str, source: str, read: Callable[[CloneView], int]) -> Column[_Clone]:
    """Return a number as Linux-HA 2.1 wrote it."""
    return Column(name, source, lambda c: str(read(c.clone)))


def _flag(name: str, source: str, read: Callable[[CloneView], bool]) -> Column[_Clone]:
    """Return a truth as Linux-HA 2.1 wrote it."""
    return Column(name, source, lambda c: "true" if read(c.clone) else "false")


def _typed(name: str, source: str, read: Callable[[CloneView], Value]) -> Column[_Clone]:
    return Column(name, source, lambda c: read(c.clone))


_OWN: Final[tuple[Column[_Clone], ...]] = (
    _text("CloneMax", "most instances", lambda c: c.instances_max),
    _text("CloneNodeMax", "most instances on a node", lambda c: c.node_max),
    _flag("Notify", "whether instances are told of each other", lambda c: c.notifies),
    _flag("Ordered", "whether instances start one by one", lambda c: c.is_ordered),
    _flag("Interleave", "whether it waits for the own node alone", lambda c: c.is_interleaved),
    _typed("CloneMaximum", "most instances", lambda c: c.instances_max),
    _typed("CloneNodeMaximum", "most instances on a node", lambda c: c.node_max),
    _typed("CloneMinimum", "instances that others wait for", lambda c: c.instances_min),
    _typed("NotifyEnabled", "whether instances are told of each other", lambda c: c.notifies),
    _typed("OrderedStart", "whether instances start one by one", lambda c: c.is_ordered),
    _typed(
        "InterleaveEnabled", "whether it waits for the own node alone", lambda c: c.is_interleaved
    ),
    _typed("GloballyUnique", "whether instances have names of their own", lambda c: c.is_unique),
    _typed("MemberId", "its member", lambda c: c.member),
    Column(
        "InstancesRunning",
        "instances started; of a group those of which all members are",
        lambda c: instances_running(c.members) if c.world.running else None,
    ),
    _typed("InstancesWanted", "instances when all is well", lambda c: c.instances_wanted),
    *unfilled("ParentId", "Position"),
)

_MASTER: Final[tuple[Column[_Clone], ...]] = (
    _text("MaxMasters", "most that are promoted", lambda c: c.promoted_max),
    _text("MaxNodeMasters", "most that are promoted on a node", lambda c: c.promoted_node_max),
    _typed("MastersMaximum", "most that are promoted", lambda c: c.promoted_max),
    _typed("MastersNodeMaximum", "most promoted on a node", lambda c: c.promoted_node_max),
    Column(
        "PromotedNodes",
        "nodes where it is promoted",
        lambda c: c.promoted_on if c.world.running else None,
    ),
)

_SHARED: Final[tuple[Column[_Clone], ...]] = (
    *COMMON,
    *_OWN,
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        CLONE_CLASS,
        ("Id",),
        _subjects(is_promotable=False),
        lambda c: clone_ref(c.clone),
        (*_SHARED, constant("ResourceStatus", "clone")),
        find=_find(is_promotable=False),
    ),
    class_row(
        MASTER_CLASS,
        ("Id",),
        _subjects(is_promotable=True),
        lambda c: clone_ref(c.clone),
        (*_SHARED, *_MASTER, constant("ResourceStatus", "master")),
        find=_find(is_promotable=True),
    ),
)
"""The classes of this module."""
