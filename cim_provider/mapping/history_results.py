"""HA_OperationResult: how each operation of a resource on a node went last; HA_ResultOfResource.

Owns: their paths and properties. What an agent wrote is passed on as it is; all other words are
our own.
Source: OCF resource agent API 1.1, section "Return codes".
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

from cim_provider.commands import CleanupResource
from cim_provider.engine import ClusterEngine, Refused
from cim_provider.mapping.area import Area
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.codes import STATUSES
from cim_provider.mapping.resource import primitive_ref
from cim_provider.mapping.rows import (
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    unfilled,
)
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.mapping.writing import Given
from cim_provider.views.history import ResultView, order_of
from cim_provider.wbem.errors import Status

RESULT_CLASS: Final = "HA_OperationResult"
_PREFIX: Final = "LinuxHA:op:"
_STATES: Final = {
    "done": 2,
    "failed": 3,
    "timed-out": 4,
    "unsupported": 5,
    "cancelled": 6,
    "pending": 7,
}
_DIGITS_MAX: Final = 20
"""Of an interval; of much longer ones Python makes no number at all."""
_CODES: Final[Mapping[int, str]] = {
    0: "ok",
    1: "not done",
    2: "invalid argument",
    3: "not implemented",
    4: "not permitted",
    5: "not installed",
    6: "not configured",
    7: "not running",
    8: "running promoted",
    9: "failed while promoted",
    190: "running, but ill",
    191: "running promoted, but ill",
}
"""What an exit code means; `error` is no word for it: old check scripts stumble over it."""


def result_ref(result: ResultView) -> Ref:
    """Return the name of a result."""
    name = f"{result.node}:{result.operation}:{result.interval_ms}:{result.resource}"
    return Ref(RESULT_CLASS, (("InstanceID", _PREFIX + name),))


def resource_of(result: ResultView) -> str:
    """Return the id of the resource; an instance of a unique clone has a number behind it."""
    return result.resource.partition(":")[0]


def _results(world: World) -> Iterator[ResultView]:
    return iter(world.view.history.results)


def found(world: World, identity: tuple[str, ...]) -> ResultView | None:
    """Return the result of that name, or None; results are sorted."""
    parts = identity[0].removeprefix(_PREFIX).split(":", 3)
    if not identity[0].startswith(_PREFIX) or len(parts) < 4:
        return None
    node, operation, interval, resource = parts
    if not interval.isdecimal() or len(interval) > _DIGITS_MAX:
        return None
    results = world.view.history.results
    place = bisect_left(results, (node, resource, operation, int(interval)), key=order_of)
    result = results[place] if place < len(results) else None
    return result if result and result_ref(result).keys[0][1] == identity[0] else None


def _title(result: ResultView) -> str:
    return f"{result.operation} of {result.resource} on {result.node}"


def _words(result: ResultView) -> str:
    code = _CODES.get(result.exit_code, f"exit code {result.exit_code}")
    return f"{_title(result)}: {code}, {result.status}"


class ResultWriter:
    """Lets clients delete results: the failures of the resource there are forgotten.

    Args:
        engine: the cluster.
    """

    def __init__(self, engine: ClusterEngine) -> None:
        self._engine = engine

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`: what an agent did is not a client's to say."""
        refuse(Status.NOT_SUPPORTED, "results are written by the nodes that ran the operations")

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        raise AssertionError("nothing is created that has no name")

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "a result cannot be changed; delete it to clean it up")

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`: clean up the resource on that node."""
        node, _, _, resource = str(ref.keys[0][1]).removeprefix(_PREFIX).split(":", 3)
        command = CleanupResource(resource.partition(":")[0], node)
        outcome = await self._engine.submit(command, author)
        if isinstance(outcome, Refused):
            refuse(STATUSES.get(outcome.code, Status.FAILED), outcome.text)


def results_area(engine: ClusterEngine) -> Area:
    """Return what lets clients clean up after operations."""
    return Area(writers={RESULT_CLASS: ResultWriter(engine)})


_COLUMNS: Final[tuple[Column[ResultView], ...]] = (
    Column("ElementName", "operation, resource and node", _title),
    Column("Caption", "Result., operation and resource", lambda r: _caption(r)),
    Column("Description", "what came of it", _words),
    Column("ResourceId", "id of the resource", resource_of),
    Column("NodeName", "name of the node", lambda r: r.node),
    Column("Operation", "name of the operation", lambda r: r.operation),
    Column("IntervalMilliseconds", "interval of the operation", lambda r: r.interval_ms),
    Column("ReturnCode", "exit code", lambda r: r.exit_code),
    Column(
        "ReturnCodeText",
        "table of exit codes",
        lambda r: _CODES.get(r.exit_code, f"exit code {r.exit_code}"),
    ),
    Column("ExpectedReturnCode", "exit code that is right", lambda r: r.expected),
    Column("Status", "how it went", lambda r: _STATES.get(r.status, 0)),
    Column("ExitReason", "words of the agent", lambda r: r.reason or None),
    Column("OutputTail", "newest lines of the agent", lambda r: r.output),
    Column("ExecutionMilliseconds", "measured by the node", lambda r: r.execution_ms),
    Column("LastRun", "when it ended", lambda r: cim_datetime(r.run_wall_ms)),
    Column("LastChange", "when its outcome changed", lambda r: cim_datetime(r.changed_wall_ms)),
    Column("CallId", "counted by the node", lambda r: r.call if r.call > 0 else None),
    *unfilled("QueuedMilliseconds"),
)


def _caption(result: ResultView) -> str:
    return f"Result.{result.operation}.{result.resource}"[:64]


def _of_resources(world: World) -> Iterator[Pair]:
    for result in _results(world):
        if resource_of(result) in world.primitives:
            yield Pair(primitive_ref(resource_of(result)), result_ref(result))


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        RESULT_CLASS, ("InstanceID",), _results, result_ref, _COLUMNS, find=found, is_quiet=True
    ),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_ResultOfResource", "Antecedent", "Dependent", _of_resources),
)
"""The association of this module."""
