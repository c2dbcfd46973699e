"""What happened, in order: the incidents of a time, and every event with its distance from them.

Owns: which events a report is about, and the page that tells them. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from ha_core.cli.amounts import amount
from ha_core.errors import RefusedError
from ha_core.ids import Millis
from ha_core.journal import JournalEvent

AROUND_MS: Final[Millis] = 60_000
"""What happened so shortly before and after an incident may belong to it."""
LAST: Final = "last"
NAMED_MAX: Final = 5
"""Of the incidents that there are, so many are named to who asks for another one."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a report is about; None: as far as anything is kept."""

    since_wall_ms: Millis | None = None
    until_wall_ms: Millis | None = None
    incident: str = ""

    def holds(self, at_wall_ms: Millis) -> bool:
        """Return whether a moment lies in it."""
        is_late = self.since_wall_ms is None or at_wall_ms >= self.since_wall_ms
        return is_late and (self.until_wall_ms is None or at_wall_ms <= self.until_wall_ms)


@dataclass(frozen=True, slots=True)
class Incident:
    """Events that belong together: a node's loss, and all that followed."""

    name: str
    events: tuple[JournalEvent, ...]

    @property
    def begin_wall_ms(self) -> Millis:
        """When its first event happened."""
        return self.events[0].at_wall_ms

    @property
    def end_wall_ms(self) -> Millis:
        """When its last event happened."""
        return max(event.at_wall_ms for event in self.events)


def incidents(events: Iterable[JournalEvent]) -> tuple[Incident, ...]:
    """Return the incidents of these events, in the order in which they began."""
    found: dict[str, list[JournalEvent]] = {}
    for event in events:
        if event.incident:
            found.setdefault(event.incident, []).append(event)
    return tuple(Incident(name, tuple(own)) for name, own in found.items())


def settled(asked: Range, events: Sequence[JournalEvent]) -> Range:
    """Return the range that is meant, an incident's own where no time is given.

    Raises: RefusedError: no kept event belongs to that incident.
    """
    if not asked.incident:
        return asked
    known = incidents(events)
    wanted = known[-1].name if asked.incident == LAST and known else asked.incident
    found = next((each for each in known if each.name == wanted), None)
    if found is None:
        names = ", ".join(each.name for each in known[-NAMED_MAX:])
        there = f"the newest ones are {names}" if names else "there was none"
        text = f"no kept event belongs to the incident {asked.incident[:100]!r}: {there}"
        raise RefusedError("not-found", text)
    since, until = asked.since_wall_ms, asked.until_wall_ms
    return Range(
        found.begin_wall_ms - AROUND_MS if since is None else since,
        found.end_wall_ms + AROUND_MS if until is None else until,
        found.name,
    )


def timeline(events: Sequence[JournalEvent], asked: Range, zone: tzinfo | None) -> str:
    """Return the page; `zone`: in which times are written, None: this machine's."""
    lines = list(_head(events, asked, zone))
    known = incidents(events)
    numbers = {each.name: number for number, each in enumerate(known, 1)}
    begins = {each.name: each.begin_wall_ms for each in known}
    lines += ["", "INCIDENTS", *(_incidents(known, asked, zone) or ["  none"]), "", "EVENTS"]
    day = ""
    for event in events:
        moment = _moment(event.at_wall_ms, zone)
        if moment[:10] != day:
            day = moment[:10]
            lines.append(f"  {day}")
        mark = ""
        if event.incident:
            after = _span(event.at_wall_ms - begins[event.incident])
            mark = f"[{numbers[event.incident]}] +{after}"
        why = f" ({event.why})" if event.why and event.why not in event.text else ""
        lines.append(f"  {moment[11:]}  {mark:<14}  {event.node:<12}  {event.text}{why}")
    return "\n".join(lines) + "\n"


def _head(events: Sequence[JournalEvent], asked: Range, zone: tzinfo | None) -> Iterator[str]:
    yield "WHAT HAPPENED"
    if not events:
        yield "no event of that time is kept"
        return
    first, last = events[0], events[-1]
    offset = datetime.fromtimestamp(last.at_wall_ms / 1000, zone).astimezone(zone).strftime("%z")
    yield (
        f"{amount(len(events), 'event')}, numbers {first.seq} to {last.seq}; each has the time of"
        f" the node that noticed it, written for UTC{offset}"
    )
    if asked.incident:
        yield f"about the incident {asked.incident}, and {AROUND_MS // 1000} s around it"


def _incidents(known: Sequence[Incident], asked: Range, zone: tzinfo | None) -> list[str]:
    lines = []
    for number, each in enumerate(known, 1):
        span = _span(each.end_wall_ms - each.begin_wall_ms)
        begin = _moment(each.begin_wall_ms, zone)
        is_meant = "  <- this one" if each.name == asked.incident else ""
        count = amount(len(each.events), "event")
        lines.append(f"  [{number}] {begin}, {count} in {span}: {each.events[0].text}{is_meant}")
        lines.append(f"      {each.name}")
    return lines


def _moment(at_wall_ms: Millis, zone: tzinfo | None) -> str:
    moment = datetime.fromtimestamp(at_wall_ms // 1000, zone)
    return f"{moment.strftime('%Y-%m-%d %H:%M:%S')}.{at_wall_ms % 1000:03d}"


def _span(length_ms: Millis) -> str:
    if length_ms < 10_000:
        return f"{length_ms} ms"
    return f"{length_ms / 1000:.1f} s" if length_ms < 600_000 else f"{length_ms // 60_000} min"
