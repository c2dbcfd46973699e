"""What a snapshot of Beatkeeper's cluster means in the provider's words.

Owns: that translation, a pure function. Knows neither daemon nor CIM.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple, TypeAlias, TypeVar

from cim_provider.engine import (
    CloneView,
    ClusterView,
    EngineState,
    GroupView,
    InstanceView,
    NodeView,
    PrimitiveView,
)
from cim_provider.engines.ha_core_facts import FactsMaker
from cim_provider.engines.ha_core_history import NOTHING_KEPT, Kept, ResultsMaker, history_of
from cim_provider.engines.ha_core_memo import Memo, kept
from cim_provider.engines.ha_core_redundancy import RedundancyMaker
from cim_provider.engines.ha_core_settings import (
    reach,
    settings_in_turns,
    settings_inputs,
    shown,
    with_measured,
)
from cim_provider.views.facts import Facts
from cim_provider.views.history import HistoryView
from cim_provider.views.redundancy import Redundancy
from cim_provider.views.settings import Settings
from ha_core.config.model import (
    Clone,
    Configuration,
    Group,
    Link,
    Medium,
    Meta,
    Primitive,
    TwoNode,
)
from ha_core.config.units import hosts, plain
from ha_core.fencing.rules import can_fence
from ha_core.ids import INFINITY, NodeName
from ha_core.policy.transition import Decision
from ha_core.snapshot import ClusterSnapshot, NodeSummary, ResourceSummary
from ha_core.status import Instance, InstanceState, NodeStatus

CAPABILITIES: Final = frozenset({"restart", "standby", "start", "stop"})
_SHOWN: Final = frozenset(
    {
        InstanceState.STARTED,
        InstanceState.FAILED,
        InstanceState.BLOCKED,
        InstanceState.UNCERTAIN,
    }
)
A_TURN: Final = 200
"""Primitives that are looked at in one turn."""
_NO_META: Final = Meta()
_Scores: TypeAlias = Mapping[str, Mapping[NodeName, int]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of a view that take a while with many resources."""

    primitives: tuple[PrimitiveView, ...]
    settings: Settings
    redundancy: Redundancy
    facts: Facts
    history: HistoryView


class _Seen(NamedTuple):
    """A primitive on a node, as the node tells it, and the node's score for it."""

    node: NodeName
    instance: Instance
    score: int | None


class Translator:
    """Makes one view after the other; what has not changed is the same object in both."""

    def __init__(self) -> None:
        self.primitives: Memo[PrimitiveView] = Memo()
        self._shown: Memo[tuple[Instance, ...]] = Memo()
        self._scores: Memo[_Scores] = Memo()
        self._settings: Memo[Settings] = Memo()
        self._configured: tuple[Configuration, Settings] | None = None
        self._facts = FactsMaker()
        self._redundancy = RedundancyMaker()
        self._results = ResultsMaker()
        self._last: Parts | None = None

    def parts(self, snapshot: ClusterSnapshot, known: Kept) -> Generator[None, None, Parts]:
        """Return the parts, yielding now and then: a good moment for others to have their turn."""
        primitives = yield from self._made(snapshot)
        yield
        settings = yield from self._settings_of(snapshot)
        yield
        redundancy = self._redundancy.of(snapshot)
        yield
        facts = self._facts.of(snapshot)
        yield
        history = history_of(snapshot, known, self._results)
        last = self._last
        if last is not None:
            primitives = kept(last.primitives, primitives)
            facts, history = kept(last.facts, facts), kept(last.history, history)
        self._last = Parts(primitives, settings, redundancy, facts, history)
        return self._last

    def _settings_of(self, snapshot: ClusterSnapshot) -> Generator[None, None, Settings]:
        configuration = snapshot.configuration
        if self._configured is None or self._configured[0] != configuration:
            made = yield from settings_in_turns(configuration)
            self._configured = (configuration, made)
        configured, inputs = self._configured[1], settings_inputs(snapshot)
        found = self._settings.get("", inputs, lambda: with_measured(configured, snapshot))
        self._settings.end()
        return found

    def _made(self, snapshot: ClusterSnapshot) -> Generator[None, None, tuple[PrimitiveView, ...]]:
        instances = yield from self._instances(snapshot)
        yield
        configuration = snapshot.configuration
        usual = configuration.defaults.meta
        defined = {item.id: item for item in configuration.primitives}
        groups = {name: group for group in configuration.groups for name in group.members}
        clones = {str(clone.id): clone.meta for clone in configuration.clones}
        found = []
        for count, item in enumerate(snapshot.resources, 1):
            primitive = defined.get(item.id)
            if primitive is not None:
                group, above = groups.get(item.id), clones.get(item.clone or "", _NO_META)
                seen = tuple(instances.get(item.id, ()))
                inputs = (item, primitive, group, above, usual, seen)
                make = partial(_primitive, item, primitive, group, (above, usual), seen)
                found.append(self.primitives.get(item.id, inputs, make))
            if count % A_TURN == 0:
                yield
        self.primitives.end()
        return tuple(found)

    def _instances(
        self, snapshot: ClusterSnapshot
    ) -> Generator[None, None, dict[str, list[_Seen]]]:
        """Return what the nodes tell of each primitive, by its id."""
        found: dict[str, list[_Seen]] = {}
        scores = self._scores.get("", (snapshot.decisions,), partial(_scores, snapshot.decisions))
        self._scores.end()
        yield
        expired: dict[str, set[str]] = {}
        for each in snapshot.resources:
            for node, name in each.expired:
                expired.setdefault(node, set()).add(name)
        count = 0
        for status in snapshot.instances:
            over = frozenset(expired.get(status.name, ()))
            make = partial(_shown, status, over)
            shown = self._shown.get(status.name, (status, over), make)
            for instance in shown:
                name = plain(instance.resource)
                score = (scores.get(instance.resource) or scores.get(name, {})).get(status.name)
                found.setdefault(name, []).append(_Seen(status.name, instance, score))
            count += len(shown)
            if count >= A_TURN:
                count = 0
                yield
        self._shown.end()
        return found


def parts_of(snapshot: ClusterSnapshot, known: Kept = NOTHING_KEPT) -> Generator[None, None, Parts]:
    """Return the parts of one view alone, yielding as `Translator` does."""
    return Translator().parts(snapshot, known)


def view_of(
    snapshot: ClusterSnapshot,
    version: str,
    product: str,
    known: Kept = NOTHING_KEPT,
    parts: Parts | None = None,
) -> ClusterView:
    """Return what a snapshot says, in the provider's words; `known` was read beside it.

    `parts`: what `parts_of` has made of the same two.
    """
    parts = parts if parts is not None else _all_parts(snapshot, known)
    configuration = snapshot.configuration
    options = configuration.options
    return ClusterView(
        version=version,
        engine=EngineState.RUNNING,
        name=configuration.name,
        product_version=product,
        local_node=snapshot.local,
        revision=snapshot.revision,
        coordinator=snapshot.coordinator or "",
        term=snapshot.term,
        quorate=snapshot.quorate,
        votes=snapshot.votes,
        votes_expected=snapshot.votes_expected,
        votes_needed=snapshot.votes_needed,
        votes_missing=tuple(snapshot.votes_missing),
        outlook=snapshot.outlook,
        fencing_decides=_fencing_decides(snapshot.configuration),
        awaited=tuple(snapshot.awaited),
        maintenance=options.maintenance,
        symmetric=options.symmetric,
        no_quorum_policy=str(options.no_quorum_policy),
        dead_after_ms=snapshot.timers.dead_after_ms,
        heartbeat_ms=snapshot.timers.beat_ms,
        default_stickiness=configuration.defaults.meta.stickiness or 0,
        last_change_author=snapshot.last_author,
        last_change_wall_ms=snapshot.last_change_wall_ms,
        pending_actions=len(snapshot.pending),
        under_way=tuple(snapshot.pending),
        nodes=tuple(_node(item, snapshot) for item in snapshot.nodes),
        primitives=parts.primitives,
        groups=tuple(
            _group(item, configuration)
            for item in sorted(configuration.groups, key=lambda group: group.id)
        ),
        clones=tuple(
            _clone(item, configuration)
            for item in sorted(configuration.clones, key=lambda clone: clone.id)
        ),
        links=tuple(_link(item, configuration) for item in configuration.links),
        media=tuple(str(item.medium) for item in configuration.links),
        ping_targets=tuple((item.name, item.hosts) for item in configuration.ping.targets),
        unplaced=_unplaced(snapshot),
        refused_hosts=snapshot.refused_hosts,
        capabilities=CAPABILITIES,
        settings=parts.settings,
        redundancy=parts.redundancy,
        facts=parts.facts,
        history=parts.history,
    )


def _all_parts(snapshot: ClusterSnapshot, known: Kept) -> Parts:
    making = parts_of(snapshot, known)
    while True:
        try:
            next(making)
        except StopIteration as done:
            parts: Parts = done.value
            return parts


def _fencing_decides(configuration: Configuration) -> bool:
    """Return whether of two voters whoever is left goes on once the other is proved to be off."""
    voters = configuration.voters()
    is_wanted = configuration.options.two_node is TwoNode.FENCING and len(voters) == 2
    return is_wanted and all(can_fence(configuration, name, power=True) for name in voters)


def _node(item: NodeSummary, snapshot: ClusterSnapshot) -> NodeView:
    desired = snapshot.configuration.node(item.name)
    return NodeView(
        name=item.name,
        state=item.state,
        is_coordinator=item.name == snapshot.coordinator,
        is_voter=item.voter,
        is_witness=item.witness,
        is_local=item.name == snapshot.local,
        unclean=item.unclean,
        generation=item.generation,
        addresses=tuple(address.host for address in desired.addresses) if desired else (),
        attributes=(*shown(desired.attributes if desired else ()), *reach(item, snapshot)),
        links_down=tuple(
            str(link.link) for link in snapshot.links if link.peer == item.name and not link.up
        ),
        is_heard=_is_heard(item, snapshot),
        can_fence=can_fence(snapshot.configuration, item.name, power=True),
        fenced_by=item.fenced_by,
        standby_until_wall_ms=item.standby_until_wall_ms or 0,
    )


def _is_heard(item: NodeSummary, snapshot: ClusterSnapshot) -> bool:
    """Return whether a node that is suspect has been heard here since those fell silent who are:
    an election begins D/2 later, and each node greets every D/4.
    """
    limit_ms = snapshot.timers.dead_after_ms * 3 // 8
    links = (link for link in snapshot.links if link.peer == item.name)
    return item.state == "suspect" and any(link.silent_ms < limit_ms for link in links)


def _unplaced(snapshot: ClusterSnapshot) -> tuple[tuple[str, str], ...]:
    """Return the primitives that are to run and have no node for it."""
    wanted = {
        item.id: item.why
        for item in snapshot.resources
        if item.target != "stopped" and item.managed and not item.nodes
    }
    return tuple(
        (item.resource, wanted[item.resource])
        for item in snapshot.decisions
        if item.node is None and not item.places and item.resource in wanted
    )


def _link(link: Link, configuration: Configuration) -> str:
    ends = [
        f"{node.name} {address.host}"
        + ("" if link.medium is Medium.SERIAL else f" port {address.port or link.port}")
        for node in configuration.nodes
        for address in node.addresses
        if address.link == link.name
    ]
    return f"{link.name}: {', '.join(ends)}"


def _group(group: Group, configuration: Configuration) -> GroupView:
    clone = next((item for item in configuration.clones if item.member == group.id), None)
    metas = (group.meta, clone.meta if clone else Meta(), configuration.defaults.meta)
    return GroupView(
        id=group.id,
        members=group.members,
        managed=_first((meta.managed for meta in metas), True)
        and not configuration.options.maintenance,
        target_role=str(_first((meta.target_role for meta in metas), "")),
        stickiness=_first((meta.stickiness for meta in metas), 0),
        priority=_first((meta.priority for meta in metas), 0),
        description=group.description,
        clone=clone.id if clone else "",
    )


def _clone(clone: Clone, configuration: Configuration) -> CloneView:
    metas = (clone.meta, configuration.defaults.meta)
    nodes = hosts(configuration)
    limit = nodes if clone.instances_max is None else clone.instances_max
    return CloneView(
        id=clone.id,
        member=clone.member,
        managed=_first((meta.managed for meta in metas), True)
        and not configuration.options.maintenance,
        target_role=str(_first((meta.target_role for meta in metas), "")),
        stickiness=_first((meta.stickiness for meta in metas), 0),
        priority=_first((meta.priority for meta in metas), 0),
        description=clone.description,
        instances_wanted=min(limit, nodes * clone.node_max),
        instances_max=limit,
        instances_min=clone.instances_min,
        node_max=clone.node_max,
        is_unique=clone.unique,
        is_promotable=clone.promotable,
        promoted_max=clone.promoted_max,
        promoted_node_max=clone.promoted_node_max,
        is_interleaved=clone.interleave,
        is_ordered=clone.ordered,
        notifies=clone.notify,
    )


def _primitive(
    item: ResourceSummary,
    primitive: Primitive,
    group: Group | None,
    inherited: tuple[Meta, ...],
    seen: tuple[_Seen, ...],
) -> PrimitiveView:
    metas = (primitive.meta, group.meta if group else _NO_META, *inherited)
    threshold = _first((meta.migration_threshold for meta in metas), INFINITY)
    return PrimitiveView(
        id=item.id,
        agent_class=str(primitive.agent.agent_class),
        provider=primitive.agent.provider,
        type=primitive.agent.type,
        state=item.state,
        nodes=item.nodes,
        group=group.id if group else "",
        position=group.members.index(item.id) + 1 if group else 0,
        managed=item.managed,
        target_role=item.target,
        stickiness=_first((meta.stickiness for meta in metas), 0),
        priority=_first((meta.priority for meta in metas), 0),
        migration_threshold=0 if threshold >= INFINITY else threshold,
        failure_timeout_ms=_first((meta.failure_timeout_ms for meta in metas), 0),
        guard=item.guard,
        takeover_wait_ms=item.takeover_wait_ms,
        guard_text=item.guard_text,
        shorter=item.shorter,
        instances=tuple(map(_instance, seen)),
        parameters=shown(primitive.parameters),
        description=primitive.description,
        on_stop_fail=str(
            _first(
                (each.on_fail for each in primitive.operations if each.action == "stop"), "block"
            )
        ),
        why=item.why,
        clone=item.clone or "",
        promoted=item.promoted,
    )


def _scores(decisions: tuple[Decision, ...]) -> _Scores:
    return {item.resource: dict(item.scores) for item in decisions}


def _shown(status: NodeStatus, expired: frozenset[str]) -> tuple[Instance, ...]:
    """Return what of a node's report is shown."""
    found = []
    for known in status.instances:
        # It stays in the node's memory until the next failure, and counts no more.
        is_over = known.resource in expired
        item = replace(known, fail_count=0, failure=None) if is_over else known
        if item.state in _SHOWN or item.fail_count:
            found.append(item)
    return tuple(found)


def _instance(seen: _Seen) -> InstanceView:
    item = seen.instance
    return InstanceView(
        node=seen.node,
        state=str(item.state),
        fail_count=item.fail_count,
        failure=_failure(item),
        started_wall_ms=item.started_wall_ms or 0,
        id=item.resource,
        role=str(item.role or ""),
        promotion_score=item.promotion_score,
        placement_score=seen.score,
        failed_wall_ms=item.failure.at_wall_ms if item.failure else 0,
        failed_operation=item.failure.action if item.failure else "",
    )


def _failure(item: Instance) -> str:
    failure = item.failure
    if failure is None:
        return ""
    return f"{failure.action} gave exit code {failure.exit_code}: {failure.reason}"


def _first(values: Iterable[_T | None], otherwise: _T) -> _T:
    return next((value for value in values if value is not None), otherwise)
