"""Values that a client sent to values in the declared type.

Owns: what fits a declared property or parameter. A value that came without its
type is read in the declared one. Text may be an embedded instance that the
client did not mark. Knows nothing of who uses the value.
Source: DSP0004 3.0, "Embedded instances"; DSP0200 1.4, section 5.3 (INVALID_PARAMETER).
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from dataclasses import dataclass, replace
from typing import Final

import pywbem

from cim_provider.mapping.catalog import NAME_CHARS_MAX, Catalog, refuse
from cim_provider.mapping.paths import kind_of, locate, located, written_path
from cim_provider.mapping.world import CLUSTER_NAME, World
from cim_provider.schema import NamespaceSchema
from cim_provider.wbem import parse_objects, parse_values
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import CalledText
from cim_provider.wbem.parse_values import BadValueError

RESOURCE_CLASS: Final = "HA_ClusterResource"
_TEXTS: Final = ("string", "char16")
_EARLIER: Final = {"uint64": "uint32", "sint64": "sint32"}
"""What numbers were before they were made larger: callers of then have every value that fits."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is used: in whose namespace, and under which name faults are told."""

    catalog: Catalog
    namespace: NamespaceSchema
    world: World
    label: str
    wrong_type: Status = Status.INVALID_PARAMETER


def fitted(
    declared: pywbem.CIMProperty | pywbem.CIMParameter, value: object, place: Place
) -> object:
    """Return a value in the declared type, as CIM's values; a reference is checked alone.

    Raises CIMError: `place.wrong_type`; INVALID_PARAMETER for a reference to what does not exist.
    """
    if value is None:
        return None
    if isinstance(value, list) != bool(declared.is_array):
        expected = "an array" if declared.is_array else "one value"
        refuse(place.wrong_type, f"{place.label}: expected {expected} of {declared.type}")
    if isinstance(value, list):
        return [None if item is None else _one(declared, item, place) for item in value]
    return _one(declared, value, place)


def _one(declared: pywbem.CIMProperty | pywbem.CIMParameter, value: object, place: Place) -> object:
    expected = str(declared.type)
    if expected == "reference":
        return _reference(declared, value, place)
    if expected == "string" and _embeds(declared):
        return _embedded(declared, value, place)
    if isinstance(value, CalledText) and expected not in _TEXTS:
        refuse(place.wrong_type, f"{place.label} is {expected}, and a string was given")
    if isinstance(value, str) and expected not in _TEXTS:
        try:
            return parse_values.scalar(value, expected)
        except BadValueError as fault:
            refuse(place.wrong_type, f"{place.label}: {fault}")
    if isinstance(value, str) and expected == "char16" and len(value) == 1:
        return str(value)
    given = kind_of(value)
    if _EARLIER.get(expected) == given:
        return parse_values.scalar(str(value), expected)
    if given != expected:
        refuse(place.wrong_type, f"{place.label} is {expected}, and {given} was given")
    return str(value) if isinstance(value, CalledText) else value


def _reference(
    declared: pywbem.CIMProperty | pywbem.CIMParameter, value: object, place: Place
) -> object:
    if isinstance(value, str):
        value = written_path(value)
    if not isinstance(value, pywbem.CIMInstanceName):
        refuse(place.wrong_type, f"{place.label} is a reference, and {kind_of(value)} was given")
    where = place.namespace
    wanted = declared.reference_class
    if wanted and where.get(RESOURCE_CLASS) and where.is_a(wanted, RESOURCE_CLASS):
        return _resource(value, place)
    if value.namespace is not None:
        where = place.catalog.namespace_or(value.namespace, Status.INVALID_PARAMETER)
    info = place.catalog.declared(where, value.classname, Status.INVALID_PARAMETER)
    if wanted and not where.is_a(info.name, wanted):
        text = f"{place.label} refers to {wanted}, and {info.name} was given"
        refuse(Status.INVALID_PARAMETER, text)
    try:
        record = locate(place.catalog, where, value, place.world)
    except pywbem.CIMError as fault:
        text = f"{place.label}: {fault.status_description}"
        raise pywbem.CIMError(Status.INVALID_PARAMETER, text) from fault
    return located(record.ref, where)


def _resource(path: pywbem.CIMInstanceName, place: Place) -> object:
    """Return the resource of that Id, whichever kind, host and namespace a script names.

    Source: Linux-HA 2.1's provider, whose scripts name a group as a primitive.
    """
    name = next((v for k, v in path.keybindings.items() if k is None or k.lower() == "id"), None)
    if not isinstance(name, str) or not name.strip():
        text = f"{place.label} names a resource by its Id, and none was given"
        refuse(Status.INVALID_PARAMETER, text)
    system = str(path.keybindings.get("SystemName") or CLUSTER_NAME)
    if system not in (CLUSTER_NAME, place.world.view.name):
        text = f"{place.label} is of the cluster {system[:NAME_CHARS_MAX]!r}, which is another one"
        refuse(Status.INVALID_PARAMETER, text)
    for info in place.namespace.subclasses(RESOURCE_CLASS, deep=True):
        row = place.catalog.row(place.namespace, info.name)
        record = None if row is None else row.find(place.world, (name.strip(),))
        if record is not None:
            return located(record.ref, place.namespace)
    text = f"{place.label}: there is no resource {name.strip()[:NAME_CHARS_MAX]!r}"
    refuse(Status.INVALID_PARAMETER, text)


def _embeds(declared: pywbem.CIMProperty | pywbem.CIMParameter) -> bool:
    return any(name in declared.qualifiers for name in ("EmbeddedInstance", "EmbeddedObject"))


def _embedded(
    declared: pywbem.CIMProperty | pywbem.CIMParameter, value: object, place: Place
) -> object:
    if isinstance(value, str):
        try:
            mark = "instance" if "EmbeddedInstance" in declared.qualifiers else "object"
            value = parse_objects.embedded(value, mark)
        except BadValueError as fault:
            refuse(place.wrong_type, f"{place.label}: {fault}")
    qualifier = declared.qualifiers.get("EmbeddedInstance")
    if isinstance(value, pywbem.CIMClass) and qualifier is None:
        place.catalog.declared(place.namespace, value.classname, Status.INVALID_PARAMETER)
        return value
    if not isinstance(value, pywbem.CIMInstance):
        given = "a class" if isinstance(value, pywbem.CIMClass) else kind_of(value)
        refuse(place.wrong_type, f"{place.label} is an embedded instance, and {given} was given")
    if qualifier is not None and not place.namespace.is_a(value.classname, str(qualifier.value)):
        name = value.classname[:NAME_CHARS_MAX]
        text = f"{place.label} embeds {qualifier.value}, and {name!r} was given"
        refuse(Status.INVALID_PARAMETER, text)
    if qualifier is not None:
        _check_embedded(value, place)
    return value


def _check_embedded(instance: pywbem.CIMInstance, place: Place) -> None:
    """Refuse properties that the class of an embedded instance does not have, or not so."""
    info = place.catalog.declared(place.namespace, instance.classname, Status.INVALID_PARAMETER)
    for each in instance.properties.values():
        declared = info.declaration.properties.get(each.name)
        label = f"{place.label}: {info.name}.{each.name[:NAME_CHARS_MAX]}"
        if declared is None:
            refuse(Status.INVALID_PARAMETER, f"{label}: the class has no such property")
        if (each.type, bool(each.is_array)) != (declared.type, bool(declared.is_array)):
            brackets = "[]" if declared.is_array else ""
            refuse(Status.INVALID_PARAMETER, f"{label} is {declared.type}{brackets}")
        if _embeds(declared) and each.value is not None:
            fitted(declared, each.value, replace(place, label=label))


def plain(value: object) -> object:
    """Return a value as writers get it: datetimes as text, arrays as tuples."""
    if isinstance(value, list):
        return tuple(plain(item) for item in value)
    return str(value) if isinstance(value, pywbem.CIMDateTime) else value


def is_time(value: object) -> bool:
    """Return whether a period was given: NULL and zero mean that the client has no wish."""
    if not isinstance(value, pywbem.CIMDateTime):
        return False
    return not value.is_interval or bool(value.timedelta)
