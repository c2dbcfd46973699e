"""What must be done, and in which order, for every primitive to be where it was placed.

Owns: probes, stops, starts, and how orderings make one imply, precede or
hold up another. Planned anew at every event: what is under way is neither
repeated nor overtaken. Source: Pacemaker Explained, "Ordering Constraints".
"""

from dataclasses import dataclass

from ha_core.agents.registry import may_run_twice
from ha_core.config.model import Ordering, OrderKind
from ha_core.fencing.rules import asks_for_fencing, can_fence
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.own import Seat
from ha_core.policy.picture import Picture
from ha_core.policy.transition import Action, ActionKey, ActionKind
from ha_core.policy.warm import make_before_break
from ha_core.policy.wording import WORDS_CHARACTERS_MAX, brief
from ha_core.status import Instance, InstanceState, NodeState


@dataclass(frozen=True, slots=True)
class Edge:
    """`first` before `then`; `binds`: the one implies the other, `returns`: stops reverse it.

    `inner`: between members of a group.
    """

    first: ResourceId
    then: ResourceId
    binds: bool
    returns: bool
    inner: bool = False


class Actions:
    """The actions of one plan. `blocked` says for each wanted start what it waits for."""

    def __init__(self, picture: Picture, seats: dict[ResourceId, Seat]) -> None:
        self._picture = picture
        self._seats = seats
        self._edges = edges_of(picture)
        self.blocked: dict[ResourceId, str] = {}
        self.cures: dict[ResourceId, str] = {}
        """What ends the cause that `blocked` names, in words."""
        self.blocker: dict[ResourceId, ResourceId] = {}
        """The other resource that `blocked` speaks of."""
        self.held: set[ResourceId] = set()
        """What cannot stop because something that must stop first will not."""
        self._hopeless: set[ResourceId] = set()
        """What cannot start, and for no passing reason: what depends on it cannot stay either."""
        self._stops: dict[ResourceId, dict[NodeName, str]] = {r: {} for r in picture.resources}
        self._unknown = {resource: picture.unknown(resource) for resource in picture.resources}
        for resource in picture.resources:
            self._judge(resource)
        self._spread()

    # --- what each needs by itself -------------------------------------------------------

    def _judge(self, resource: ResourceId) -> None:
        """Note the stops that a primitive needs by itself, and what keeps it from starting."""
        picture, seat = self._picture, self._seats[resource]
        for node, instance in picture.active(resource):
            if instance.state is InstanceState.UNCERTAIN:
                self.blocked[resource] = (
                    f"{resource} may still run on {node}, which is lost, and nothing proves that "
                    "it has ended there"
                )
                cure = f"if {node} is down for sure: ha node confirm-down {node} --reason TEXT"
                if instance.free_after_ms:
                    self.blocked[resource] = (
                        f"{resource} may still run on {node}, which is lost, until its guard has "
                        f"ended it there: {instance.free_after_ms} ms after the loss"
                    )
                    cure = f"wait for that; or {cure}"
                if can_fence(picture.configuration, node):
                    cure = f"its fence devices shall cut {node} off (see ha fence history); {cure}"
                self.cures[resource] = cure
            elif instance.state is InstanceState.BLOCKED:
                failure = instance.failure
                what = "it is blocked"
                if failure is not None:
                    words = brief(failure.reason, WORDS_CHARACTERS_MAX)
                    what = f"{failure.action} failed: {words}"
                self.blocked[resource] = f"{resource} is left alone on {node} ({what})"
                cure = f"mend it there, then: ha resource cleanup {resource}"
                if asks_for_fencing(picture.configuration, node, instance):
                    cure = f"{node} shall be cut off for it (see ha fence history); or {cure}"
                else:
                    self._hopeless.add(resource)
                self.cures[resource] = cure
        if seat.head.code == "blocked" or not self._may_act(resource):
            return
        for node, instance in picture.active(resource):
            if instance.state in (InstanceState.UNCERTAIN, InstanceState.BLOCKED):
                continue
            why = self._why_stop(resource, node, instance)
            if why or instance.pending == "stop":
                self._stops[resource][node] = why or "it is being stopped"

    def _may_act(self, resource: ResourceId) -> bool:
        return self._picture.is_quorate and self._picture.acts_on(resource)

    def _why_stop(self, resource: ResourceId, node: NodeName, instance: Instance) -> str:
        seat = self._seats[resource]
        if node != seat.node:
            if seat.node is None:
                return seat.head.text
            return f"it moves to {seat.node}: {seat.head.text}"
        if instance.state is InstanceState.FAILED:
            return "it failed and is recovered"
        if resource in self._picture.restarts:
            return "its definition has changed" if instance.stale else "a restart was asked for"
        return ""

    # --- what orderings add --------------------------------------------------------------

    def _spread(self) -> None:
        """Let stops and hindrances spread along orderings and colocations until nothing changes."""
        changed = True
        while changed:
            changed = any([self._follow(edge) for edge in self._edges if edge.binds])
            changed = any([self._lean(*pair) for pair in self._mandatory()]) or changed
            changed = any([self._hold(edge) for edge in self._edges if edge.binds]) or changed

    def _follow(self, edge: Edge) -> bool:
        first, then = edge.first, edge.then
        changed = False
        if self._wants_start(then) and then not in self.blocked and not self._will_run(first):
            self._block(then, first)
            changed = True
        if not edge.returns or not self._may_act(then):
            return changed
        why = self._why_restart(first)
        if why and self._push(then, f"it is ordered after {first}: {why}"):
            return True
        return changed

    def _block(self, then: ResourceId, first: ResourceId) -> None:
        """Note that `then` cannot start because `first` does not run."""
        self.blocked[then] = f"{then} waits for {first}: {self._hindrance(first)}"
        self.cures[then] = self._cure(first)
        self.blocker[then] = first
        if first in self._hopeless or not (first in self.blocked or self._is_open(first)):
            self._hopeless.add(then)

    def _push(self, resource: ResourceId, why: str) -> bool:
        """Let a primitive stop that could have stayed; return whether that is new."""
        node = self._settled(resource)
        if node is None:
            return False
        self._stops[resource][node] = why
        return True

    def _why_restart(self, first: ResourceId) -> str:
        """Return why what is ordered after `first` cannot stay as it is, or nothing."""
        if self._stops[first] and self._settled(first) is None:
            return f"{first} is stopped first ({next(iter(self._stops[first].values()))})"
        if first in self._hopeless:
            return self.blocked[first]
        if self._is_open(first) or first in self.blocked or self._settled(first) is not None:
            return ""
        if not self._may_act(first):
            return f"{first} does not run, and the cluster only watches it"
        if self._seats[first].node is None:
            return f"{first} cannot run: {self._seats[first].head.text}"
        return f"{first} is started anew"

    def _is_open(self, resource: ResourceId) -> bool:
        """Return whether it may yet turn out to run somewhere: then nothing is concluded."""
        return bool(self._unknown[resource]) or self._has_pending_state(resource)

    def _has_pending_state(self, resource: ResourceId) -> bool:
        return any(item.pending == "monitor" for _, item in self._picture.instances(resource))

    def _lean(self, dependent: ResourceId, primaries: tuple[ResourceId, ...]) -> bool:
        """A dependent that must be with its primary does not run where that one cannot.

        A group is there as long as any of its members can be.
        """
        lame = [r for r in primaries if r in self.blocked and not self._is_there(r)]
        if lame != list(primaries):
            return False
        if self._wants_start(dependent) and dependent not in self.blocked:
            self._block(dependent, lame[0])
            return True
        if lame[0] not in self._hopeless or not self._may_act(dependent):
            return False
        return self._push(dependent, f"it must be with {lame[0]}: {self.blocked[lame[0]]}")

    def _hold(self, edge: Edge) -> bool:
        """What must stop after something that will not stop stays as it is.

        A failed stop holds up everything below it. What the cluster only watches
        holds up the group that it is a member of, whose members belong together;
        to others it is as good as absent.
        """
        first, then = edge.first, edge.then
        if not edge.returns or first in self.held or not self._stops[first]:
            return False
        why = self.blocked[then] if then in self.held else ""
        for node, item in self._picture.active(then):
            if item.state is InstanceState.BLOCKED:
                why = self.blocked[then]
            elif edge.inner and not self._picture.acts_on(then):
                why = f"the cluster only watches {then}, which runs on {node}"
        if not why:
            return False
        self.held.add(first)
        self.blocked[first] = f"{first} cannot stop before {then}: {why}"
        self.cures[first] = self.cures.get(then, "")
        self.blocker[first] = then
        return True

    def _is_there(self, resource: ResourceId) -> bool:
        """Return whether the primitive stays on a node, be it as what cannot be stopped there."""
        return self._settled(resource) is not None or any(
            item.state is InstanceState.BLOCKED for _, item in self._picture.active(resource)
        )

    def _mandatory(self) -> list[tuple[ResourceId, tuple[ResourceId, ...]]]:
        pairs = []
        for item in self._picture.configuration.colocations:
            dependent = self._picture.configuration.group(item.resource)
            primary = self._picture.configuration.group(item.with_resource)
            if item.score >= INFINITY:
                first = dependent.members[0] if dependent else item.resource
                primaries = primary.members if primary else (item.with_resource,)
                pairs.append((first, primaries))
        return [pair for pair in pairs if {pair[0], *pair[1]} <= self._stops.keys()]

    def _settled(self, resource: ResourceId) -> NodeName | None:
        """Return the node where the primitive runs and stays, or None.

        What the cluster only watches stays where it is, failed or not.
        """
        seat, is_ours = self._seats[resource], self._may_act(resource)
        for node, instance in self._picture.active(resource):
            if node in self._stops[resource] or instance.pending == "stop":
                continue
            if instance.state is InstanceState.STARTED and (node == seat.node or not is_ours):
                return node
            if instance.state is InstanceState.FAILED and not is_ours:
                return node
        return None

    def _wants_start(self, resource: ResourceId) -> bool:
        return (
            self._may_act(resource)
            and self._seats[resource].node is not None
            and self._settled(resource) is None
        )

    def _will_run(self, resource: ResourceId) -> bool:
        """Return whether the primitive runs and stays, or will start."""
        if self._settled(resource) is not None:
            return True
        return resource not in self.blocked and self._wants_start(resource)

    def _hindrance(self, resource: ResourceId) -> str:
        return self.blocked.get(resource) or self._seats[resource].head.text

    def _cure(self, resource: ResourceId) -> str:
        if resource in self.blocked:
            return self.cures.get(resource, "")
        return self._seats[resource].head.cure

    # --- the graph -----------------------------------------------------------------------

    def graph(self) -> tuple[Action, ...]:
        """Return the actions that can run in this plan, predecessors first."""
        wanted: dict[ActionKey, str] = {}
        ready: set[ActionKey] = set()
        for resource in sorted(self._picture.resources):
            self._collect(resource, wanted, ready)
        after = {key: self._predecessors(key, wanted) for key in wanted}
        follows = [(edge.first, edge.then) for edge in self._edges]
        make_before_break(
            self._picture, follows, lambda r: self._seats[r].node, after, self._is_hopeful
        )
        return _sorted(wanted, after, ready)

    def _collect(
        self, resource: ResourceId, wanted: dict[ActionKey, str], ready: set[ActionKey]
    ) -> None:
        """Note the actions a primitive needs; `ready`: those that an order could be given for."""
        if not self._picture.is_quorate:
            return
        for node in self._unknown[resource]:
            key = ActionKey(resource, ActionKind.PROBE, node)
            wanted[key] = f"nothing is known of {resource} on {node} yet"
            if self._is_free(resource, node):
                ready.add(key)
        for node, why in sorted(self._stops[resource].items()):
            key = ActionKey(resource, ActionKind.STOP, node)
            wanted[key] = why
            if self._is_free(resource, node) and resource not in self.held:
                ready.add(key)
        seat, is_stuck = self._seats[resource], resource in self._hopeless
        if self._wants_start(resource) and seat.node is not None and not is_stuck:
            key = ActionKey(resource, ActionKind.START, seat.node)
            wanted[key] = seat.head.text
            is_open = seat.node not in self._picture.closed
            if resource not in self.blocked and is_open and self._is_free(resource, seat.node):
                ready.add(key)

    def _is_free(self, resource: ResourceId, node: NodeName) -> bool:
        """Return whether the node could take an order for the primitive now."""
        if self._picture.state(node) is not NodeState.ONLINE:
            return False
        return not any(
            where == node and item.pending for where, item in self._picture.instances(resource)
        )

    def _is_hopeful(self, resource: ResourceId) -> bool:
        """Return whether nothing but time keeps the primitive from starting at its seat."""
        seat = self._seats[resource]
        is_open = seat.node is not None and seat.node not in self._picture.closed
        return is_open and resource not in self.blocked and resource not in self._hopeless

    def _predecessors(self, key: ActionKey, wanted: dict[ActionKey, str]) -> set[ActionKey]:
        mine = [other for other in wanted if other.resource == key.resource]
        found: set[ActionKey] = set()
        if key.kind is ActionKind.START:
            twice = may_run_twice(self._picture.resources[key.resource].primitive)
            found.update(
                other
                for other in mine
                if other.kind is ActionKind.PROBE
                or (other.kind is ActionKind.STOP and not (twice and other.node != key.node))
            )
            found |= self._avoided(key, wanted)
        for edge in self._edges:
            if (key.kind, key.resource) == (ActionKind.START, edge.then):
                is_ignored = not edge.binds and edge.first in self.blocked
                found |= set() if is_ignored else _of(edge.first, ActionKind.START, wanted)
            if (key.kind, key.resource) == (ActionKind.STOP, edge.first) and edge.returns:
                is_ignored = not edge.binds and edge.then in self.held
                found |= set() if is_ignored else _of(edge.then, ActionKind.STOP, wanted)
        return found

    def _avoided(self, key: ActionKey, wanted: dict[ActionKey, str]) -> set[ActionKey]:
        """What must never share a node leaves before the other one comes."""
        found = set()
        for item in self._picture.configuration.colocations:
            if item.score > -INFINITY:
                continue
            ends = {item.resource: item.with_resource, item.with_resource: item.resource}
            mine = self._picture.groups.get(key.resource)
            for end in (key.resource, mine.id if mine else key.resource):
                other = ends.get(end)
                if other is not None:
                    found |= {k for k in self._of_all(other, wanted) if k.node == key.node}
        return found

    def _of_all(self, name: ResourceId, wanted: dict[ActionKey, str]) -> set[ActionKey]:
        group = self._picture.configuration.group(name)
        members = group.members if group else (name,)
        return {key for member in members for key in _of(member, ActionKind.STOP, wanted)}


def _of(resource: ResourceId, kind: ActionKind, wanted: dict[ActionKey, str]) -> set[ActionKey]:
    return {key for key in wanted if key.resource == resource and key.kind is kind}


def _sorted(
    wanted: dict[ActionKey, str], after: dict[ActionKey, set[ActionKey]], ready: set[ActionKey]
) -> tuple[Action, ...]:
    """Return ready actions whose predecessors all are, in an order in which they can run."""
    done: dict[ActionKey, Action] = {}
    left = sorted(ready)
    while True:
        free = [key for key in left if all(other in done for other in after[key])]
        if not free:
            return tuple(done.values())
        for key in free:
            done[key] = Action(key, tuple(sorted(after[key])), brief(wanted[key]))
        left = [key for key in left if key not in done]


def edges_of(picture: Picture) -> tuple[Edge, ...]:
    """Return the orderings between primitives: inside groups, and those of the configuration."""
    edges = []
    for group in picture.configuration.groups:
        for before, after in zip(group.members, group.members[1:], strict=False):
            edges.append(Edge(before, after, binds=True, returns=True, inner=True))
    edges += [_edge(picture, item) for item in picture.configuration.orderings]
    return tuple(e for e in edges if e.first in picture.resources and e.then in picture.resources)


def _edge(picture: Picture, item: Ordering) -> Edge:
    """A group has started with its last member, and stopped with its first."""
    first = picture.configuration.group(item.first)
    then = picture.configuration.group(item.then)
    return Edge(
        first.members[-1] if first else item.first,
        then.members[0] if then else item.then,
        binds=item.kind is OrderKind.MANDATORY,
        returns=item.symmetrical,
    )
