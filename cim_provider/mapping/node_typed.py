"""Properties of HA_ClusterNode that tell since when, what it can carry and who can end it.

Owns: those columns. What is not known is NULL.
"""

from collections.abc import Callable
from typing import Final, Protocol
from uuid import uuid5

from cim_provider.engine import NodeView
from cim_provider.mapping.cluster_typed import uuid_of
from cim_provider.mapping.figures_held import figures_in, node_figures
from cim_provider.mapping.rows import Column, Value
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import REACHED, World
from cim_provider.views.facts import NodeFacts
from cim_provider.views.figures import NodeFigures


class Noded(Protocol):
    """What these columns read."""

    @property
    def world(self) -> World:
        """Return what the request sees."""
        ...

    @property
    def node(self) -> NodeView:
        """Return the node."""
        ...


def _facts(subject: Noded) -> NodeFacts:
    name = subject.node.name
    return subject.world.node_facts.get(name, NodeFacts(name))


def _live(name: str, source: str, read: Callable[[Noded, NodeFacts], Value]) -> Column[Noded]:
    """Return a property that only a cluster that runs can tell."""

    def value(subject: Noded) -> Value:
        return read(subject, _facts(subject)) if subject.world.running else None

    return Column(name, source, value)


def _since(subject: Noded, facts: NodeFacts, *, is_here: bool) -> str | None:
    found = cim_datetime(facts.since_wall_ms)
    return found if (subject.node.state in REACHED) is is_here else None


def _told(subject: Noded, read: Callable[[NodeFigures], Value]) -> Value:
    known = node_figures(subject.world, subject.node.name)
    return read(known) if known is not None else None


def _machine(subject: Noded) -> tuple[str, ...]:
    known = node_figures(subject.world, subject.node.name)
    return (known.machine_id,) if known is not None and known.machine_id else ()


def _uuid(subject: Noded) -> str | None:
    """Return what names the node in the whole world, the same for as long as it has its name."""
    cluster, name = uuid_of(subject.world.view.cluster_id), subject.node.name
    is_node = name in subject.world.nodes  # and no host that is pinged
    return str(uuid5(cluster, name)) if cluster is not None and is_node else None


def _identities(subject: Noded) -> tuple[tuple[str, str], ...]:
    """Return by which other names the node is known, each with its kind."""
    uuid = _uuid(subject)
    return (
        *((("Linux-HA:NodeUUID", uuid),) if uuid else ()),
        *(("Linux-HA:MachineId", each) for each in _machine(subject)),
        ("Linux-HA:NodeName", subject.node.name),
    )


def _fenced(subject: Noded) -> str | None:
    """Return when it was cut off last: the newest is in the past that is shown at once."""
    name, world = subject.node.name, subject.world
    shown = (
        each.ended_wall_ms
        for each in world.view.history.fencing
        if each.node == name and each.state == "succeeded" and not each.is_confirmed
    )
    held = figures_in(world)
    counted = held.tally.fenced.get(name, 0) if held is not None else 0
    return cim_datetime(max(counted, *shown, 0))


def _taken(subject: Noded) -> tuple[str, ...]:
    """Return what the resources that are active on it take of its capacity."""
    world, found = subject.world, dict[str, int]()
    active = world.active.get(subject.node.name, ())
    for each in world.view.settings.attributes if active else ():
        if each.kind == "utilization" and each.resource in active and each.value.isdigit():
            found[each.name] = found.get(each.name, 0) + int(each.value)
    return tuple(f"{name}={amount}" for name, amount in sorted(found.items()))


def _changed(subject: Noded, facts: NodeFacts) -> str | None:
    """Return when it came or went, or its standby or maintenance, or that of all, turned."""
    turned = subject.world.turned_ms
    moments = (facts.since_wall_ms, turned.get(subject.node.name, 0), turned.get("", 0))
    return cim_datetime(max(moments))


COLUMNS: Final[tuple[Column[Noded], ...]] = (
    _live(
        "TimeOfLastStateChange",
        "since when it is in its state, as the coordinator and the kept revisions say",
        _changed,
    ),
    _live(
        "JoinedTime",
        "since when it is online; NULL if it is not",
        lambda subject, facts: _since(subject, facts, is_here=True),
    ),
    _live(
        "LeftTime",
        "since when it is lost or has left; NULL if it is there",
        lambda subject, facts: (
            _since(subject, facts, is_here=False)
            if subject.node.state in ("lost", "left")
            else None
        ),
    ),
    _live(
        "LastSeen",
        "when it was heard last, over any link; NULL while it is heard",
        lambda _, facts: cim_datetime(facts.last_heard_wall_ms),
    ),
    Column(
        "StandbyUntil",
        "when its standby ends by itself",
        lambda n: cim_datetime(n.node.standby_until_wall_ms),
    ),
    Column("SoftwareVersion", "told by the node", lambda n: _told(n, lambda f: f.product or None)),
    Column(
        "ProtocolVersion",
        "told by the node",
        lambda n: _told(n, lambda f: str(f.protocol) if f.protocol else None),
    ),
    _live(
        "LastFenced",
        "journal of events",
        lambda subject, _: _fenced(subject),
    ),
    Column(
        "OtherIdentifyingInfo",
        "Uuid, /etc/machine-id as the node has told it, and its name; what is known of them",
        lambda n: tuple(each for _, each in _identities(n)),
    ),
    Column(
        "IdentifyingDescriptions",
        "as often as OtherIdentifyingInfo has entries",
        lambda n: tuple(kind for kind, _ in _identities(n)),
    ),
    Column("Uuid", "made of the id of the cluster and the node's name", _uuid),
    Column("NodeId", "name of the node", lambda n: n.node.name),
    Column(
        "Capacity",
        "capacity of the node, as name=number",
        lambda n: tuple(f"{name}={value}" for name, value in _facts(n).capacity),
    ),
    Column(
        "Utilization",
        "utilization of what is active on it, added up; NULL if the cluster does not run",
        lambda n: _taken(n) if n.world.running else None,
    ),
    Column("HealthAttribute", "worst of its health attributes", lambda n: _facts(n).health or None),
    Column("FencingDevices", "devices that can end it", lambda n: _facts(n).devices),
    _live(
        "HasKernelGate",
        "what it has told when it was admitted",
        lambda _, facts: facts.has_kernel_gate,
    ),
    _live("WatchdogMilliseconds", "the same", lambda _, facts: facts.watchdog_ms),
    _live("GatesMissing", "the same", lambda _, facts: facts.gates_missing),
)
"""The columns of this module."""
