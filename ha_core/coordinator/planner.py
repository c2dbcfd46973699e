"""The coordinator's planner: status in, plan and orders out, again at every change.

Owns: the calls of the policy engine, the executor, restarts asked for, and
which events belong to one incident. Knows nothing of messages.
"""

from dataclasses import replace

from ha_core.agents.registry import exclusivity_of, may_run_twice
from ha_core.config.model import Configuration, Exclusivity
from ha_core.config.units import may_share, plain, unit, units, units_of
from ha_core.coordinator import ends
from ha_core.coordinator.ahead import Ahead
from ha_core.coordinator.definitions import accepting
from ha_core.coordinator.former import Defined, Former, redefined
from ha_core.coordinator.record import Lost
from ha_core.coordinator.roster import Roster
from ha_core.fencing.rules import unfenced_by
from ha_core.ids import Millis, NodeName, ResourceId, Term
from ha_core.policy.alike import are_alike
from ha_core.policy.conditions import has_times
from ha_core.policy.schedule import Scheduler
from ha_core.policy.transition import Action, ActionKey, ActionKind, Transition
from ha_core.status import ClusterStatus, InstanceState, NodeState, NodeStatus, Ticket
from ha_core.transition.executor import Executor, OpenOrder
from ha_core.transition.notices import Notices

_DOWN = (InstanceState.STOPPED, InstanceState.UNKNOWN)
REPLAN_MS = 1000
"""Failures and bans expire with time alone; they are looked at again this often."""


class Planner:
    """Plans and orders of one term."""

    def __init__(self, term: Term, known: tuple[NodeStatus, ...] = ()) -> None:
        """Begin with what the coordinator before is known to have seen."""
        self.executor = Executor(term)
        self.ahead = Ahead()
        self._former = Former()
        self._notices = Notices()
        self._scheduler = Scheduler()
        self.transition = Transition()
        self._asked: tuple[Configuration, ClusterStatus] | None = None
        """What the policy engine was asked for that, unless its answer may change with time."""
        self.restarts: set[ResourceId] = set()
        self.incidents: dict[ResourceId, str] = {}
        self._intended: dict[ResourceId, NodeName] = {}
        self._barred: frozenset[NodeName] = frozenset()
        """Nodes that take no lease: nothing is placed there."""
        self.awaited: tuple[NodeName, ...] = ()
        """Voters without which nothing starts yet (`wait_for_all`)."""
        self.tickets: tuple[Ticket, ...] = ()
        """As this site has them, by the log."""
        self.released_by = ""
        """Who ended that wait in writing, and with what words."""
        self._ours = _running(known)
        """What ran by its present definition and is wanted on: nobody outside can have it."""
        self._generations = {node.name: node.generation for node in known}

    def status(self, roster: Roster, configuration: Configuration) -> ClusterStatus:
        """Return the policy engine's input: reports, overlaid with orders that are out."""
        nodes = tuple(
            accepting(configuration, self.executor.overlay(node)) for node in roster.statuses()
        )
        restarts = tuple(sorted(self.restarts))
        return ClusterStatus(nodes, True, restarts, awaited=self.awaited, tickets=self.tickets)

    def plan(
        self,
        roster: Roster,
        configuration: Configuration,
        now_ms: Millis,
        wall_ms: Millis,
        *,
        coming: Configuration | None = None,
        defined: Defined | None = None,
    ) -> list[OpenOrder]:
        """Plan anew and return the orders to give now.

        `coming`: what stands in the log and is not final; nothing begins that it redefines.
        `defined`: what ran under a name that nothing has any more; None: in this term.
        """
        status = self.status(roster, configuration)
        self._finish_restarts(status, configuration)
        status = replace(
            status,
            restarts=tuple(sorted(self.restarts)),
            intended=tuple(sorted(self._intended.items())),
        )
        self._close_incidents(status)
        ended = (item for item, _ in ends.over(configuration, roster.records, wall_ms))
        wanted = ends.without(with_leaving(configuration, roster.leaving() | self._barred), ended)
        asked = None if self.has_time_limits(configuration, roster) else (wanted, status)
        if asked is None or not self._is_answered(wanted, status):
            plan = self._scheduler.plan(wanted, status, wall_ms, is_told=False)
            self.transition = with_storage(plan, configuration, status)
        self._asked = asked
        parts = units(configuration)
        doubles = {item.id for item in parts if may_run_twice(item) or may_share(item)}
        promotable = {
            plain(item.id): item.copy.clone.promoted_max
            for item in parts
            if item.copy is not None and item.copy.clone.promotable
        }
        self._remember(status, configuration)
        steered = self.ahead.without_waiting(
            self.transition, status, configuration, roster.records, now_ms
        )
        named = {item.id: item for item in parts}
        held = self._former.held(status, configuration, named.keys(), defined or roster.defined)
        if configuration.clones:
            steered = self._notices.steer(steered, status, named, self.executor.is_open)
        orders = self.executor.next_orders(
            steered,
            status,
            self.incidents,
            now_ms,
            doubles,
            self._ours,
            promotable,
            held | redefined(named, coming),
        )
        self._notices.ordered(ActionKey(o.resource, o.kind, o.node) for o in orders)
        self._intend(status, orders)
        return orders

    def is_due(self, roster: Roster, now_ms: Millis) -> bool:
        """Return whether time alone asks for a new plan."""
        patience_ms = roster.timers.dead_after_ms
        before = self._barred
        self._barred = frozenset(
            name
            for name, record in roster.records.items()
            if record.takes_no_lease(now_ms, patience_ms)
        )
        return self._barred != before or self.ahead.is_due(now_ms)

    def _is_answered(self, wanted: Configuration, status: ClusterStatus) -> bool:
        """Return whether the last question was the same, as far as it decides the answer."""
        if self._asked is None:
            return False
        known, seen = self._asked
        return (known is wanted or known == wanted) and are_alike(status, seen)

    def anew(self) -> None:
        """Let the next plan be made of nothing that an earlier one has left, as a new coordinator's
        would be; which orders are out, and what must not be handed over, is not forgotten.
        """
        self._scheduler = Scheduler()
        self._asked = None

    def failed(self, resource: ResourceId, incident: str, was: InstanceState | None) -> None:
        """A resource has failed: of what ran until then, that is an incident of its own."""
        if was is InstanceState.STARTED:
            self.incidents[resource] = incident
        else:
            self.incidents.setdefault(resource, incident)

    def lost(self, lost: Lost, incident: str) -> None:
        """A node is lost: its orders are void, what follows for its resources is one incident."""
        self.executor.void(lost.node)
        for resource in lost.affected:
            self.incidents[resource] = incident

    def has_time_limits(self, configuration: Configuration, roster: Roster) -> bool:
        """Return whether something expires by time alone, so that planning again may differ."""
        if any(item.expires_wall_ms is not None for item in configuration.locations):
            return True
        if any(node.standby_until_wall_ms is not None for node in configuration.nodes):
            return True
        if any(rule.condition and has_times(rule.condition) for rule in configuration.rules):
            return True
        for record in roster.records.values():
            for item in record.instances:
                if item.failure is not None:
                    return True
        return False

    def _remember(self, status: ClusterStatus, configuration: Configuration) -> None:
        wanted = {item.resource for item in self.transition.decisions if item.node is not None}
        runs = _running(status.nodes)
        stale = {item.resource for node in status.nodes for item in node.instances if item.stale}
        anew = stale | set(status.restarts)
        for group in configuration.groups:
            anew |= set(group.members) if group.id in anew else set()
        generations = {node.name: node.generation for node in status.nodes}
        if generations.items() <= self._generations.items():
            runs |= self._ours
        # Else a node has started again. Should it be a clone of one that runs, the original shows
        # only where it is asked: what does not run now is not handed over.
        self._generations = generations
        self._ours = (runs & wanted) - anew

    def _intend(self, status: ClusterStatus, orders: list[OpenOrder]) -> None:
        """Remember where what is on its way was meant to go, so that a move is not undone half-way.

        What was never begun is not remembered: it is placed freely until its first order.
        """
        begun = {o.resource for o in orders if o.kind is ActionKind.START} | set(self._intended)
        for node in status.nodes:
            for item in node.instances:
                if item.state not in _DOWN or item.pending in ("start", "stop"):
                    begun.add(item.resource)
        self._intended = {
            decision.resource: decision.node
            for decision in self.transition.decisions
            if decision.node is not None and decision.resource in begun
        }

    def _finish_restarts(self, status: ClusterStatus, configuration: Configuration) -> None:
        for resource in sorted(self.restarts):
            members = [item.id for item in units_of(configuration, resource)]
            found = [node.instance(member) for member in members for node in status.nodes]
            if all(item is None or (item.state in _DOWN and not item.pending) for item in found):
                self.restarts.discard(resource)

    def _close_incidents(self, status: ClusterStatus) -> None:
        for resource in sorted(self.incidents):
            found = [node.instance(resource) for node in status.nodes]
            states = [item.state for item in found if item is not None]
            failing = (InstanceState.FAILED, InstanceState.BLOCKED, InstanceState.UNCERTAIN)
            is_well = InstanceState.STARTED in states and not set(states) & set(failing)
            if is_well or not states:
                del self.incidents[resource]


def with_storage(
    transition: Transition, configuration: Configuration, status: ClusterStatus
) -> Transition:
    """Return the plan without starts of what writes where storage is not switched on yet."""
    dry = {
        node.name
        for node in status.nodes
        if not node.unfenced and unfenced_by(configuration, node.name)
    }
    if not dry:
        return transition

    def waits(action: Action) -> bool:
        primitive = unit(configuration, action.key.resource)
        writes = primitive is not None and exclusivity_of(primitive) is Exclusivity.DEVICE
        return writes and action.key.kind is ActionKind.START and action.key.node in dry

    kept = tuple(action for action in transition.actions if not waits(action))
    return replace(transition, actions=kept)


def with_leaving(configuration: Configuration, leaving: frozenset[NodeName]) -> Configuration:
    """Return the configuration as planned with: nodes that want to stop are in standby."""
    if not leaving:
        return configuration
    nodes = tuple(
        replace(node, standby=True) if node.name in leaving else node
        for node in configuration.nodes
    )
    return replace(configuration, nodes=nodes)


def _running(nodes: tuple[NodeStatus, ...]) -> set[ResourceId]:
    return {
        item.resource
        for node in nodes
        if node.state is not NodeState.PENDING
        for item in node.instances
        if item.state is InstanceState.STARTED
    }
