"""What of a snapshot the typed properties tell beyond the view's lists.

Owns: that translation, pure. Knows neither daemon nor CIM.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

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
from ha_core.config.model import Configuration, FenceDevice, Link, Medium, Meta, MultipleActive
from ha_core.config.units import plain
from ha_core.fencing.rules import levels_of
from ha_core.ids import INFINITY, Millis, NodeName
from ha_core.snapshot import ClusterSnapshot, LinkSummary, NodeSummary
from ha_core.status import NodeState
from ha_core.wire import SPOKEN

_HEALTH: Final = ("red", "yellow", "green")
_HEALTH_PREFIX: Final = "#health"
_T = TypeVar("_T")


def facts_of(snapshot: ClusterSnapshot) -> Facts:
    """Return what a snapshot tells beyond the lists of the view."""
    configuration = snapshot.configuration
    return Facts(
        _cluster(snapshot),
        tuple(_node(item, snapshot) for item in snapshot.nodes),
        tuple(sorted(_resources(snapshot), key=lambda item: item.id)),
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


def _resources(snapshot: ClusterSnapshot) -> Iterable[ResourceFacts]:
    configuration = snapshot.configuration
    defaults = configuration.defaults.meta
    is_off = configuration.options.maintenance
    banned: dict[str, list[str]] = {}
    for item in snapshot.commanded:
        if not item.is_allowed:
            banned.setdefault(item.resource, []).append(item.node)
    moving = {
        plain(item.resource): item.migrated_to
        for status in snapshot.instances
        for item in status.instances
        if item.migrated_to
    }
    group_of = {name: group for group in configuration.groups for name in group.members}
    clone_of = {clone.member: clone for clone in configuration.clones}
    for group in configuration.groups:
        outer = clone_of.get(group.id)
        metas = (group.meta, outer.meta if outer else Meta(), defaults)
        yield _facts(group.id, metas, "", banned, off=is_off)
    for clone in configuration.clones:
        yield _facts(clone.id, (clone.meta, defaults), "", banned, off=is_off)
    for primitive in configuration.primitives:
        group_ = group_of.get(primitive.id)
        outer = clone_of.get(group_.id if group_ else primitive.id)
        inherited = (
            primitive.meta,
            group_.meta if group_ else Meta(),
            outer.meta if outer else Meta(),
            defaults,
        )
        exclusive = str(exclusivity_of(primitive))
        moves = moving.get(primitive.id) or ""
        yield _facts(primitive.id, inherited, exclusive, banned, moves, off=is_off)


def _facts(
    name: str,
    metas: Iterable[Meta],
    exclusivity: str,
    banned: dict[str, list[str]],
    moving_to: str = "",
    *,
    off: bool = False,
) -> ResourceFacts:
    metas = tuple(metas)
    threshold = _first((meta.migration_threshold for meta in metas), INFINITY)
    return ResourceFacts(
        id=name,
        migration_threshold=0 if threshold >= INFINITY else threshold,
        failure_timeout_ms=_first((meta.failure_timeout_ms for meta in metas), 0),
        multiple_active=str(
            _first((meta.multiple_active for meta in metas), MultipleActive.STOP_START)
        ),
        exclusivity=exclusivity,
        banned_from=tuple(sorted(banned.get(name, ()))),
        in_maintenance=off or _first((meta.maintenance for meta in metas), False),
        moving_to=moving_to,
    )


def _first(values: Iterable[_T | None], otherwise: _T) -> _T:
    return next((value for value in values if value is not None), otherwise)
