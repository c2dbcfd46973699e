"""Why each action is done, and what what cannot be done waits for: in words, with the cure.

Owns: the way from ties in the graph to sentences. It decides nothing.
"""

from typing import Final

from ha_core.fencing.rules import asks_for_fencing
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.bridge.chain import cause
from ha_core.policy.bridge.question import held, uncertain
from ha_core.policy.bridge.seats import Seats
from ha_core.policy.bridge.steps import Steps
from ha_core.policy.engine import graph as engine
from ha_core.policy.engine.graph import Graph
from ha_core.policy.engine.items import Item
from ha_core.policy.engine.problem import Task
from ha_core.policy.picture import Picture
from ha_core.policy.transition import ActionKey, ActionKind
from ha_core.policy.wording import WORDS_CHARACTERS_MAX, brief
from ha_core.status import Instance, InstanceState

_DEPTH: Final = 50
"""Longest chain of causes that is told; a longer one would be a circle."""


class Causes:
    """The causes in one plan."""

    def __init__(self, picture: Picture, graph: Graph, seats: Seats, steps: Steps) -> None:
        self._picture = picture
        self._seats = seats
        self._steps = steps
        self._stops: dict[ResourceId, str] = {}
        self._telling: set[ResourceId] = set()
        self.blocked: dict[ResourceId, str] = {}
        """For each wanted action that cannot run what it waits for."""
        self.cures: dict[ResourceId, str] = {}
        self.blocker: dict[ResourceId, ResourceId] = {}
        self._wants: dict[ResourceId, engine.Action] = {}
        for action in graph.actions:
            if _is_stuck(action) and action.item is not None:
                self._wants.setdefault(ResourceId(action.item.resource.id), action)
        for resource in picture.unsteady:
            self._judge(resource)
        for resource in self._wants:
            self._hinder(resource)

    # --- why something is done -----------------------------------------------------------

    def why(self, key: ActionKey) -> str:
        """Return why the action is done."""
        action = self._steps.actions[key]
        assert action.item is not None
        plain = ResourceId(action.item.resource.id)
        match key.kind:
            case ActionKind.PROBE:
                return f"nothing is known of {key.resource} on {key.node} yet"
            case ActionKind.STOP | ActionKind.DEMOTE:
                return self._why_stop(key, plain, action)
            case _:
                return self._seats[plain].head.text

    def _why_stop(self, key: ActionKey, plain: ResourceId, action: engine.Action) -> str:
        item = action.item
        assert item is not None
        seen = next(
            (i for n, i in self._picture.instances(plain) if n == key.node and _is(i, key)), None
        )
        own = self._own_cause(key, plain, item, seen)
        if own:
            return own
        other = cause(action)
        if other is not None and other.item is not None:
            return self._because_of(item, other)
        if seen is not None and seen.pending == "stop":
            return "it is being stopped"
        return action.reason or self._seats[plain].head.text

    def _own_cause(
        self, key: ActionKey, plain: ResourceId, item: Item, seen: Instance | None
    ) -> str:
        """Return why it stops by itself, or nothing."""
        picture, seat = self._picture, self._seats[plain]
        if item.top.clone is None:
            nodes = {seat.node} if seat.node is not None else set()
        else:
            places = self._seats.places(plain)
            nodes = {p.node for p in places if p.instance == key.resource}
        if key.node not in nodes:
            if not nodes or item.top.clone is not None:
                return seat.head.text
            return f"it moves to {seat.node}: {seat.head.text}"
        if seen is not None and seen.state is InstanceState.FAILED:
            return "it failed and is recovered"
        if seen is not None and seen.stale:
            return "its definition has changed"
        if plain in picture.restarts:
            return "a restart was asked for"
        if len([i for _, i in picture.active(plain) if _is(i, key)]) > 1 and not item.top.clone:
            return "it is active on several nodes"
        return ""

    def _because_of(self, item: Item, other: engine.Action) -> str:
        """Return why something stops that could have stayed, but for another resource."""
        assert other.item is not None
        first = _first_primitive(other.item)
        why = self._why_restart(first)
        return f"it is ordered after {first}: {why}"

    def _why_restart(self, first: ResourceId) -> str:
        if first in self._telling or len(self._telling) > _DEPTH:
            return f"{first} is started anew"
        self._telling.add(first)
        try:
            return self._restart_words(first)
        finally:
            self._telling.discard(first)

    def _restart_words(self, first: ResourceId) -> str:
        stop = next(
            (
                key
                for key in self._steps.actions
                if key.kind is ActionKind.STOP and key.resource == first
            ),
            None,
        )
        if stop is not None:
            return f"{first} is stopped first ({self.why(stop)})"
        if first in self.blocked:
            return self.blocked[first]
        if first not in self._picture.resources:
            return f"{first} is started anew"
        if not self._picture.acts_on(first):
            return f"{first} does not run, and the cluster only watches it"
        if self._seats[first].node is None:
            return f"{first} cannot run: {self._seats[first].head.text}"
        return f"{first} is started anew"

    # --- why something cannot be done ----------------------------------------------------

    def _judge(self, resource: ResourceId) -> None:
        """Note what keeps a primitive from starting, or from being touched, by itself."""
        picture = self._picture
        item = picture.resources[resource]
        for node, instance in picture.active(resource):
            if instance.state is InstanceState.UNCERTAIN:
                is_due = any(self._plain(key) == resource for key in self._steps.surplus)
                if item.clone is None or item.clone.unique or is_due:
                    why, cure = uncertain(picture, instance.resource, node, instance)
                    self.blocked[resource], self.cures[resource] = why, cure
            elif instance.state is InstanceState.BLOCKED:
                self._judge_stuck(resource, node, instance)

    def _plain(self, key: ActionKey) -> ResourceId:
        item = self._steps.actions[key].item
        assert item is not None
        return ResourceId(item.resource.id)

    def _judge_stuck(self, resource: ResourceId, node: NodeName, instance: Instance) -> None:
        failure = instance.failure
        what = "it is blocked"
        if failure is not None:
            words = brief(failure.reason, WORDS_CHARACTERS_MAX)
            what = f"{failure.action} failed: {words}"
        self.blocked[resource] = f"{resource} is left alone on {node} ({what})"
        cure = f"mend it there, then: ha resource cleanup {resource}"
        if asks_for_fencing(self._picture.configuration, node, instance):
            cure = f"{node} shall be cut off for it (see ha fence history); or {cure}"
        self.cures[resource] = cure

    def _hinder(self, resource: ResourceId) -> None:
        """Note what a wanted action waits for that cannot run."""
        if resource in self.blocked or not self._picture.acts_on(resource):
            return
        action = self._wants[resource]
        own = held(self._picture).get(resource)
        if own is not None and self._picture.status.awaited and not self._picture.active(resource):
            return
        first = self._waited_for(resource, action)
        if first is None:
            return
        if first not in self.blocked and first in self._wants:
            self._wants_guarded(first)
        if action.task is Task.STOP:
            why = self.blocked.get(first) or self._watched(first)
            self.blocked[resource] = f"{resource} cannot stop before {first}: {why}"
        else:
            why = self.blocked.get(first) or self._seats[first].head.text
            self.blocked[resource] = f"{resource} waits for {first}: {why}"
        self.cures[resource] = self.cures.get(first, "") or self._seats[first].head.cure
        self.blocker[resource] = first

    def _wants_guarded(self, first: ResourceId) -> None:
        if first not in self._telling:
            self._telling.add(first)
            self._hinder(first)
            self._telling.discard(first)

    def _watched(self, first: ResourceId) -> str:
        active = self._picture.active(first)
        where = f", which runs on {active[0][0]}" if active else ""
        return f"the cluster only watches {first}{where}"

    def _waited_for(self, resource: ResourceId, action: engine.Action) -> ResourceId | None:
        """Return the first other primitive that keeps an action from running, or None."""
        seen: set[engine.Action] = set()
        found: engine.Action | None = action
        while found is not None and found not in seen:
            seen.add(found)
            item = found.item
            if item is not None and not (item.children and found.waits_for is not None):
                name = _lame_primitive(item)
                if name != resource and name in self._picture.resources:
                    return name
            found = found.waits_for
        return None


def _is_stuck(action: engine.Action) -> bool:
    """Return whether a primitive's action ought to happen and cannot."""
    item = action.item
    if item is None or item.children or action.can_run or not item.is_managed:
        return False
    if action.interval_ms or action.node is None:
        return False
    if action.task is Task.START:
        return item.node == action.node and (action.is_needed or not item.roles)
    return action.is_needed and action.task is Task.STOP


def _is(instance: Instance, key: ActionKey) -> bool:
    return instance.resource == key.resource


def _lame_primitive(item: Item) -> ResourceId:
    """Return the primitive in an item that runs nowhere, or the first."""
    parts = list(item.primitives())
    lame = next((one for one in parts if one.node is None), parts[0] if parts else item)
    return ResourceId(lame.resource.id)


def _first_primitive(item: Item) -> ResourceId:
    return ResourceId(next((one.resource.id for one in item.primitives()), item.id))
