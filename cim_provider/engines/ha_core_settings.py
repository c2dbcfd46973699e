"""What a snapshot's configuration says beside its resources, in the provider's words.

Owns: that translation, pure functions. What an object of the configuration is called by its key
is said in `cim_provider.views.settings`. It is made anew only when the configuration changes.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import TypeVar

from cim_provider.engines.ha_core_options import options_of
from cim_provider.engines.ha_core_rules import expressions_of
from cim_provider.engines.ha_core_secrecy import HIDDEN, is_secret
from cim_provider.views.settings import (
    AttributeView,
    ColocationView,
    LevelView,
    LocationView,
    NodeAttributeView,
    OperationView,
    OrderView,
    Settings,
    TicketConstraintView,
    TicketView,
)
from ha_core.config.kinds import show_duration, show_score
from ha_core.config.model import (
    Configuration,
    FenceDevice,
    Location,
    Meta,
    Primitive,
    Rule,
)
from ha_core.config.render import plain
from ha_core.ids import ResourceId
from ha_core.snapshot import ClusterSnapshot, NodeSummary, TicketSummary

A_TURN = 500
"""Values that are made in one turn."""
T = TypeVar("T")
_DEVICE_HEAD = ("agent", "parameters")
"""What of a fence device is told as that of any other resource."""


@dataclass(frozen=True, slots=True)
class _Configured:
    """A configuration that is compared in full, and found quickly by its revision."""

    revision: int
    configuration: Configuration = field(hash=False)


def settings_of(snapshot: ClusterSnapshot) -> Settings:
    """Return what is configured, with the tickets and what is measured of nodes."""
    configured = _configured(_Configured(snapshot.revision, snapshot.configuration))
    return with_measured(configured, snapshot)


def with_measured(configured: Settings, snapshot: ClusterSnapshot) -> Settings:
    """Return what is configured with the tickets and what is measured of nodes."""
    tickets = tuple(_ticket(item) for item in snapshot.tickets)
    measured = tuple(
        NodeAttributeView(item.name, name, value, is_transient=True)
        for item in snapshot.nodes
        for name, value in reach(item, snapshot)
    )
    if not (tickets or measured):
        return configured
    attributes = (*configured.node_attributes, *measured)
    return replace(configured, tickets=tickets, node_attributes=attributes)


def settings_inputs(snapshot: ClusterSnapshot) -> tuple[object, ...]:
    """Return all that the settings are made from."""
    measured = tuple((item.name, reach(item, snapshot)) for item in snapshot.nodes)
    return (snapshot.configuration, snapshot.tickets, measured)


def shown(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return names and values with the values of secrets hidden."""
    return tuple((name, HIDDEN if is_secret(name) else value) for name, value in pairs)


def reach(item: NodeSummary, snapshot: ClusterSnapshot) -> tuple[tuple[str, str], ...]:
    """Return the attribute of a node that rules compare, where it is known."""
    known = item.connectivity
    if known is None or known.fault:
        return ()
    return (("connectivity", str(len(known.reached) * snapshot.configuration.ping.multiplier)),)


@lru_cache(maxsize=2)
def _configured(configured: _Configured) -> Settings:
    return configured_settings(configured.configuration)


def configured_settings(configuration: Configuration) -> Settings:
    """Return what a configuration says by itself."""
    making = settings_in_turns(configuration)
    while True:
        try:
            next(making)
        except StopIteration as done:
            found: Settings = done.value
            return found


def settings_in_turns(configuration: Configuration) -> Generator[None, None, Settings]:
    """Return what a configuration says, yielding now and then: others may have their turn."""
    attributes = yield from _in_turns(_attributes(configuration))
    operations = yield from _in_turns(
        each for item in configuration.primitives for each in _operations(item, configuration)
    )
    return Settings(
        attributes=attributes,
        operations=operations,
        locations=tuple(
            sorted(
                (
                    *(_location(item) for item in configuration.locations),
                    *(_rule(item) for item in configuration.rules),
                ),
                key=lambda item: item.id,
            )
        ),
        colocations=_colocations(configuration),
        orders=_orders(configuration),
        ticket_constraints=_ticket_constraints(configuration),
        node_attributes=tuple(
            NodeAttributeView(
                node.name, name, "" if is_secret(name) else value, False, is_secret(name)
            )
            for node in configuration.nodes
            for name, value in node.attributes
        ),
        options=options_of(configuration),
        levels=tuple(
            LevelView(node.name, number, devices)
            for node in configuration.nodes
            for number, devices in enumerate(node.fence_levels, 1)
        ),
    )


def _in_turns(items: Iterable[T]) -> Generator[None, None, tuple[T, ...]]:
    found = []
    for count, item in enumerate(items, 1):
        found.append(item)
        if count % A_TURN == 0:
            yield
    return tuple(found)


# --- attributes and operations ---------------------------------------------------------------


def _attributes(configuration: Configuration) -> Iterator[AttributeView]:
    groups = {name: group for group in configuration.groups for name in group.members}
    clones = {clone.member: clone.meta for clone in configuration.clones}
    usual = configuration.defaults.meta
    for item in configuration.primitives:
        yield from _parameters(item.id, item.parameters)
        group = groups.get(item.id)
        above = [meta for meta in (clones.get(item.id),) if meta is not None]
        if group is not None:
            above += [group.meta, clones.get(group.id, Meta())]
        yield from _meta(item.id, item.meta, tuple(above), usual)
        for name, amount in item.utilization:
            yield AttributeView(item.id, "utilization", name, str(amount))
    for group in configuration.groups:
        yield from _meta(group.id, group.meta, (clones.get(group.id, Meta()),), usual)
        for name in ("ordered", "colocated"):
            if not getattr(group, name):
                yield AttributeView(group.id, "meta", name, "false")
    for clone in configuration.clones:
        yield from _meta(clone.id, clone.meta, (), usual)
    taken: set[str] = {item.id for item in configuration.primitives}
    taken |= {item.id for item in configuration.groups}
    taken |= {item.id for item in configuration.clones}
    for device in configuration.fence_devices:
        if device.id not in taken:  # the name means the resource
            yield from _parameters(device.id, device.parameters)
            yield from _device(device)


def _parameters(owner: str, pairs: tuple[tuple[str, str], ...]) -> Iterator[AttributeView]:
    for name, value in pairs:
        hides = is_secret(name)
        yield AttributeView(owner, "parameter", name, "" if hides else value, hides)


def _meta(
    owner: ResourceId, own: Meta, above: tuple[Meta, ...], usual: Meta
) -> Iterator[AttributeView]:
    """Yield what a resource says, and what is said for all where nobody nearer says it."""
    for each in fields(Meta):
        value = getattr(own, each.name)
        is_default = value is None and all(getattr(meta, each.name) is None for meta in above)
        if is_default:
            value = getattr(usual, each.name)
        if value is not None:
            name, text = _word(each.name, value)
            yield AttributeView(owner, "meta", name, text, is_default=is_default)


def _word(name: str, value: object) -> tuple[str, str]:
    """Return an option of a resource as the file says it."""
    if isinstance(value, bool):
        return name, "true" if value else "false"
    if isinstance(value, int):
        is_time = name.endswith("_ms")
        text = show_duration(value) if is_time else str(show_score(value))
        return name.removesuffix("_ms"), text
    return name, str(value)


def _device(device: FenceDevice) -> Iterator[AttributeView]:
    """Yield what else the file says of a fence device; several values stand side by side."""
    devices = plain(Configuration(fence_devices=(device,)))["fence_devices"]
    assert isinstance(devices, dict)
    for name, value in devices[device.id].items():
        if name in _DEVICE_HEAD:
            continue
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, dict):
            text = " ".join(f"{key}={item}" for key, item in value.items())
        else:
            text = " ".join(value) if isinstance(value, list) else str(value)
        yield AttributeView(device.id, "meta", name, text)


def _operations(item: Primitive, configuration: Configuration) -> Iterator[OperationView]:
    counts: dict[str, int] = {}
    requires = item.meta.requires or configuration.defaults.meta.requires
    for each in item.operations:
        number = counts[each.action] = counts.get(each.action, 0) + 1
        yield OperationView(
            resource=item.id,
            action=each.action,
            number=number,
            interval=show_duration(each.interval_ms) if each.interval_ms else "0",
            interval_ms=each.interval_ms,
            timeout=show_duration(each.timeout_ms),
            timeout_ms=each.timeout_ms,
            on_fail=str(each.on_fail or ""),
            role=str(each.role or ""),
            depth=each.depth,
            is_enabled=each.enabled,
            requires=str(requires or "") if each.action == "start" else "",
        )


# --- constraints and tickets -----------------------------------------------------------------


def _location(item: Location) -> LocationView:
    return LocationView(
        id=item.id,
        resource=item.resource,
        node=item.node,
        score=item.score,
        role=str(item.role or ""),
        discovery=str(item.discovery),
        origin=str(item.origin),
        expires_wall_ms=item.expires_wall_ms,
        until_generation=item.until_generation,
        live=item.live,
        source=item.source,
    )


def _rule(item: Rule) -> LocationView:
    return LocationView(
        id=item.id,
        resource=item.resource,
        score=None if item.score_attribute else item.score,
        score_attribute=item.score_attribute,
        role=str(item.role or ""),
        discovery=str(item.discovery),
        expressions=expressions_of(item),
        source=item.source,
    )


def _colocations(configuration: Configuration) -> tuple[ColocationView, ...]:
    return tuple(
        ColocationView(
            id=item.id,
            resource=item.resource,
            with_resource=item.with_resource,
            score=item.score,
            role=str(item.role or ""),
            with_role=str(item.with_role or ""),
            node_attribute=item.node_attribute,
            influence=item.influence,
            source=item.source,
        )
        for item in configuration.colocations
    )


def _orders(configuration: Configuration) -> tuple[OrderView, ...]:
    return tuple(
        OrderView(
            id=item.id,
            first=item.first,
            then=item.then,
            first_action=str(item.first_action),
            then_action=str(item.then_action),
            kind=str(item.kind),
            is_symmetrical=item.symmetrical,
            any_of=item.any_of,
            source=item.source,
        )
        for item in configuration.orderings
    )


def _ticket_constraints(configuration: Configuration) -> tuple[TicketConstraintView, ...]:
    return tuple(
        TicketConstraintView(
            id=item.id,
            ticket=item.ticket,
            resource=item.resource,
            role=str(item.role or ""),
            loss_policy=str(item.loss_policy),
            source=item.source,
        )
        for item in configuration.tickets
    )


def _ticket(item: TicketSummary) -> TicketView:
    return TicketView(
        name=item.name,
        is_granted=item.granted,
        is_standby=item.standby,
        changed_wall_ms=item.changed_wall_ms,
        author=item.author,
        reason=item.reason,
        resources=item.resources,
        granted_wall_ms=item.granted_wall_ms,
    )
