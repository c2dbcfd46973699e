"""What follows when deliveries fail for long, or a subscription's time is up. Pure.

Source: DSP1054 1.2, "Delivery retry" and "Subscription removal"; CIM schema
2.41, CIM_IndicationSubscription.OnFatalErrorPolicy and SubscriptionDuration.
"""

from dataclasses import dataclass, replace

from cim_provider.indications.registry import (
    DISABLE,
    DISABLED,
    ENABLED,
    REMOVAL_DISABLE,
    REMOVAL_REMOVE,
    REMOVE,
    TRANSIENT,
    Destination,
    Registry,
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done about one destination's subscriptions."""

    context: str
    disabling: frozenset[int]
    """Subscriptions with one of these OnFatalErrorPolicies are disabled, …"""
    removing: frozenset[int]
    """… and those with one of these are removed."""
    ends_destination: bool
    text: str


_ALL = frozenset(range(5))


def active(registry: Registry) -> dict[str, Destination]:
    """Return the destinations with a subscription in force, by their context."""
    used = {each.handler for each in registry.subscriptions if each.state == ENABLED}
    return {each.context: each for each in registry.destinations if each.key in used}


def after_failure(registry: Registry, context: str, tries: int, lasting_s: float) -> Deed | None:
    """Return what follows from deliveries that have failed so often and for so long."""
    destination, settings = registry.by_context(context), registry.settings
    if destination is None:
        return None
    name = destination.names.name
    lasted = f"{name} has taken no indication for {lasting_s:.0f} s"
    if lasting_s >= settings.removal_interval_s:
        if settings.removal_action == REMOVAL_REMOVE:
            text = f"{lasted}: its subscriptions are removed"
            return Deed(context, frozenset(), _ALL, False, text)
        if settings.removal_action == REMOVAL_DISABLE:
            text = f"{lasted}: its subscriptions are disabled"
            return Deed(context, _ALL, frozenset(), False, text)
    is_fatal = tries > settings.retry_attempts
    if not is_fatal or lasting_s < settings.retry_attempts * settings.retry_interval_s:
        return None
    if destination.persistence == TRANSIENT:
        text = f"{lasted}: it is transient and is removed with its subscriptions"
        return Deed(context, frozenset(), _ALL, True, text)
    concerned = {each.on_fatal for each in registry.of(destination) if each.state == ENABLED}
    if not concerned & {DISABLE, REMOVE}:
        return None
    text = f"{lasted}: subscriptions are disabled or removed as they say"
    return Deed(context, frozenset({DISABLE}), frozenset({REMOVE}), False, text)


def done(registry: Registry, deed: Deed, wall_ms: int) -> Registry:
    """Return the registry after a deed."""
    destination = registry.by_context(deed.context)
    if destination is None:
        return registry
    concerned = registry.of(destination)
    removed = [each.key for each in concerned if each.on_fatal in deed.removing]
    for each in concerned:
        if each.on_fatal in deed.disabling and each.state == ENABLED:
            changed = replace(each, state=DISABLED, changed_wall_ms=wall_ms)
            registry = registry.with_subscription(changed)
    registry = registry.without_subscriptions(removed)
    if deed.ends_destination and not registry.of(destination):
        registry = registry.without_destination(destination.key)
    return registry


def without_expired(registry: Registry, wall_ms: int) -> Registry:
    """Return the registry without subscriptions whose time is up."""
    over = [
        each.key
        for each in registry.subscriptions
        if each.end_wall_ms is not None and each.end_wall_ms <= wall_ms
    ]
    return registry.without_subscriptions(over) if over else registry
