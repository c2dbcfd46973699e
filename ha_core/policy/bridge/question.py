"""The whole engine's question: what the configuration wants, joined with what is observed now.

Owns: nodes as they can be used, locations as they hold, what is held because another node may
have it, and where half-done moves lead. Pure.
"""

from collections.abc import Collection, Iterable
from typing import Final

from ha_core.config.model import Configuration, Role
from ha_core.config.units import tops
from ha_core.fencing.rules import can_fence
from ha_core.ids import INFINITY, Millis, NodeName, ResourceId
from ha_core.policy.attributes import CONNECTIVITY, attribute, rule_scores
from ha_core.policy.bridge.frame import Frame, frame_of
from ha_core.policy.bridge.observations import Kept, Observations
from ha_core.policy.engine import problem
from ha_core.policy.engine.problem import Problem
from ha_core.policy.kin import together
from ha_core.policy.own import Own
from ha_core.policy.picture import Picture
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState

WAITING: Final = "\0waiting"
"""Begins the name of a location that keeps new things off a node nobody has heard from."""
_UNAME: Final = "#uname"


def problem_of(configuration: Configuration, status: ClusterStatus, at_wall_ms: Millis) -> Problem:
    """Return the question that a configuration, a status and a moment amount to."""
    return question(Picture(configuration, status, at_wall_ms), frame_of(configuration))


def question(
    picture: Picture,
    frame: Frame,
    lifted: Collection[ResourceId] = (),
    kept: Kept | None = None,
) -> Problem:
    """Return the question of a picture.

    `lifted`: what need not reach the network; `kept`: observations of earlier questions.
    """
    found = Observations(picture, kept if kept is not None else {})
    keepers = _keepers(picture)
    return Problem(
        nodes=tuple(_node(picture, name, keepers) for name in picture.nodes),
        resources=frame.resources,
        options=frame.options,
        locations=(
            *_locations(picture),
            *_bans(picture),
            *_waiting(picture, keepers),
            *_connected(picture, lifted),
        ),
        colocations=frame.colocations,
        orderings=tuple(_orderings(picture, frame)),
        ticket_constraints=frame.tickets,
        tickets=tuple(
            problem.Ticket(item.name, item.granted, item.standby) for item in picture.status.tickets
        ),
        observed=tuple(found.found),
        found_stopped=picture.stopped,
        headings=tuple(_headings(picture)),
        holds=tuple((name, why) for name, (why, _) in held(picture).items()),
        is_explained=True,
        keeps_followers=True,
    )


def _orderings(picture: Picture, frame: Frame) -> Iterable[problem.Ordering]:
    """Yield the orderings, but for those in which the second runs and is only watched: nothing
    will be done with it, and what comes after it goes on undisturbed.
    """
    left = {
        resource
        for resource in picture.actives
        if not picture.acts_on(resource)
        and picture.resources[resource].clone is None
        and picture.resources[resource].group is None
    }
    return (item for item in frame.orderings if item.then not in left)


# --- nodes ---------------------------------------------------------------------------------


def _node(
    picture: Picture, name: NodeName, keepers: dict[NodeName, frozenset[ResourceId]]
) -> problem.Node:
    node, state = picture.nodes[name], picture.state(name)
    is_waiting = state in (NodeState.PENDING, NodeState.SUSPECT)
    attributes = dict(node.attributes) | {_UNAME: name}
    reached = attribute(picture, name, CONNECTIVITY)
    if reached is not None:
        attributes[CONNECTIVITY] = reached
    return problem.Node(
        name,
        is_online=picture.is_reachable(name),
        is_pending=is_waiting and not keepers[name],
        is_standby=node.standby,
        is_leaving=picture.is_leaving(name),
        is_maintenance=node.maintenance,
        attributes=tuple(attributes.items()),
        capacity=node.capacity,
    )


def _keepers(picture: Picture) -> dict[NodeName, frozenset[ResourceId]]:
    """Return for each node that is waited for the primitives that may stay there: what runs there,
    and all that must be near it.
    """
    found: dict[NodeName, frozenset[ResourceId]] = {}
    families: dict[ResourceId, frozenset[ResourceId]] = {}
    for name in picture.nodes:
        if picture.state(name) not in (NodeState.PENDING, NodeState.SUSPECT):
            continue
        families = families or together(picture.configuration)
        here = [
            resource
            for resource, item in picture.resources.items()
            if picture.current(resource) == name
            or (item.clone is not None and any(n == name for n, _ in picture.active(resource)))
        ]
        found[name] = frozenset(other for one in here for other in families[one])
    return found


# --- locations -----------------------------------------------------------------------------


def _locations(picture: Picture) -> Iterable[problem.Location]:
    names = tops(picture.configuration)
    for item in picture.configuration.locations:
        expires = item.expires_wall_ms
        if expires is None or expires > picture.at_wall_ms:
            role = problem.Role.PROMOTED if item.role is Role.PROMOTED else None
            discovery = problem.Discovery(item.discovery)
            placed = ((str(item.node), item.score),)
            resource = names.get(item.resource, item.resource)
            yield problem.Location(item.id, resource, placed, role, discovery)
    for rule in picture.configuration.rules:
        scores = tuple((str(node), score) for node, score in rule_scores(picture, rule))
        role = problem.Role.PROMOTED if rule.role is Role.PROMOTED else None
        discovery = problem.Discovery(rule.discovery)
        resource = names.get(rule.resource, rule.resource)
        yield problem.Location(rule.id, resource, scores, role, discovery)


def _bans(picture: Picture) -> Iterable[problem.Location]:
    """Yield what failed on a node that is gone, in a way that forbids every node."""
    everywhere = tuple((str(name), -INFINITY) for name in picture.nodes)
    for resource in picture.failing:
        ban = picture.ban_everywhere(resource)
        if ban is not None and ban.node is not None and not picture.is_reachable(ban.node):
            yield problem.Location("", resource, everywhere)
        for node, instance in picture.instances(resource):
            is_gone = node in picture.nodes and not picture.is_reachable(node)
            if is_gone and picture.ban(resource, node, instance) is not None:
                yield problem.Location("", resource, ((str(node), -INFINITY),))


def _waiting(
    picture: Picture, keepers: dict[NodeName, frozenset[ResourceId]]
) -> Iterable[problem.Location]:
    for name, kept in keepers.items():
        if kept:
            for resource in picture.resources:
                if resource not in kept:
                    yield problem.Location(WAITING, resource, ((str(name), -INFINITY),))


def _connected(picture: Picture, lifted: Collection[ResourceId]) -> Iterable[problem.Location]:
    """Yield what the wish for a working network gives to the nodes."""
    if not picture.configuration.ping.targets:
        return
    own = Own(picture, lifted)
    for item in picture.resources.values():
        if item.needs_connectivity or picture.prefers_connectivity(item):
            seat = own.seat(item)
            scores = tuple(
                (str(reason.node), reason.score or 0)
                for reason in seat.reasons
                if reason.code == CONNECTIVITY
                and reason.node is not None
                # What opt-in has not listed must not be listed by this.
                and (seat.scores[reason.node] > -INFINITY or (reason.score or 0) < 0)
            )
            if scores:
                yield problem.Location("", item.id, scores)


# --- what is on its way, or held -----------------------------------------------------------


def _headings(picture: Picture) -> Iterable[tuple[str, str]]:
    steady = picture.steady
    moving = [resource for resource in picture.intentions if resource not in steady]
    for resource in sorted({*picture.unsteady, *moving}):
        item = picture.resources.get(resource)
        if item is None or item.clone is not None:
            continue
        if picture.migrates(resource):
            target = picture.migration_target(resource)
            if target is not None:
                yield resource, target
            continue
        active = [n for n, i in picture.active(resource) if i.state is not InstanceState.UNCERTAIN]
        current = picture.current(resource)
        if current is not None and len(active) != 1:
            yield resource, current


def held(picture: Picture) -> dict[ResourceId, tuple[str, str]]:
    """Return what must not start now where it is not active: why, and what ends that.

    Another node may have it, or the cluster has just started and has not seen all of its voters.
    """
    found: dict[ResourceId, tuple[str, str]] = {}
    names = picture.resources if picture.status.awaited else picture.unsteady
    for resource in names:
        if picture.resources[resource].clone is not None:
            continue
        active = picture.active(resource)
        for node, instance in active:
            if instance.state is InstanceState.UNCERTAIN or not picture.is_reachable(node):
                found[resource] = uncertain(picture, resource, node, instance)
        if picture.status.awaited and not active:
            found[resource] = awaited(picture)
    return found


def awaited(picture: Picture) -> tuple[str, str]:
    """Say for whom a cluster that has just started waits, and what ends that."""
    names = ", ".join(picture.status.awaited)
    why = f"the cluster has just started, and has not seen {names} yet"
    return why, "start it, or, if it is down for sure: ha quorum release --reason TEXT"


def uncertain(
    picture: Picture, resource: ResourceId, node: NodeName, instance: Instance
) -> tuple[str, str]:
    """Say that the resource may still run on a node, and what ends that."""
    why = (
        f"{resource} may still run on {node}, which is lost, and nothing proves that "
        "it has ended there"
    )
    cure = f"if {node} is down for sure: ha node confirm-down {node} --reason TEXT"
    if instance.free_after_ms:
        why = (
            f"{resource} may still run on {node}, which is lost, until its guard has "
            f"ended it there: {instance.free_after_ms} ms after the loss"
        )
        cure = f"wait for that; or {cure}"
    if can_fence(picture.configuration, node):
        cure = f"its fence devices shall cut {node} off (see ha fence history); {cure}"
    return why, cure
