"""How a lost node's resources come free: by its lease, a guard, a fence device, or not at all.

Owns: the moments of a loss and their bounds, from `dead_after`, the guards that the nodes have
declared, and the fence devices' time limits. The rules themselves are those of the coordinator
(`ha_core.coordinator.roster`, `ha_core.coordinator.fencer`); docs/takeover.md has them in words.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ha_core.agents.registry import exclusivity_of, guard_of, may_run_twice
from ha_core.config.model import (
    Configuration,
    Exclusivity,
    FenceDevice,
    NoQuorumPolicy,
    Role,
    TwoNode,
)
from ha_core.config.units import has_right, unit, units
from ha_core.coordinator.race import OPEN_D, RACE_D
from ha_core.coordinator.record import MAY_BE_ACTIVE
from ha_core.fencing.rules import can_fence, cut_limit_ms, is_power, levels_of
from ha_core.gates import Gates
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.forecast import Moment
from ha_core.quorum.votes import votes_needed
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus
from ha_core.timers import timers, with_drift
from ha_core.transition.without_quorum import is_demoted

ALONE_D: Final = max(RACE_D, *OPEN_D)
"""One of two voters waits for so many times `dead_after_ms` at most before it shoots the other."""
GONE = (NodeState.LOST, NodeState.LEFT)
Moments = tuple[tuple[Moment, ...], tuple[str, ...]]


def lost_moments(snapshot: ClusterSnapshot, node: NodeName) -> Moments:
    """Return what follows from a node's silence, and what is assumed."""
    configuration = snapshot.configuration
    dead_ms, how = _noticed(snapshot, node)
    now = next(item for item in snapshot.instances if item.name == node)
    gates = next((item.gates for item in snapshot.nodes if item.name == node), Gates())
    after = _lost(configuration, now, gates)
    assumed = [how]
    moments = [
        Moment(dead_ms, f"{node} counts as lost", _loses(configuration, gates, node), since_ms=0),
        *_released(after, dead_ms),
    ]
    doubtful = [
        item.resource
        for item in after.instances
        if item.state is InstanceState.UNCERTAIN and not item.free_after_ms
    ]
    quorate = _is_quorate_without(snapshot, node)
    fenced = _fenced(configuration, node, doubtful, quorate=quorate)
    if not quorate:
        moments.append(_no_quorum(snapshot, node))
    if fenced is not None:
        wait_ms = 0 if quorate else ALONE_D * dead_ms
        cut_ms = dead_ms + wait_ms + _cut_ms(fenced, node)
        names = " and ".join(device.id for device in fenced)
        ends = is_power(fenced)
        text = f"{names} has proved that {node} is {'off' if ends else 'cut off from storage'}"
        change = _cut(configuration, node, ends=ends)
        moments.append(Moment(cut_ms, text, change, since_ms=dead_ms))
        assumed.append(f"fence device {names} cuts {node} off within {cut_ms - dead_ms} ms")
    elif doubtful:
        names = ", ".join(doubtful)
        assumed.append(f"nobody confirms that {node} is down, and nothing else ends {names} there")
    return tuple(moments), tuple(assumed)


def _noticed(snapshot: ClusterSnapshot, node: NodeName) -> tuple[Millis, str]:
    """Return when a node's loss is concluded at the latest, and how.

    Whoever is elected in the coordinator's place waits until the leases that it gave are over.
    """
    dead_ms = snapshot.timers.dead_after_ms
    text = f"its loss is noticed after dead_after ({dead_ms} ms)"
    if node != snapshot.coordinator:
        return dead_ms, text
    derived = timers(dead_ms)
    lease_ms = derived.lease_bound_ms() + derived.election_spread_ms
    whole_ms = max(dead_ms, lease_ms) + derived.beat_ms
    return whole_ms, f"{text}, and another coordinator elected at the first try ({whole_ms} ms)"


def off_moments(snapshot: ClusterSnapshot, node: NodeName, from_ms: Millis) -> Moments:
    """Return what follows once a failure asks for its node to be cut off."""
    configuration = snapshot.configuration
    if not can_fence(configuration, node, power=True):
        return (), (f"no fence device can end {node}: the resource stays blocked",)
    level = next(item for item in levels_of(configuration, node) if is_power(item))
    names = " and ".join(device.id for device in level)
    limit_ms = _cut_ms(level, node)
    text = f"{names} has proved that {node} is off"
    change = _cut(configuration, node, ends=True)
    moments = [Moment(from_ms + limit_ms, text, change, since_ms=from_ms)]
    if not _is_quorate_without(snapshot, node):
        at_ms = from_ms + limit_ms + snapshot.timers.dead_after_ms
        moments.append(replace(_no_quorum(snapshot, node), at_ms=at_ms, since_ms=from_ms))
    return tuple(moments), (f"fence device {names} cuts {node} off within {limit_ms} ms",)


def _lost(configuration: Configuration, node: NodeStatus, gates: Gates) -> NodeStatus:
    """Return the node as its silence leaves it: what no guard has ended is uncertain."""
    instances = tuple(_left_behind(configuration, item, gates) for item in node.instances)
    return replace(node, state=NodeState.LOST, instances=instances)


def _left_behind(configuration: Configuration, item: Instance, gates: Gates) -> Instance:
    stopped = replace(item, state=InstanceState.STOPPED, pending="", free_after_ms=0)
    primitive = unit(configuration, item.resource)
    if item.state not in MAY_BE_ACTIVE and item.pending != "start":
        return stopped
    if primitive is not None and not has_right(primitive, item.role):
        return stopped
    if primitive is not None and primitive.meta.accept_risk:
        return stopped
    guard = guard_of(primitive, gates) if primitive is not None else None
    extra_ms = guard.extra_ms if guard is not None and guard.bounded else None
    if extra_ms == 0:
        return stopped
    free_ms = with_drift(extra_ms) if extra_ms else 0
    return replace(item, state=InstanceState.UNCERTAIN, pending="", free_after_ms=free_ms)


def _released(after: NodeStatus, dead_ms: Millis) -> list[Moment]:
    """Return when each guard has ended what it guards."""
    waits: dict[Millis, list[ResourceId]] = {}
    for item in after.instances:
        if item.state is InstanceState.UNCERTAIN and item.free_after_ms:
            waits.setdefault(item.free_after_ms, []).append(item.resource)
    return [
        Moment(
            dead_ms + wait_ms,
            f"the guard of {', '.join(names)} on {after.name} has ended it",
            _stops(after.name, frozenset(names)),
            since_ms=dead_ms,
        )
        for wait_ms, names in sorted(waits.items())
    ]


def _fenced(
    configuration: Configuration, node: NodeName, doubtful: list[ResourceId], *, quorate: bool
) -> tuple[FenceDevice, ...] | None:
    """Return the devices that would cut the node off, or None: none would."""
    desired = configuration.node(node)
    if desired is None or desired.maintenance or configuration.options.maintenance:
        return None
    is_alone = not quorate and configuration.options.two_node is TwoNode.FENCING
    if not quorate and not (is_alone and len(configuration.voters()) == 2):
        return None
    storage = _on_storage(configuration)
    power = is_alone or storage.isdisjoint(doubtful)
    if not (doubtful or is_alone) or not can_fence(configuration, node, power=power):
        return None
    return next(lv for lv in levels_of(configuration, node) if is_power(lv) or not power)


def _cut_ms(level: tuple[FenceDevice, ...], node: NodeName) -> Millis:
    """Return the longest that a level's devices may take, one after another."""
    return sum(
        dict(device.delays).get(str(node), device.delay_ms)
        + device.random_delay_ms
        + cut_limit_ms(device)
        for device in level
    )


def _on_storage(configuration: Configuration) -> frozenset[ResourceId]:
    return frozenset(
        item.id for item in units(configuration) if exclusivity_of(item) is Exclusivity.DEVICE
    )


# --- quorum --------------------------------------------------------------------------------


def _is_quorate_without(snapshot: ClusterSnapshot, node: NodeName) -> bool:
    voters = snapshot.configuration.voters()
    there = {
        item.name for item in snapshot.instances if item.state not in GONE and item.name != node
    }
    return len(there & set(voters)) >= votes_needed(len(voters))


def _no_quorum(snapshot: ClusterSnapshot, node: NodeName) -> Moment:
    """Return what the nodes that are left do without a majority of the voters."""
    configuration = snapshot.configuration
    policy = configuration.options.no_quorum_policy

    def ends(item: Instance) -> bool:
        primitive = unit(configuration, item.resource)
        if primitive is None:
            return True
        if policy.keeps:
            return guard_of(primitive).bounded and not may_run_twice(primitive)
        return not is_demoted(policy, primitive)

    def change(status: ClusterStatus) -> ClusterStatus:
        nodes = tuple(
            item if item.state in GONE else _unpromoted(_with_stopped(item, ends), policy)
            for item in status.nodes
        )
        return replace(status, nodes=nodes, quorate=False)

    derived = snapshot.timers
    text = f"without {node} there is no majority of the voters, so the others stop, too"
    return Moment(derived.dead_after_ms, text, change, since_ms=derived.run_lease_ms)


# --- changes of a status -------------------------------------------------------------------


def _loses(
    configuration: Configuration, gates: Gates, node: NodeName
) -> Callable[[ClusterStatus], ClusterStatus]:
    def change(status: ClusterStatus) -> ClusterStatus:
        nodes = tuple(
            _lost(configuration, item, gates) if item.name == node else item
            for item in status.nodes
        )
        return replace(status, nodes=nodes)

    return change


def _stops(
    node: NodeName, names: frozenset[ResourceId]
) -> Callable[[ClusterStatus], ClusterStatus]:
    def change(status: ClusterStatus) -> ClusterStatus:
        nodes = tuple(
            _with_stopped(item, lambda instance: instance.resource in names)
            if item.name == node
            else item
            for item in status.nodes
        )
        return replace(status, nodes=nodes)

    return change


def _cut(
    configuration: Configuration, node: NodeName, *, ends: bool
) -> Callable[[ClusterStatus], ClusterStatus]:
    """The node is off (`ends`) or without its storage: what it ran has ended, or can harm nobody.

    One that went on alone may act from then on.
    """
    harmless = None if ends else _on_storage(configuration)

    def change(status: ClusterStatus) -> ClusterStatus:
        nodes = tuple(
            replace(
                _with_stopped(item, lambda i: harmless is None or i.resource in harmless),
                state=NodeState.LOST,
            )
            if item.name == node
            else item
            for item in status.nodes
        )
        is_alone = len(configuration.voters()) == 2
        return replace(status, nodes=nodes, quorate=status.quorate or is_alone)

    return change


def _unpromoted(node: NodeStatus, policy: NoQuorumPolicy) -> NodeStatus:
    if policy is not NoQuorumPolicy.DEMOTE:
        return node
    instances = tuple(
        replace(item, role=Role.UNPROMOTED) if item.role is Role.PROMOTED else item
        for item in node.instances
    )
    return replace(node, instances=instances)


def _with_stopped(node: NodeStatus, which: Callable[[Instance], bool]) -> NodeStatus:
    instances = tuple(
        replace(item, state=InstanceState.STOPPED, pending="", free_after_ms=0)
        if which(item) and item.state is not InstanceState.UNKNOWN
        else item
        for item in node.instances
    )
    return replace(node, instances=instances)
