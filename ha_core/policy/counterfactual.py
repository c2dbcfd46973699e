"""What would change where a resource is: every candidate is tried, and only what works is told.

Owns: the search. A blocker is told because the policy engine, asked again without it, places the
resource elsewhere once the cluster has come to rest; of several that only matter together, none
can be left out. Pure, and bounded: of very large clusters not everything is tried, and that is
told, too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ha_core.config.model import Configuration
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.blockers import Blocker, World, candidates
from ha_core.policy.forecast import forecast
from ha_core.policy.kin import kin_of
from ha_core.policy.removal import wishing, without
from ha_core.policy.schedule import Scheduler
from ha_core.status import ClusterStatus

Places = frozenset[NodeName]
WORK_MAX: Final = 20_000
"""Resources placed in one search: a few seconds. A person who asks why waits no longer."""
TRIES_MIN: Final = 8
"""Of the largest clusters, too, the first few candidates are tried."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """What would bring a resource to a node, or, if none was named, anywhere else."""

    alone: tuple[Blocker, ...] = ()
    """Without any one of these it goes there by itself."""
    movable: bool = False
    """A move by hand brings it there as things stand."""
    with_move: tuple[Blocker, ...] = ()
    """Without any one of these a move by hand brings it there."""
    together: tuple[Blocker, ...] = ()
    """It goes there without all of these, and not while one of them is left."""
    needs_move: bool = False
    """Of `together`: and only by a move by hand."""
    is_complete: bool = True
    """False: there was too much to try."""


def way_out(
    configuration: Configuration,
    status: ClusterStatus,
    at_wall_ms: Millis,
    resource: ResourceId,
    node: NodeName | None = None,
    work_max: int = WORK_MAX,
) -> WayOut:
    """Return what would bring the primitive to the node, or, with none named, from where it is."""
    search = _Search((configuration, status), at_wall_ms, resource, work_max)
    return search.anywhere() if node is None else search.to(node)


class _Search:
    def __init__(
        self, world: World, at_wall_ms: Millis, resource: ResourceId, work_max: int
    ) -> None:
        self._world = world
        self._at_wall_ms = at_wall_ms
        self._resource = resource
        kin = kin_of(world[0]).get(resource, frozenset((resource,)))
        self._candidates = candidates(world, kin)
        self._scheduler = Scheduler()
        self._left = max(TRIES_MIN, work_max // (len(world[0].primitives) + 1))
        self._is_complete = True

    def anywhere(self) -> WayOut:
        """Look for what lets it run on another node than at present."""
        here = self._places(self._world)

        def is_better(places: Places) -> bool:
            return bool(places - here)

        alone = self._each(self._world, is_better)
        together: tuple[Blocker, ...] = ()
        if not alone and not here:
            together = self._smallest(self._world, is_better)
        return WayOut(alone, together=together, is_complete=self._is_complete)

    def to(self, node: NodeName) -> WayOut:
        """Look for what lets it run on this node: by itself, or moved there by hand."""

        def is_there(places: Places) -> bool:
            return node in places

        if is_there(self._places(self._world)):
            return WayOut()
        wished = wishing(self._world, self._resource, node)
        is_movable = is_there(self._places(wished))
        alone = self._each(self._world, is_there)
        with_move: tuple[Blocker, ...] = ()
        together: tuple[Blocker, ...] = ()
        needs_move = False
        if not is_movable and not alone:
            with_move = self._each(wished, is_there)
        if not is_movable and not alone and not with_move:
            together = self._smallest(self._world, is_there)
            if not together:
                together = self._smallest(wished, is_there)
                needs_move = bool(together)
        return WayOut(alone, is_movable, with_move, together, needs_move, self._is_complete)

    # --- mechanics -----------------------------------------------------------------------

    def _places(self, world: World) -> Places:
        """Return where it runs at rest; nowhere, too, once as much was tried as may be."""
        if self._left <= 0:
            self._is_complete = False
            return frozenset()
        self._left -= 1
        found = forecast(*world, self._at_wall_ms, scheduler=self._scheduler, is_told=False)
        return found.places(self._resource)

    def _each(self, world: World, is_goal: Callable[[Places], bool]) -> tuple[Blocker, ...]:
        """Return the candidates without any one of which the goal is reached."""
        return tuple(
            blocker
            for blocker in self._candidates
            if is_goal(self._places(without(world, (blocker,))))
        )

    def _smallest(self, world: World, is_goal: Callable[[Places], bool]) -> tuple[Blocker, ...]:
        """Return candidates without which the goal is reached, none of which can be left out; none
        if it is not reached without all of them, or if there was too much to try.

        What needs the configuration changed is left out first: it is the last resort.
        """
        needed = list(self._candidates)
        if not needed or not is_goal(self._places(without(world, needed))):
            return ()
        is_smaller = True
        while is_smaller:
            is_smaller = False
            for blocker in reversed(tuple(needed)):
                rest = [item for item in needed if item is not blocker]
                if is_goal(self._places(without(world, rest))):
                    needed, is_smaller = rest, True
        return tuple(needed) if self._is_complete else ()


def sentences(blockers: Iterable[Blocker]) -> tuple[str, ...]:
    """Return what each is and what ends it, one sentence each."""
    return tuple(dict.fromkeys(blocker.sentence for blocker in blockers))
