"""Where events come from: what was raised and stands on the shelf, and what every event bears.

Owns: the text of what is raised, its bounds, and identifier, time and host of
an indication. Anything that the server wants to tell listeners is raised here,
on any node; the holder turns it into indications in the very write that removes
it, so it is told once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

import msgspec

from cim_provider.indications.events import Embedded, Event
from cim_provider.indications.faults import Fault
from cim_provider.indications.keeping import ShelfError
from cim_provider.indications.outbox import DamagedError
from cim_provider.indications.picture import Difference
from cim_provider.indications.shelf import RAISED, Item, Shelf
from cim_provider.mapping.rows import Value
from cim_provider.views.journal import CoreEvent

RAISED_EVENTS_MAX: Final = 100
"""Events raised in one write."""
RAISED_CHARACTERS_MAX: Final = 200 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """Events that are told together: of one change, of one event, or raised under `key`."""

    events: tuple[Event, ...]
    change: Difference | None = None
    key: str = ""
    event: CoreEvent | None = None
    """The event of the journal whose alerts these will be."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One indication to be raised: its class and its properties, as declared."""

    class_name: str
    namespace: str
    values: Mapping[str, Value]
    element: str
    """Names what it is about: repetitions are told by it."""
    fault: Fault | None = None
    """The fault that it raises or clears."""


def plain(event: Event) -> dict[str, Value]:
    """Return the properties of an event that embeds nothing."""
    return {name: value for name, value in event.values.items() if not isinstance(value, Embedded)}


async def raise_alerts(shelf: Shelf, name: str, alerts: Sequence[Alert], wall_ms: int) -> None:
    """Let all subscribers know; returns when nothing can be lost any more.

    `name` is unique, and begins with what sorts by time. Raises ShelfError.
    """
    time = cim_time(wall_ms)
    times = {"IndicationTime": time, "EventTime": time, "Time": time}
    for start in range(0, len(alerts), RAISED_EVENTS_MAX):
        part = alerts[start : start + RAISED_EVENTS_MAX]
        rows = [
            [a.class_name, a.namespace, {**times, **a.values}, a.element, _fault_json(a.fault)]
            for a in part
        ]
        text = json.dumps(rows)
        if len(text) > RAISED_CHARACTERS_MAX:
            raise ShelfError(f"alerts of {len(text)} characters, at most {RAISED_CHARACTERS_MAX}")
        written = await shelf.write({f"{RAISED}{name}-{start:06}": text}, {})
        if not written.ok:
            raise ShelfError(written.text)


def raised_events(items: Mapping[str, Item]) -> list[Found]:
    """Return what was raised and not told yet, oldest first. Raises DamagedError."""
    keys = [key for key in items if key.startswith(RAISED)]
    found: list[Found] = []
    for key in sorted(keys, key=lambda each: (items[each].revision, each)):
        try:
            rows = cast(list[list[object]], json.loads(items[key].text))
            found.append(Found(tuple(_event(row) for row in rows), None, key))
        except (ValueError, TypeError, msgspec.ValidationError) as fault:
            raise DamagedError(f"{key[:80]} cannot be read: {fault}") from fault
    return found


def _event(row: list[object]) -> Event:
    class_name, namespace, values, element, *more = row
    plain = {
        str(name): cast(Value, tuple(item) if isinstance(item, list) else item)
        for name, item in cast(dict[str, object], values).items()
    }
    fault = msgspec.convert(more[0], Fault) if more and more[0] is not None else None
    return Event(str(class_name), str(namespace), plain, str(element), fault)


def _fault_json(fault: Fault | None) -> object:
    return None if fault is None else msgspec.to_builtins(fault)


def raised_of(event: Event) -> Alert:
    """Return an event as it is raised."""
    return Alert(event.class_name, event.namespace, plain(event), event.element, event.fault)


def stamped(name: str, wall_ms: int, host: str) -> dict[str, str]:
    """Return what all copies of an event's indication bear; `name` is its own."""
    return {
        "IndicationIdentifier": f"beatkeeper:{name}",
        "IndicationTime": cim_time(wall_ms),
        "EventTime": cim_time(wall_ms),
        "Time": cim_time(wall_ms),
        "SourceInstanceHost": host,
    }


def cim_time(wall_ms: int) -> str:
    """Return a moment in CIM's form, in UTC."""
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return moment.strftime("%Y%m%d%H%M%S.%f+000")
