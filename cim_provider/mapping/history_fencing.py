"""HA_FencingEvent and HA_FencingDeviceOfNode: what cuts nodes off, and what came of it.

Owns: their paths and properties.
"""

from collections.abc import Iterator
from typing import Final

from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import AssociationRow, ClassRow, Column, Pair, Ref, class_row
from cim_provider.mapping.states import plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.history import FencingView

FENCING_CLASS: Final = "HA_FencingEvent"
_STATES: Final = {"pending": 2, "succeeded": 3, "failed": 4}
_WORDS: Final = {"pending": "is to be", "succeeded": "was", "failed": "could not be"}


def fencing_ref(event: FencingView) -> Ref:
    """Return the name of an event."""
    return Ref(FENCING_CLASS, (("InstanceID", f"LinuxHA:fence:{event.id}"),))


def _events(world: World) -> Iterator[FencingView]:
    return iter(world.view.history.fencing)


def _title(event: FencingView) -> str:
    if event.is_confirmed:
        return f"{event.node} was confirmed to be down"
    deed = "switched on" if event.action == "on" else "cut off"
    return f"{event.node} {_WORDS.get(event.state, 'is')} {deed}"


_COLUMNS: Final[tuple[Column[FencingView], ...]] = (
    Column("ElementName", "node and outcome", _title),
    Column("Caption", "Fencing. and the node", lambda e: f"Fencing.{e.node}"[:64]),
    Column("Description", "how it went", lambda e: plain(e.text) or _title(e)),
    Column("Target", "the node", lambda e: e.node),
    Column("Action", "off, or on while it is switched on", lambda e: e.action or None),
    Column("Origin", "node that tells it", lambda e: e.origin or None),
    Column("Delegate", "node that uses the device, or used it last", lambda e: e.executor or None),
    Column("Device", "device at work, or devices that have proved it", lambda e: e.device or None),
    Column("State", "how far it is", lambda e: _STATES.get(e.state, 0)),
    Column("StartTime", "when it was decided on", lambda e: cim_datetime(e.started_wall_ms)),
    Column("CompletionTime", "when it was over", lambda e: cim_datetime(e.ended_wall_ms)),
    Column("Reason", "reason of the event", lambda e: plain(e.reason) or None),
    Column("Outcome", "sentence of the event", lambda e: plain(e.text) or None),
    Column("OperatorConfirmed", "whether an operator gave a word", lambda e: e.is_confirmed),
    Column("CorrelationId", "incident", lambda e: plain(e.incident) or None),
)


def _devices(world: World) -> Iterator[Pair]:
    for device, node in world.view.history.devices:
        if device in world.devices and node in world.nodes:
            yield Pair(primitive_ref(device), node_ref(node))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(FENCING_CLASS, ("InstanceID",), _events, fencing_ref, _COLUMNS),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_FencingDeviceOfNode", "Antecedent", "Dependent", _devices),
)
"""The association of this module."""
