"""HA_EnabledLogicalElementCapabilities: which buttons a console may show.

Owns: one object for each kind of element, and HA_ElementCapabilities.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.engine import NodeView
from cim_provider.mapping import node, resource, settings_tickets
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.cluster_typed import CLUSTER_STATES
from cim_provider.mapping.rows import (
    UNFILLED,
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    unfilled,
)
from cim_provider.mapping.services import service_ref
from cim_provider.mapping.tops import tops
from cim_provider.mapping.world import World

CAPABILITIES_CLASS: Final = "HA_EnabledLogicalElementCapabilities"
_NAMES: Final = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
"""Names that a cluster may have."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    states: tuple[int, ...]


_CLUSTER: Final = _Kind("cluster", CLUSTER_STATES)
_NODES: Final = {
    (is_local, can_fence): _Kind(
        "-".join(("node", *("local",) * is_local, *("fenced",) * can_fence)),
        node.states_of(NodeView("", "", is_local=is_local, can_fence=can_fence)),
    )
    for is_local in (False, True)
    for can_fence in (False, True)
}
_RESOURCE: Final = _Kind("resource", resource.STATES)
_SERVICE: Final = _Kind("service", resource.STATES)
_TICKET: Final = _Kind("ticket", settings_tickets.STATES)


def _ref(kind: _Kind) -> Ref:
    return Ref(CAPABILITIES_CLASS, (("InstanceID", f"LinuxHA:cap:{kind.name}"),))


def _kinds(_: World) -> Iterator[_Kind]:
    yield from (_CLUSTER, *_NODES.values(), _RESOURCE, _SERVICE, _TICKET)


def _pairs(world: World) -> Iterator[Pair]:
    yield Pair(cluster_ref(), _ref(_CLUSTER))
    for each in world.view.nodes:
        if not each.is_witness:
            kind = _NODES[each.is_local, each.can_fence]
            yield Pair(node.node_ref(each.name), _ref(kind))
    for group in world.view.groups:
        yield Pair(resource.group_ref(group.id), _ref(_RESOURCE))
    for primitive in world.view.primitives:
        yield Pair(resource.primitive_ref(primitive.id), _ref(_RESOURCE))
    for clone in world.view.clones:
        yield Pair(resource.clone_ref(clone), _ref(_RESOURCE))
    for top in tops(world):
        yield Pair(service_ref(top.view.id), _ref(_SERVICE))
    for ticket in world.view.settings.tickets:
        yield Pair(settings_tickets.ticket_ref(ticket.name), _ref(_TICKET))


_COLUMNS: Final[tuple[Column[_Kind], ...]] = (
    Column("ElementName", "kind of element", lambda k: f"State changes of a {k.name}"),
    Column("Caption", "kind of element", lambda k: f"Capabilities.{k.name}"),
    Column("RequestedStatesSupported", "what this server carries out", lambda k: k.states),
    Column("ElementNameEditSupported", "true for the cluster alone", lambda k: k is _CLUSTER),
    Column("MaxElementNameLen", "of the cluster", lambda k: 64 if k is _CLUSTER else None),
    Column("ElementNameMask", "of the cluster", lambda k: _NAMES if k is _CLUSTER else None),
    *unfilled("Description"),
)

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(CAPABILITIES_CLASS, ("InstanceID",), _kinds, _ref, _COLUMNS),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(
        "HA_ElementCapabilities",
        "ManagedElement",
        "Capabilities",
        _pairs,
        sources={"Characteristics": UNFILLED},
    ),
)
"""The association of this module."""
