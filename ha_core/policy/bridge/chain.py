"""From an action back to what brought it about.

Owns: the walk along causes and hindrances in a settled graph.
"""

from collections import deque
from collections.abc import Iterator

from ha_core.policy.engine.graph import Action


def cause(action: Action) -> Action | None:
    """Return the nearest action of another resource because of which this one is done, or None."""
    return next(_others(action), None)


def chain(action: Action) -> Iterator[Action]:
    """Yield the causes one behind the other, the nearest first."""
    seen = {action}
    found = cause(action)
    while found is not None and found not in seen:
        seen.add(found)
        yield found
        found = cause(found)


def _others(action: Action) -> Iterator[Action]:
    assert action.item is not None
    own = {one.resource.id for one in action.item.primitives()}
    seen = {action}
    queue = deque((action,))
    while queue:
        found = queue.popleft()
        item = found.item
        if item is not None and own.isdisjoint(one.resource.id for one in item.primitives()):
            yield found
            continue
        for other in (found.because, found.waits_for):
            if other is not None and other not in seen:
                seen.add(other)
                queue.append(other)
