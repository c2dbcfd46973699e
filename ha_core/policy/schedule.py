"""The policy engine: desired and observed state in, plan and reasons out.

Owns: the one entry point. A pure function: equal inputs give equal plans.
Source: Pacemaker Explained; the semantics of its scheduler are the reference.
"""

from ha_core.config.choices import OrderedAction, OrderKind
from ha_core.config.model import Configuration, Meta, Strategy, TargetRole
from ha_core.ids import Millis, ResourceId
from ha_core.policy.actions import Actions
from ha_core.policy.bridge.plan import planned
from ha_core.policy.own import Seat
from ha_core.policy.picture import Picture
from ha_core.policy.placement import place
from ha_core.policy.transition import Decision, Transition
from ha_core.status import ClusterStatus


def schedule(configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis) -> Transition:
    """Return what to do now so that every primitive is where it should be, and why."""
    if _needs_whole(configuration):
        return planned(configuration, status, at_wall_ms)
    picture = Picture(configuration, status, at_wall_ms)
    seats = place(picture)
    actions = Actions(picture, seats)
    decisions = tuple(_decision(resource, seats[resource], actions) for resource in sorted(seats))
    return Transition(actions.graph(), decisions)


def _needs_whole(configuration: Configuration) -> bool:
    """Return whether it says anything that the whole engine alone knows."""
    options = configuration.options
    return bool(
        configuration.clones
        or configuration.tickets
        or options.stop_all
        or options.strategy is not Strategy.DEFAULT
        or options.health.strategy != "none"
        or any(not (group.ordered and group.colocated) for group in configuration.groups)
        or any(item.role or item.discovery != "always" for item in configuration.locations)
        or any(
            item.role or item.with_role or item.node_attribute or item.influence is not None
            for item in configuration.colocations
        )
        or any(
            item.any_of
            or item.kind is OrderKind.SERIALIZE
            or item.first_action is not OrderedAction.START
            or item.then_action is not OrderedAction.START
            for item in configuration.orderings
        )
        or any(_asks_more(item.meta) for item in configuration.primitives)
        or any(_asks_more(item.meta) for item in configuration.groups)
        or _asks_more(configuration.defaults.meta)
    )


def _asks_more(meta: Meta) -> bool:
    roles = (None, TargetRole.STARTED, TargetRole.STOPPED)
    return bool(
        meta.target_role not in roles
        or meta.critical is False
        or meta.allow_migrate
        or meta.multiple_active is not None
        or meta.allow_unhealthy_nodes
    )


def _decision(resource: ResourceId, seat: Seat, actions: Actions) -> Decision:
    reasons = (seat.head, *(reason for reason in seat.reasons if reason.text != seat.head.text))
    blocked = actions.blocked.get(resource, "")
    if blocked and actions.cures.get(resource):
        blocked = f"{blocked}; {actions.cures[resource]}"
    waits_for = actions.blocker.get(resource) if blocked else seat.missing
    scores = tuple(sorted(seat.scores.items()))
    return Decision(resource, seat.node, reasons, scores, blocked, waits_for)
