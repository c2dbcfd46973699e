"""What the server counts about its operations, as objects.

Owns: CIM_CIMOMStatisticalData, its association to the server, and the switch
by which a client has the server count or not.
Source: DMTF CIM Schema 2.41 (Final), CIM_CIMOMStatisticalData.
"""

from collections.abc import Callable, Iterator
from typing import Final

from cim_provider.mapping.area import Area
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.counters import GATHER, NAME, OTHER, TYPES, Counts, Statistics
from cim_provider.mapping.interop import MANAGER_CLASS, manager_ref
from cim_provider.mapping.rows import (
    IN_INTEROP,
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
from cim_provider.mapping.writing import Given
from cim_provider.wbem.errors import Status

CLASS: Final = "CIM_CIMOMStatisticalData"
ASSOCIATION_CLASS: Final = "CIM_ElementStatisticalData"
_PREFIX: Final = "CIM:beatkeeper"


def _all(world: World) -> tuple[Counts, ...]:
    statistics = world.held(NAME, Statistics)
    return () if statistics is None else statistics.all()


def _find(world: World, identity: tuple[str, ...]) -> Counts | None:
    prefix, _, name = identity[0].rpartition(":")
    statistics = world.held(NAME, Statistics)
    return None if statistics is None or prefix != _PREFIX else statistics.find(name)


def _counts_ref(counts: Counts) -> Ref:
    return Ref(CLASS, (("InstanceID", f"{_PREFIX}:{counts.name}"),))


def _pairs(world: World) -> Iterator[Pair]:
    for counts in _all(world):
        yield Pair(manager_ref(world.server), _counts_ref(counts))


_COLUMNS: Final[tuple[Column[Counts], ...]] = (
    Column("Caption", "name of the operation", lambda c: c.name),
    constant("Description", "How often the operation was carried out, and what that took"),
    Column("ElementName", "name of the operation", lambda c: c.name),
    Column("OperationType", "name of the operation", lambda c: TYPES[c.name]),
    Column(
        "OtherOperationType",
        "name of the operation",
        lambda c: c.name if TYPES[c.name] == OTHER else None,
    ),
    Column("NumberOfOperations", "counted by the server", lambda c: c.count),
    Column(
        "CimomElapsedTime",
        "measured by the server",
        lambda c: cim_interval(c.total_us - c.provider_us),
    ),
    Column("ProviderElapsedTime", "measured by the server", lambda c: cim_interval(c.provider_us)),
    Column("RequestSize", "bodies of the requests", lambda c: c.request_bytes),
    Column("ResponseSize", "bodies of the answers", lambda c: c.response_bytes),
    Column("StartStatisticTime", "since when it is counted", lambda c: cim_datetime(c.started_ms)),
    Column("StatisticTime", "when the last one was answered", lambda c: cim_datetime(c.last_ms)),
    constant("SampleInterval", cim_interval(0)),
)


class _ManagerWriter:
    """Lets clients switch the counting on and off, and nothing else of the server."""

    def __init__(self, statistics: Statistics, wall_ms: Callable[[], int]) -> None:
        self._statistics = statistics
        self._wall_ms = wall_ms

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`: there is one server, and a client makes no other."""
        refuse(Status.NOT_SUPPORTED, "a client cannot make a WBEM server")

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        raise AssertionError("nothing is created that has no name")

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        others = sorted(set(changes) - {GATHER})
        if others:
            refuse(Status.NOT_SUPPORTED, f"{others[0]} of the server is not kept; only {GATHER} is")
        wanted = changes[GATHER]
        if not isinstance(wanted, bool):
            refuse(Status.INVALID_PARAMETER, f"{GATHER} is true or false, and NULL was given")
        self._statistics.gather(wanted, self._wall_ms())

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "a client cannot remove the WBEM server: stop it instead")


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(
        CLASS,
        ("InstanceID",),
        _all,
        _counts_ref,
        _COLUMNS,
        find=_find,
        namespaces=IN_INTEROP,
        is_volatile=True,
    ),
)
"""The class of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(ASSOCIATION_CLASS, "ManagedElement", "Stats", _pairs, namespaces=IN_INTEROP),
)
"""The association of this module."""


def statistics_area(statistics: Statistics, wall_ms: Callable[[], int]) -> Area:
    """Return what lets clients read the counters and switch them.

    Args:
        statistics: whoever answers requests counts them here.
        wall_ms: the time now, in milliseconds since 1970.
    """
    return Area(writers={MANAGER_CLASS: _ManagerWriter(statistics, wall_ms)}, holders=(statistics,))
