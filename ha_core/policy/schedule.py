"""The policy engine: desired and observed state in, plan and reasons out.

Owns: the one entry point. A pure function: equal inputs give equal plans.
Source: Pacemaker Explained; the semantics of its scheduler are the reference.
"""

from ha_core.config.model import Configuration
from ha_core.ids import Millis, ResourceId
from ha_core.policy.actions import Actions
from ha_core.policy.picture import Picture
from ha_core.policy.placement import Seat, place
from ha_core.policy.transition import Decision, Transition
from ha_core.status import ClusterStatus


def schedule(configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis) -> Transition:
    """Return what to do now so that every primitive is where it should be, and why."""
    picture = Picture(configuration, status, at_wall_ms)
    seats = place(picture)
    actions = Actions(picture, seats)
    decisions = tuple(_decision(resource, seats[resource], actions) for resource in sorted(seats))
    return Transition(actions.graph(), decisions)


def _decision(resource: ResourceId, seat: Seat, actions: Actions) -> Decision:
    reasons = (seat.head, *(reason for reason in seat.reasons if reason.text != seat.head.text))
    blocked = actions.blocked.get(resource, "")
    if blocked and actions.cures.get(resource):
        blocked = f"{blocked}; {actions.cures[resource]}"
    waits_for = actions.blocker.get(resource) if blocked else seat.missing
    scores = tuple(sorted(seat.scores.items()))
    return Decision(resource, seat.node, reasons, scores, blocked, waits_for)
