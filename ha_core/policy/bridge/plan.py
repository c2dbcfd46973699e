"""One question put to the whole policy engine, and its answer as a transition.

Owns: the sequence of the stages, the second try of what would run nowhere for want of a network,
and what is kept from one plan to the next: what the configuration alone says, and digests of
reports. What is kept is made from equal inputs in the same way, so that it can change no plan.
"""

from itertools import pairwise
from typing import Final

from ha_core.config.model import Configuration
from ha_core.ids import Millis, ResourceId
from ha_core.policy.attributes import CONNECTIVITY
from ha_core.policy.bridge.causes import Causes
from ha_core.policy.bridge.frame import Frame, frame_of
from ha_core.policy.bridge.observations import Kept
from ha_core.policy.bridge.question import question
from ha_core.policy.bridge.seats import Seats
from ha_core.policy.bridge.steps import Steps
from ha_core.policy.catalog import Catalog
from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.plan import plan
from ha_core.policy.own import Own
from ha_core.policy.picture import Picture
from ha_core.policy.reports import Reports
from ha_core.policy.transition import Action, ActionKey, ActionKind, Decision, Transition
from ha_core.policy.warm import make_before_break
from ha_core.policy.wording import brief
from ha_core.status import ClusterStatus

EXACT_STEPS: Final = 2_000
"""Bound of an exact search in the daemon: a tenth of a second, as leases must be renewed."""


class Known:
    """What one configuration says by itself."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.catalog = Catalog(configuration)
        self.frame: Frame = frame_of(configuration)
        self.reports = Reports(self.catalog)
        self.follows = _follows(self.catalog)
        self.kept: Kept = {}


class Scheduler:
    """Plans again and again for one cluster."""

    def __init__(self) -> None:
        self._known: Known | None = None

    def plan(
        self,
        configuration: Configuration,
        status: ClusterStatus,
        at_wall_ms: Millis,
        *,
        is_told: bool = True,
    ) -> Transition:
        """Return what to do now so that every primitive is where it should be, and why.

        Without `is_told` decisions say where, and only actions say why.
        """
        known = self._known
        if known is None or known.configuration is not configuration:
            known = self._known = Known(configuration)
        picture = Picture(configuration, status, at_wall_ms, known.catalog, known.reports)
        board, graph, lifted = solve(picture, known.frame, known.kept)
        return transition_of(picture, board, graph, lifted, known.follows, is_told=is_told)


def solve(
    picture: Picture, frame: Frame, kept: Kept | None = None
) -> tuple[Board, Graph, frozenset[ResourceId]]:
    """Return the engine's answer, and what need not reach the network.

    What would run nowhere for want of a ping target need not reach one: it is placed again.
    """
    lifted: frozenset[ResourceId] = frozenset()
    while True:
        found = plan(question(picture, frame, lifted, kept), exact_steps=EXACT_STEPS)
        if not picture.configuration.ping.targets:
            return found.board, found.graph, lifted
        seats = Seats(picture, found.board, Own(picture, lifted))
        more = {
            resource
            for resource, item in picture.resources.items()
            if (item.needs_connectivity or picture.prefers_connectivity(item))
            and seats.node(resource) is None
            and any(reason.code == CONNECTIVITY for reason in seats[resource].reasons)
        }
        if more <= lifted:
            return found.board, found.graph, lifted
        lifted |= more


def transition_of(
    picture: Picture,
    board: Board,
    graph: Graph,
    lifted: frozenset[ResourceId] = frozenset(),
    follows: tuple[tuple[ResourceId, ResourceId], ...] | None = None,
    *,
    is_told: bool = True,
) -> Transition:
    """Return a placed and settled board in the words and actions of a plan."""
    seats = Seats(picture, board, Own(picture, lifted))
    steps = Steps(picture, board, graph)
    ready = steps.ready()
    causes = Causes(picture, graph, seats, steps)
    decisions = tuple(
        _decision(resource, seats, causes)
        if is_told
        else Decision(resource, seats.node(resource), (), places=seats.places(resource))
        for resource in picture.catalog.order
    )
    if not picture.is_quorate:
        return Transition((), decisions)
    pairs = _follows(picture.catalog) if follows is None else follows

    def is_hopeful(resource: ResourceId) -> bool:
        node = seats.node(resource)
        key = ActionKey(resource, ActionKind.START, node) if node is not None else None
        return key in steps.actions and node not in picture.closed

    make_before_break(picture, pairs, seats.node, steps.after, is_hopeful)
    return Transition(_actions(steps, causes, ready), decisions)


def _decision(resource: ResourceId, seats: Seats, causes: Causes) -> Decision:
    seat = seats[resource]
    reasons = (seat.head, *(reason for reason in seat.reasons if reason.text != seat.head.text))
    blocked = causes.blocked.get(resource, "")
    if blocked and causes.cures.get(resource):
        blocked = f"{blocked}; {causes.cures[resource]}"
    waits_for = causes.blocker.get(resource) if blocked else seat.missing
    scores = tuple(sorted(seat.scores.items()))
    places = seats.places(resource)
    return Decision(resource, seat.node, reasons, scores, blocked, waits_for, places)


def _actions(steps: Steps, causes: Causes, ready: set[ActionKey]) -> tuple[Action, ...]:
    """Return ready actions whose predecessors all are, in an order in which they can run."""
    after = steps.after
    done: dict[ActionKey, Action] = {}
    left = sorted(ready)
    while True:
        free = [key for key in left if all(other in done for other in after[key])]
        if not free:
            return tuple(done.values())
        for key in free:
            why = brief(causes.why(key))
            done[key] = Action(key, tuple(sorted(after[key])), why, steps.peer(key))
        left = [key for key in left if key not in done]


def _follows(catalog: Catalog) -> tuple[tuple[ResourceId, ResourceId], ...]:
    """Return what starts after what, between primitives."""
    configuration = catalog.configuration
    chains = [group.members for group in configuration.groups if group.ordered]
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    pairs += [
        (catalog.members(item.first)[-1], catalog.members(item.then)[0])
        for item in configuration.orderings
    ]
    known = catalog.resources
    return tuple((first, then) for first, then in pairs if first in known and then in known)
