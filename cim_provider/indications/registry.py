"""Filters, destinations, subscriptions and the settings of the service, as one frozen value.

Owns: what may refer to what, and the text under which all of it stands on the
shelf. Every change gives a new value or a refusal. Knows nothing of CIM paths,
and of queries no more than their text.
Source: DSP1054 1.2, "Indications profile".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

FILTERS_MAX: Final = 500
DESTINATIONS_MAX: Final = 200
SUBSCRIPTIONS_MAX: Final = 1000
TEXT_MAX: Final = 240 * 1024
"""Characters of the whole; one text of the shelf holds no more."""

IGNORE: Final = 2
DISABLE: Final = 3
REMOVE: Final = 4
"""Values of OnFatalErrorPolicy."""
REMOVAL_REMOVE: Final = 2
REMOVAL_DISABLE: Final = 3
REMOVAL_IGNORE: Final = 4
"""Values of SubscriptionRemovalAction."""
ENABLED: Final = 2
DISABLED: Final = 4
"""Values of SubscriptionState."""
NONE: Final = 2
SUPPRESS: Final = 3
DELAY: Final = 4
"""Values of RepeatNotificationPolicy."""
PERMANENT: Final = 2
TRANSIENT: Final = 3
"""Values of PersistenceType."""


class RegistryError(Exception):
    """A change is refused; the text says why and what to do."""


class InUseError(RegistryError):
    """What subscriptions use cannot go before them."""


class FullError(RegistryError):
    """There are as many as there may be."""


@dataclass(frozen=True, slots=True)
class Names:
    """Keys and words that filters and destinations share."""

    name: str
    system_class: str = ""
    system: str = ""
    caption: str | None = None
    element_name: str | None = None
    description: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which indications are chosen."""

    names: Names
    query: str
    language: str
    namespaces: tuple[str, ...] = ()


def _built_in(name: str, query: str, words: str) -> Filter:
    names = Names(name, "HA_Cluster", "LinuxHACluster", name, name, words)
    return Filter(names, f"SELECT * FROM {query}", "DMTF:CQL", ("root/cimv2",))


BUILT_IN: Final = (
    _built_in("HA:Alerts", "HA_Indication", "All alerts of the cluster"),
    _built_in(
        "HA:CriticalAlerts",
        "HA_Indication WHERE PerceivedSeverity >= 5",
        "Alerts that are major or worse",
    ),
    _built_in(
        "HA:JobChange",
        "CIM_InstIndication WHERE SourceInstance ISA CIM_ConcreteJob",
        "Jobs that begin, go on, end and are forgotten",
    ),
    _built_in(
        "HA:NodeChange",
        "CIM_InstIndication WHERE SourceInstance ISA HA_ClusterNode",
        "Nodes that come, change and go",
    ),
    _built_in(
        "HA:RedundancyChange",
        "CIM_InstModification WHERE SourceInstance ISA CIM_RedundancySet"
        " AND SourceInstance.RedundancyStatus <> PreviousInstance.RedundancyStatus",
        "What is in reserve becomes less, or complete again",
    ),
    _built_in(
        "HA:ResourceChange",
        "CIM_InstIndication WHERE SourceInstance ISA HA_ClusterResource"
        " OR SourceInstance ISA HA_ResourceInstance",
        "Resources and their instances that come, change and go",
    ),
)
"""Filters that are always there, by name."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where indications go; `context` names its numbering, and its queue."""

    names: Names
    class_name: str
    url: str
    context: str
    persistence: int = PERMANENT

    @property
    def key(self) -> tuple[str, str]:
        """Class and name, which tell destinations apart."""
        return (self.class_name, self.names.name)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A filter with a destination; times in seconds, moments in milliseconds of wall time."""

    filter: str
    handler: tuple[str, str]
    """Class and name of the destination."""
    on_fatal: int = IGNORE
    state: int = ENABLED
    duration_s: int | None = None
    start_wall_ms: int = 0
    changed_wall_ms: int = 0
    repeat: int = NONE
    repeat_interval_s: int | None = None
    repeat_gap_s: int | None = None
    repeat_count: int | None = None
    failure_trigger_s: int | None = None
    info: str | None = None
    """What the client wants to keep with it."""

    @property
    def key(self) -> tuple[str, tuple[str, str]]:
        """Filter and destination, which tell subscriptions apart."""
        return (self.filter, self.handler)

    @property
    def end_wall_ms(self) -> int | None:
        """When it is over; None: never."""
        if self.duration_s is None:
            return None
        return self.start_wall_ms + 1000 * self.duration_s


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the service. Source: DSP1054, defaults of CIM_IndicationService."""

    filter_creation: bool = True
    retry_attempts: int = 3
    retry_interval_s: int = 30
    removal_action: int = REMOVAL_REMOVE
    removal_interval_s: int = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Registry:
    """All of it; tuples are sorted by key."""

    filters: tuple[Filter, ...] = ()
    destinations: tuple[Destination, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    settings: Settings = Settings()

    def filter(self, name: str) -> Filter | None:
        """Return the filter of that name, or None."""
        known = (*BUILT_IN, *self.filters)
        return next((each for each in known if each.names.name == name), None)

    def destination(self, key: tuple[str, str]) -> Destination | None:
        """Return the destination of that class and name, or None."""
        return next((each for each in self.destinations if each.key == key), None)

    def subscription(self, key: tuple[str, tuple[str, str]]) -> Subscription | None:
        """Return the subscription with that filter and destination, or None."""
        return next((each for each in self.subscriptions if each.key == key), None)

    def by_context(self, context: str) -> Destination | None:
        """Return the destination that has that queue, or None."""
        return next((each for each in self.destinations if each.context == context), None)

    def of(self, destination: Destination) -> tuple[Subscription, ...]:
        """Return the subscriptions with that destination."""
        return tuple(each for each in self.subscriptions if each.handler == destination.key)

    # --- changes -------------------------------------------------------------------------

    def with_filter(self, new: Filter) -> "Registry":
        """Return the registry with a filter. Raises RegistryError: it is there, or too many."""
        if self.filter(new.names.name) is not None:
            raise RegistryError(f"filter {new.names.name} exists already")
        _bound(self.filters, FILTERS_MAX, "filters")
        filters = sorted((*self.filters, new), key=lambda each: each.names.name)
        return _checked(replace(self, filters=tuple(filters)))

    def with_changed_filter(self, new: Filter) -> "Registry":
        """Return the registry with another query in a filter's place. Raises RegistryError."""
        others = tuple(each for each in self.filters if each.names.name != new.names.name)
        filters = sorted((*others, new), key=lambda each: each.names.name)
        return _checked(replace(self, filters=tuple(filters)))

    def with_destination(self, new: Destination) -> "Registry":
        """Return the registry with a destination, new or changed. Raises RegistryError."""
        others = tuple(each for each in self.destinations if each.key != new.key)
        _bound(others, DESTINATIONS_MAX, "destinations")
        destinations = sorted((*others, new), key=lambda each: each.key)
        return _checked(replace(self, destinations=tuple(destinations)))

    def with_subscription(self, new: Subscription) -> "Registry":
        """Return the registry with a subscription, new or changed. Raises RegistryError."""
        if self.filter(new.filter) is None:
            raise RegistryError(f"filter {new.filter} does not exist")
        if self.destination(new.handler) is None:
            raise RegistryError(f"destination {new.handler[1]} does not exist")
        others = tuple(each for each in self.subscriptions if each.key != new.key)
        _bound(others, SUBSCRIPTIONS_MAX, "subscriptions")
        subscriptions = sorted((*others, new), key=lambda each: each.key)
        return _checked(replace(self, subscriptions=tuple(subscriptions)))

    def without_filter(self, name: str) -> "Registry":
        """Return the registry without a filter. Raises InUseError."""
        users = [each for each in self.subscriptions if each.filter == name]
        if users:
            raise InUseError(f"filter {name} is used by {_count(users)}: delete that first")
        return replace(self, filters=tuple(f for f in self.filters if f.names.name != name))

    def without_destination(self, key: tuple[str, str]) -> "Registry":
        """Return the registry without a destination. Raises InUseError."""
        users = [each for each in self.subscriptions if each.handler == key]
        if users:
            raise InUseError(f"destination {key[1]} is used by {_count(users)}: delete that first")
        return replace(self, destinations=tuple(d for d in self.destinations if d.key != key))

    def without_subscriptions(self, keys: Iterable[tuple[str, tuple[str, str]]]) -> "Registry":
        """Return the registry without these subscriptions."""
        gone = set(keys)
        left = tuple(each for each in self.subscriptions if each.key not in gone)
        return replace(self, subscriptions=left)


def _count(users: list[Subscription]) -> str:
    return "a subscription" if len(users) == 1 else f"{len(users)} subscriptions"


def _bound(items: tuple[object, ...], most: int, what: str) -> None:
    if len(items) >= most:
        raise FullError(f"there are {most} {what}, which is the most: delete some")


def _checked(registry: Registry) -> Registry:
    if len(encode(registry)) > TEXT_MAX:
        text = f"filters, destinations and subscriptions together exceed {TEXT_MAX} characters"
        raise FullError(f"{text}: delete some, or shorten queries")
    return registry


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Registry)


def encode(registry: Registry) -> str:
    """Return the text under which a registry stands on the shelf."""
    return _encoder.encode(registry).decode()


def decode(text: str) -> Registry:
    """Return the registry of a text. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(text)
