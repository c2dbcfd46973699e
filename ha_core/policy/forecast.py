"""What the cluster will do until it is at rest, if everything succeeds.

Owns: the walk from plan to plan. Each plan's actions are taken as done, and the
policy engine is asked again, until it wants nothing more. It is asked through
its one entry point, so that a forecast decides nothing by itself. How long an
action may take is told by whoever asks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from ha_core.config.choices import Role
from ha_core.config.model import Configuration
from ha_core.config.units import plain, units
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.kin import kin_of
from ha_core.policy.schedule import Scheduler
from ha_core.policy.transition import ActionKey, ActionKind, Transition
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus

ROUNDS_MAX: Final = 20
"""Plans in a row after one moment: every round that succeeds brings the cluster nearer to rest, so
that more of them mean that it never rests.
"""
REMOVED: Final = "it was removed from the configuration"
_DOWN: Final = (InstanceState.STOPPED, InstanceState.UNKNOWN)
_RUNS: Final = (InstanceState.STARTED, InstanceState.FAILED)

Place = tuple[ResourceId, NodeName]
Change = Callable[[ClusterStatus], ClusterStatus]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens by itself `at_ms`, and is known to the cluster from then on.

    What it ends has ended at `since_ms` already; `ended` is what ends though its state tells not.
    """

    at_ms: Millis
    text: str
    change: Change
    since_ms: Millis
    ended: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One action that will be done; times are the latest, counted from the beginning."""

    number: int
    key: ActionKey
    reason: str
    limit_ms: Millis
    """How long it may take."""
    after: tuple[int, ...]
    """Steps of the same plan that are over before."""
    behind: tuple[int, ...]
    """Steps of earlier plans that may have to be over before."""
    moment_ms: Millis
    """It is not begun before this."""
    begins_ms: Millis
    ends_ms: Millis


@dataclass(frozen=True, slots=True)
class Ended:
    """Something that ran and ended by itself."""

    place: Place
    at_ms: Millis
    before: int
    """The number of the first step after it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The way to rest: `steps` in an order in which they can be done."""

    ran: tuple[Place, ...]
    """What did its work at the beginning, and where."""
    steps: tuple[Step, ...]
    ended: tuple[Ended, ...]
    status: ClusterStatus
    """What is observed at the end."""
    transition: Transition
    """The last plan: its decisions say where everything is and why."""
    is_at_rest: bool

    def place(self, resource: ResourceId) -> NodeName | None:
        """Return where the primitive runs at the end, or None."""
        return next((node for name, node in running(self.status) if name == resource), None)

    def places(self, resource: ResourceId) -> frozenset[NodeName]:
        """Return where the primitive, or any instance of it, runs at the end."""
        return frozenset(
            node for name, node in running(self.status) if resource in (name, plain(name))
        )


def forecast(
    configuration: Configuration,
    status: ClusterStatus,
    at_wall_ms: Millis,
    moments: Iterable[Moment] = (),
    limit_of: Callable[[ActionKey], Millis] = lambda key: 0,
    scheduler: Scheduler | None = None,
    *,
    is_told: bool = True,
) -> Forecast:
    """Return what will be done, the moments coming in their order; before the first one nothing is
    planned.

    `scheduler`: of who asks often. Without `is_told` the last plan's decisions give no reasons.
    """
    walk = _Walk(configuration, limit_of)
    scheduler = scheduler if scheduler is not None else Scheduler()
    begin = (Moment(0, "", lambda same: same, 0),)
    plan, is_at_rest, ran = Transition(), True, tuple(running(status))
    for moment in sorted(tuple(moments) or begin, key=lambda item: item.at_ms):
        before = running(status)
        status = moment.change(status)
        still = set(running(status))
        gone = [place for place in before if place not in still]
        walk.end((*gone, *moment.ended), moment.since_ms)
        for _ in range(ROUNDS_MAX):
            plan = scheduler.plan(configuration, status, at_wall_ms, is_told=False)
            strangers = _strangers(configuration, status)
            if not plan.actions and not strangers:
                break
            part = first_part(plan)
            walk.round(part, strangers, moment.at_ms)
            status = _meant(carried_out(status, part, strangers), status, part)
        else:
            is_at_rest = False
    if is_told:
        plan = scheduler.plan(configuration, status, at_wall_ms)
    return Forecast(ran, tuple(walk.steps), tuple(walk.ended), status, plan, is_at_rest)


class _Walk:
    def __init__(
        self, configuration: Configuration, limit_of: Callable[[ActionKey], Millis]
    ) -> None:
        self._limit_of = limit_of
        self._kin = kin_of(configuration)
        self.steps: list[Step] = []
        self.ended: list[Ended] = []

    def end(self, places: Iterable[Place], at_ms: Millis) -> None:
        """Note what has ended by itself."""
        self.ended += [Ended(place, at_ms, len(self.steps)) for place in places]

    def round(self, plan: Transition, strangers: tuple[ActionKey, ...], at_ms: Millis) -> None:
        """Append a plan's actions; what is kin to earlier steps may have to wait for those."""
        earlier: dict[ResourceId, list[int]] = {}
        for step in self.steps:
            earlier.setdefault(step.key.resource, []).append(step.number)
        numbers: dict[ActionKey, int] = {}
        wanted = [(action.key, action.after, action.reason) for action in plan.actions]
        for key, after, reason in [*wanted, *((key, (), REMOVED) for key in strangers)]:
            kin = self._kin.get(key.resource, frozenset((key.resource,)))
            known = tuple(numbers[other] for other in after if other in numbers)
            behind = tuple(n for name in sorted(kin) for n in earlier.get(name, ()))
            begins_ms = max(at_ms, *(self.steps[n].ends_ms for n in (*known, *behind)), 0)
            limit_ms = self._limit_of(key)
            numbers[key] = len(self.steps)
            step = Step(
                len(self.steps),
                key,
                reason,
                limit_ms,
                known,
                behind,
                at_ms,
                begins_ms,
                begins_ms + limit_ms,
            )
            self.steps.append(step)


def first_part(plan: Transition) -> Transition:
    """Return the plan as far as it needs no answer of a probe: with that it is made anew, and what
    was concluded from what nobody knew may turn out otherwise.
    """
    open_keys: set[ActionKey] = set()
    kept = []
    for action in plan.actions:
        if open_keys & set(action.after):
            open_keys.add(action.key)
            continue
        kept.append(action)
        if action.key.kind is ActionKind.PROBE:
            open_keys.add(action.key)
    return replace(plan, actions=tuple(kept))


def running(status: ClusterStatus) -> list[Place]:
    """Return what does its work and where, by node name."""
    return [
        (item.resource, node.name)
        for node in status.nodes
        for item in node.instances
        if item.state is InstanceState.STARTED
    ]


def settled(status: ClusterStatus) -> ClusterStatus:
    """Return the status once what is under way has ended well."""
    return replace(status, nodes=tuple(_settled(node) for node in status.nodes))


def carried_out(
    status: ClusterStatus, plan: Transition, strangers: tuple[ActionKey, ...] = ()
) -> ClusterStatus:
    """Return the status after every action of the plan; probes find what they look for stopped."""
    doings: dict[NodeName, list[tuple[ActionKey, NodeName | None]]] = {}
    has_stopped = False
    for key, peer in (
        *((a.key, a.peer) for a in plan.actions),
        *((key, None) for key in strangers),
    ):
        doings.setdefault(key.node, []).append((key, peer))
        has_stopped = has_stopped or key.kind is ActionKind.STOP
    nodes = tuple(_changed(node, doings.get(node.name, [])) for node in status.nodes)
    # Whatever was to restart is among the first stops; a second round must not stop it again.
    return replace(status, nodes=nodes, restarts=() if has_stopped else status.restarts)


def _meant(after: ClusterStatus, before: ClusterStatus, plan: Transition) -> ClusterStatus:
    """Remember where what was begun was meant to go, as the coordinator does: what has stopped and
    not yet started again is still on its way.
    """
    begun = {name for name, _ in before.intended}
    begun |= {action.key.resource for action in plan.actions if action.key.kind is ActionKind.START}
    for node in before.nodes:
        begun |= {item.resource for item in node.instances if item.state not in _DOWN}
    intended = tuple(
        (decision.resource, decision.node)
        for decision in plan.decisions
        if decision.node is not None and decision.resource in begun
    )
    return replace(after, intended=intended)


def _changed(node: NodeStatus, doings: list[tuple[ActionKey, NodeName | None]]) -> NodeStatus:
    known = {item.resource: item for item in node.instances}
    for key, peer in doings:
        old = known.get(key.resource, Instance(key.resource, InstanceState.UNKNOWN))
        known[key.resource] = _done(old, key.kind, peer)
    return replace(node, instances=tuple(known[name] for name in sorted(known)))


def _done(old: Instance, kind: ActionKind, peer: NodeName | None) -> Instance:
    """Return an instance after an action that has succeeded."""
    stopped = replace(
        old,
        state=InstanceState.STOPPED,
        pending="",
        stale=False,
        role=None,
        migrated_from=None,
        migrated_to=None,
    )
    match kind:
        case ActionKind.START:
            return replace(old, state=InstanceState.STARTED, pending="")
        case ActionKind.PROMOTE:
            return replace(old, role=Role.PROMOTED, pending="")
        case ActionKind.DEMOTE:
            return replace(old, role=Role.UNPROMOTED, pending="")
        case ActionKind.MIGRATE_TO:
            return replace(old, migrated_to=peer, pending="")
        case ActionKind.MIGRATE_FROM:
            return replace(old, state=InstanceState.STARTED, migrated_from=peer, pending="")
        case ActionKind.RELOAD:
            return replace(old, stale=False, pending="")
        case ActionKind.NOTIFY:
            return old
        case _:
            return stopped


def _settled_one(item: Instance) -> Instance:
    """Return an instance once what is under way has ended well."""
    match item.pending:
        case "monitor" if item.state is not InstanceState.UNKNOWN:
            return replace(item, pending="")
        case "":
            return item
        case "monitor":
            return _done(item, ActionKind.PROBE, None)
        case _:
            return _done(item, ActionKind(item.pending), item.migrated_from)


def _settled(node: NodeStatus) -> NodeStatus:
    return replace(node, instances=tuple(_settled_one(item) for item in node.instances))


def _strangers(configuration: Configuration, status: ClusterStatus) -> tuple[ActionKey, ...]:
    """Return the stops of what nodes still run and nothing configures: they see to it unasked."""
    known = {item.id for item in units(configuration)}
    return tuple(
        ActionKey(item.resource, ActionKind.STOP, node.name)
        for node in status.nodes
        if node.state is NodeState.ONLINE
        for item in node.instances
        if item.resource not in known and item.state in _RUNS
    )
