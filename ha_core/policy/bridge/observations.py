"""What each node has reported, as the whole engine is told it: roles, failures, what is under way.

Owns: how an instance's state, its pending action and its failure become one observation. What may
run on a lost node is none: it is held (`question`). Pure.
"""

from collections.abc import Iterator
from typing import Final

from ha_core.config import model
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.bridge.frame import ROLES
from ha_core.policy.engine.problem import Changed, Migration, Observed, OnFail, Role, Task
from ha_core.policy.picture import BLOCKING, Picture
from ha_core.status import Failure, FailureKind, Instance, InstanceState

_RUNS: Final = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)
_UNDER_WAY: Final = {
    "start": Task.START,
    "stop": Task.STOP,
    "promote": Task.PROMOTE,
    "demote": Task.DEMOTE,
    "migrate_to": Task.MIGRATE_TO,
    "migrate_from": Task.MIGRATE_FROM,
    "reload": Task.RELOAD,
}


Kept = dict[ResourceId, tuple[Instance, NodeName, Observed]]
"""What simply runs, as it was observed last."""


class Observations:
    """The observations of one picture, in the order of its nodes."""

    def __init__(self, picture: Picture, kept: Kept) -> None:
        self._picture = picture
        self._kept = kept
        self.found: list[Observed] = []
        for resource in sorted(picture.seen, key=picture.catalog.position):
            if resource in picture.steady and resource not in picture.restarts:
                self._read_steady(resource)
                continue
            moves = dict(self._moves(resource)) if picture.migrates(resource) else {}
            instances = picture.instances(resource)
            for node, instance in instances:
                self._read(resource, node, instance, moves.get(node))
            sent = {i.migrated_to for _, i in instances if i.migrated_to and not i.pending}
            for node in sorted(sent - {node for node, _ in instances}):
                # To the engine it is on both nodes until it has arrived, or until it is known that
                # a migration that failed has left nothing there.
                self._read(resource, node, Instance(resource, InstanceState.STARTED), None)

    def _read_steady(self, resource: ResourceId) -> None:
        ((node, item),) = self._picture.instances(resource)
        kept = self._kept.get(resource)
        if kept is None or kept[0] is not item or kept[1] != node:
            score = item.promotion_score
            seen = Observed(item.resource, node, _role(item), promotion_score=score)
            kept = self._kept[resource] = (item, node, seen)
        self.found.append(kept[2])

    def _read(
        self, resource: ResourceId, node: NodeName, item: Instance, move: Migration | None
    ) -> None:
        picture = self._picture
        if node not in picture.nodes:
            return
        count = picture.fail_count(resource, item)
        if not picture.is_reachable(node):
            if count:
                self.found.append(Observed(item.resource, node, is_known=False, fail_count=count))
            return
        failure = picture.failure(resource, item)
        role = _role(item)
        is_ending = resource in picture.restarts or item.stale
        seen = Observed(
            item.resource,
            node,
            role,
            is_known=item.state is not InstanceState.UNKNOWN or role is not Role.STOPPED,
            failed=_failed(item, failure, role),
            failed_task=failure.action if failure is not None else "",
            failed_text=f"{failure.action} failed" if failure is not None else "",
            bans_node=failure is not None and _bans_node(failure),
            bans_clone=failure is not None and _is_stuck(failure),
            bans_all=failure is not None and _bans_all(failure),
            is_not_promoted_again=item.state is InstanceState.FAILED
            and failure is not None
            and failure.action == "promote",
            pending=_UNDER_WAY.get(item.pending),
            fail_count=count,
            is_threshold_ignored=failure is not None and failure.on_fail is model.OnFail.IGNORE,
            changed=Changed.RESTART if is_ending and role else Changed.NO,
            migration=move,
            promotion_score=item.promotion_score,
        )
        self.found.append(seen)

    def _moves(self, resource: ResourceId) -> Iterator[tuple[NodeName, Migration]]:
        """Yield the live migration that has begun, by the node that it comes from.

        What has arrived is still under way: its source has to be stopped. What was sent to a node
        that cannot take it is neither here nor there, and what failed to arrive is on both.
        """
        picture = self._picture
        target = picture.migration_target(resource)
        arrived = dict(picture.instances(resource)).get(target) if target is not None else None
        if target is None or (arrived is not None and arrived.state is InstanceState.FAILED):
            return
        for node, item in picture.instances(resource):
            if node == target or item.state is InstanceState.FAILED:
                continue
            if item.migrated_to is not None or item.pending == "migrate_to":
                yield node, Migration(node, target, is_partial=picture.is_reachable(target))


def _role(item: Instance) -> Role:
    """Return what counts as the instance's role: what is on its way up is active, what is being
    promoted not yet promoted.
    """
    if item.state in _RUNS or item.pending in _UNDER_WAY:
        return ROLES[item.role] if item.role is not None else Role.STARTED
    return Role.STOPPED


def _failed(item: Instance, failure: Failure | None, role: Role) -> OnFail | None:
    if item.state is InstanceState.BLOCKED:
        return OnFail.BLOCK
    told = _told(failure, role) if failure is not None else None
    # What was handed on alive is stopped as part of that: it must not drag along who has it now.
    is_ended = item.pending == "stop" and item.migrated_to is None
    if told is None and (item.state is InstanceState.FAILED or is_ended):
        return OnFail.RESTART
    return OnFail.DEMOTE if told is None and item.pending == "demote" else told


def _told(failure: Failure, role: Role) -> OnFail | None:
    """Return what a failure that counts means beyond the state that it has left behind.

    A stop that failed is kept when the daemon starts again: it bans the node then, and all copies
    of a clone with it, as any of them would be started there.
    """
    if failure.kind is FailureKind.HARD or _is_stuck(failure):
        return OnFail.BAN
    if failure.on_fail is model.OnFail.STANDBY:
        return OnFail.STANDBY
    if failure.on_fail is model.OnFail.STOP or failure.kind is FailureKind.FATAL:
        return OnFail.STOP
    if failure.on_fail is model.OnFail.DEMOTE and role is Role.PROMOTED:
        return OnFail.DEMOTE
    return None


def _bans_node(failure: Failure) -> bool:
    return failure.kind is FailureKind.HARD or _is_stuck(failure)


def _is_stuck(failure: Failure) -> bool:
    return failure.action == "stop" and failure.on_fail in BLOCKING


def _bans_all(failure: Failure) -> bool:
    return failure.kind is FailureKind.FATAL or failure.on_fail is model.OnFail.STOP
