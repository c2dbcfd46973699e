"""HA_HeartbeatLink: how each node hears the others over each link; HA_HostedLink.

Owns: their paths and properties, and what the state of a link is called in CIM.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from cim_provider.mapping.figures_held import node_figures
from cim_provider.mapping.node import NODE_CLASS, node_ref
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
from cim_provider.mapping.states import ENABLED_COLUMNS, State, elsewhere, outside, plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.figures import LinkCounts
from cim_provider.views.history import LinkView

LINK_CLASS: Final = "HA_HeartbeatLink"
LINK_STATES: Final = {
    "up": State((2,), 5, 2, "the others are heard over it", 2),
    "partly up": State((3,), 10, 2, "some of the others are not heard over it", 2),
    "lossy": State((3,), 10, 2, "messages get lost on it", 2),
    "flapping": State((3,), 10, 2, "it comes and goes", 2),
    "down": State((12,), 15, 3, "nothing is heard over it", 4),
    "unknown": State((0,), 0, 0, "nothing is known of it: its node is not heard", 0),
}
"""States of a link by situation."""
LOSSY_PERMILLE: Final = 100
"""One of ten messages lost is more than a network should lose."""
_NUMBERS: Final = {"up": 2, "down": 3, "flapping": 4}
_SERIAL: Final = "serial"
_UDP: Final = 4110
_RS232: Final = 33


@dataclass(frozen=True, slots=True)
class _Link:
    world: World
    link: LinkView
    state: State


def link_ref(link: LinkView) -> Ref:
    """Return the name of a link at its node."""
    keys = (
        ("SystemCreationClassName", NODE_CLASS),
        ("SystemName", link.node),
        ("CreationClassName", LINK_CLASS),
        ("Name", _name(link)),
    )
    return Ref(LINK_CLASS, keys)


def _name(link: LinkView) -> str:
    return f"{link.medium}:{link.link}"


def link_state(world: World, link: LinkView) -> State:
    """Return the state of a link."""
    if (state := outside(world)) is not None:
        return state if link.node == world.view.local_node else elsewhere(world) or state
    situation = link.state
    if situation == "up" and link.deaf:
        situation = "partly up"
    elif situation == "up" and (link.loss_permille or 0) >= LOSSY_PERMILLE:
        situation = "lossy"
    state = LINK_STATES[situation]
    words = [state.text, *([", ".join(link.deaf)] if link.deaf else []), plain(link.reason)]
    is_told = situation not in ("up", "unknown")
    return replace(state, text=": ".join(word for word in words if word)) if is_told else state


def _made(world: World, link: LinkView) -> _Link:
    return _Link(world, link, link_state(world, link))


def _links(world: World) -> Iterator[_Link]:
    return (_made(world, link) for link in world.view.history.links)


def _found(world: World, identity: tuple[str, ...]) -> _Link | None:
    for link in world.view.history.links:
        if (link.node, _name(link)) == identity:
            return _made(world, link)
    return None


def _title(subject: _Link) -> str:
    link = subject.link
    return f"{link.node} {link.medium} {link.interface or link.link}"


def _counted(name: str, source: str, read: Callable[[LinkCounts], int]) -> Column[_Link]:
    """Return a property that a node counts, or measures, all the time."""

    def value(subject: _Link) -> int | None:
        told = node_figures(subject.world, subject.link.node)
        links = told.links if told is not None else ()
        found = next((read(each) for each in links if each.link == subject.link.link), -1)
        return found if found >= 0 else None

    return Column(name, source, value)


_COLUMNS: Final[tuple[Column[_Link], ...]] = (
    *(each for each in ENABLED_COLUMNS if each.name != "TimeOfLastStateChange"),
    Column(
        "TimeOfLastStateChange",
        "when it came or went last; NULL: never since its node's service began",
        lambda s: cim_datetime(s.link.changed_wall_ms) if s.world.running else None,
    ),
    Column("ElementName", "node, medium and interface, or name of the link", _title),
    Column("Caption", "Link., node and name", lambda s: f"Link.{s.link.node}.{s.link.link}"[:64]),
    Column("Description", "sentence of the state", lambda s: s.state.text),
    constant("RequestedState", 12),
    constant("EnabledDefault", 2),
    constant("AvailableRequestedStates", ()),
    Column("NameFormat", "medium", lambda s: s.link.medium),
    Column(
        "ProtocolIFType",
        "33 for a serial line, else 4110",
        lambda s: _RS232 if s.link.medium == _SERIAL else _UDP,
    ),
    Column("Medium", "medium", lambda s: s.link.medium),
    Column("InterfaceName", "interface of the link", lambda s: s.link.interface or None),
    Column("LinkName", "name of the link", lambda s: s.link.link),
    Column("NodeName", "name of the node", lambda s: s.link.node),
    Column("LocalAddress", "address of the node on the link", lambda s: s.link.address),
    Column("PeerAddress", "addresses of the others", lambda s: " ".join(s.link.peers)),
    Column("PortNumber", "port of the link", lambda s: s.link.port or None),
    Column("GroupAddress", "group of the link", lambda s: s.link.group or None),
    Column("LineSpeed", "speed of the line", lambda s: s.link.speed or None),
    Column(
        "LinkState",
        "whether it is heard; unknown if the cluster cannot be asked",
        lambda s: _NUMBERS.get(s.link.state, 0) if s.world.running else 0,
    ),
    Column("SilentPeers", "nodes that are heard, but not over it", lambda s: s.link.deaf),
    Column("LossPermille", "measured by a node", lambda s: s.link.loss_permille),
    Column("Changes", "counted by a node", lambda s: s.link.changes),
    Column("LastChangeReason", "newest change", lambda s: plain(s.link.reason) or None),
    Column("LastHeard", "of one that is down", lambda s: cim_datetime(s.link.heard_wall_ms)),
    Column("ReportedBy", "node that says so", lambda s: s.link.seen_by or None),
    _counted("LateHeartbeats", "told by the node", lambda c: c.late),
    _counted("RoundTripMicroseconds", "told by the node", lambda c: c.round_trip_us),
    *unfilled("InstanceID", "OtherTypeDescription", "ProtocolType"),
)


def _hosted(world: World) -> Iterator[Pair]:
    for link in world.view.history.links:
        if link.node in world.nodes:
            yield Pair(node_ref(link.node), link_ref(link))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        LINK_CLASS,
        ("SystemName", "Name"),
        _links,
        lambda s: link_ref(s.link),
        _COLUMNS,
        find=_found,
        is_volatile=True,
    ),
)
"""The class of this module."""
ASSOCIATIONS: Final = (AssociationRow("HA_HostedLink", "Antecedent", "Dependent", _hosted),)
"""The association of this module."""
