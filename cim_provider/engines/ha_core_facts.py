"""What of a snapshot the typed properties tell beyond the view's lists.

Owns: that translation, pure. Knows neither daemon nor CIM.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar

from cim_provider.engines.ha_core_memo import Memo
from cim_provider.engines.ha_core_settings import shown
from cim_provider.views.facts import (
    ClusterFacts,
    DeviceFacts,
    Facts,
    NodeFacts,
    PingFacts,
    ResourceFacts,
)
from ha_core.agents.registry import exclusivity_of
from ha_core.config.limits import NODES_MAX
from ha_core.config.model import (
    Configuration,
    FenceDevice,
    Link,
    Medium,
    Meta,
    MultipleActive,
    Primitive,
)
from ha_core.config.units import plain
from ha_core.fencing.rules import levels_of
from ha_core.ids import INFINITY, Millis, NodeName
from ha_core.snapshot import ClusterSnapshot, LinkSummary, NodeSummary
from ha_core.status import NodeState, NodeStatus
from ha_core.versions import SPOKEN

_HEALTH: Final = ("red", "yellow", "green")
_HEALTH_PREFIX: Final = "#health"
_NO_META: Final = Meta()
_T = TypeVar("_T")


class FactsMaker:
    """Says it of one snapshot after the other."""

    def __init__(self) -> None:
        self._resources: Memo[ResourceFacts] = Memo()
        self._moving: Memo[tuple[tuple[str, str], ...]] = Memo()

    def of(self, snapshot: ClusterSnapshot) -> Facts:
        """Return what a snapshot tells; facts that have not changed are the same objects."""
        moving = {
            name: to
            for status in snapshot.instances
            for name, to in self._moving.get(status.name, (status,), partial(_moves, status))
        }
        self._moving.end()
        found = _facts_of(snapshot, _resources(snapshot, moving, self._resources))
        self._resources.end()
        return found


def facts_of(snapshot: ClusterSnapshot) -> Facts:
    """Return what a snapshot tells beyond the lists of the view."""
    return FactsMaker().of(snapshot)


def _facts_of(snapshot: ClusterSnapshot, resources: Iterable[ResourceFacts]) -> Facts:
    configuration = snapshot.configuration
    return Facts(
        _cluster(snapshot),
        tuple(_node(item, snapshot) for item in snapshot.nodes),
        tuple(sorted(resources, key=lambda item: item.id)),
        tuple(
            PingFacts(
                target.name,
                target.hosts,
                _who(snapshot, target.name, reached=True),
                _who(snapshot, target.name, reached=False),
            )
            for target in configuration.ping.targets
        ),
        tuple(_device(item, configuration) for item in configuration.fence_devices),
    )


def _cluster(snapshot: ClusterSnapshot) -> ClusterFacts:
    configuration = snapshot.configuration
    head = configuration.node(snapshot.coordinator) if snapshot.coordinator else None
    ping = configuration.ping.times(configuration.options.dead_after_ms)
    serial = [link.speed for link in configuration.links if link.medium is Medium.SERIAL]
    ports = [link.port for link in configuration.links if link.medium is not Medium.SERIAL]
    return ClusterFacts(
        node_limit=NODES_MAX,
        controller_address=head.addresses[0].host if head and head.addresses else "",
        port=ports[0] if ports else 0,
        baud_bits=serial[0] if serial else 0,
        ping_timeout_ms=ping.timeout_ms if ping.targets else 0,
        fences=configuration.options.fencing and bool(configuration.fence_devices),
        feature_set=str(SPOKEN.newest),
        is_local_leaving=snapshot.leaving,
        interconnect=tuple(_short(link, configuration) for link in configuration.links),
    )


def _short(link: Link, configuration: Configuration) -> str:
    """Return medium and interface of a link; without an interface, its name or device."""
    devices = (
        address.host
        for node in configuration.nodes
        for address in node.addresses
        if address.link == link.name
    )
    where = next(devices, "") if link.medium is Medium.SERIAL else link.interface
    return f"{link.medium} {where or link.name}"


def _node(item: NodeSummary, snapshot: ClusterSnapshot) -> NodeFacts:
    configuration = snapshot.configuration
    desired = configuration.node(item.name)
    observed = next((status for status in snapshot.instances if status.name == item.name), None)
    links = [link for link in snapshot.links if link.peer == item.name]
    silences = [_heard_wall_ms(link) for link in links if not link.up and link.history]
    is_silent = bool(links) and len(silences) == len(links)
    errand = next((each for each in snapshot.fencing if each.node == item.name), None)
    return NodeFacts(
        name=item.name,
        since_wall_ms=observed.since_wall_ms if observed else 0,
        last_heard_wall_ms=max(silences) if is_silent else 0,
        is_joining=observed is not None and observed.state is NodeState.PENDING,
        is_seen=item.generation > 0,
        capacity=desired.capacity if desired else (),
        health=_health(desired.attributes if desired else ()),
        devices=tuple(
            dict.fromkeys(
                each.id for level in levels_of(configuration, item.name) for each in level
            )
        ),
        fencing_stage=errand.stage if errand else "",
        fencing_fault=errand.fault if errand else "",
        links_total=len(links),
        has_kernel_gate=item.gates.kernel,
        watchdog_ms=item.gates.watchdog_ms,
        gates_missing=tuple(filter(None, (item.gates.no_kernel, item.gates.no_watchdog))),
    )


def _heard_wall_ms(link: LinkSummary) -> Millis:
    """Return when a link that is down was heard last: silence comes first, and counts later."""
    return link.history[-1].at_wall_ms - max(0, link.silent_ms - link.since_ms)


def _health(attributes: Iterable[tuple[str, str]]) -> str:
    """Return the worst colour of the health attributes; empty if none has a colour."""
    values = {value for name, value in attributes if name.startswith(_HEALTH_PREFIX)}
    return next((colour for colour in _HEALTH if colour in values), "")


def _who(snapshot: ClusterSnapshot, target: str, *, reached: bool) -> tuple[NodeName, ...]:
    found = []
    for item in snapshot.nodes:
        known = item.connectivity
        if known is not None and not known.fault:
            named = known.reached if reached else known.missed
            found += [item.name] if target in named else []
    return tuple(found)


def _device(item: FenceDevice, configuration: Configuration) -> DeviceFacts:
    agent_class, _, name = item.agent.partition(":")
    targets = item.targets or tuple(node.name for node in configuration.nodes)
    return DeviceFacts(item.id, agent_class, name, targets, shown(item.parameters))


def _moves(status: NodeStatus) -> tuple[tuple[str, str], ...]:
    """Return the primitives that a node hands over alive, and to whom."""
    return tuple(
        (plain(item.resource), item.migrated_to) for item in status.instances if item.migrated_to
    )


def _resources(
    snapshot: ClusterSnapshot, moving: Mapping[str, str], memo: Memo[ResourceFacts]
) -> Iterator[ResourceFacts]:
    configuration = snapshot.configuration
    defaults = configuration.defaults.meta
    is_off = configuration.options.maintenance
    banned: dict[str, list[str]] = {}
    for item in snapshot.commanded:
        if not item.is_allowed and not item.promoted:
            banned.setdefault(item.resource, []).append(item.node)

    def made(
        name: str, metas: tuple[Meta, ...], primitive: Primitive | None = None, moves: str = ""
    ) -> ResourceFacts:
        closed = tuple(sorted(banned.get(name, ())))
        inputs = (metas, primitive, moves, closed, is_off)
        return memo.get(
            name, inputs, lambda: _facts(name, metas, primitive, closed, moves, off=is_off)
        )

    group_of = {name: group for group in configuration.groups for name in group.members}
    clone_of = {clone.member: clone for clone in configuration.clones}
    for group in configuration.groups:
        outer = clone_of.get(group.id)
        yield made(group.id, (group.meta, outer.meta if outer else _NO_META, defaults))
    for clone in configuration.clones:
        yield made(clone.id, (clone.meta, defaults))
    for primitive in configuration.primitives:
        group_ = group_of.get(primitive.id)
        outer = clone_of.get(group_.id if group_ else primitive.id)
        metas = (
            primitive.meta,
            group_.meta if group_ else _NO_META,
            outer.meta if outer else _NO_META,
            defaults,
        )
        yield made(primitive.id, metas, primitive, moving.get(primitive.id, ""))


def _facts(
    name: str,
    metas: tuple[Meta, ...],
    primitive: Primitive | None,
    banned: tuple[str, ...],
    moving_to: str,
    *,
    off: bool,
) -> ResourceFacts:
    threshold = _first((meta.migration_threshold for meta in metas), INFINITY)
    return ResourceFacts(
        id=name,
        migration_threshold=0 if threshold >= INFINITY else threshold,
        failure_timeout_ms=_first((meta.failure_timeout_ms for meta in metas), 0),
        multiple_active=str(
            _first((meta.multiple_active for meta in metas), MultipleActive.STOP_START)
        ),
        exclusivity=str(exclusivity_of(primitive)) if primitive is not None else "",
        banned_from=banned,
        in_maintenance=off or _first((meta.maintenance for meta in metas), False),
        moving_to=moving_to,
    )


def _first(values: Iterable[_T | None], otherwise: _T) -> _T:
    return next((value for value in values if value is not None), otherwise)
