"""HA_ClusterStatistics, HA_NodeStatistics, HA_ResourceStatistics, HA_LinkStatistics.

Owns: what is counted of each, ResetSelectedStats and HA_ElementStatisticalData. Which objects
there are follows from the view alone; what they say is of the moment. What nobody counts is NULL.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import pywbem

from cim_provider.mapping.area import Area, Method, MethodCall
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.figures_held import Figures, figures_in, node_figures
from cim_provider.mapping.history_links import link_ref
from cim_provider.mapping.node import node_ref
from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
)
from cim_provider.mapping.times import cim_datetime, cim_interval
from cim_provider.mapping.world import World
from cim_provider.views.figures import LinkCounts, NodeFigures
from cim_provider.views.tally import ResourceTally
from cim_provider.wbem.operations import MethodResult

PREFIX: Final = "LinuxHA:stat:"
_RESOURCE_PREFIX: Final = f"{PREFIX}rsc:"
SAMPLE_US: Final = 5_000_000
"""Nodes are asked so often."""
_DONE: Final = 0
_NOT_SUPPORTED: Final = 1
_INVALID: Final = 5
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Counted:
    """One object with figures: what it is about, and where that is found."""

    world: World
    kind: str
    name: str
    element: Ref
    title: str
    part: str = ""
    """Of a link its name within the node `name`."""

    @property
    def id(self) -> str:
        """Return its InstanceID."""
        local = f"{self.name}:{self.part}" if self.part else self.name
        return f"{PREFIX}{self.kind}:{local}"

    @property
    def held(self) -> Figures | None:
        """Return the figures that the server holds."""
        return figures_in(self.world)


def _cluster(world: World) -> Iterator[Counted]:
    yield Counted(world, "cluster", "LinuxHACluster", cluster_ref(), "Figures of the cluster")


def _nodes(world: World) -> Iterator[Counted]:
    for node in world.view.nodes:
        yield Counted(world, "node", node.name, node_ref(node.name), f"Figures of {node.name}")


def _resources(world: World) -> Iterator[Counted]:
    return (_resource(world, each.id) for each in world.view.primitives)


def _resource(world: World, name: str) -> Counted:
    return Counted(world, "rsc", name, primitive_ref(name), f"Figures of {name}")


def _found_resource(world: World, identity: tuple[str, ...]) -> Counted | None:
    name = identity[0].removeprefix(_RESOURCE_PREFIX)
    is_one = name != identity[0] and name in world.primitives
    return _resource(world, name) if is_one else None


def _links(world: World) -> Iterator[Counted]:
    for link in world.view.history.links:
        title = f"Figures of {link.link} at {link.node}"
        yield Counted(world, "link", link.node, link_ref(link), title, link.link)


def _ref(class_name: str) -> Callable[[Counted], Ref]:
    return lambda subject: Ref(class_name, (("InstanceID", subject.id),))


Read: TypeAlias = Callable[[Counted], int | None]


@dataclass(frozen=True, slots=True)
class Stat:
    """One number: `read` gives it as it is counted, whatever clients have set back."""

    name: str
    source: str
    read: Read
    is_counter: bool = True
    """It only grows, and can be set back; else it goes up and down."""

    def column(self) -> Column[Counted]:
        """Return the property that shows it."""
        return Column(self.name, self.source, self.since_mark)

    def since_mark(self, subject: Counted) -> int | None:
        """Return it from where a client has set it back last."""
        found, held = self.read(subject), subject.held
        if found is None or held is None or not self.is_counter:
            return found
        return held.since_mark(subject.id, self.name, found)


_counter = Stat
_gauge = partial(Stat, is_counter=False)


def _tally(read: Callable[[Figures], int]) -> Read:
    """Read the cluster's tally, which is there once the journal has been read."""

    def value(subject: Counted) -> int | None:
        held = subject.held
        return read(held) if held is not None and held.tally.since_wall_ms else None

    return value


def _resource_tally(read: Callable[[ResourceTally, int], int]) -> Read:
    """Read the tally of a resource of which the journal tells something."""

    def value(subject: Counted) -> int | None:
        held = subject.held
        known = held.tally.resources.get(subject.name) if held is not None else None
        return read(known, _now_ms(subject)) if known is not None else None

    return value


def _now_ms(subject: Counted) -> int:
    """Return the newest moment that figures or events are of."""
    held = subject.held
    if held is None:
        return 0
    times = [held.tally.newest_wall_ms]
    for node in subject.world.view.nodes:
        known = held.node(node.name)
        times += [known.at_wall_ms] if known is not None else []
    return max(times)


def _of_node(read: Callable[[NodeFigures], int | None]) -> Read:
    def value(subject: Counted) -> int | None:
        known = node_figures(subject.world, subject.name)
        return read(known) if known is not None else None

    return value


def known(count: int) -> int | None:
    """Return what a node has told, None for what it has not counted."""
    return count if count >= 0 else None


def _lost(node: NodeFigures) -> int | None:
    """Return what was lost on the links of a node, as far as that can be seen."""
    found = [each.lost for each in node.links if each.lost >= 0]
    return sum(found) if found else None


def _transitions(subject: Counted) -> int | None:
    """Return what all nodes have counted; each while it was the coordinator."""
    nodes = (node_figures(subject.world, each.name) for each in subject.world.view.nodes)
    found = [each.transitions for each in nodes if each is not None and each.transitions >= 0]
    return sum(found) if found else None


def _of_link(read: Callable[[LinkCounts], int]) -> Read:
    def value(subject: Counted) -> int | None:
        known = node_figures(subject.world, subject.name)
        links = known.links if known is not None else ()
        return next((read(each) for each in links if each.link == subject.part), None)

    return value


def _summed(read: Callable[[Figures, str], int]) -> Read:
    def value(subject: Counted) -> int | None:
        held = subject.held
        return read(held, subject.name) if held is not None and held.copies(subject.name) else None

    return value


def _started(subject: Counted) -> str | None:
    """Return since when it is counted: the last time that somebody set it back, if later."""
    held = subject.held
    if held is None:
        return None
    began = held.tally.since_wall_ms
    if subject.kind == "rsc":
        known = held.tally.resources.get(subject.name)
        began = known.since_wall_ms if known is not None else 0
    elif subject.kind in ("node", "link"):
        figures = held.node(subject.name)
        began = figures.since_wall_ms if figures is not None else 0
    return cim_datetime(max(began, held.marked_ms(subject.id)))


def _taken(subject: Counted) -> str | None:
    if subject.kind in ("node", "link"):
        known = node_figures(subject.world, subject.name)
        return cim_datetime(known.at_wall_ms) if known is not None else None
    return cim_datetime(_now_ms(subject))


def _common(description: str) -> tuple[Column[Counted], ...]:
    return (
        Column("ElementName", "what it is about", lambda s: s.title),
        Column("Caption", "what it is about", lambda s: s.title[:64]),
        constant("Description", description),
        Column("StartStatisticTime", "since when it is counted, or was set back", _started),
        Column("StatisticTime", "time of the newest figures", _taken),
        constant("SampleInterval", cim_interval(SAMPLE_US)),
    )


_CLUSTER: Final[tuple[Stat, ...]] = (
    _counter("FailoverCount", "journal of events", _tally(lambda f: f.tally.failovers)),
    _counter("FencingCount", "journal of events", _tally(lambda f: f.tally.fencings)),
    _counter("LeaderChanges", "journal of events", _tally(lambda f: f.tally.leader_changes)),
    _counter("QuorumLosses", "journal of events", _tally(lambda f: f.tally.quorum_losses)),
    _counter("Transitions", "told by the nodes, each while it coordinated", _transitions),
    _gauge(
        "LastFailoverMilliseconds",
        "journal of events",
        _tally(lambda f: f.tally.last_failover_ms),
    ),
)
_NODE: Final[tuple[Stat, ...]] = (
    _counter("HeartbeatsSent", "told by the node", _of_node(lambda n: n.beats_sent)),
    _counter("HeartbeatsReceived", "told by the node", _of_node(lambda n: n.beats_received)),
    _counter("HeartbeatsLost", "told by the node: of all its links", _of_node(_lost)),
    _counter("LateHeartbeats", "told by the node", _of_node(lambda n: known(n.beats_late))),
    _gauge(
        "UptimeSeconds",
        "told by the node: since its machine was started",
        _of_node(lambda n: max(0, n.at_wall_ms - n.boot_wall_ms) // 1000),
    ),
    _gauge(
        "ResourcesRunning",
        "primitives active there",
        lambda s: len(s.world.active.get(s.name, ())) if s.world.running else None,
    ),
)
_RESOURCE: Final[tuple[Stat, ...]] = (
    _counter("Starts", "journal of events", _resource_tally(lambda r, _: r.starts)),
    _counter("Stops", "journal of events", _resource_tally(lambda r, _: r.stops)),
    _counter("Moves", "journal of events", _resource_tally(lambda r, _: r.moves)),
    _counter("Failures", "journal of events", _resource_tally(lambda r, _: r.failures)),
    _counter(
        "AvailableSeconds",
        "journal of events",
        _resource_tally(lambda r, now_ms: r.available_at(now_ms) // 1000),
    ),
    _counter(
        "UnavailableSeconds",
        "journal of events",
        _resource_tally(lambda r, now_ms: r.unavailable_at(now_ms) // 1000),
    ),
    _counter(
        "MonitorRuns",
        "told by the nodes, since their daemons began",
        _summed(lambda f, name: sum(each.monitors for each in f.copies(name))),
    ),
    _counter(
        "MonitorFailures",
        "told by the nodes, since their daemons began",
        _summed(lambda f, name: sum(each.monitor_failures for each in f.copies(name))),
    ),
    _gauge(
        "LastStartMilliseconds",
        "told by the nodes; the longest of them",
        _summed(lambda f, name: max(each.last_start_ms for each in f.copies(name))),
    ),
)
_LINK: Final[tuple[Stat, ...]] = (
    _counter("PacketsSent", "told by the node", _of_link(lambda c: c.packets_sent)),
    _counter("PacketsReceived", "told by the node", _of_link(lambda c: c.packets_received)),
    _counter(
        "PacketsLost",
        "told by the node: packets that it could not send",
        _of_link(lambda c: c.packets_unsent),
    ),
    _counter("BytesSent", "told by the node", _of_link(lambda c: c.bytes_sent)),
    _counter("BytesReceived", "told by the node", _of_link(lambda c: c.bytes_received)),
    _counter("AuthFailures", "told by the node", _of_link(lambda c: c.refused)),
)
_DAEMON: Final = "Counted by the node's daemon since it began"


@dataclass(frozen=True, slots=True)
class _Kind:
    subjects: Callable[[World], Iterator[Counted]]
    description: str
    stats: tuple[Stat, ...]
    find: Callable[[World, tuple[str, ...]], Counted | None] | None = None
    """Finds one of many without looking through all."""

    def columns(self) -> tuple[Column[Counted], ...]:
        stats = (each.column() for each in self.stats)
        return (*_common(self.description), *stats)


_KINDS: Final[Mapping[str, _Kind]] = {
    "HA_ClusterStatistics": _Kind(
        _cluster,
        "Counted from the events that the cluster's journal still holds",
        _CLUSTER,
    ),
    "HA_NodeStatistics": _Kind(_nodes, _DAEMON, _NODE),
    "HA_ResourceStatistics": _Kind(
        _resources,
        "Counted from the cluster's journal; monitors by the daemons since they began",
        _RESOURCE,
        find=_found_resource,
    ),
    "HA_LinkStatistics": _Kind(_links, _DAEMON, _LINK),
}


def _pairs(world: World) -> Iterator[Pair]:
    for class_name, kind in _KINDS.items():
        for each in kind.subjects(world):
            yield Pair(each.element, _ref(class_name)(each))


async def _reset(class_name: str, wall_ms: Callable[[], int], call: MethodCall) -> MethodResult:
    """ResetSelectedStats: these counters begin again, for all clients of this server."""
    kind = _KINDS[class_name]
    record = call.record
    assert record is not None, "the method is not static"
    found = kind.subjects(call.world)
    subject = next(each for each in found if _ref(class_name)(each) == record.ref)
    known = {each.name.lower(): each for each in kind.stats}
    given = call.given.get("SelectedStatistics")
    wanted = [str(each).lower() for each in given] if isinstance(given, list) else []
    if not wanted or any(each not in (*known, _ALL) for each in wanted):
        return MethodResult(pywbem.Uint32(_INVALID), ())
    chosen = known.values() if _ALL in wanted else [known[each] for each in wanted]
    if _ALL not in wanted and not all(each.is_counter for each in chosen):
        return MethodResult(pywbem.Uint32(_NOT_SUPPORTED), ())
    held = subject.held
    assert held is not None, "the method is offered by whoever holds the figures"
    for each in chosen:
        now = each.read(subject)
        if each.is_counter and now is not None:
            held.mark(subject.id, each.name, now, wall_ms())
    return MethodResult(pywbem.Uint32(_DONE), ())


ROWS: Final[tuple[ClassRow, ...]] = tuple(
    class_row(
        name,
        ("InstanceID",),
        kind.subjects,
        _ref(name),
        kind.columns(),
        find=kind.find,
        is_volatile=True,
    )
    for name, kind in _KINDS.items()
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_ElementStatisticalData", "ManagedElement", "Stats", _pairs),
)
"""The association of this module."""


def figures_area(figures: Figures, wall_ms: Callable[[], int]) -> Area:
    """Return what lets clients read the figures and set counters back.

    Args:
        figures: whoever asks the cluster puts them there.
        wall_ms: the time now, in milliseconds since 1970.
    """
    methods: dict[tuple[str, str], Method] = {
        (name, "ResetSelectedStats"): partial(_reset, name, wall_ms) for name in _KINDS
    }
    return Area(holders=(figures,), methods=methods)
