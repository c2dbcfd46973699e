"""From replica to picture: summaries of nodes and resources.

Owns: the states of `ha status` in one word each. Pure; recomputes the plan from the node's own
replica, so that every node can say why. Knows nothing of sockets or screens.
"""

from dataclasses import dataclass

from ha_core import alarms
from ha_core.config.choices import Origin, Role, TargetRole
from ha_core.config.model import Clone, Configuration, Primitive
from ha_core.config.units import copies, plain
from ha_core.facts import Facts
from ha_core.fencing.rules import device_names, is_fencing
from ha_core.gates import Gates
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.picture import Picture
from ha_core.policy.schedule import schedule
from ha_core.policy.transition import Decision
from ha_core.protection import protection_of
from ha_core.quorum.outlook import Outlook, outlook
from ha_core.quorum.votes import votes_needed
from ha_core.replication.entries import ConfigurationChange
from ha_core.replication.tickets import TicketWord
from ha_core.snapshot import (
    ClusterSnapshot,
    Commanded,
    NodeSummary,
    ResourceSummary,
    TicketSummary,
    Timers,
)
from ha_core.status import (
    ClusterStatus,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
    Ticket,
)
from ha_core.timers import RaftTimers

_NONE = ConfigurationChange(0, Configuration(), "", "", 0)
_CHANGING = (
    ("start", "starting"),
    ("migrate_from", "starting"),
    ("promote", "starting"),
    ("stop", "stopping"),
    ("demote", "stopping"),
)


@dataclass(frozen=True, slots=True)
class _Votes:
    """How the voters stand, as far as this node knows."""

    count: int
    expected: int
    needed: int
    is_electing: bool
    seen: Outlook


def summarize(facts: Facts) -> ClusterSnapshot:
    """Return the snapshot that these facts amount to."""
    configuration = facts.configuration
    status = _status(facts)
    transition = schedule(configuration, status, facts.wall_ms)
    picture = Picture(configuration, status, facts.wall_ms)
    resources = tuple(
        _resource(primitive, facts, picture, transition.decision(primitive.id))
        for primitive in sorted(configuration.primitives, key=lambda item: item.id)
    )
    nodes = tuple(_node(name, facts) for name in sorted(node.name for node in configuration.nodes))
    newest = facts.revisions[-1] if facts.revisions else _NONE
    votes = _votes(facts)
    return ClusterSnapshot(
        local=facts.local,
        version=facts.version,
        generation=facts.generation,
        coordinator=facts.coordinator,
        term=facts.term,
        quorate=facts.quorate,
        revision=newest.revision,
        last_author=newest.author,
        last_reason=newest.reason,
        last_change_wall_ms=newest.at_wall_ms,
        configuration=configuration,
        nodes=nodes,
        resources=resources,
        instances=facts.nodes,
        decisions=transition.decisions,
        pending=facts.pending or _pending(facts.nodes),
        faults=alarms.faults(facts, nodes, resources, is_electing=votes.is_electing),
        notices=alarms.notices(facts, votes.seen),
        refused_hosts=tuple((i.host, f"link {i.link}: {i.text}") for i, _ in facts.strangers),
        links=facts.links,
        timers=_timers(facts.timers),
        votes=votes.count,
        votes_expected=votes.expected,
        votes_needed=votes.needed,
        electing=votes.is_electing,
        votes_missing=votes.seen.missing,
        outlook=votes.seen.text,
        awaited=facts.awaited if facts.quorate else (),
        fencing=facts.fencing if facts.quorate else (),
        commanded=_commanded(facts),
        tickets=_tickets(facts),
        leaving=facts.leaving,
    )


def _status(facts: Facts) -> ClusterStatus:
    tickets = tuple(word.ticket for word in facts.tickets)
    return ClusterStatus(
        facts.nodes, facts.quorate, facts.restarts, awaited=facts.awaited, tickets=tickets
    )


def _votes(facts: Facts) -> _Votes:
    voters, present = facts.configuration.voters(), _present(facts)
    count = len(present & set(voters))
    needed = votes_needed(len(voters)) if voters else 0
    is_electing = not facts.quorate and 0 < needed <= count and not facts.superseded_by
    seen = outlook(facts.configuration, present, quorate=facts.quorate)
    return _Votes(count, len(voters), needed, is_electing, seen)


def _timers(timers: RaftTimers) -> Timers:
    return Timers(
        timers.dead_after_ms, timers.beat_ms, timers.coordinator_lease_ms, timers.run_lease_ms
    )


def _tickets(facts: Facts) -> tuple[TicketSummary, ...]:
    """Return every ticket that is listed, needed or granted, with what is known of it."""
    words = {word.ticket.name: word for word in facts.tickets}
    held = [name for name, word in words.items() if word.ticket.granted]
    users: dict[str, set[ResourceId]] = {name: set() for name in held}
    users |= {name: set() for name in facts.configuration.ticket_names}
    for item in facts.configuration.tickets:
        users.setdefault(item.ticket, set()).add(item.resource)
    found = []
    for name in sorted(users):
        word = words.get(name, TicketWord(Ticket(name)))
        ticket = word.ticket
        found.append(
            TicketSummary(
                name,
                ticket.granted,
                ticket.standby,
                ticket.changed_wall_ms,
                word.author,
                word.reason,
                tuple(sorted(users[name])),
                word.granted_wall_ms,
            )
        )
    return tuple(found)


def _commanded(facts: Facts) -> tuple[Commanded, ...]:
    """Return the moves and bans whose time is not over."""
    return tuple(
        Commanded(
            item.resource,
            item.node,
            item.origin,
            item.score > 0,
            item.expires_wall_ms,
            item.until_generation > 0,
            item.role is Role.PROMOTED,
        )
        for item in facts.configuration.locations
        if item.origin is not Origin.ADMINISTRATOR
        and (item.expires_wall_ms is None or item.expires_wall_ms > facts.wall_ms)
    )


def _present(facts: Facts) -> set[NodeName]:
    """Return who is there: as the coordinator says; without one, whom this node hears."""
    if facts.quorate:
        there = (NodeState.ONLINE, NodeState.PENDING)
        return {node.name for node in facts.nodes if node.state in there}
    return {facts.local} | {link.peer for link in facts.links if link.up}


def _node(name: NodeName, facts: Facts) -> NodeSummary:
    desired = facts.configuration.node(name)
    assert desired is not None
    observed = next((node for node in facts.nodes if node.name == name), None)
    state = observed.state if observed else NodeState.LEFT
    word = str(state)
    if state in (NodeState.ONLINE, NodeState.PENDING):
        word = "online" if state is NodeState.ONLINE else "suspect"
        if desired.maintenance or facts.configuration.options.maintenance:
            word = "maintenance" if word == "online" else word
        elif desired.standby:
            word = "standby" if word == "online" else word
    unclean = observed is not None and any(
        item.state is InstanceState.UNCERTAIN for item in observed.instances
    )
    generation = observed.generation if observed else 0
    reach = observed.connectivity if observed and facts.configuration.ping.targets else None
    devices = _fenced_by(name, state, facts)
    return NodeSummary(
        name,
        word,
        desired.witness,
        desired.voter,
        unclean,
        generation,
        reach,
        devices,
        facts.gates.get(name, Gates()),
        desired.standby_until_wall_ms,
    )


def _fenced_by(name: NodeName, state: NodeState, facts: Facts) -> str:
    """Return the devices that have cut off the node, which has not come back since."""
    verdict = next((item for item in facts.verdicts if item.node == name), None)
    if verdict is None or state not in (NodeState.LOST, NodeState.LEFT):
        return ""
    return device_names(verdict.method) if is_fencing(verdict.method) else ""


def _resource(
    primitive: Primitive, facts: Facts, picture: Picture, decision: Decision | None
) -> ResourceSummary:
    clone = facts.configuration.clone_of(primitive.id)
    instances = [
        (node, item)
        for node in facts.nodes
        for item in node.instances
        if item.resource == primitive.id
        or (clone is not None and clone.unique and plain(item.resource) == primitive.id)
    ]
    wish = picture.resources[primitive.id]
    has_failed = wish.is_wanted and any(picture.failure(wish.id, item) for _, item in instances)
    state = _state(instances, decision, quorate=facts.quorate, has_failed=has_failed)
    active = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)
    nodes = tuple(dict.fromkeys(n.name for n, item in instances if item.state in active))
    promoted = tuple(
        node.name for node, item in instances if item.role is Role.PROMOTED and item.state in active
    )
    may_run = (*active, InstanceState.UNCERTAIN)
    parts = copies(facts.configuration, primitive)
    guarded = protection_of(
        parts[0] if parts else primitive,
        facts,
        (node.name for node, item in instances if item.state in may_run),
    )
    return ResourceSummary(
        id=primitive.id,
        state=state,
        role=_role(nodes, promoted, clone),
        nodes=nodes,
        guard=guarded.guard,
        takeover_wait_ms=guarded.wait_ms,
        group=wish.group,
        managed=picture.acts_on(wish.id),
        target=str(TargetRole.STARTED if wish.is_wanted else TargetRole.STOPPED),
        fail_count=max((picture.fail_count(wish.id, item) for _, item in instances), default=0),
        why=_why(decision),
        guard_text=guarded.sentence,
        shorter=guarded.shorter,
        clone=clone.id if clone is not None else None,
        promoted=promoted,
        expired=tuple(
            (node.name, item.resource)
            for node, item in instances
            if item.failure is not None and picture.failure(wish.id, item) is None
        ),
    )


def _role(nodes: tuple[NodeName, ...], promoted: tuple[NodeName, ...], clone: Clone | None) -> str:
    """Return the highest role that the resource has anywhere."""
    if promoted:
        return "Promoted"
    if nodes:
        return "Unpromoted" if clone is not None and clone.promotable else "Started"
    return "Stopped"


def _state(
    instances: list[tuple[NodeStatus, Instance]],
    decision: Decision | None,
    *,
    quorate: bool,
    has_failed: bool,
) -> str:
    """Return the state in one word; `has_failed`: it is wanted, and a failure still counts.

    Without a quorum it is for want of that, whatever failed before, that it does not run.
    """
    items = [item for _, item in instances]
    states = {item.state for item in items}
    if states & {InstanceState.BLOCKED, InstanceState.UNCERTAIN}:
        return "started" if InstanceState.STARTED in states else "blocked"
    for word, name in _CHANGING:
        if any(item.pending == word for item in items):
            return name
    if InstanceState.STARTED in states:
        return "started"
    if InstanceState.FAILED in states:
        return "failed"
    if not quorate and (not states or InstanceState.UNKNOWN in states):
        return "unknown"
    if states == {InstanceState.UNKNOWN}:
        return "unknown"
    if decision is not None and decision.blocked:
        return "blocked"
    if decision is not None and decision.node is None and has_failed and quorate:
        return "failed"
    return "stopped"


def _why(decision: Decision | None) -> str:
    if decision is None:
        return ""
    if decision.blocked:
        return decision.blocked
    if not decision.reasons:
        return ""
    head = decision.reasons[0]
    return f"{head.text}; {head.cure}" if head.cure else head.text


def _pending(nodes: tuple[NodeStatus, ...]) -> tuple[str, ...]:
    return tuple(
        f"{item.pending} {item.resource} on {node.name}"
        for node in nodes
        for item in node.instances
        if item.pending
    )
