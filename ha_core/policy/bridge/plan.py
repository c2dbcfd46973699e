"""One question put to the whole policy engine, and its answer as a transition.

Owns: the sequence of the stages, and the second try of what would run nowhere for want of a
network. A pure function.
"""

from itertools import pairwise

from ha_core.config.model import Configuration
from ha_core.ids import Millis, ResourceId
from ha_core.policy.attributes import CONNECTIVITY
from ha_core.policy.bridge.causes import Causes
from ha_core.policy.bridge.frame import Frame, frame_of
from ha_core.policy.bridge.question import question
from ha_core.policy.bridge.seats import Seats
from ha_core.policy.bridge.steps import Steps
from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Board
from ha_core.policy.engine.plan import plan
from ha_core.policy.own import Own
from ha_core.policy.picture import Picture
from ha_core.policy.transition import Action, ActionKey, ActionKind, Decision, Transition
from ha_core.policy.warm import make_before_break
from ha_core.policy.wording import brief
from ha_core.status import ClusterStatus


def planned(configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis) -> Transition:
    """Return what to do now so that every primitive is where it should be, and why."""
    picture = Picture(configuration, status, at_wall_ms)
    board, graph, lifted = _solve(picture, frame_of(configuration))
    return transition_of(picture, board, graph, lifted)


def _solve(picture: Picture, frame: Frame) -> tuple[Board, Graph, frozenset[ResourceId]]:
    """Return the engine's answer.

    What would run nowhere for want of a ping target need not reach one: it is placed again.
    """
    lifted: frozenset[ResourceId] = frozenset()
    while True:
        found = plan(question(picture, frame, lifted))
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
    picture: Picture, board: Board, graph: Graph, lifted: frozenset[ResourceId] = frozenset()
) -> Transition:
    """Return a placed and settled board in the words and actions of a plan."""
    seats = Seats(picture, board, Own(picture, lifted))
    steps = Steps(picture, board, graph)
    ready = steps.ready()
    causes = Causes(picture, graph, seats, steps)
    decisions = tuple(_decision(resource, seats, causes) for resource in sorted(picture.resources))
    if not picture.is_quorate:
        return Transition((), decisions)
    return Transition(_actions(picture, seats, steps, causes, ready), decisions)


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


def _actions(
    picture: Picture, seats: Seats, steps: Steps, causes: Causes, ready: set[ActionKey]
) -> tuple[Action, ...]:
    """Return ready actions whose predecessors all are, in an order in which they can run."""
    after = steps.after
    follows = _follows(picture)

    def is_hopeful(resource: ResourceId) -> bool:
        node = seats[resource].node
        key = ActionKey(resource, ActionKind.START, node) if node is not None else None
        return key in steps.actions and node not in picture.closed

    make_before_break(picture, follows, lambda resource: seats[resource].node, after, is_hopeful)
    done: dict[ActionKey, Action] = {}
    left = sorted(ready)
    while True:
        free = [key for key in left if all(other in done for other in after[key])]
        if not free:
            return tuple(done.values())
        for key in free:
            done[key] = _action(key, after[key], steps, causes)
        left = [key for key in left if key not in done]


def _action(key: ActionKey, after: set[ActionKey], steps: Steps, causes: Causes) -> Action:
    return Action(key, tuple(sorted(after)), brief(causes.why(key)), steps.peer(key))


def _follows(picture: Picture) -> list[tuple[ResourceId, ResourceId]]:
    """Return what starts after what, between primitives."""
    configuration = picture.configuration
    chains = [group.members for group in configuration.groups if group.ordered]
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    pairs += [
        (picture.members(item.first)[-1], picture.members(item.then)[0])
        for item in configuration.orderings
    ]
    return [(a, b) for a, b in pairs if a in picture.resources and b in picture.resources]
