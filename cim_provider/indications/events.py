"""What has happened, before anybody is told: events, and how queries look at them.

Owns: `Event` and `Embedded`, plain values whose types come from the class
declarations, and the `Subject`s over them. Knows nothing of subscriptions.
Source: DSP0202 1.0 (conditions over embedded instances).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cim_provider.indications.faults import Fault
from cim_provider.mapping.rows import Ref, Value
from cim_provider.query.evaluate import Named, named
from cim_provider.query.moments import moment
from cim_provider.schema import ClassInfo, NamespaceSchema, Schema


@dataclass(frozen=True, slots=True)
class Embedded:
    """An instance inside an indication: its name, and its properties other than keys."""

    ref: Ref
    values: Mapping[str, Value]


EventValue: TypeAlias = Value | Embedded


@dataclass(frozen=True, slots=True)
class Event:
    """One indication to be: of which class, about what, with which properties."""

    class_name: str
    namespace: str
    """Where the class is declared, and what it is about."""
    values: Mapping[str, EventValue]
    element: str
    """Names what it is about: events of one class with the same are repetitions."""
    fault: Fault | None = None
    """The fault that an alert raises or clears."""
    at_wall_ms: int = 0
    """When it happened by the clock of whoever saw it; 0: when it is told."""


class EventSubject:
    """An event as queries see it; implements `query.evaluate.Subject`."""

    def __init__(self, event: Event, schema: Schema) -> None:
        self._event = event
        self._schema = schema
        namespace = schema.namespace(event.namespace)
        assert namespace is not None, event.namespace
        self._namespace = namespace
        self._info = declared(namespace, event.class_name)

    def is_a(self, class_name: str) -> bool:
        """See `Subject`."""
        return self._namespace.is_a(self._info.name, class_name)

    def value(self, name: str) -> object:
        """See `Subject`."""
        spelt = self._info.spelling.get(name.lower())
        found = self._event.values.get(spelt) if spelt is not None else None
        if isinstance(found, Embedded):
            return ObjectSubject(found, self._schema)
        return None if spelt is None else _seen(found, self._info, spelt)

    def name(self) -> Named | None:
        """See `Subject`: an indication has no name."""
        return None


class ObjectSubject:
    """An instance inside an event as queries see it; implements `query.evaluate.Subject`."""

    def __init__(self, embedded: Embedded, schema: Schema) -> None:
        self._embedded = embedded
        namespace = schema.namespace(embedded.ref.namespace)
        assert namespace is not None, embedded.ref
        self._namespace = namespace
        self._info = declared(namespace, embedded.ref.class_name)

    def is_a(self, class_name: str) -> bool:
        """See `Subject`."""
        return self._namespace.is_a(self._info.name, class_name)

    def value(self, name: str) -> object:
        """See `Subject`."""
        spelt = self._info.spelling.get(name.lower())
        if spelt is None:
            return None
        for key, value in self._embedded.ref.keys:
            if key == spelt:
                return _named(value) if isinstance(value, Ref) else value
        return _seen(self._embedded.values.get(spelt), self._info, spelt)

    def name(self) -> Named | None:
        """See `Subject`."""
        return _named(self._embedded.ref)


def declared(namespace: NamespaceSchema, class_name: str) -> ClassInfo:
    """Return a class that is known to be declared."""
    info = namespace.get(class_name)
    assert info is not None, f"{class_name} is not declared in {namespace.name}"
    return info


def _named(ref: Ref) -> Named:
    keys = [(name, _named(value) if isinstance(value, Ref) else value) for name, value in ref.keys]
    return named(ref.namespace or None, ref.class_name, keys)


def _seen(value: object, info: ClassInfo, name: str) -> object:
    cim_type, _ = info.types[name]
    if cim_type != "datetime" or value is None:
        return value
    if isinstance(value, tuple):
        return tuple(moment(str(item)) for item in value)
    return moment(str(value))
