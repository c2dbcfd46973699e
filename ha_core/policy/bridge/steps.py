"""The whole engine's graph as actions that can run now, each with those that must be over before.

Owns: what is asked of nodes, in which order, and what is not asked yet: nothing that is under way
is repeated or overtaken, and nothing starts while another node may have it, whatever the graph
says. Why each is done is in `causes`.
"""

from collections.abc import Iterable
from typing import Final

from ha_core.config.model import Clone, Discovery, Role
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.bridge.chain import chain
from ha_core.policy.bridge.question import held
from ha_core.policy.engine import graph as engine, problem, ties
from ha_core.policy.engine.graph import Graph, Phase, Tie, orders
from ha_core.policy.engine.items import Board, Item, is_unique
from ha_core.policy.engine.problem import Kind, Task
from ha_core.policy.picture import Picture
from ha_core.policy.transition import ActionKey, ActionKind
from ha_core.status import Instance, InstanceState, NodeState

_KINDS: Final = {
    Task.MONITOR: ActionKind.PROBE,
    Task.START: ActionKind.START,
    Task.STOP: ActionKind.STOP,
    Task.PROMOTE: ActionKind.PROMOTE,
    Task.DEMOTE: ActionKind.DEMOTE,
    Task.RELOAD: ActionKind.RELOAD,
    Task.MIGRATE_TO: ActionKind.MIGRATE_TO,
    Task.MIGRATE_FROM: ActionKind.MIGRATE_FROM,
}
"""What nodes are asked. Notifications are not: who is told what, and has been, the coordinator
knows, which plans anew after each step.
"""
_LEAVING: Final = (ActionKind.STOP, ActionKind.DEMOTE)
_ARRIVING: Final = (ActionKind.START, ActionKind.MIGRATE_FROM)
_RUNS: Final = (
    InstanceState.STARTED,
    InstanceState.FAILED,
    InstanceState.BLOCKED,
    InstanceState.UNCERTAIN,
)


class Steps:
    """What one settled graph asks of nodes, by key; `after` what comes before each."""

    def __init__(self, picture: Picture, board: Board, graph: Graph) -> None:
        self._picture = picture
        self._names = [NodeName(spot.node.name) for spot in board.nodes]
        self._tops: dict[ResourceId, Item] = {}
        self._open = self._undecided()
        self.actions: dict[ActionKey, engine.Action] = {}
        self._keys: dict[engine.Action, tuple[ActionKey, ...]] = {}
        self._before: dict[engine.Action, frozenset[ActionKey]] = {}
        for action in graph.actions:
            if self._is_asked(action):
                keys = tuple(self._keys_of(action))
                self._keys[action] = keys
                self.actions.update((key, action) for key in keys)
        self._judging: set[engine.Action] = set()
        """Stops that are being judged: circles end."""
        self.surplus: set[ActionKey] = set()
        """Starts and promotions of clones that would be too many, once `ready` was asked."""
        self._stopping = {a.item for a in self._keys if a.task is Task.STOP and a.reason}
        """What stops by itself, whatever comes of other things."""
        self.after = self._sequence()

    def _is_asked(self, action: engine.Action) -> bool:
        return (
            action.happens
            and (not action.is_pseudo or _is_under_way(action))
            and not self._has_arrived(action)
            and not self._is_demoted(action)
            and action.task in _KINDS
            and action.item is not None
            and not action.item.children
            and not action.interval_ms
            and action.places != (None,)
        )

    def _has_arrived(self, action: engine.Action) -> bool:
        """Return whether it is a live migration's arrival that is over."""
        if action.task is not Task.MIGRATE_FROM or action.item is None or action.node is None:
            return False
        name, resource = self._names[action.node], ResourceId(action.item.resource.id)
        found = dict(self._picture.instances(resource)).get(name)
        return found is not None and found.state is InstanceState.STARTED and not found.pending

    def _is_demoted(self, action: engine.Action) -> bool:
        """Return whether it is the demotion of an instance that is not promoted, among others of
        the same that are.
        """
        if action.task is not Task.DEMOTE or action.item is None or action.node is None:
            return False
        name, resource = self._names[action.node], ResourceId(action.item.resource.id)
        found = dict(self._picture.instances(resource)).get(name)
        return found is not None and found.role is Role.UNPROMOTED and not found.pending

    def _keys_of(self, action: engine.Action) -> Iterable[ActionKey]:
        assert action.item is not None
        assert isinstance(action.task, Task)
        resource = unit_name(action.item)
        self._tops[resource] = action.item.top
        for node in action.places:
            if node is not None:
                yield ActionKey(resource, _KINDS[action.task], self._names[node])

    def _undecided(self) -> frozenset[ResourceId]:
        """Return what may yet turn out to run somewhere: nothing is concluded from it."""
        found = set(held(self._picture))
        found.update(name for name in self._picture.unknowns if self._unknown(name))
        for resource, instances in self._picture.seen.items():
            if any(item.pending == "monitor" for _, item in instances):
                found.add(resource)
        return frozenset(found)

    # --- the sequence --------------------------------------------------------------------

    def _sequence(self) -> dict[ActionKey, set[ActionKey]]:
        """Return what comes directly before each action.

        Of what is reached only through marks, and comes before something else that must be over,
        nothing is said.
        """
        own: dict[engine.Action, set[ActionKey]] = {}
        marked: dict[engine.Action, set[ActionKey]] = {}
        for action in self._keys:
            own[action], marked[action] = set(), set()
            for first in self._firsts(action):
                keys = self._keys.get(first)
                if keys is not None:
                    own[action].update(keys)
                elif first.happens:
                    marked[action] |= self._through(first)
        after: dict[ActionKey, set[ActionKey]] = {}
        for action, keys in self._keys.items():
            found = own[action] | marked[action]
            if marked[action]:
                near = {self.actions[key] for key in found}
                implied = {key for one in near for key in (*own[one], *marked[one])}
                found -= (marked[action] - own[action]) & implied
            after.update((key, found - {key}) for key in keys)
        return after

    def _firsts(self, action: engine.Action) -> Iterable[engine.Action]:
        """Yield what the ties of an action put before it."""
        for tie in action.before:
            if orders(tie) and not _is_formal(tie) and not self._is_beside(tie):
                yield tie.first

    def _is_beside(self, tie: Tie) -> bool:
        """Return whether it is the stop elsewhere of what may run twice: that need not wait."""
        first, then = tie.first, tie.then
        return (
            first.task is Task.STOP
            and then.task is Task.START
            and first.item is then.item
            and first.item is not None
            and first.node != then.node
            and self._may_be_twice(ResourceId(first.item.id))
        )

    def _through(self, mark: engine.Action) -> frozenset[ActionKey]:
        """Return what is asked just before a mark in the sequence."""
        known = self._before.get(mark)
        if known is not None:
            return known
        self._before[mark] = frozenset()  # while it is looked for: circles end
        found: set[ActionKey] = set()
        for first in self._firsts(mark):
            keys = self._keys.get(first)
            if keys is not None:
                found.update(keys)
            elif first.happens:
                found |= self._through(first)
        self._before[mark] = frozenset(found)
        return self._before[mark]

    # --- what can be asked now -----------------------------------------------------------

    def ready(self) -> set[ActionKey]:
        """Return what nodes could be asked to do now, whatever must be over before."""
        ready = {key for key in self.actions if self._may(key)}
        self.surplus = self._too_many(ready)
        return ready - self.surplus

    def _may(self, key: ActionKey) -> bool:
        picture = self._picture
        if picture.state(key.node) is not NodeState.ONLINE:
            return False
        plain = self._plain(key)
        if any(n == key.node and i.pending for n, i in self._of(key)):
            return False
        if key.kind in _LEAVING:
            return not self._is_premature(self.actions[key])
        if key.kind not in _ARRIVING:
            return True
        if key.node in picture.closed:
            return False
        clone = picture.clone_of(plain)
        if clone is not None and picture.status.awaited:
            return False
        return (clone is not None and not clone.unique) or self._is_alone(key, plain)

    def _is_premature(self, action: engine.Action) -> bool:
        """Return whether it is concluded from what nobody knows yet: that something else runs
        nowhere, of which a probe is open, or which may still run on a lost node.
        """
        if action.reason or self._makes_way(action) or self._is_decided(action):
            return False
        for other in chain(action):
            assert other.item is not None
            ends = list(other.item.primitives())
            if any(one in self._stopping for one in ends):
                continue
            if any(ResourceId(one.resource.id) in self._open for one in ends):
                return True
            if all(one.next_role is problem.Role.STOPPED for one in ends):
                return False
        return False

    def _is_decided(self, stop: engine.Action) -> bool:
        """Return whether something that it needs surely starts anew, or runs nowhere, whatever
        else is open.
        """
        self._judging.add(stop)
        starts = [t.then for t in stop.after if t.then.item is stop.item]
        firsts = [
            tie.first
            for start in starts
            for tie in (start.before if start.task is Task.START else ())
            if tie.kind & (ties.NEEDS_FIRST | ties.IMPLIES_THEN)
            and tie.first.item is not stop.item
            and (tie.first.is_needed or not tie.first.can_run)
        ]
        found = any(self._is_sure(first) for first in firsts)
        self._judging.discard(stop)
        return found

    def _is_sure(self, first: engine.Action) -> bool:
        ends = list(first.item.primitives()) if first.item is not None else []
        known = [one for one in ends if ResourceId(one.resource.id) not in self._open]
        if not first.can_run and any(one.next_role is problem.Role.STOPPED for one in known):
            return True
        pushed = (a for a in self._keys if a.task is Task.STOP and a.item in ends and not a.reason)
        return len(known) == len(ends) > 0 and not any(
            action in self._judging or self._is_premature(action) for action in pushed
        )

    def _makes_way(self, stop: engine.Action) -> bool:
        """Return whether something that stops by itself waits for this stop."""
        seen = {stop}
        queue = [stop]
        while queue:
            for tie in queue.pop().after:
                then = tie.then
                if then in seen or then.item is None or then.task is not Task.STOP:
                    continue
                seen.add(then)
                if tie.kind & (ties.IMPLIES_FIRST | ties.RESTART):
                    if any(one in self._stopping for one in then.item.primitives()):
                        return True
                    queue.append(then)
        return False

    def _is_alone(self, key: ActionKey, plain: ResourceId) -> bool:
        """Return whether no other node may have it once what comes before is over."""
        action = self.actions[key]
        source = self._names[action.target] if action.target is not None else None
        before = self.after[key]
        for node in self._unknown(plain):
            if node != key.node and not any(
                other.kind is ActionKind.PROBE and other.node == node for other in before
            ):
                return False
        is_twice = self._may_be_twice(key.resource)
        for node, item in self._of(key):
            if node in (key.node, source):
                continue
            if item.state is InstanceState.UNCERTAIN:
                return False
            if is_twice:
                continue
            if item.pending or item.state in _RUNS:
                stop = ActionKey(key.resource, ActionKind.STOP, node)
                if item.pending or stop not in before:
                    return False
        return True

    def _unknown(self, resource: ResourceId) -> list[NodeName]:
        """Return the nodes of which nobody knows whether it runs there, where it is looked for."""
        names = {resource, *self._picture.names(resource)}
        modes = [
            (item.discovery, item.node)
            for item in self._picture.configuration.locations
            if item.resource in names and item.discovery is not Discovery.ALWAYS
        ]
        never = {node for mode, node in modes if mode is Discovery.NEVER}
        only = {node for mode, node in modes if mode is Discovery.EXCLUSIVE}
        return [
            node
            for node in self._picture.unknown(resource)
            if node not in never and (not only or node in only)
        ]

    def _too_many(self, ready: set[ActionKey]) -> set[ActionKey]:
        """Return the starts and promotions of clones that would be more than there may be, as
        long as lost nodes may still have theirs.
        """
        found: set[ActionKey] = set()
        for clone in self._picture.configuration.clones:
            for plain in self._picture.members(clone.id):
                found |= self._beyond(ready, clone, plain)
        return found

    def _beyond(self, ready: set[ActionKey], clone: Clone, plain: ResourceId) -> set[ActionKey]:
        instances = self._picture.instances(plain)
        found: set[ActionKey] = set()
        limits = ((ActionKind.START, clone.instances_max), (ActionKind.PROMOTE, clone.promoted_max))
        for kind, most in limits:
            if most is None or (kind is ActionKind.START and clone.unique):
                continue
            asked = sorted(k for k in ready if k.kind is kind and self._plain(k) == plain)
            if not asked:
                continue
            is_taken = _may_be_active if kind is ActionKind.START else _may_be_promoted
            taken = [
                (i.resource, n)
                for n, i in instances
                if is_taken(i) and not self._leaves(i, n, kind)
            ]
            free = most - len(taken)
            for key in asked:
                if (key.resource, key.node) in taken:
                    continue
                free -= 1
                if free < 0:
                    found.add(key)
        return found

    def _leaves(self, item: Instance, node: NodeName, kind: ActionKind) -> bool:
        """Return whether the plan takes an instance away before the next one comes."""
        downs = (
            [ActionKind.STOP] if kind is ActionKind.START else [ActionKind.STOP, ActionKind.DEMOTE]
        )
        return not item.pending and any(
            ActionKey(item.resource, down, node) in self.actions for down in downs
        )

    def peer(self, key: ActionKey) -> NodeName | None:
        """Return the other node of a live migration, of other actions None."""
        target = self.actions[key].target
        return self._names[target] if target is not None else None

    def _plain(self, key: ActionKey) -> ResourceId:
        item = self.actions[key].item
        assert item is not None
        return ResourceId(item.resource.id)

    def _of(self, key: ActionKey) -> list[tuple[NodeName, Instance]]:
        """Return what is known of the very unit that an action is about."""
        found = self._picture.instances(self._plain(key))
        return [(node, item) for node, item in found if item.resource == key.resource]

    def _may_be_twice(self, resource: ResourceId) -> bool:
        return resource in self._picture.catalog.twice


def unit_name(item: Item) -> ResourceId:
    """Return what a primitive is called where it runs: anonymous instances share a name."""
    is_numbered = item.number is not None and is_unique(item)
    return ResourceId(item.id if item.number is None or is_numbered else item.resource.id)


def _is_under_way(action: engine.Action) -> bool:
    """Return whether it is a start that its node has been asked for already."""
    if action.task is not Task.START or action.item is None or action.node is None:
        return False
    seen = action.item.observed.get(action.node)
    return seen is not None and seen.pending is Task.START


def _is_formal(tie: Tie) -> bool:
    """Return whether it is but the rule that a group has stopped before it starts: its members'
    own ties say as much as is needed.
    """
    item = tie.first.item
    return (
        item is not None
        and item is tie.then.item
        and item.kind is Kind.GROUP
        and tie.first.task is Phase.STOPPED
        and tie.then.task is Task.START
    )


def _may_be_active(item: Instance) -> bool:
    return item.state in _RUNS or bool(item.pending and item.pending != "monitor")


def _may_be_promoted(item: Instance) -> bool:
    if item.pending == "promote":
        return True
    return item.state in _RUNS and item.role is not Role.UNPROMOTED
