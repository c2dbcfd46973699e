"""Who creates, changes and deletes filters, destinations, subscriptions and settings.

Owns: what a client may say of them, and the CIM status of each refusal.
Source: DSP1054 1.2; CIM Schema 2.41 (Final).
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar, cast

from cim_provider.indications import registry as registries
from cim_provider.indications.export import UrlError, target_of, without_password
from cim_provider.indications.files import is_file, path_of
from cim_provider.indications.keeping import RegistryReader, ShelfError, change
from cim_provider.indications.matching import checked
from cim_provider.indications.outbox import read_numbers
from cim_provider.indications.picture import namespace_of
from cim_provider.indications.registry import (
    Destination,
    Filter,
    FullError,
    InUseError,
    Names,
    Registry,
    RegistryError,
    Subscription,
)
from cim_provider.indications.rows import FILTER_CLASS, SUBSCRIPTION_CLASS
from cim_provider.indications.shelf import NUMBERS, REGISTRY, Shelf, revision_of
from cim_provider.mapping.catalog import refuse
from cim_provider.mapping.interop import SYSTEM_CLASS
from cim_provider.mapping.rows import Ref
from cim_provider.mapping.world import World
from cim_provider.mapping.writing import Given
from cim_provider.query.faults import QueryFault
from cim_provider.schema import MODEL, Schema
from cim_provider.wbem.errors import Status

_T = TypeVar("_T")
NAME_CHARACTERS_MAX: Final = 256
QUERY_CHARACTERS_MAX: Final = 8192
READY_S: Final = 5.0
NAMESPACES_MAX: Final = 16
CIM_XML: Final = 2
"""Value of Protocol."""
ON_FATAL: Final = (registries.IGNORE, registries.DISABLE, registries.REMOVE)
REPEATS: Final = (registries.NONE, registries.SUPPRESS, registries.DELAY)
STATES: Final = (registries.ENABLED, registries.DISABLED)
PERSISTENCE: Final = (registries.PERMANENT, registries.TRANSIENT)
REMOVALS: Final = (
    registries.REMOVAL_REMOVE,
    registries.REMOVAL_DISABLE,
    registries.REMOVAL_IGNORE,
)


log = logging.getLogger(__name__)


class Editor:
    """Changes the registry for writers; every refusal becomes a CIM error."""

    def __init__(
        self,
        shelf: Shelf,
        reader: RegistryReader,
        wall_ms: Callable[[], int],
        schema: Schema,
        ready_s: float = READY_S,
    ) -> None:
        self._shelf = shelf
        self._ready_s = ready_s
        self._reader = reader
        self.wall_ms = wall_ms
        self.schema = schema

    async def edit(self, edit: Callable[[Registry], Registry]) -> None:
        """Change the registry; when this returns, the change is safe. Raises CIMError."""
        try:
            await change(self._shelf, self._reader, edit)
        except FullError as fault:
            refuse(Status.SERVER_LIMITS_EXCEEDED, str(fault))
        except (InUseError, ShelfError) as fault:
            refuse(Status.FAILED, str(fault))
        except RegistryError as fault:
            refuse(Status.INVALID_PARAMETER, str(fault))

    async def ready(self) -> None:
        """Wait, bounded, until whoever delivers tells all that happens from now on.

        Where nobody can deliver just now, it is told from when somebody can.
        """
        revision = revision_of(self._shelf.items, REGISTRY)
        try:
            async with asyncio.timeout(self._ready_s):
                while read_numbers(self._shelf.items, NUMBERS).registry < revision:
                    await self._shelf.changed(self._shelf.revision)
        except TimeoutError:
            log.warning("a subscription was made, and nobody delivers indications yet")

    @property
    def settings(self) -> registries.Settings:
        """The settings as they are known here."""
        return self.registry.settings

    @property
    def registry(self) -> Registry:
        """The registry as it is known here."""
        return self._reader.read(self._shelf.items)[0]


@dataclass(frozen=True, slots=True)
class FilterWriter:
    """Writes CIM_IndicationFilter."""

    editor: Editor

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        return _named(FILTER_CLASS, given, world)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        if not self.editor.settings.filter_creation:
            refuse(Status.NOT_SUPPORTED, "FilterCreationEnabled is false: filters cannot be made")
        query = _text(given, "Query", required=True, most=QUERY_CHARACTERS_MAX)
        language = _text(given, "QueryLanguage", required=True)
        namespaces = _namespaces(given)
        if given.get("IndividualSubscriptionSupported") is False:
            refuse(Status.INVALID_PARAMETER, "IndividualSubscriptionSupported is always true here")
        self._check(query, language, namespaces)
        new = Filter(_names(ref, given), query, language, namespaces)
        await self.editor.edit(lambda known: known.with_filter(new))

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        name = _key(ref, "Name")
        _refuse_built_in(name)
        known = _existing(self.editor.registry.filter(name), name)
        query, language, namespaces = known.query, known.language, known.namespaces
        if "Query" in changes:
            query = _text(changes, "Query", required=True, most=QUERY_CHARACTERS_MAX)
        if "QueryLanguage" in changes:
            language = _text(changes, "QueryLanguage", required=True)
        if "SourceNamespace" in changes or "SourceNamespaces" in changes:
            namespaces = _namespaces(changes)
        self._check(query, language, namespaces)

        def edit(registry: Registry) -> Registry:
            found = _existing(registry.filter(name), name)
            new = replace(found, query=query, language=language, namespaces=namespaces)
            words = _texts(new.names, changes)
            return registry.with_changed_filter(replace(new, names=words))

        await self.editor.edit(edit)
        await self.editor.ready()

    def _check(self, query: str, language: str, namespaces: tuple[str, ...]) -> None:
        try:
            checked(query, language, namespaces, self.editor.schema)
        except QueryFault as fault:
            refuse(fault.status, f"Query: {fault.text}")

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        name = _key(ref, "Name")
        _refuse_built_in(name)
        await self.editor.edit(lambda known: known.without_filter(name))


@dataclass(frozen=True, slots=True)
class DestinationWriter:
    """Writes destinations of one class."""

    editor: Editor
    class_name: str
    files: Path | None = None
    """Directory of destinations that are files; None: there may be none."""

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        return _named(self.class_name, given, world)

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        if given.get("Protocol") not in (None, CIM_XML):
            refuse(Status.INVALID_PARAMETER, "Protocol: expected 2, CIM-XML")
        names = _names(ref, given)
        new = Destination(
            names,
            self.class_name,
            _url(given, self.files),
            f"{names.name}#{secrets.token_hex(6)}",
            _one_of(given, "PersistenceType", PERSISTENCE, registries.PERMANENT),
        )

        def edit(known: Registry) -> Registry:
            if known.destination(new.key) is not None:
                raise RegistryError(f"destination {names.name} exists already")
            return known.with_destination(new)

        await self.editor.edit(edit)

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        key = (self.class_name, _key(ref, "Name"))
        url = _url(changes, self.files) if "Destination" in changes else None
        persistence = _one_of(changes, "PersistenceType", PERSISTENCE, 0)

        def edit(known: Registry) -> Registry:
            found = _existing(known.destination(key), key[1])
            return known.with_destination(
                replace(
                    found,
                    # What was read and is sent back leaves the password as it is.
                    url=found.url if url in (None, without_password(found.url)) else url,
                    persistence=persistence or found.persistence,
                    names=_texts(found.names, changes),
                )
            )

        await self.editor.edit(edit)

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        key = (self.class_name, _key(ref, "Name"))
        await self.editor.edit(lambda known: known.without_destination(key))


@dataclass(frozen=True, slots=True)
class SubscriptionWriter:
    """Writes CIM_IndicationSubscription."""

    editor: Editor

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        ends: list[tuple[str, str | Ref]] = []
        for role in ("Filter", "Handler"):
            value = given.get(role)
            if not isinstance(value, Ref):
                refuse(Status.INVALID_PARAMETER, f"{SUBSCRIPTION_CLASS}.{role} is missing")
            ends.append((role, value))
        return Ref(SUBSCRIPTION_CLASS, tuple(ends))

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        now_ms = self.editor.wall_ms()
        new = Subscription(*_ends(ref), start_wall_ms=now_ms, changed_wall_ms=now_ms)
        new = _subscribed(new, given, now_ms)

        def edit(known: Registry) -> Registry:
            if known.subscription(new.key) is not None:
                raise RegistryError("the filter has a subscription for this destination already")
            return known.with_subscription(new)

        await self.editor.edit(edit)
        await self.editor.ready()

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        key, now_ms = _ends(ref), self.editor.wall_ms()

        def edit(known: Registry) -> Registry:
            found = _existing(known.subscription(key), key[0])
            return known.with_subscription(_subscribed(found, changes, now_ms))

        await self.editor.edit(edit)
        await self.editor.ready()

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        key = _ends(ref)
        await self.editor.edit(lambda known: known.without_subscriptions((key,)))


@dataclass(frozen=True, slots=True)
class ServiceWriter:
    """Writes the settings of CIM_IndicationService."""

    editor: Editor

    def name(self, given: Given, world: World) -> Ref:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "there is one indication service, which is part of the server")

    async def create(self, ref: Ref, given: Given, author: str) -> None:
        """See `Writer`."""
        self.name(given, cast(World, None))

    async def modify(self, ref: Ref, changes: Given, author: str) -> None:
        """See `Writer`."""
        known = self.editor.settings
        action = _one_of(changes, "SubscriptionRemovalAction", REMOVALS, known.removal_action)
        enabled = changes.get("FilterCreationEnabled", known.filter_creation)
        new = registries.Settings(
            filter_creation=enabled is not False,
            retry_attempts=_number(changes, "DeliveryRetryAttempts", known.retry_attempts),
            retry_interval_s=_number(changes, "DeliveryRetryInterval", known.retry_interval_s),
            removal_action=action,
            removal_interval_s=_number(
                changes, "SubscriptionRemovalTimeInterval", known.removal_interval_s
            ),
        )
        await self.editor.edit(lambda registry: replace(registry, settings=new))

    async def delete(self, ref: Ref, author: str) -> None:
        """See `Writer`."""
        refuse(Status.NOT_SUPPORTED, "the indication service is part of the server")


# --- what was given -------------------------------------------------------------------------


def _named(class_name: str, given: Given, world: World) -> Ref:
    """Return the name of a filter or destination; keys that are missing are filled in."""
    keys = (
        ("SystemCreationClassName", _text(given, "SystemCreationClassName") or SYSTEM_CLASS),
        ("SystemName", _text(given, "SystemName") or world.server.host),
        ("CreationClassName", class_name),
        ("Name", _text(given, "Name") or f"beatkeeper:{secrets.token_hex(8)}"),
    )
    return Ref(class_name, keys)


def _refuse_built_in(name: str) -> None:
    if any(each.names.name == name for each in registries.BUILT_IN):
        refuse(Status.NOT_SUPPORTED, f"filter {name} is part of the server: make one of your own")


def _names(ref: Ref, given: Given) -> Names:
    return Names(
        _key(ref, "Name"),
        _key(ref, "SystemCreationClassName"),
        _key(ref, "SystemName"),
        _text(given, "Caption") or None,
        _text(given, "ElementName") or None,
        _text(given, "Description", most=QUERY_CHARACTERS_MAX) or None,
        _text(given, "InstanceID") or None,
    )


def _texts(names: Names, changes: Given) -> Names:
    """Return names with other words, where some are given."""
    if "ElementName" in changes:
        names = replace(names, element_name=_text(changes, "ElementName") or None)
    return names


def _key(ref: Ref, name: str) -> str:
    return str(dict(ref.keys)[name])


def _ends(ref: Ref) -> tuple[str, tuple[str, str]]:
    keys = dict(ref.keys)
    chosen, handler = keys["Filter"], keys["Handler"]
    assert isinstance(chosen, Ref), ref
    assert isinstance(handler, Ref), ref
    return _key(chosen, "Name"), (handler.class_name, _key(handler, "Name"))


def _text(
    given: Given, name: str, *, required: bool = False, most: int = NAME_CHARACTERS_MAX
) -> str:
    value = given.get(name)
    text = str(value).strip() if value is not None else ""
    if required and not text:
        refuse(Status.INVALID_PARAMETER, f"{name} is missing")
    if len(text) > most:
        refuse(Status.INVALID_PARAMETER, f"{name} has {len(text)} characters, at most {most}")
    return text


def _url(given: Given, files: Path | None) -> str:
    url = _text(given, "Destination", required=True, most=QUERY_CHARACTERS_MAX)
    try:
        if is_file(url):
            path_of(url, files)
        else:
            target_of(url)
    except UrlError as fault:
        refuse(Status.INVALID_PARAMETER, str(fault))
    return url


def _namespaces(given: Given) -> tuple[str, ...]:
    several, one = given.get("SourceNamespaces"), _text(given, "SourceNamespace")
    listed = tuple(str(each).strip() for each in several) if isinstance(several, tuple) else ()
    if len(listed) > NAMESPACES_MAX:
        refuse(Status.INVALID_PARAMETER, f"SourceNamespaces: at most {NAMESPACES_MAX}")
    if one and listed and namespace_of(one) not in map(namespace_of, listed):
        refuse(Status.INVALID_PARAMETER, "SourceNamespace is none of SourceNamespaces: give one")
    return listed or ((one,) if one else (MODEL,))


def _number(given: Given, name: str, otherwise: int) -> int:
    value = given.get(name)
    return int(value) if isinstance(value, int) else otherwise


def _optional(given: Given, name: str, otherwise: int | None) -> int | None:
    value = given.get(name, otherwise)
    return int(value) if isinstance(value, int) else None


def _one_of(given: Given, name: str, allowed: tuple[int, ...], otherwise: int) -> int:
    value = given.get(name)
    if value is None:
        return otherwise
    if value not in allowed:
        known = ", ".join(map(str, allowed))
        refuse(Status.INVALID_PARAMETER, f"{name} is {value!r:.20}, expected one of {known}")
    assert isinstance(value, int), value
    return int(value)


def _subscribed(known: Subscription, given: Given, now_ms: int) -> Subscription:
    """Return a subscription with what was given."""
    state = _one_of(given, "SubscriptionState", STATES, known.state)
    duration_s = _optional(given, "SubscriptionDuration", known.duration_s)
    new = replace(
        known,
        on_fatal=_one_of(given, "OnFatalErrorPolicy", ON_FATAL, known.on_fatal),
        state=state,
        duration_s=duration_s,
        start_wall_ms=known.start_wall_ms if duration_s == known.duration_s else now_ms,
        changed_wall_ms=known.changed_wall_ms if state == known.state else now_ms,
        repeat=_one_of(given, "RepeatNotificationPolicy", REPEATS, known.repeat),
        repeat_interval_s=_optional(given, "RepeatNotificationInterval", known.repeat_interval_s),
        repeat_gap_s=_optional(given, "RepeatNotificationGap", known.repeat_gap_s),
        repeat_count=_optional(given, "RepeatNotificationCount", known.repeat_count),
        failure_trigger_s=_optional(given, "FailureTriggerTimeInterval", known.failure_trigger_s),
        info=_info(given) if "SubscriptionInfo" in given else known.info,
    )
    if new.repeat != registries.NONE and not (new.repeat_interval_s and new.repeat_count):
        text = "RepeatNotificationPolicy needs RepeatNotificationInterval and …Count, both above 0"
        refuse(Status.INVALID_PARAMETER, text)
    if new.repeat == registries.DELAY and new.repeat_gap_s is None:
        text = "RepeatNotificationPolicy 4 (delay) needs RepeatNotificationGap"
        refuse(Status.INVALID_PARAMETER, text)
    return new


def _info(given: Given) -> str | None:
    """Return the client's own words on a subscription, every blank of them."""
    _text(given, "SubscriptionInfo")
    value = given["SubscriptionInfo"]
    return None if value is None else str(value)


def _existing(found: _T | None, name: str) -> _T:
    if found is None:
        refuse(Status.NOT_FOUND, f"{name} does not exist any more")
    return found
