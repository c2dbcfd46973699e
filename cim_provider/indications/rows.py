"""Filters, destinations, subscriptions and the service as CIM objects of the interop namespace.

Owns: the rows. They read the registry that `Indications` holds. Knows nothing of
how a change comes about.
Source: DSP1054 1.2; CIM Schema 2.41 (Final).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cim_provider.indications.export import without_password
from cim_provider.indications.registry import (
    BUILT_IN,
    DESTINATIONS_MAX,
    SUBSCRIPTIONS_MAX,
    Destination,
    Filter,
    Names,
    Registry,
    Settings,
    Subscription,
)
from cim_provider.mapping.interop import INDICATIONS, indication_service_ref
from cim_provider.mapping.rows import (
    IN_INTEROP,
    UNFILLED,
    AssociationRow,
    ClassRow,
    Column,
    Pair,
    Ref,
    Value,
    class_row,
    constant,
    unfilled,
)
from cim_provider.mapping.states import ENABLED_COLUMNS, FINE, State
from cim_provider.mapping.times import cim_datetime
from cim_provider.mapping.world import ServerIdentity, World

FILTER_CLASS: Final = "CIM_IndicationFilter"
DESTINATION_CLASS: Final = "CIM_ListenerDestinationCIMXML"
HANDLER_CLASS: Final = "CIM_IndicationHandlerCIMXML"
SUBSCRIPTION_CLASS: Final = "CIM_IndicationSubscription"
SERVICE_CLASS: Final = "CIM_IndicationService"
COLLECTION_CLASS: Final = "CIM_FilterCollection"
CAPABILITIES_CLASS: Final = "CIM_IndicationServiceCapabilities"
MANAGES: Final = 5
"""Value of ElementEffects."""


@dataclass(frozen=True, slots=True)
class _Service:
    identity: ServerIdentity
    settings: Settings
    state: State = FINE


def registry_of(world: World) -> Registry:
    """Return the registry as the world has it."""
    return world.held(INDICATIONS, Registry) or Registry()


def names_ref(class_name: str, names: Names) -> Ref:
    """Return how a filter or destination is named."""
    keys = (
        ("SystemCreationClassName", names.system_class),
        ("SystemName", names.system),
        ("CreationClassName", class_name),
        ("Name", names.name),
    )
    return Ref(class_name, keys)


def filter_ref(item: Filter) -> Ref:
    """Return how a filter is named."""
    return names_ref(FILTER_CLASS, item.names)


def destination_ref(item: Destination) -> Ref:
    """Return how a destination is named."""
    return names_ref(item.class_name, item.names)


def _capabilities_ref(_: object = None) -> Ref:
    return Ref(CAPABILITIES_CLASS, (("InstanceID", "LinuxHA:indications"),))


_FILTER: Final[tuple[Column[Filter], ...]] = (
    Column("Caption", "as given", lambda f: f.names.caption),
    Column("ElementName", "as given", lambda f: f.names.element_name),
    Column("Description", "as given", lambda f: f.names.description),
    Column("InstanceID", "as given", lambda f: f.names.instance_id),
    Column("SourceNamespace", "the first one", lambda f: next(iter(f.namespaces), None)),
    Column("SourceNamespaces", "as given", lambda f: f.namespaces or None),
    Column("Query", "as given", lambda f: f.query),
    Column("QueryLanguage", "as given", lambda f: f.language),
    constant("IndividualSubscriptionSupported", True),
    *unfilled("TemplateVariable"),
)

_DESTINATION: Final[tuple[Column[Destination], ...]] = (
    Column("Caption", "as given", lambda d: d.names.caption),
    Column("ElementName", "as given", lambda d: d.names.element_name),
    Column("Description", "as given", lambda d: d.names.description),
    Column("InstanceID", "as given", lambda d: d.names.instance_id),
    Column("PersistenceType", "as given, else permanent", lambda d: d.persistence),
    Column("Destination", "as given, a password hidden", lambda d: without_password(d.url)),
    constant("Protocol", 2),
    *unfilled("OtherPersistenceType", "OtherProtocol"),
)

_SERVICE: Final[tuple[Column[_Service], ...]] = (
    *ENABLED_COLUMNS,
    constant("RequestedState", 12),
    constant("EnabledDefault", 2),
    constant("AvailableRequestedStates", ()),
    constant("Caption", "Indications"),
    constant("ElementName", "Indications"),
    constant("Description", "Sends indications for the whole cluster, from one node at a time"),
    constant("Started", True),
    constant("StartMode", "Automatic"),
    Column("FilterCreationEnabled", "setting", lambda s: s.settings.filter_creation),
    Column("DeliveryRetryAttempts", "setting", lambda s: s.settings.retry_attempts),
    Column("DeliveryRetryInterval", "setting", lambda s: s.settings.retry_interval_s),
    Column("SubscriptionRemovalAction", "setting", lambda s: s.settings.removal_action),
    Column("SubscriptionRemovalTimeInterval", "setting", lambda s: s.settings.removal_interval_s),
    *unfilled("InstanceID", "PrimaryOwnerContact", "PrimaryOwnerName"),
)

_CAPABILITIES: Final[tuple[Column[object], ...]] = (
    constant("Caption", "Indications"),
    constant("ElementName", "Indications"),
    constant("Description", "What can be changed of the service that sends indications"),
    constant("FilterCreationEnabledIsSettable", True),
    constant("DeliveryRetryAttemptsIsSettable", True),
    constant("DeliveryRetryIntervalIsSettable", True),
    constant("SubscriptionRemovalActionIsSettable", True),
    constant("SubscriptionRemovalTimeIntervalIsSettable", True),
    constant("MaxListenerDestinations", DESTINATIONS_MAX),
    constant("MaxActiveSubscriptions", SUBSCRIPTIONS_MAX),
    constant("SubscriptionsPersisted", True),
)


_COLLECTION: Final[tuple[Column[object], ...]] = (
    constant("Caption", "Filters of the cluster"),
    constant("ElementName", "Filters of the cluster"),
    constant("Description", "Filters that are always there: subscribe to one of its members"),
    constant("CollectionName", "Linux-HA:filters"),
)


def _filters(world: World) -> tuple[Filter, ...]:
    own = BUILT_IN if INDICATIONS in world.holdings else ()
    return (*own, *registry_of(world).filters)


def _collection_ref(_: object = None) -> Ref:
    return Ref(COLLECTION_CLASS, (("InstanceID", "LinuxHA:filters"),))


def _members(world: World) -> Iterator[Pair]:
    if INDICATIONS in world.holdings:
        for each in BUILT_IN:
            yield Pair(_collection_ref(), filter_ref(each))


def _destinations(class_name: str, world: World) -> Iterator[Destination]:
    found = registry_of(world).destinations
    return (each for each in found if each.class_name == class_name)


def _listeners(world: World) -> Iterator[Destination]:
    return _destinations(DESTINATION_CLASS, world)


def _handlers(world: World) -> Iterator[Destination]:
    return _destinations(HANDLER_CLASS, world)


def _services(world: World) -> Iterator[_Service]:
    if INDICATIONS in world.holdings:
        yield _Service(world.server, registry_of(world).settings)


def _one(world: World) -> tuple[object, ...]:
    return (None,) if INDICATIONS in world.holdings else ()


def subscription_values(item: Subscription) -> tuple[tuple[str, Value], ...]:
    """Return the properties of a subscription other than its references."""
    return (
        ("OnFatalErrorPolicy", item.on_fatal),
        ("SubscriptionState", item.state),
        ("SubscriptionDuration", item.duration_s),
        ("SubscriptionStartTime", cim_datetime(item.start_wall_ms)),
        ("TimeOfLastStateChange", cim_datetime(item.changed_wall_ms)),
        ("RepeatNotificationPolicy", item.repeat),
        ("RepeatNotificationInterval", item.repeat_interval_s),
        ("RepeatNotificationGap", item.repeat_gap_s),
        ("RepeatNotificationCount", item.repeat_count),
        ("FailureTriggerTimeInterval", item.failure_trigger_s),
        ("OtherOnFatalErrorPolicy", None),
        ("OtherSubscriptionState", None),
        ("OtherRepeatNotificationPolicy", None),
        ("SubscriptionInfo", item.info),
        ("SubscriptionTimeRemaining", None),
    )


def _subscriptions(world: World) -> Iterator[Pair]:
    registry = registry_of(world)
    filters = {each.names.name: each for each in _filters(world)}
    destinations = {each.key: each for each in registry.destinations}
    for each in registry.subscriptions:
        yield Pair(
            filter_ref(filters[each.filter]),
            destination_ref(destinations[each.handler]),
            subscription_values(each),
        )


_SUBSCRIPTION_SOURCES: Final = {
    name: "as given" for name, _ in subscription_values(Subscription("", ("", "")))
} | {
    "OnFatalErrorPolicy": "as given, else 2",
    "SubscriptionState": "as given, else 2; 4 after a fatal error with that policy",
    "RepeatNotificationPolicy": "as given, else 2",
    "SubscriptionStartTime": "when it was made, or its duration was changed",
    "TimeOfLastStateChange": "when SubscriptionState was changed",
    "OtherOnFatalErrorPolicy": UNFILLED,
    "OtherSubscriptionState": UNFILLED,
    "OtherRepeatNotificationPolicy": UNFILLED,
    "SubscriptionTimeRemaining": UNFILLED,
}


def _affected(world: World) -> Iterator[Pair]:
    registry = registry_of(world)
    refs = [*map(filter_ref, _filters(world)), *map(destination_ref, registry.destinations)]
    for ref in refs:
        yield Pair(ref, indication_service_ref(world.server), (("ElementEffects", (MANAGES,)),))


def _able(world: World) -> Iterator[Pair]:
    if INDICATIONS in world.holdings:
        yield Pair(indication_service_ref(world.server), _capabilities_ref())


ROWS: Final[tuple[ClassRow, ...]] = (
    class_row(FILTER_CLASS, ("Name",), _filters, filter_ref, _FILTER, namespaces=IN_INTEROP),
    class_row(
        DESTINATION_CLASS,
        ("Name",),
        _listeners,
        destination_ref,
        _DESTINATION,
        namespaces=IN_INTEROP,
    ),
    class_row(
        HANDLER_CLASS,
        ("Name",),
        _handlers,
        destination_ref,
        (*_DESTINATION, *unfilled("Owner")),
        namespaces=IN_INTEROP,
    ),
    class_row(
        SERVICE_CLASS,
        ("Name",),
        _services,
        lambda s: indication_service_ref(s.identity),
        _SERVICE,
        namespaces=IN_INTEROP,
    ),
    class_row(
        COLLECTION_CLASS,
        ("InstanceID",),
        _one,
        _collection_ref,
        _COLLECTION,
        namespaces=IN_INTEROP,
    ),
    class_row(
        CAPABILITIES_CLASS,
        ("InstanceID",),
        _one,
        _capabilities_ref,
        _CAPABILITIES,
        namespaces=IN_INTEROP,
    ),
)
"""The classes of this module."""
ASSOCIATIONS: Final = (
    AssociationRow(
        SUBSCRIPTION_CLASS,
        "Filter",
        "Handler",
        _subscriptions,
        _SUBSCRIPTION_SOURCES,
        namespaces=IN_INTEROP,
    ),
    AssociationRow(
        "CIM_ServiceAffectsElement",
        "AffectedElement",
        "AffectingElement",
        _affected,
        {"ElementEffects": "always (5,)", "OtherElementEffectsDescriptions": UNFILLED},
        namespaces=IN_INTEROP,
    ),
    AssociationRow(
        "CIM_MemberOfCollection", "Collection", "Member", _members, namespaces=IN_INTEROP
    ),
    AssociationRow(
        "CIM_ElementCapabilities",
        "ManagedElement",
        "Capabilities",
        _able,
        sources={"Characteristics": UNFILLED},
        namespaces=IN_INTEROP,
    ),
)
"""The associations of this module."""
