"""HA_MetricDefinition and HA_MetricValue: the numbers that change, as consoles chart them.

Owns: the list of metrics, and who has which. Of the cluster, of each node, and of each instance
whose process is known; which values there are follows from the view alone, what they say is of the
moment. Source: DMTF CIM Schema 2.41 (Final), CIM_BaseMetricDefinition; DSP0004, annex C (units).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.copies import instance_ref
from cim_provider.mapping.figures_held import figures_in, node_figures
from cim_provider.mapping.node import node_ref
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
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import CLUSTER_NAME, World
from cim_provider.views.figures import NodeFigures, ResourceCounts

DEFINITION_CLASS: Final = "HA_MetricDefinition"
VALUE_CLASS: Final = "HA_MetricValue"
_VALUE_PREFIX: Final = "LinuxHA:value:"
_REAL32: Final = 4
_REAL64: Final = 5
_UINT32: Final = 12
_UINT64: Final = 13
_COUNTER: Final = 3
_GAUGE: Final = 4
_POINT: Final = 2
_PERIODIC: Final = 3
_SUMMABLE: Final = 2
_ENABLED: Final = 2
_NOT_SUMMABLE: Final = 3
Number: TypeAlias = int | float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, type, unit, and how its value is read from a place."""

    name: str
    of: str
    """`cluster`, `node` or `instance`."""
    data_type: int
    units: str
    description: str
    read: Callable[["Place"], Number]
    is_counter: bool = False
    is_summable: bool = True

    @property
    def id(self) -> str:
        """Return its Id."""
        return f"LinuxHA:metric:{self.name}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is measured."""

    world: World
    kind: str
    name: str
    element: Ref
    node: str = ""
    part: str = ""
    """Of an instance its name on the node."""


@dataclass(frozen=True, slots=True)
class _Value:
    metric: Metric
    place: Place


def _node(read: Callable[[NodeFigures], Number]) -> Callable[[Place], Number]:
    def value(place: Place) -> Number:
        known = node_figures(place.world, place.node)
        return read(known) if known is not None else None

    return value


def _process(read: Callable[[ResourceCounts], Number]) -> Callable[[Place], Number]:
    def value(place: Place) -> Number:
        held = figures_in(place.world)
        known = held.resource(place.node, place.part) if held is not None else None
        return read(known) if known is not None and known.process_id else None

    return value


def _load(place: int) -> Callable[[Place], Number]:
    return _node(lambda n: n.load_milli[place] / 1000)


METRICS: Final = (
    Metric(
        "PendingActions",
        "cluster",
        _UINT32,
        "count",
        "Actions under way",
        lambda p: p.world.view.pending_actions if p.world.running else None,
    ),
    Metric(
        "Votes",
        "cluster",
        _UINT32,
        "count",
        "Votes present",
        lambda p: p.world.view.votes if p.world.running else None,
    ),
    Metric("Load1", "node", _REAL32, "count", "Load of the last minute", _load(0)),
    Metric("Load5", "node", _REAL32, "count", "Load of the last 5 minutes", _load(1)),
    Metric("Load15", "node", _REAL32, "count", "Load of the last 15 minutes", _load(2)),
    Metric(
        "ProcessorsBusy",
        "node",
        _REAL32,
        "percent",
        "How busy its processors were since they were looked at last",
        _node(lambda n: n.cpu_permille / 10 if n.cpu_permille >= 0 else None),
        is_summable=False,
    ),
    Metric("MemoryTotal", "node", _UINT64, "byte", "Its memory", _node(lambda n: n.memory_bytes)),
    Metric(
        "MemoryAvailable",
        "node",
        _UINT64,
        "byte",
        "Memory that programs can still have",
        _node(lambda n: n.memory_available_bytes),
    ),
    Metric(
        "Uptime",
        "node",
        _UINT64,
        "second",
        "Since its machine was started",
        _node(lambda n: max(0, n.at_wall_ms - n.boot_wall_ms) // 1000),
        is_counter=True,
        is_summable=False,
    ),
    Metric(
        "HeartbeatsSent",
        "node",
        _UINT64,
        "count",
        "Signs of life that it has sent",
        _node(lambda n: n.beats_sent),
        is_counter=True,
    ),
    Metric(
        "HeartbeatsReceived",
        "node",
        _UINT64,
        "count",
        "Signs of life that it has received",
        _node(lambda n: n.beats_received),
        is_counter=True,
    ),
    Metric(
        "DaemonMemory",
        "node",
        _UINT64,
        "byte",
        "Memory of its cluster daemon",
        _node(lambda n: n.daemon_memory_bytes),
    ),
    Metric(
        "DaemonProcessorTime",
        "node",
        _REAL64,
        "second",
        "Processor time of its cluster daemon",
        _node(lambda n: n.daemon_cpu_ms / 1000),
        is_counter=True,
    ),
    Metric(
        "ProcessorTime",
        "instance",
        _REAL64,
        "second",
        "Processor time of its process and of all below it that run",
        _process(lambda c: c.cpu_ms / 1000),
        is_counter=True,
    ),
    Metric(
        "Memory",
        "instance",
        _UINT64,
        "byte",
        "Resident memory of its process and of all below it",
        _process(lambda c: c.memory_bytes),
    ),
    Metric(
        "Processes",
        "instance",
        _UINT32,
        "count",
        "Its process and all below it",
        _process(lambda c: c.processes),
    ),
)
"""All metrics."""
_OF: Final = {
    kind: tuple(each for each in METRICS if each.of == kind)
    for kind in ("cluster", "node", "instance")
}


def _places(world: World) -> Iterator[Place]:
    yield Place(world, "cluster", CLUSTER_NAME, cluster_ref())
    for node in world.view.nodes:
        yield Place(world, "node", node.name, node_ref(node.name), node.name)
    for primitive in world.view.primitives:
        if primitive.agent_class == "process":
            for instance in primitive.instances:
                yield _instance(world, instance.node, instance.id or primitive.id)


def _instance(world: World, node: str, name: str) -> Place:
    return Place(world, "instance", f"{node}:{name}", instance_ref(node, name), node, name)


def _place(world: World, name: str) -> Place | None:
    """Return the place of that name, without looking through all."""
    if name == CLUSTER_NAME:
        return Place(world, "cluster", CLUSTER_NAME, cluster_ref())
    if name in world.nodes:
        return Place(world, "node", name, node_ref(name), name)
    node, _, own = name.partition(":")
    primitive = world.primitives.get(own.partition(":")[0])
    if primitive is None or primitive.agent_class != "process":
        return None
    parts = ((each.node, each.id or primitive.id) for each in primitive.instances)
    return _instance(world, node, own) if (node, own) in parts else None


def _found(world: World, identity: tuple[str, ...]) -> _Value | None:
    rest = identity[0].removeprefix(_VALUE_PREFIX)
    name, _, local = rest.partition(":")
    place = _place(world, local) if rest != identity[0] else None
    if place is None:
        return None
    metrics = (each for each in _OF[place.kind] if each.name == name)
    return next((_Value(each, place) for each in metrics), None)


def _values(world: World) -> Iterator[_Value]:
    for place in _places(world):
        for metric in _OF[place.kind]:
            yield _Value(metric, place)


def _definition_ref(metric: Metric) -> Ref:
    return Ref(DEFINITION_CLASS, (("Id", metric.id),))


def _value_ref(value: _Value) -> Ref:
    name = f"{_VALUE_PREFIX}{value.metric.name}:{value.place.name}"
    return Ref(VALUE_CLASS, (("InstanceID", name),))


def _text(value: _Value) -> str | None:
    found = value.metric.read(value.place)
    return None if found is None else str(found)


def _moment(value: _Value) -> str | None:
    place = value.place
    if place.kind == "cluster":
        held = figures_in(place.world)
        nodes = place.world.view.nodes if held is not None else ()
        times = (known.at_wall_ms for n in nodes if (known := node_figures(place.world, n.name)))
        return cim_datetime(max(times, default=0))
    known = node_figures(place.world, place.node)
    return cim_datetime(known.at_wall_ms) if known is not None else None


_DEFINITION: Final[tuple[Column[Metric], ...]] = (
    Column("Name", "list of metrics", lambda m: m.name),
    Column("ElementName", "list of metrics", lambda m: m.name),
    Column("Caption", "Metric. and the name", lambda m: f"Metric.{m.name}"),
    Column("Description", "list of metrics", lambda m: m.description),
    Column("DataType", "list of metrics", lambda m: m.data_type),
    Column(
        "Calculable",
        "3 if a sum means nothing, else 2",
        lambda m: _SUMMABLE if m.is_summable else _NOT_SUMMABLE,
    ),
    Column("Units", "list of metrics", lambda m: m.units),
    Column("ProgrammaticUnits", "list of metrics", lambda m: m.units),
    constant("IsContinuous", True),
    Column("ChangeType", "3 if it only grows", lambda m: _COUNTER if m.is_counter else _GAUGE),
    constant("TimeScope", _POINT),
    constant("GatheringType", _PERIODIC),
    *unfilled("InstanceID", "BreakdownDimensions"),
)
_VALUE: Final[tuple[Column[_Value], ...]] = (
    Column("ElementName", "metric and element", lambda v: f"{v.metric.name} of {v.place.name}"),
    Column("Caption", "name of the metric", lambda v: f"Value.{v.metric.name}"),
    Column("Description", "list of metrics", lambda v: v.metric.description),
    Column("MetricDefinitionId", "Id of the metric", lambda v: v.metric.id),
    Column("MeasuredElementName", "name of the element", lambda v: v.place.name),
    Column("TimeStamp", "when the node has told it", _moment),
    Column("MetricValue", "told by the node; NULL if it has told none", _text),
    constant("Volatile", True),
    *unfilled("Duration", "BreakdownDimension", "BreakdownValue"),
)


def _definitions(_: World) -> Iterator[Metric]:
    return iter(METRICS)


def definition_refs(world: World) -> tuple[Ref, ...]:
    """Return the names of all metrics."""
    return tuple(map(_definition_ref, _definitions(world)))


def _defined(world: World) -> Iterator[Pair]:
    enabled = (("MetricCollectionEnabled", _ENABLED),)
    return (Pair(v.place.element, _definition_ref(v.metric), enabled) for v in _values(world))


def _measured(world: World) -> Iterator[Pair]:
    return (Pair(v.place.element, _value_ref(v)) for v in _values(world))


def _instances(world: World) -> Iterator[Pair]:
    return (Pair(_definition_ref(v.metric), _value_ref(v)) for v in _values(world))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(DEFINITION_CLASS, ("Id",), _definitions, _definition_ref, _DEFINITION),
    class_row(
        VALUE_CLASS, ("InstanceID",), _values, _value_ref, _VALUE, find=_found, is_volatile=True
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(
        "HA_MetricDefForME",
        "Antecedent",
        "Dependent",
        _defined,
        sources={"MetricCollectionEnabled": "constant 2"},
    ),
    AssociationRow("HA_MetricForME", "Antecedent", "Dependent", _measured),
    AssociationRow("HA_MetricInstance", "Antecedent", "Dependent", _instances),
)
"""The associations of this module."""
