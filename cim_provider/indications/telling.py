"""From what has happened to what is told: how far the journal is told, and which faults are open.

Owns: that progress, and what each event becomes by it. Pure: the holder writes the progress down
with what was told, so that a successor goes on exactly there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from cim_provider.engine import ClusterView
from cim_provider.indications import faults as faults_
from cim_provider.indications.aftermath import endings, incident_of
from cim_provider.indications.alerts import alert, cleared
from cim_provider.indications.events import Event
from cim_provider.indications.faults import Faults, judge
from cim_provider.indications.journal_alerts import told
from cim_provider.indications.keeper_events import Found
from cim_provider.indications.outbox import DamagedError, Numbers
from cim_provider.indications.shelf import FAULTS, Item
from cim_provider.mapping.cluster import cluster_ref
from cim_provider.mapping.rows import Value
from cim_provider.views.journal import CoreEvent

STARTS_MAX: Final = 256
"""Starts of nodes whose newest event is remembered; the one longest without an event goes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What was told; `events` is -1 while nobody asks for alerts."""

    events: int = -1
    heads: Mapping[str, int] = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)

    def numbers(self, numbers: Numbers) -> Numbers:
        """Return the numbers with how far the journal is told."""
        return replace(numbers, events=self.events, heads=self.heads)


def read_progress(items: Mapping[str, Item], numbers: Numbers) -> Progress:
    """Return the progress on the shelf. Raises DamagedError."""
    found = items.get(FAULTS)
    try:
        faults = faults_.decode(found.text) if found is not None else {}
    except msgspec.DecodeError as fault:
        raise DamagedError(f"{FAULTS} cannot be read: {fault}") from fault
    return Progress(numbers.events, numbers.heads, faults)


def beginning(newest: int, known: Iterable[CoreEvent]) -> Progress:
    """Return the progress of one who begins with what happens now."""
    progress = Progress(newest)
    for event in known:
        if event.seq <= newest:
            progress = _after(event, progress)
    return progress


def untold(known: Iterable[CoreEvent], progress: Progress) -> tuple[CoreEvent, ...]:
    """Return what a predecessor never knew of: numbered before what it told last, and not told.

    Its node had not got them yet. They come there under another number, but it is gone.
    """
    before = (event for event in known if event.number and event.seq <= progress.events)
    return tuple(each for each in before if each.number > progress.heads.get(each.source, 0))


@dataclass(frozen=True, slots=True)
class Named:
    """An event with the name that all its copies bear."""

    event: Event
    name: str


def resolved(
    found: Found, progress: Progress, view: ClusterView, name: Callable[[], str]
) -> tuple[list[Named], Progress]:
    """Return what is told of what was found, and the progress after it."""
    events, faults = found.events, progress.faults
    if found.change is not None:
        events = (*events, *endings(found.change, faults, view))
    if found.event is not None:
        item = found.event
        if item.number and item.number <= progress.heads.get(item.source, 0):
            return [], replace(progress, events=max(progress.events, item.seq))
        result = told(item, faults, view)
        events, faults = (*_missing(item, progress), *result.alerts), result.faults
        progress = _after(item, progress)
    named: list[Named] = []
    for event in events:
        word = name()
        if event.fault is None:
            named.append(Named(event, word))
            continue
        fault, event = event.fault, _of_incident(event, incident_of(event, faults))
        message, incident = (str(event.values.get(n) or "") for n in ("MessageID", "CorrelationId"))
        verdict = judge(faults, fault, message, identifier(word), incident)
        faults = verdict.faults
        if verdict.is_told:
            earlier = verdict.correlated
            event = _of_incident(event, verdict.incident)
            named.append(Named(cleared(event, earlier) if earlier else event, word))
    return named, replace(progress, faults=faults)


def _of_incident(event: Event, incident: str) -> Event:
    """Return an event as part of an incident, or as it is if there is none."""
    if not incident:
        return event
    return replace(event, values={**event.values, "CorrelationId": incident})


def identifier(name: str) -> str:
    """Return the IndicationIdentifier of an event with that name."""
    return f"beatkeeper:{name}"


def _after(item: CoreEvent, progress: Progress) -> Progress:
    rest = {name: n for name, n in progress.heads.items() if name != item.source}
    while len(rest) >= STARTS_MAX:
        del rest[next(iter(rest))]
    heads = {**rest, item.source: item.number} if item.number else progress.heads
    return replace(progress, events=max(progress.events, item.seq), heads=heads)


def _missing(item: CoreEvent, progress: Progress) -> tuple[Event, ...]:
    """Say that events of a node never came: it had too many while nobody coordinated."""
    before = progress.heads.get(item.source)
    if before is None or item.number <= before + 1:
        return ()
    count = item.number - before - 1
    text = f"{count} events of {item.node} were dropped"
    values: dict[str, Value] = {"NodeName": item.node, "MessageArguments": (str(count), item.node)}
    return (alert(cluster_ref(), "LHA041", text, values),)
