"""What can be supposed: a node is lost, a resource fails, a command is given.

Owns: these values, and what each does to configuration and status, moment by
moment. What a guard or a fence device ends, and when, is told by `lapse`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from ha_core.commands import (
    AddTicket,
    Apply,
    Ban,
    Move,
    RemoveTicket,
    Restart,
    SetStandby,
    SetTargetRole,
    SetTicket,
)
from ha_core.config.change import no_node, no_resource
from ha_core.config.model import AgentClass, Configuration, Meta, OnFail, Operation, Primitive
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, Millis, NodeName, ResourceId
from ha_core.policy.forecast import Moment
from ha_core.preview.lapse import lost_moments, off_moments
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import (
    ClusterStatus,
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
)
from ha_core.transition.failure import monitors_of

FAILED_CODE = 1
"""What an agent says of what does not work. Source: OCF resource agent API, "OCF_ERR_GENERIC"."""


@dataclass(frozen=True, slots=True)
class NodeLost:
    """A node loses power, or nobody can reach it any more."""

    node: NodeName


@dataclass(frozen=True, slots=True)
class ResourceFails:
    """A primitive fails where it runs: once, or (`often`) as often as its threshold."""

    resource: ResourceId
    often: bool = False


OfTickets: TypeAlias = SetTicket | AddTicket | RemoveTicket
Given: TypeAlias = Apply | Ban | Move | Restart | SetStandby | SetTargetRole | OfTickets
Supposition: TypeAlias = NodeLost | ResourceFails | Given


@dataclass(frozen=True, slots=True)
class Course:
    """What happens by itself, and what is taken for granted, one sentence each."""

    title: str
    moments: tuple[Moment, ...]
    assumed: tuple[str, ...]


def node_lost(snapshot: ClusterSnapshot, what: NodeLost) -> Course:
    """Return what the loss of a node means. Raises RefusedError: there is no such node to lose."""
    if snapshot.configuration.node(what.node) is None:
        raise no_node(snapshot.configuration, what.node)
    observed = next((node for node in snapshot.instances if node.name == what.node), None)
    state = observed.state if observed is not None else NodeState.LEFT
    if state in (NodeState.LOST, NodeState.LEFT):
        raise RefusedError("invalid", f"{what.node} is {state} already: name a node that is there")
    moments, assumed = lost_moments(snapshot, what.node)
    return Course(f"{what.node} is lost", moments, (f"{what.node} does not come back", *assumed))


def resource_fails(snapshot: ClusterSnapshot, what: ResourceFails, at_wall_ms: Millis) -> Course:
    """Return what a failure means. Raises RefusedError: there is no such primitive that runs."""
    configuration = snapshot.configuration
    primitive = configuration.primitive(what.resource)
    if primitive is None:
        raise _not_one(configuration, what.resource)
    found = next(
        (
            (node.name, item)
            for node in snapshot.instances
            for item in node.instances
            if item.resource == what.resource and item.state is InstanceState.STARTED
        ),
        None,
    )
    if found is None:
        text = f"{what.resource} runs nowhere, so it cannot fail; 'ha why {what.resource}' says why"
        raise RefusedError("invalid", text)
    node, instance = found
    on_fail, seen_ms, how = _seen(configuration, primitive)
    assumed = [how]
    count = min(INFINITY, instance.fail_count + 1)
    threshold = threshold_of(configuration, primitive)
    if what.often and not 0 < threshold < INFINITY:
        text = f"{what.resource} has no migration_threshold: it is restarted however often it fails"
        raise RefusedError("invalid", text)
    if what.often and count < threshold:
        assumed.append(f"{what.resource} has failed {threshold - 1} times on {node} before")
        count = threshold
    if on_fail is OnFail.IGNORE:
        assumed.append("on_fail says that its failure is ignored: nobody mends it")
    failure = Failure("monitor", FAILED_CODE, FailureKind.SOFT, "supposed", at_wall_ms, on_fail)
    failed = replace(instance, state=_after(on_fail), fail_count=count, failure=failure)
    moment = Moment(
        seen_ms,
        f"{what.resource} is seen to have failed on {node}",
        lambda status: with_instance(status, node, failed),
        since_ms=0,
        ended=((what.resource, node),) if on_fail is OnFail.IGNORE else (),
    )
    moments: tuple[Moment, ...] = (moment,)
    if on_fail is OnFail.FENCE:
        more, words = off_moments(snapshot, node, seen_ms)
        moments, assumed = (*moments, *more), [*assumed, *words]
    times = "as often as its threshold" if what.often else "once"
    return Course(f"{what.resource} fails on {node}, {times}", moments, tuple(assumed))


def with_instance(status: ClusterStatus, node: NodeName, changed: Instance) -> ClusterStatus:
    """Return the status with one instance as given."""
    nodes = tuple(
        replace(
            item,
            instances=tuple(
                changed if known.resource == changed.resource else known for known in item.instances
            ),
        )
        if item.name == node
        else item
        for item in status.nodes
    )
    return replace(status, nodes=nodes)


def threshold_of(configuration: Configuration, primitive: Primitive) -> int:
    """Return how many failures move it: its own word, its group's, or the defaults'."""
    return next(
        (
            meta.migration_threshold
            for meta in _metas(configuration, primitive)
            if meta.migration_threshold is not None
        ),
        INFINITY,
    )


def _metas(configuration: Configuration, primitive: Primitive) -> Iterable[Meta]:
    group = configuration.group_of(primitive.id)
    yield primitive.meta
    if group is not None:
        yield group.meta
    yield configuration.defaults.meta


def _not_one(configuration: Configuration, name: ResourceId) -> RefusedError:
    group = configuration.group(name)
    if group is None:
        return no_resource(configuration, name)
    names = ", ".join(group.members)
    return RefusedError("invalid", f"{name} is a group: name the member that fails ({names})")


def _seen(configuration: Configuration, primitive: Primitive) -> tuple[OnFail, Millis, str]:
    """Return what a failure leads to, when it is noticed at the latest, and how."""
    defaults = configuration.defaults
    interval_ms, timeout_ms = defaults.monitor_interval_ms, defaults.operation_timeout_ms
    found = monitors_of(primitive, None, interval_ms, timeout_ms)
    monitor = found[0] if found else Operation("monitor", interval_ms, timeout_ms)
    on_fail = monitor.on_fail or OnFail.RESTART
    if primitive.agent.agent_class is AgentClass.PROCESS:
        return OnFail.RESTART, 0, f"the process of {primitive.id} ends, which is seen at once"
    seen_ms = monitor.interval_ms + monitor.timeout_ms
    how = (
        f"{primitive.id} fails just after a monitor, and the next one, {monitor.interval_ms} ms"
        f" later, takes its {monitor.timeout_ms} ms to notice"
    )
    return on_fail, seen_ms, how


def _after(on_fail: OnFail) -> InstanceState:
    if on_fail in (OnFail.BLOCK, OnFail.FENCE):
        return InstanceState.BLOCKED
    return InstanceState.STARTED if on_fail is OnFail.IGNORE else InstanceState.FAILED
