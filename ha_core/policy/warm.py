"""Make before break: what may run twice starts at its new place before the old one is given up.

Owns: which stops wait for such a start, and for what needs the old place. A
move then interrupts only what must run once, and a start that fails costs
nothing, since the old one still runs.
"""

from collections.abc import Callable, Iterable, Mapping

from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.picture import Picture
from ha_core.policy.transition import ActionKey, ActionKind
from ha_core.status import InstanceState

Graph = dict[ActionKey, set[ActionKey]]


def make_before_break(
    picture: Picture,
    follows: Iterable[tuple[ResourceId, ResourceId]],
    seat_of: Callable[[ResourceId], NodeName | None],
    after: Graph,
    hopeful: Callable[[ResourceId], bool],
) -> None:
    """Let stops wait in `after` where nothing else of the plan speaks against it.

    `follows`: pairs of what is ordered, the first before the second. `hopeful`:
    whether nothing keeps a primitive from starting but time.
    """
    twice = picture.catalog.twice
    if not twice:
        return
    mates = _mates(picture, follows)
    stops = [key for key in after if key.kind is ActionKind.STOP]
    for resource in sorted(twice):
        seat = seat_of(resource)
        if seat is None:
            continue
        start = ActionKey(resource, ActionKind.START, seat)
        healthy = {
            node
            for node, item in picture.active(resource)
            if item.state is InstanceState.STARTED and node != seat
        }
        leaving = [
            key
            for key in stops
            if key.node in healthy and key.resource in mates[resource]
            if seat_of(key.resource) == seat
        ]
        for stop in leaving:
            if start in after and hopeful(resource):
                _wait(stop, start, after)
            if stop.resource != resource:
                gone = ActionKey(resource, ActionKind.STOP, stop.node)
                _wait(gone, stop, after)
                back = ActionKey(stop.resource, ActionKind.START, seat)
                if back in after:
                    _wait(gone, back, after)  # nobody waits for its end, but for the other


def _wait(later: ActionKey, first: ActionKey, after: Graph) -> None:
    """Let one action wait for another, unless that one waits for it already."""
    if later in after and not _leads_to(first, later, after):
        after[later].add(first)


def _leads_to(key: ActionKey, goal: ActionKey, after: Graph) -> bool:
    """Return whether an action waits for another, however indirectly."""
    seen: set[ActionKey] = set()
    queue = [key]
    while queue:
        found = queue.pop()
        if found == goal:
            return True
        if found not in seen:
            seen.add(found)
            queue += after.get(found, ())
    return False


def _mates(
    picture: Picture, follows: Iterable[tuple[ResourceId, ResourceId]]
) -> Mapping[ResourceId, set[ResourceId]]:
    """Return for each primitive those that need it where they run, and itself."""
    mates = {resource: {resource} for resource in picture.resources}
    for first, then in follows:
        mates[first].add(then)
    for item in picture.configuration.colocations:
        if item.score < INFINITY:
            continue
        for one in _members(picture, item.resource):
            for other in _members(picture, item.with_resource):
                mates[one].add(other)
                mates[other].add(one)
    return mates


def _members(picture: Picture, name: ResourceId) -> list[ResourceId]:
    group = picture.configuration.group(name)
    names = group.members if group else (name,)
    return [member for member in names if member in picture.resources]
