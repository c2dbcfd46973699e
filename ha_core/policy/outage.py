"""Which services a forecast interrupts, and for how long at most.

Owns: the bound. A service is a group, or a primitive in none. Its interruption
lasts from the first of its members that ends to the last one that is started
again. Some actions take their whole time limit and others none, whichever is
worst: what must be over before the end of the service is no part of the bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ha_core.config.model import Configuration
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.forecast import Ended, Forecast, Step
from ha_core.policy.transition import ActionKind


@dataclass(frozen=True, slots=True)
class Interruption:
    """One service that stops for a while, or for good."""

    service: ResourceId
    resources: tuple[ResourceId, ...]
    """The primitives of it that are interrupted."""
    source: NodeName
    target: NodeName | None
    """Where it runs afterwards; None: nowhere."""
    at_most_ms: Millis | None
    """None: it is not foreseen to end."""
    why: str
    begins_ms: Millis = 0
    """If every action takes its whole time limit."""
    ends_ms: Millis | None = None


@dataclass(frozen=True, slots=True)
class _Gap:
    resource: ResourceId
    source: NodeName
    begin: Step | Ended
    end: Step | None


def interruptions(configuration: Configuration, forecast: Forecast) -> tuple[Interruption, ...]:
    """Return every interruption, sorted by service."""
    services: dict[ResourceId, list[_Gap]] = {}
    for gap in _gaps(forecast):
        group = configuration.group_of(gap.resource)
        services.setdefault(group.id if group else gap.resource, []).append(gap)
    return tuple(_interruption(name, services[name], forecast) for name in sorted(services))


def _interruption(name: ResourceId, gaps: list[_Gap], forecast: Forecast) -> Interruption:
    first = min(gaps, key=_begin_ms)
    ends = [gap.end for gap in gaps if gap.end is not None]
    at_most_ms, ends_ms = None, None
    lasting = next((gap for gap in gaps if gap.end is None), None)
    if lasting is None:
        at_most_ms = max(_bound_ms(gap.begin, end, forecast) for gap in gaps for end in ends)
        ends_ms = max(end.ends_ms for end in ends)
    told = lasting or first
    return Interruption(
        service=name,
        resources=tuple(dict.fromkeys(gap.resource for gap in gaps)),
        source=first.source,
        target=ends[-1].key.node if lasting is None else None,
        at_most_ms=at_most_ms,
        why=_why(told, forecast),
        begins_ms=_begin_ms(first),
        ends_ms=ends_ms,
    )


def _why(gap: _Gap, forecast: Forecast) -> str:
    """Say why it ends; of what does not start again, why not."""
    decision = forecast.transition.decision(gap.resource)
    if gap.end is None and decision is not None:
        head = decision.reasons[0].text if decision.reasons else ""
        return decision.blocked or head
    return gap.begin.reason if isinstance(gap.begin, Step) else f"it ended on {gap.source}"


def _begin_ms(gap: _Gap) -> Millis:
    return gap.begin.begins_ms if isinstance(gap.begin, Step) else gap.begin.at_ms


# --- where something that ran runs nowhere -------------------------------------------------


def _gaps(forecast: Forecast) -> Iterable[_Gap]:
    ends: dict[ResourceId, list[Step | Ended]] = {}
    for ended in forecast.ended:
        ends.setdefault(ended.place[0], []).append(ended)
    starts: dict[ResourceId, list[Step]] = {}
    for step in forecast.steps:
        if step.key.kind is ActionKind.STOP:
            ends.setdefault(step.key.resource, []).append(step)
        elif step.key.kind is ActionKind.START:
            starts.setdefault(step.key.resource, []).append(step)
    for resource, found in sorted(ends.items()):
        places = {node for name, node in forecast.ran if name == resource}
        if not places:
            continue
        if not places <= {_node(item) for item in found}:
            continue  # it goes on at another place
        first, last = min(found, key=_number), max(found, key=_number)
        begun = starts.get(resource, [])
        if isinstance(first, Step) and any(_is_warm(start, first, forecast) for start in begun):
            continue  # it was there already when it was given up
        is_back = bool(begun) and forecast.place(resource) is not None
        yield _Gap(resource, _node(last), first, begun[-1] if is_back else None)


def _is_warm(start: Step, end: Step, forecast: Forecast) -> bool:
    """Return whether it is certain to run at its new place before it ends at the old one."""
    return start.number in _before(end, forecast) or start.number in end.behind


def _number(item: Step | Ended) -> int:
    return item.number if isinstance(item, Step) else item.before


def _node(item: Step | Ended) -> NodeName:
    return item.key.node if isinstance(item, Step) else item.place[1]


# --- how long at most ----------------------------------------------------------------------


def _before(step: Step, forecast: Forecast) -> set[int]:
    """Return the steps that are certainly over before this one begins."""
    found: set[int] = set()
    queue = list(step.after)
    while queue:
        number = queue.pop()
        if number not in found:
            found.add(number)
            queue += forecast.steps[number].after
    return found


def _bound_ms(begin: Step | Ended, end: Step, forecast: Forecast) -> Millis:
    """Return the longest from the beginning of one step, or an end, to the end of another.

    The longest way to the end counts, without what is over before the beginning.
    """
    if isinstance(begin, Ended):
        return end.ends_ms - begin.at_ms
    over = _before(begin, forecast)
    if end.number in over:
        return 0
    needed: set[int] = set()
    queue = [end.number]
    while queue:
        number = queue.pop()
        if number in over or number in needed:
            continue
        needed.add(number)
        queue += (*forecast.steps[number].after, *forecast.steps[number].behind)
    lasts: dict[int, Millis] = {}
    for number in sorted(needed):
        step = forecast.steps[number]
        waits = [lasts[n] for n in (*step.after, *step.behind) if n in lasts]
        moment_ms = max(step.moment_ms - begin.moment_ms, 0)
        lasts[number] = step.limit_ms + max(moment_ms, *waits, 0)
    return lasts[end.number]
