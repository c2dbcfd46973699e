"""Properties that all kinds of resources have beside those of Linux-HA 2.1.

Owns: those columns. Of a group or clone, what its members agree on.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from cim_provider.engine import CloneView, GroupView, PrimitiveView
from cim_provider.mapping.rows import Column, Value
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import World
from cim_provider.views.facts import ResourceFacts

MULTIPLE_ACTIVE: Final = {"stop_start": 2, "stop_only": 3, "block": 4, "stop_unexpected": 5}
ON_STOP_FAIL: Final = {"ignore": 2, "fence": 3, "block": 4}
EXCLUSIVITY: Final = {"none": 2, "network": 3, "process": 4, "device": 5}
_T = TypeVar("_T")


class Resourced(Protocol):
    """What these columns read."""

    @property
    def world(self) -> World:
        """Return what the request sees."""
        ...

    @property
    def view(self) -> PrimitiveView | GroupView | CloneView:
        """Return the primitive, group or clone."""
        ...

    @property
    def members(self) -> tuple[PrimitiveView, ...]:
        """Return its primitives; a primitive is its own only member."""
        ...


def _facts(subject: Resourced, name: str = "") -> ResourceFacts:
    name = name or subject.view.id
    return subject.world.resource_facts.get(name, ResourceFacts(name))


def _agreed(subject: Resourced, read: Callable[[PrimitiveView], _T]) -> _T | None:
    """Return what all members have; None if they differ, or there are none."""
    found = {read(each) for each in subject.members}
    return found.pop() if len(found) == 1 else None


def _exclusivity(subject: Resourced) -> int | None:
    found = _agreed(subject, lambda each: _facts(subject, each.id).exclusivity)
    return EXCLUSIVITY.get(found or "")


def _wait_ms(subject: Resourced) -> int | None:
    """Return the longest wait of a member; None: one of them waits for an operator."""
    waits = [each.takeover_wait_ms for each in subject.members]
    known = [each for each in waits if each is not None]
    return max(known) if known and len(known) == len(waits) else None


def _changed(subject: Resourced) -> str | None:
    """Return the newest start, end or failure."""
    if not subject.world.running:
        return None
    moments = (
        moment
        for each in subject.members
        for instance in each.instances
        for moment in (instance.started_wall_ms, instance.failed_wall_ms)
    )
    journal = (subject.world.changed_ms.get(each.id, 0) for each in subject.members)
    return cim_datetime(max((*moments, *journal), default=0))


def _failed(subject: Resourced) -> str | None:
    moments = (i.failed_wall_ms for each in subject.members for i in each.instances)
    return cim_datetime(max(moments, default=0))


def _live(name: str, source: str, read: Callable[[Resourced], Value]) -> Column[Resourced]:
    return Column(name, source, lambda r: read(r) if r.world.running else None)


COLUMNS: Final[tuple[Column[Resourced], ...]] = (
    _live("TimeOfLastStateChange", "newest start, end or failure that is known", _changed),
    Column("MultipleActive", "multiple_active", lambda r: _facts(r).multiple_active),
    Column(
        "MultipleActivePolicy",
        "multiple_active",
        lambda r: MULTIPLE_ACTIVE.get(_facts(r).multiple_active),
    ),
    Column(
        "OnStopFail",
        "on_fail of the stop operation; NULL if members differ",
        lambda r: _agreed(r, lambda each: each.on_stop_fail),
    ),
    Column(
        "OnStopFailPolicy",
        "on_fail of the stop operation",
        lambda r: ON_STOP_FAIL.get(_agreed(r, lambda each: each.on_stop_fail) or ""),
    ),
    Column(
        "InMaintenance",
        "maintenance of the cluster, or option maintenance",
        lambda r: r.world.view.maintenance or _facts(r).in_maintenance,
    ),
    _live("BannedNodes", "bans by hand that hold", lambda r: _facts(r).banned_from),
    Column("MigrationThreshold", "migration threshold", lambda r: _facts(r).migration_threshold),
    Column(
        "FailureTimeoutMilliseconds", "failure time-out", lambda r: _facts(r).failure_timeout_ms
    ),
    _live("LastFailureTime", "newest failure that nobody has cleaned up", _failed),
    Column("Exclusivity", "what must not be twice; NULL if members differ", _exclusivity),
    Column(
        "ProtectedBy",
        "guards of its members",
        lambda r: tuple(dict.fromkeys(each.guard for each in r.members if each.guard)),
    ),
    Column(
        "TakeoverWaitMilliseconds",
        "longest wait before a takeover; NULL: an operator decides",
        _wait_ms,
    ),
)
"""The columns of this module."""
