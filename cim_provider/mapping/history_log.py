"""HA_EventLog and its entries: the cluster's journal as a log of the profile Record Log.

Owns: their paths and properties, HA_EventLogRecord, HA_UseOfEventLog. An entry has the number of
the message of the alert that tells the same. Thousands are walked in parts: an entry is found by
its number without a look at the others.
Source: DSP1010 2.0 (record log).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from cim_provider.commands import ClearEventLog
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import (
    UNFILLED,
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    class_row,
    constant,
)
from cim_provider.mapping.states import ENABLED_COLUMNS, FINE, State, outside, plain
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.verbs import Asked, Meaning, Plan, Verb
from cim_provider.mapping.world import World
from cim_provider.messages import OWNER, message_of
from cim_provider.views.history import EVENTS_KEPT
from cim_provider.views.journal import CoreEvent

LOG_CLASS: Final = "HA_EventLog"
ENTRY_CLASS: Final = "HA_EventLogEntry"
LOG_ID: Final = "LinuxHA:log:events"
_NAME: Final = "events"
_PREFIX: Final = "LinuxHA:event:"
_DIGITS: Final = 20
"""Of RecordID: the largest number of 64 bits fits."""
_FIELDS: Final = (
    "SequenceNumber|CreationTimeStamp|MessageID|Kind|Subject|NodeName|Message|Reason|CorrelationId"
)
_by_seq = attrgetter("seq")


@dataclass(frozen=True, slots=True)
class _Log:
    world: World
    state: State


def log_ref(namespace: str = "") -> Ref:
    """Return the name of the log."""
    return Ref(LOG_CLASS, (("InstanceID", LOG_ID),), namespace)


def entry_ref(event: CoreEvent) -> Ref:
    """Return the name of an event's entry."""
    return Ref(ENTRY_CLASS, (("InstanceID", f"{_PREFIX}{event.seq}"),))


def shown(world: World) -> Sequence[CoreEvent]:
    """Return the events that the log shows, oldest first."""
    history = world.view.history
    start = bisect_right(history.events, history.cleared, key=_by_seq)
    return history.events[start:]


def newest(world: World) -> int:
    """Return the number of the newest event, 0 if there is none."""
    events = world.view.history.events
    return events[-1].seq if events else 0


def _logs(world: World) -> Iterator[_Log]:
    yield _Log(world, outside(world) or FINE)


def _found(world: World, identity: tuple[str, ...]) -> CoreEvent | None:
    text = identity[0].removeprefix(_PREFIX)
    if not identity[0].startswith(_PREFIX) or not text.isdecimal() or len(text) > _DIGITS:
        return None
    seq, events = int(text), shown(world)
    place = bisect_left(events, seq, key=_by_seq)
    return events[place] if place < len(events) and events[place].seq == seq else None


def _message(event: CoreEvent) -> str:
    return plain(event.text) or event.kind


def _data(event: CoreEvent) -> str:
    """Return the record as one text; a bar in a field becomes a slash."""
    fields = (
        str(event.seq),
        cim_datetime(event.at_wall_ms) or "",
        message_of(event.kind, event.text).id,
        event.kind,
        event.subject,
        event.node,
        _message(event),
        plain(event.why),
        plain(event.incident),
    )
    return "|".join(field.replace("|", "/") for field in fields)


_LOG_COLUMNS: Final[tuple[Column[_Log], ...]] = (
    *ENABLED_COLUMNS,
    constant("Name", _NAME),
    constant("ElementName", "Events of the cluster"),
    constant("Caption", "EventLog.events"),
    Column("Description", "sentence of the state", lambda e: f"Event log: {e.state.text}"),
    constant("RequestedState", 12),
    constant("EnabledDefault", 2),
    constant("AvailableRequestedStates", ()),
    constant("MaxNumberOfRecords", EVENTS_KEPT),
    Column("CurrentNumberOfRecords", "events that are shown", lambda e: len(shown(e.world))),
    constant("OverwritePolicy", 2),
    constant("LogState", 2),
    Column("ClearedThrough", "mark of ClearLog", lambda e: e.world.view.history.cleared),
)
_ENTRY_COLUMNS: Final[tuple[Column[CoreEvent], ...]] = (
    Column("ElementName", "number of the message", lambda e: f"{_message_id(e)} {e.kind}"),
    Column("Caption", "kind of the event", lambda e: f"Event.{e.kind}"[:64]),
    Column("Description", "sentence of the event", _message),
    constant("LogInstanceID", LOG_ID),
    constant("LogName", _NAME),
    Column("RecordID", "number of the event", lambda e: f"{e.seq:0{_DIGITS}d}"),
    Column("CreationTimeStamp", "time of the event", lambda e: cim_datetime(e.at_wall_ms)),
    Column("MessageID", "table of messages", lambda e: _message_id(e)),
    Column("Message", "sentence of the event", _message),
    Column("MessageArguments", "subject and node", lambda e: (plain(e.subject), e.node)),
    Column("PerceivedSeverity", "table of messages", lambda e: message_of(e.kind, e.text).severity),
    constant("OwningEntity", OWNER),
    constant("RecordFormat", _FIELDS),
    Column("RecordData", "fields of the event", _data),
    constant("Locale", "en"),
    Column("SequenceNumber", "number of the event", lambda e: e.seq),
    Column("Kind", "kind of the event", lambda e: e.kind),
    Column("Subject", "subject of the event", lambda e: plain(e.subject)),
    Column("NodeName", "node that noticed it", lambda e: e.node),
    Column("Reason", "reason of the event", lambda e: plain(e.why) or None),
    Column("CorrelationId", "incident", lambda e: plain(e.incident) or None),
)


def _message_id(event: CoreEvent) -> str:
    return message_of(event.kind, event.text).id


def _records(world: World) -> Iterator[Pair]:
    return (Pair(log_ref(), entry_ref(event)) for event in shown(world))


def _uses(_: World) -> Iterator[Pair]:
    yield Pair(log_ref(), cluster_ref())


def _clear(asked: Asked) -> Meaning:
    """ClearLog: show what comes from now on."""
    through = newest(asked.world)
    return Plan((ClearEventLog(through),)) if shown(asked.world) else Plan(())


VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType({(LOG_CLASS, "ClearLog"): _clear})
"""What the method of the log means."""

ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(LOG_CLASS, ("InstanceID",), _logs, lambda _: log_ref(), _LOG_COLUMNS, is_quiet=True),
    class_row(
        ENTRY_CLASS,
        ("InstanceID",),
        shown,
        entry_ref,
        _ENTRY_COLUMNS,
        find=_found,
        is_quiet=True,
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow("HA_EventLogRecord", "Log", "Record", _records),
    AssociationRow(
        "HA_UseOfEventLog",
        "Antecedent",
        "Dependent",
        _uses,
        sources={"RecordedData": UNFILLED},
    ),
)
"""The associations of this module."""
