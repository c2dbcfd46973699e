"""From replica to picture: summaries of nodes and resources, and the faults worth a look.

Owns: the words of `ha status`. Pure; recomputes the plan from the node's own
replica, so that every node can say why. Knows nothing of sockets or screens.
"""

from dataclasses import dataclass

from ha_core.agents.registry import guard_of
from ha_core.config.model import Configuration, Meta, Primitive, TargetRole
from ha_core.ids import Millis, NodeName, ResourceId, Term
from ha_core.policy.schedule import schedule
from ha_core.policy.transition import Decision
from ha_core.quorum.votes import votes_needed
from ha_core.replication.entries import ConfigurationChange
from ha_core.snapshot import (
    ClusterSnapshot,
    LinkSummary,
    NodeSummary,
    ResourceSummary,
    Timers,
)
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from ha_core.timers import RaftTimers, with_drift


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node knows, gathered for one summary; fields as in `ClusterSnapshot`."""

    local: NodeName
    generation: int
    coordinator: NodeName | None
    term: Term
    quorate: bool
    revisions: tuple[ConfigurationChange, ...]
    configuration: Configuration
    nodes: tuple[NodeStatus, ...]
    restarts: tuple[ResourceId, ...]
    pending: tuple[str, ...]
    links: tuple[LinkSummary, ...]
    timers: RaftTimers
    version: str
    wall_ms: Millis


def summarize(facts: Facts) -> ClusterSnapshot:
    """Return the snapshot that these facts amount to."""
    status = ClusterStatus(facts.nodes, facts.quorate, facts.restarts)
    transition = schedule(facts.configuration, status, facts.wall_ms)
    resources = tuple(
        _resource(primitive, facts, transition.decision(primitive.id))
        for primitive in sorted(facts.configuration.primitives, key=lambda item: item.id)
    )
    nodes = tuple(
        _node(name, facts) for name in sorted(node.name for node in facts.configuration.nodes)
    )
    newest = facts.revisions[-1] if facts.revisions else None
    voters = facts.configuration.voters()
    here = [n.name for n in facts.nodes if n.state in (NodeState.ONLINE, NodeState.PENDING)]
    return ClusterSnapshot(
        local=facts.local,
        version=facts.version,
        generation=facts.generation,
        coordinator=facts.coordinator,
        term=facts.term,
        quorate=facts.quorate,
        revision=newest.revision if newest else 0,
        last_author=newest.author if newest else "",
        last_reason=newest.reason if newest else "",
        last_change_wall_ms=newest.at_wall_ms if newest else 0,
        configuration=facts.configuration,
        nodes=nodes,
        resources=resources,
        instances=facts.nodes,
        decisions=transition.decisions,
        pending=facts.pending or _pending(facts.nodes),
        faults=_faults(facts, nodes, resources),
        links=facts.links,
        timers=Timers(
            facts.timers.dead_after_ms,
            facts.timers.beat_ms,
            facts.timers.coordinator_lease_ms,
            facts.timers.run_lease_ms,
        ),
        votes=len([name for name in voters if name in here]) if facts.quorate else 0,
        votes_expected=len(voters),
        votes_needed=votes_needed(len(voters)) if voters else 0,
    )


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
    return NodeSummary(name, word, desired.witness, desired.voter, unclean, generation)


def _resource(primitive: Primitive, facts: Facts, decision: Decision | None) -> ResourceSummary:
    instances = [
        (node, instance)
        for node in facts.nodes
        if (instance := node.instance(primitive.id)) is not None
    ]
    group = facts.configuration.group_of(primitive.id)
    state = _state(instances, decision, facts.quorate)
    active = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)
    nodes = tuple(node.name for node, item in instances if item.state in active)
    guard = guard_of(primitive)
    metas = (primitive.meta, group.meta if group else Meta(), facts.configuration.defaults.meta)
    managed = next((meta.managed for meta in metas if meta.managed is not None), True)
    role = next((meta.target_role for meta in metas if meta.target_role is not None), None)
    wait_ms = None
    if guard.bounded or primitive.meta.accept_risk:
        wait_ms = max(facts.timers.dead_after_ms, with_drift(facts.timers.run_lease_ms))
    return ResourceSummary(
        id=primitive.id,
        state=state,
        role="Started" if nodes else "Stopped",
        nodes=nodes,
        guard=guard.name,
        takeover_wait_ms=wait_ms,
        group=group.id if group else None,
        managed=managed and not facts.configuration.options.maintenance,
        target=str(role or TargetRole.STARTED),
        fail_count=max((item.fail_count for _, item in instances), default=0),
        why=_why(decision),
    )


def _state(
    instances: list[tuple[NodeStatus, Instance]], decision: Decision | None, quorate: bool
) -> str:
    items = [item for _, item in instances]
    states = {item.state for item in items}
    if states & {InstanceState.BLOCKED, InstanceState.UNCERTAIN}:
        return "started" if InstanceState.STARTED in states else "blocked"
    for word, name in (("start", "starting"), ("stop", "stopping")):
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
    if decision is not None and decision.node is None and any(i.failure for i in items):
        return "failed"
    return "stopped"


def _why(decision: Decision | None) -> str:
    if decision is None:
        return ""
    if decision.blocked:
        return decision.blocked
    return decision.reasons[0].text if decision.reasons else ""


def _pending(nodes: tuple[NodeStatus, ...]) -> tuple[str, ...]:
    return tuple(
        f"{item.pending} {item.resource} on {node.name}"
        for node in nodes
        for item in node.instances
        if item.pending
    )


def _faults(
    facts: Facts, nodes: tuple[NodeSummary, ...], resources: tuple[ResourceSummary, ...]
) -> tuple[str, ...]:
    faults = []
    if not facts.quorate:
        faults.append(
            f"{facts.local} sees no working coordinator: no quorum, nothing new is started;"
            " bring back nodes until a majority of voters can talk to each other"
        )
    faults += [
        f"node {node.name} is lost: start it, or mend its links; it comes back by itself"
        for node in nodes
        if node.state == "lost"
    ]
    for resource in resources:
        if resource.state == "blocked":
            faults.append(f"resource {resource.id} is blocked: {resource.why}")
        elif resource.state == "failed":
            faults.append(f"resource {resource.id} has failed: {_failure(resource.id, facts)}")
    reached = {link.peer for link in facts.links if link.up}
    faults += [
        f"link {link.link} to {link.peer} is down; other links carry on"
        for link in facts.links
        if not link.up and link.peer in reached
    ]
    return tuple(faults)


def _failure(resource: ResourceId, facts: Facts) -> str:
    found = [
        (instance.failure.at_wall_ms, node.name, instance.failure)
        for node in facts.nodes
        if (instance := node.instance(resource)) is not None and instance.failure
    ]
    if not found:
        return f"see ha why {resource}"
    _, node, failure = max(found, key=lambda item: (item[0], item[1]))
    return (
        f"{failure.action} on {node} gave exit code {failure.exit_code} ({failure.reason});"
        f" mend it, then: ha resource cleanup {resource}"
    )
