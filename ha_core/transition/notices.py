"""Notifications of clones that want them: all active instances hear of a change before and after.

Owns: the rounds. A clone has one round at a time, of one task: its active instances are told that
it comes, its actions happen, and when none is left those that are active then are told that it
is over. What waits for a round is held back here; nothing else is changed in the plan. A round
lives as long as its coordinator: a successor begins those again whose actions are still due.
Source: Pacemaker Explained, "Clone Notifications".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ha_core.config.choices import Role
from ha_core.config.model import Primitive
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState

TASKS: Final = (ActionKind.DEMOTE, ActionKind.STOP, ActionKind.START, ActionKind.PROMOTE)
"""In the order in which their rounds follow one another."""
_ACTIVE: Final = (InstanceState.STARTED, InstanceState.FAILED)
Spot = tuple[ResourceId, NodeName]


class Phase(StrEnum):
    """How far a round is."""

    PRE = "pre"
    OPEN = "open"
    POST = "post"


@dataclass(slots=True)
class Round:
    """One task of one clone, announced and confirmed."""

    task: ActionKind
    phase: Phase
    about: tuple[Spot, ...]
    """What changes, and where."""
    waiting: set[Spot] = field(default_factory=set)
    """Who has not been told, or has not answered."""
    sent: set[Spot] = field(default_factory=set)


class Notices:
    """The rounds of one coordinator's term."""

    def __init__(self) -> None:
        self._rounds: dict[ResourceId, Round] = {}

    def ordered(self, given: Iterable[ActionKey]) -> None:
        """Note the notifications that were ordered just now."""
        for key in given:
            for one in self._rounds.values():
                if key.kind is ActionKind.NOTIFY and (key.resource, key.node) in one.waiting:
                    one.sent.add((key.resource, key.node))

    def steer(
        self,
        transition: Transition,
        status: ClusterStatus,
        parts: Mapping[ResourceId, Primitive],
        is_open: Callable[[Spot], bool],
    ) -> Transition:
        """Return the plan with notifications added, and without what must wait for them.

        `is_open`: whether an order for that resource and node is not known to be over.
        """
        clones: dict[ResourceId, list[ResourceId]] = {}
        for name, part in parts.items():
            if part.copy is not None and part.copy.clone.notify:
                clones.setdefault(part.copy.clone.id, []).append(name)
        self._rounds = {clone: one for clone, one in self._rounds.items() if clone in clones}
        own = [action for action in transition.actions if action.key.kind is not ActionKind.NOTIFY]
        kept: list[Action] = [_without_notices(action) for action in own]
        for clone in sorted(clones):
            members = set(clones[clone])
            kept = self._steer_clone(clone, members, kept, status, is_open)
        return replace(transition, actions=tuple(kept))

    def _steer_clone(
        self,
        clone: ResourceId,
        members: set[ResourceId],
        actions: list[Action],
        status: ClusterStatus,
        is_open: Callable[[Spot], bool],
    ) -> list[Action]:
        due = [a for a in actions if a.key.resource in members and a.key.kind in TASKS]
        active = _active(status, members)
        one = self._rounds.get(clone)
        if one is not None:
            one = self._moved_on(one, due, active, is_open)
        if one is None:
            one = _begun(due, active)
        if one is None:
            self._rounds.pop(clone, None)
            return actions
        self._rounds[clone] = one
        held = {a.key for a in due if one.phase is not Phase.OPEN or a.key.kind is not one.task}
        told = _told(one, due, status, members)
        notes = [
            Action(
                ActionKey(resource, ActionKind.NOTIFY, node, f"{one.phase}-{one.task}"),
                (),
                f"{clone} is told of every change of its instances",
                notice=told,
            )
            for resource, node in sorted(one.waiting - one.sent)
        ]
        return [*notes, *(action for action in actions if action.key not in held)]

    @staticmethod
    def _moved_on(
        one: Round, due: list[Action], active: set[Spot], is_open: Callable[[Spot], bool]
    ) -> Round | None:
        """Return the round as it is by now; None once it is over."""
        answered = {spot for spot in one.sent if not is_open(spot)}
        one.waiting = (one.waiting & active) - answered
        one.sent &= one.waiting
        if one.phase is Phase.PRE and not one.waiting:
            one.phase = Phase.OPEN
        if one.phase is Phase.OPEN:
            if any(is_open(spot) for spot in one.about) or _goes_on(one, due):
                return one
            one.phase, one.waiting, one.sent = Phase.POST, set(active), set()
        return one if one.waiting or one.phase is not Phase.POST else None


def _goes_on(one: Round, due: list[Action]) -> bool:
    """Return whether the round's task can go on; what must come before it has a round first."""
    ready = {a.key.kind for a in due if not a.after}
    earlier = TASKS[: TASKS.index(one.task)]
    return one.task in ready and not ready & set(earlier)


def _begun(due: list[Action], active: set[Spot]) -> Round | None:
    """Return the round that must come first; None if nothing of the clone is due."""
    for task in TASKS:
        ready = [a for a in due if a.key.kind is task and not a.after]
        if ready:
            about = tuple((a.key.resource, a.key.node) for a in due if a.key.kind is task)
            phase = Phase.PRE if active else Phase.OPEN
            return Round(task, phase, about, set(active))
    return None


def _active(status: ClusterStatus, members: set[ResourceId]) -> set[Spot]:
    """Return where instances are that can be told something."""
    return {
        (item.resource, node.name)
        for node in status.nodes
        if node.state is NodeState.ONLINE
        for item in node.instances
        if item.resource in members and item.state in _ACTIVE
    }


def _without_notices(action: Action) -> Action:
    after = tuple(key for key in action.after if key.kind is not ActionKind.NOTIFY)
    return action if after == action.after else replace(action, after=after)


def _told(
    one: Round, due: list[Action], status: ClusterStatus, members: set[ResourceId]
) -> tuple[tuple[str, str], ...]:
    """Return what the agents are told: the change, and the clone as it is now."""
    type_ = "post" if one.phase is Phase.POST else "pre"
    told = {"type": type_, "operation": str(one.task)}
    for task in TASKS:
        spots = {(a.key.resource, a.key.node) for a in due if a.key.kind is task}
        spots |= set(one.about) if task is one.task else set()
        told |= _listed(str(task), spots)
    states: dict[str, set[Spot]] = {"active": set(), "inactive": set()}
    states |= {name: set() for name in ("promoted", "master", "unpromoted", "slave")}
    for node in status.nodes:
        for item in node.instances:
            if item.resource in members:
                for name in _states(item):
                    states[name].add((item.resource, node.name))
    for name, spots in states.items():
        told |= _listed(name, spots)
    hosts = {node.name for node in status.nodes if node.state is NodeState.ONLINE}
    told["available_uname"] = " ".join(sorted(hosts))
    return tuple(sorted(told.items()))


def _states(item: Instance) -> tuple[str, ...]:
    if item.state not in _ACTIVE:
        return ("inactive",)
    match item.role:
        case Role.PROMOTED:
            return ("promoted", "master")
        case Role.UNPROMOTED:
            return ("active", "unpromoted", "slave")
        case _:
            return ("active",)


def _listed(name: str, spots: Iterable[Spot]) -> dict[str, str]:
    found = sorted(spots)
    return {
        f"{name}_resource": " ".join(resource for resource, _ in found),
        f"{name}_uname": " ".join(node for _, node in found),
    }
