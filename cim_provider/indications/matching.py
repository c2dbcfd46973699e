"""Events to indications: which subscriptions choose an event, and what they send of it.

Owns: filters made ready, the check of a query when a filter is made, and the
XML of an indication without its numbers. Pure, but for the counts of what repeats.
Source: DSP1054 1.2; DSP0202 1.0.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pywbem

from cim_provider.indications import alerts, facts
from cim_provider.indications.events import Embedded, Event, EventSubject, declared
from cim_provider.indications.outbox import BATCH_CHARACTERS_MAX, BATCH_ITEMS_MAX
from cim_provider.indications.picture import Watched, namespace_of, watched_by
from cim_provider.indications.registry import ENABLED, Destination, Filter, Registry, Subscription
from cim_provider.indications.repeats import Repeats
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.found import cim_instance, shape_of
from cim_provider.mapping.rows import Record
from cim_provider.query.check import check_select
from cim_provider.query.evaluate import holds
from cim_provider.query.faults import QueryFault
from cim_provider.query.parser import language_of, parse_select
from cim_provider.query.tree import Select
from cim_provider.schema import MODEL, ClassInfo, NamespaceSchema, Schema
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import Selection
from cim_provider.wbem.render_objects import instance as instance_xml
from cim_provider.wbem.render_values import escape

LANGUAGES: Final = {"CIM:CQL": "DMTF:CQL", "CQL": "DMTF:CQL"}
"""Older names of query languages that consoles still send."""
_NUMBERED: Final = frozenset({"indicationfiltername", "sequencecontext", "sequencenumber"})
_END: Final = "</INSTANCE>"


def parsed(query: str, language: str) -> Select:
    """Return the tree of a filter's query. Raises QueryFault."""
    return parse_select(language_of(LANGUAGES.get(language, language)), query)


def checked(query: str, language: str, namespaces: Iterable[str], schema: Schema) -> Select:
    """Return the tree of a query that indications can be chosen by.

    Raises QueryFault: QUERY_LANGUAGE_NOT_SUPPORTED, INVALID_QUERY,
    QUERY_FEATURE_NOT_SUPPORTED, or INVALID_PARAMETER: it is not about a class of indications.
    """
    select = parsed(query, language)
    names = tuple(namespaces) or (MODEL,)
    for name in names:
        namespace = schema.namespace(name)
        if namespace is None:
            raise QueryFault(
                Status.INVALID_PARAMETER, f"source namespace {name[:64]!r} does not exist"
            )
        info = namespace.get(select.class_name)
        if info is None:
            text = f"class {select.class_name[:64]!r} does not exist in {namespace.name}"
            raise QueryFault(Status.INVALID_PARAMETER, text)
        if not is_indication(info):
            text = (
                f"{info.name} is no class of indications: query one, such as CIM_InstModification"
            )
            raise QueryFault(Status.INVALID_PARAMETER, text)
        check_select(select, {name.lower(): kind for name, kind in info.types.items()})
    return select


def is_indication(info: ClassInfo) -> bool:
    """Return whether the class is one of indications."""
    found = info.declaration.qualifiers.get("Indication")
    return found is not None and bool(found.value)


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """An indication for one destination that has no number yet."""

    context: str
    filter: str
    body: str
    """The INSTANCE without its end."""

    def unnumbered(self) -> str:
        """Return the INSTANCE as it is sent where no number can be given out."""
        name = f'<PROPERTY NAME="IndicationFilterName" TYPE="string"><VALUE>{escape(self.filter)}'
        return f"{self.body}{name}</VALUE></PROPERTY>{_END}"

    def numbered(self, number: int) -> str:
        """Return the INSTANCE with its number."""
        texts = (("IndicationFilterName", self.filter), ("SequenceContext", self.context))
        names = "".join(
            f'<PROPERTY NAME="{name}" TYPE="string"><VALUE>{escape(text)}</VALUE></PROPERTY>'
            for name, text in texts
        )
        last = f'<PROPERTY NAME="SequenceNumber" TYPE="sint64"><VALUE>{number}</VALUE></PROPERTY>'
        return f"{self.body}{names}{last}{_END}"


@dataclass(frozen=True, slots=True)
class _Ready:
    """A subscription that is in force, with its filter and destination."""

    filter: Filter
    destination: Destination
    select: Select
    namespaces: frozenset[str]
    repeats: Repeats


class Matcher:
    """The subscriptions of one registry, made ready; counts go on where nothing has changed."""

    def __init__(self, registry: Registry, catalog: Catalog, before: "Matcher | None") -> None:
        self._catalog = catalog
        self._schema = catalog.schema
        self._ready: list[_Ready] = []
        self._repeats: dict[Subscription, Repeats] = {}
        watched: set[tuple[str, str]] = set()
        for subscription in registry.subscriptions:
            chosen = registry.filter(subscription.filter)
            destination = registry.destination(subscription.handler)
            if chosen is None or destination is None or subscription.state != ENABLED:
                continue
            names = chosen.namespaces or (MODEL,)
            try:
                select = parsed(chosen.query, chosen.language)
                watched |= watched_by(select, names, catalog)
                watched |= self._watched_for_alerts(select, names)
            except QueryFault:
                continue  # a later version made it, which knows more of the language
            known = before._repeats.get(subscription) if before is not None else None
            repeats = self._repeats[subscription] = known or Repeats(subscription)
            where = frozenset(namespace_of(name).lower() for name in names)
            self._ready.append(_Ready(chosen, destination, select, where, repeats))
        self.watched: Watched = frozenset(watched)

    def _watched_for_alerts(self, select: Select, names: Iterable[str]) -> Watched:
        model = self._schema.namespace(MODEL)
        is_asked = MODEL in map(namespace_of, names) and model is not None
        if is_asked and model is not None and model.is_a(alerts.ALERT_CLASS, select.class_name):
            known = (facts.FACT, *(name for name in alerts.SETS if self._is_there(model, name)))
            return frozenset((MODEL, name) for name in known)
        return frozenset()

    def _is_there(self, model: NamespaceSchema, name: str) -> bool:
        return model.get(name) is not None and self._catalog.row(model, name) is not None

    @property
    def wants_alerts(self) -> bool:
        """Whether anybody asks for alerts."""
        return self.watched >= facts.WATCHED

    def match(self, event: Event, fixed: Mapping[str, str], now_s: float) -> list[Unnumbered]:
        """Return what the subscriptions make of an event.

        Args:
            event: what has happened.
            fixed: identifier, time, host: what every copy has.
            now_s: for the counts of what repeats.
        """
        subject = EventSubject(event, self._schema)
        found: list[Unnumbered] = []
        item: pywbem.CIMInstance | None = None
        for each in self._ready:
            select = each.select
            if namespace_of(event.namespace).lower() not in each.namespaces:
                continue
            if not subject.is_a(select.class_name):
                continue
            if select.condition is not None and not holds(select.condition, subject):
                continue
            if not each.repeats.may_send(f"{event.class_name} {event.element}", now_s):
                continue
            if item is None:
                item = indication(event, fixed, self._catalog)
            body = _body(item, select)
            found.append(Unnumbered(each.destination.context, each.filter.names.name, body))
        return found


def _body(item: pywbem.CIMInstance, select: Select) -> str:
    chosen = item
    if select.columns is not None:
        names = {path.steps[0].name.lower() for path in select.columns if path.steps}
        kept = [each for each in item.properties.values() if each.name.lower() in names]
        if not any(not path.steps for path in select.columns):
            chosen = pywbem.CIMInstance(item.classname, kept)
    return instance_xml(chosen, Selection()).removesuffix(_END)


def indication(event: Event, fixed: Mapping[str, str], catalog: Catalog) -> pywbem.CIMInstance:
    """Return the CIM instance of an event; what has no value is left out."""
    namespace = catalog.namespace(event.namespace)
    info = declared(namespace, event.class_name)
    properties = []
    for name, known in info.declaration.properties.items():
        value = event.values.get(name, fixed.get(name))
        if value is None or name.lower() in _NUMBERED:
            continue
        is_embedded = isinstance(value, Embedded)
        properties.append(
            pywbem.CIMProperty(
                known.name,
                embedded_instance(value, catalog)
                if isinstance(value, Embedded)
                else _listed(value),
                type=known.type,
                is_array=known.is_array,
                embedded_object="object" if is_embedded else None,
            )
        )
    return pywbem.CIMInstance(info.name, properties)


def embedded_instance(embedded: Embedded, catalog: Catalog) -> pywbem.CIMInstance:
    """Return an embedded instance with all its properties."""
    namespace = catalog.namespace(embedded.ref.namespace)
    info = declared(namespace, embedded.ref.class_name)
    record = Record(embedded.ref, lambda _: embedded.values)
    return cim_instance(record, shape_of(info, Selection()), namespace.name)


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def is_batch(chosen: list[Unnumbered]) -> bool:
    """Return whether these are as many as one write takes."""
    size = sum(len(each.body) for each in chosen)
    return len(chosen) >= BATCH_ITEMS_MAX or size >= BATCH_CHARACTERS_MAX
