"""What can stand between a resource and a node, each with its sentence and its cure.

Owns: the list of such things. Whether one of them matters is not judged here: `counterfactual`
tries it, with the cluster as it would be without it (`removal`). Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from ha_core.config.model import (
    Configuration,
    Location,
    Meta,
    OnFail,
    Origin,
    Primitive,
    Strategy,
    TargetRole,
)
from ha_core.config.units import plain
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.scores import text as score_text
from ha_core.policy.wording import said
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState

_T = TypeVar("_T")
World = tuple[Configuration, ClusterStatus]
_HEALTH = "#health-"
_GONE = (NodeState.LOST, NodeState.LEFT)
_APPLY = "'ha export' shows the configuration, 'ha apply' takes one without it"


class BlockerKind(StrEnum):
    """What kind of thing it is."""

    QUORUM = "quorum"
    AWAITED = "awaited"
    CLUSTER_MAINTENANCE = "cluster-maintenance"
    OFFLINE = "offline"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    STANDBY = "standby"
    MAINTENANCE = "maintenance"
    CONNECTIVITY = "connectivity"
    TARGET = "target"
    UNMANAGED = "unmanaged"
    RESTING = "resting"
    """Maintenance of one resource."""
    FAILURE = "failure"
    COMMANDED = "commanded"
    """Moves and bans of one resource."""
    NOT_LISTED = "not-listed"
    LOCATION = "location"
    RULE = "rule"
    COLOCATION = "colocation"
    ORDERING = "ordering"
    TICKET = "ticket"
    STOP_ALL = "stop-all"
    CAPACITY = "capacity"
    HEALTH = "health"
    INSTANCES = "instances"
    """How many instances of a clone there may be."""
    STICKINESS = "stickiness"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that can be ended; `subject` is the resource, constraint or node it is about."""

    kind: BlockerKind
    subject: str
    text: str
    """One sentence: what it is."""
    cure: str
    """What ends it."""
    node: NodeName | None = None

    @property
    def sentence(self) -> str:
        """What it is, and what ends it."""
        return f"{self.text}; {self.cure}"


def candidates(world: World, kin: frozenset[ResourceId]) -> tuple[Blocker, ...]:
    """Return all that could have a say in where these resources run, the quickest cure first."""
    configuration, status = world
    mine = (item.id for item in configuration.primitives if item.id in kin)
    tops = tuple(dict.fromkeys(_top(configuration, name) for name in mine))
    inner = {clone.member for clone in configuration.clones if clone.id in tops}
    return (
        *_of_cluster(configuration, status),
        *_of_nodes(configuration, status),
        *_of_resources(configuration, kin),
        *_of_failures(configuration, status, kin),
        *_of_commands(configuration, tops),
        *_of_commands(configuration, _rivals(configuration, kin), is_other=True),
        *_of_tops(configuration, tops),
        *_of_tickets(configuration, status, {*kin, *tops, *inner}),
        *_of_constraints(configuration, {*kin, *tops, *inner}),
        *_of_capacity(configuration, kin),
        *_of_instances(configuration, tops),
        *_of_weights(configuration, status, tops),
    )


# --- what there is -------------------------------------------------------------------------


def _of_cluster(configuration: Configuration, status: ClusterStatus) -> Iterable[Blocker]:
    if not status.quorate:
        text = "quorum returns when a majority of voters can talk to each other"
        yield Blocker(BlockerKind.QUORUM, "", text, "start more nodes")
    if status.awaited:
        text = f"the cluster has just started, and has not seen {', '.join(status.awaited)} yet"
        cure = "start it, or, if it is down for sure: ha quorum release --reason TEXT"
        yield Blocker(BlockerKind.AWAITED, "", text, cure)
    if configuration.options.maintenance:
        cure = "'ha node maintenance --all --off' ends it"
        kind = BlockerKind.CLUSTER_MAINTENANCE
        yield Blocker(kind, "", "the cluster is in maintenance", cure)
    if configuration.options.stop_all:
        text = "all resources are to be stopped ('options.stop_all')"
        yield Blocker(BlockerKind.STOP_ALL, "", text, _APPLY)


def _of_nodes(configuration: Configuration, status: ClusterStatus) -> Iterable[Blocker]:
    for node in sorted(configuration.nodes, key=lambda item: item.name):
        if node.witness:
            continue
        name, observed = node.name, status.node(node.name)
        state = observed.state if observed is not None else NodeState.LEFT
        if node.standby:
            cure = f"'ha node online {name}' ends it"
            yield Blocker(BlockerKind.STANDBY, name, f"{name} is in standby", cure, name)
        if node.maintenance:
            cure = f"'ha node maintenance {name} --off' ends it"
            yield Blocker(BlockerKind.MAINTENANCE, name, f"{name} is in maintenance", cure, name)
        if observed is not None and any(
            item.state is InstanceState.UNCERTAIN for item in observed.instances
        ):
            text = f"something may still run on {name}, which is lost"
            cure = f"if {name} is down for sure: ha node confirm-down {name} --reason TEXT"
            yield Blocker(BlockerKind.UNCERTAIN, name, text, cure, name)
        if state in _GONE:
            cure = "it must be started and reachable"
            yield Blocker(BlockerKind.OFFLINE, name, f"{name} is {state}", cure, name)
        elif state is not NodeState.ONLINE:
            text = f"{name} is {'not heard' if state is NodeState.SUSPECT else 'about to report'}"
            yield Blocker(BlockerKind.WAITING, name, text, "that ends by itself", name)
        reach = observed.connectivity if observed is not None else None
        red = [key for key, _ in node.attributes if key.startswith(_HEALTH)]
        if red and configuration.options.health.strategy != "none":
            text = f"the health of {name} counts ({', '.join(red)})"
            yield Blocker(BlockerKind.HEALTH, name, text, "repair it, and tell so", name)
        if configuration.ping.targets and reach is not None and reach.missed:
            text = f"{name} does not reach {', '.join(reach.missed)}"
            cure = "repair the network there"
            yield Blocker(BlockerKind.CONNECTIVITY, name, text, cure, name)


def _of_resources(configuration: Configuration, kin: frozenset[ResourceId]) -> Iterable[Blocker]:
    stopped: dict[str, None] = {}
    watched: dict[str, None] = {}
    resting: dict[str, None] = {}
    for item in configuration.primitives:
        if item.id in kin:
            role, name = _resolved(configuration, item, lambda meta: meta.target_role)
            stopped |= {name: None} if role is TargetRole.STOPPED else {}
            managed, name = _resolved(configuration, item, lambda meta: meta.managed)
            watched |= {name: None} if managed is False else {}
            rests, name = _resolved(configuration, item, lambda meta: meta.maintenance)
            resting |= {name: None} if rests else {}
    for name in _with_groups(configuration, stopped):
        cure = f"'ha resource start {name}' wants it started"
        yield Blocker(BlockerKind.TARGET, name, f"{name} is wanted stopped", cure)
    for name in resting:
        yield Blocker(BlockerKind.RESTING, name, f"{name} is in maintenance itself", _APPLY)
    for name in _with_groups(configuration, watched):
        cure = f"'ha resource manage {name}' ends that"
        yield Blocker(BlockerKind.UNMANAGED, name, f"the cluster only watches {name}", cure)


def _with_groups(configuration: Configuration, names: Iterable[str]) -> list[str]:
    """Return the names, before them the groups of which two have a word of their own: one word to
    the group ends those of all its members.
    """
    told = list(names)
    groups = [
        group.id
        for group in configuration.groups
        if group.id not in told and sum(member in told for member in group.members) > 1
    ]
    return [*groups, *told]


def _of_failures(
    configuration: Configuration, status: ClusterStatus, kin: frozenset[ResourceId]
) -> Iterable[Blocker]:
    for primitive in configuration.primitives:
        found = [
            (node.name, item)
            for node in status.nodes
            for item in node.instances
            if plain(item.resource) == primitive.id
            and (item.failure is not None or item.fail_count)
        ]
        closes = any(
            i.failure is not None and i.failure.on_fail is OnFail.STANDBY for _, i in found
        )
        if found and (primitive.id in kin or closes):
            yield _failure(primitive.id, found)


def _failure(resource: ResourceId, found: list[tuple[NodeName, Instance]]) -> Blocker:
    count = max(item.fail_count for _, item in found)
    text = "a failed start counts" if count >= INFINITY else f"{count} failures count"
    if count <= 1:
        text = "1 failure counts"
    cure = f"'ha resource cleanup {resource}' forgets that"
    stuck = next((node for node, item in found if item.state is InstanceState.BLOCKED), None)
    if stuck is not None:
        cure = f"mend it on {stuck}, then 'ha resource cleanup {resource}' forgets that"
    return Blocker(BlockerKind.FAILURE, resource, f"{text} against {resource}", cure)


def _of_commands(
    configuration: Configuration, tops: tuple[ResourceId, ...], *, is_other: bool = False
) -> Iterable[Blocker]:
    for top in tops:
        inner = {c.member for c in configuration.clones if c.id == top}
        own = {top, *inner, *_members(configuration, top)}
        commanded = [
            location
            for location in configuration.locations
            if location.resource in own and location.origin is not Origin.ADMINISTRATOR
        ]
        if commanded:
            wishes = ", ".join(map(_wish, commanded)) + (f" for {top}" if is_other else "")
            cure = f"'ha resource clear {top}' ends it"
            yield Blocker(BlockerKind.COMMANDED, top, wishes, cure)


def _rivals(configuration: Configuration, kin: frozenset[ResourceId]) -> tuple[ResourceId, ...]:
    """Return what else wants room, if that counts, any of these needs some, and any was moved."""
    is_moved = any(item.origin is not Origin.ADMINISTRATOR for item in configuration.locations)
    if not is_moved or not _needs_room(configuration, kin):
        return ()
    others = [
        item.id for item in configuration.primitives if item.utilization and item.id not in kin
    ]
    return tuple(dict.fromkeys(_top(configuration, name) for name in others))


def _needs_room(configuration: Configuration, kin: frozenset[ResourceId]) -> bool:
    """Whether capacity counts, and any of these needs some."""
    if configuration.options.strategy is Strategy.DEFAULT:
        return False
    return any(item.utilization for item in configuration.primitives if item.id in kin)


def _of_tops(configuration: Configuration, tops: tuple[ResourceId, ...]) -> Iterable[Blocker]:
    if configuration.options.symmetric:
        return
    for top in tops:
        for node in configuration.nodes:
            if not node.witness:
                text = f"'options.symmetric' is false, and nothing allows {top} on {node.name}"
                cure = "a location constraint with a score allows a node"
                yield Blocker(BlockerKind.NOT_LISTED, top, text, cure, node.name)


def _wish(location: Location) -> str:
    """Return what a commanded location says."""
    if location.score > 0:
        return f"a {location.origin} wants {location.node}"
    away = " away" if location.origin is Origin.MOVE else ""
    return f"a {location.origin}{away} forbids {location.node}"


def _of_constraints(configuration: Configuration, names: set[ResourceId]) -> Iterable[Blocker]:
    for location in configuration.locations:
        if location.resource in names and location.origin is Origin.ADMINISTRATOR:
            gives = f"gives {location.node} {score_text(location.score)}"
            gives = f"forbids {location.node}" if location.score <= -INFINITY else gives
            text = said(location) if location.source else f"constraint {location.id} {gives}"
            yield Blocker(BlockerKind.LOCATION, location.id, text, _APPLY, location.node)
    for rule in configuration.rules:
        if rule.resource in names:
            text = f"rule {rule.id} judges nodes by {rule.attribute}"
            text = said(rule) if rule.source else text
            yield Blocker(BlockerKind.RULE, rule.id, text, _APPLY)
    for item in configuration.colocations:
        if item.resource in names:
            verb = "wants" if item.score > 0 else "keeps"
            between = "with" if item.score > 0 else "away from"
            text = f"constraint {item.id} {verb} {item.resource} {between} {item.with_resource}"
            text = said(item) if item.source else text
            yield Blocker(BlockerKind.COLOCATION, item.id, text, _APPLY)
    for order in configuration.orderings:
        if order.then in names:
            text = f"constraint {order.id} starts {order.then} after {order.first}"
            text = said(order) if order.source else text
            yield Blocker(BlockerKind.ORDERING, order.id, text, _APPLY)


def _of_tickets(
    configuration: Configuration, status: ClusterStatus, names: set[ResourceId]
) -> Iterable[Blocker]:
    here = {item.name for item in status.tickets if item.granted and not item.standby}
    wanted = (item.ticket for item in configuration.tickets if item.resource in names)
    for ticket in dict.fromkeys(wanted):
        if ticket not in here:
            cure = f"'ha ticket grant {ticket} --reason TEXT' allows it here"
            yield Blocker(BlockerKind.TICKET, ticket, f"ticket {ticket} is not here", cure)


def _of_capacity(configuration: Configuration, kin: frozenset[ResourceId]) -> Iterable[Blocker]:
    if not _needs_room(configuration, kin):
        return
    for node in sorted(configuration.nodes, key=lambda item: item.name):
        if not node.witness:
            text = f"{node.name} has only so much room"
            cure = "more 'capacity' of that node, or less 'utilization' of what runs there"
            yield Blocker(BlockerKind.CAPACITY, node.name, text, cure, node.name)


def _of_instances(configuration: Configuration, tops: tuple[ResourceId, ...]) -> Iterable[Blocker]:
    for clone in configuration.clones:
        if clone.id in tops and clone.instances_max is not None:
            count = clone.instances_max
            text = f"there may be {count} {'instance' if count == 1 else 'instances'} of {clone.id}"
            yield Blocker(BlockerKind.INSTANCES, clone.id, text, _APPLY)


def _of_weights(
    configuration: Configuration, status: ClusterStatus, tops: tuple[ResourceId, ...]
) -> Iterable[Blocker]:
    active = {
        plain(i.resource)
        for n in status.nodes
        for i in n.instances
        if i.state is not InstanceState.STOPPED
    }
    for top in tops:
        members = _members(configuration, top)
        scores = []
        for member in members:
            primitive = configuration.primitive(member)
            if primitive is not None and member in active:
                score, _ = _resolved(configuration, primitive, lambda meta: meta.stickiness)
                scores.append(1 if score is None else score)
        if any(scores):
            highest = score_text(max(scores))
            text = f"{top} prefers to stay where it is (stickiness {highest})"
            cure = f"'ha resource move {top} --to NODE' moves it"
            yield Blocker(BlockerKind.STICKINESS, top, text, cure)
    for top in tops:
        item = configuration.clone(top) or configuration.group(top) or configuration.primitive(top)
        priority = item.meta.priority if item is not None else None
        if priority:
            text = f"{top} chooses its node by priority {priority}"
            yield Blocker(BlockerKind.PRIORITY, top, text, _APPLY)


def _top(configuration: Configuration, resource: ResourceId) -> ResourceId:
    """Return the top-level resource that a primitive is, or is in."""
    clone = configuration.clone_of(resource)
    group = configuration.group_of(resource)
    return clone.id if clone else group.id if group else resource


def _members(configuration: Configuration, top: ResourceId) -> tuple[ResourceId, ...]:
    clone = configuration.clone(top)
    top = clone.member if clone is not None else top
    group = configuration.group(top)
    return group.members if group is not None else (top,)


def _resolved(
    configuration: Configuration, item: Primitive, ask: Callable[[Meta], _T | None]
) -> tuple[_T | None, str]:
    """Return the value of an option as it holds, and which resource's word it is."""
    group = configuration.group_of(item.id)
    clone = configuration.clone_of(item.id)
    for part in (item, group, clone):
        value = ask(part.meta) if part is not None else None
        if part is not None and value is not None:
            return value, part.id
    name = group.id if group is not None else item.id
    return ask(configuration.defaults.meta), name
