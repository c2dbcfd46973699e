"""Objects as what the condition of a query is about.

Owns: the reading of one property by its name in any case, and its value in the
form that can be compared. Two kinds: an object of a row, and an instance that
is embedded in another. Knows nothing of queries.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from typing import Final

import pywbem

from cim_provider.mapping.found import Found
from cim_provider.mapping.rows import Ref
from cim_provider.query.evaluate import Named, named
from cim_provider.query.moments import moment
from cim_provider.schema import INTEROP, INTEROP_NAMES, NamespaceSchema

_INTEROP: Final = frozenset(name.lower() for name in INTEROP_NAMES)


class RecordSubject:
    """An object of a row as a `Subject`."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def is_a(self, class_name: str) -> bool:
        """See `Subject`."""
        return class_name.lower() in self._found.info.lineage

    def value(self, name: str) -> object:
        """See `Subject`."""
        found = self._found
        spelled = found.info.spelling.get(name.lower())
        if spelled is None:
            return None
        keys = dict(found.record.ref.keys)
        value: object = keys.get(spelled)
        if spelled not in keys:
            value = found.record.fill(frozenset((spelled,))).get(spelled)
        cim_type, _ = found.info.types[spelled]
        return comparable(value, cim_type, found.namespace)

    def name(self) -> Named:
        """See `Subject`."""
        return _named_ref(self._found.record.ref, self._found.namespace.name)


class InstanceSubject:
    """An instance, such as an indication or what is embedded in it, as a `Subject`.

    Args:
        instance: its path, where it has one, is its name.
        namespace: where its class is declared.
    """

    def __init__(self, instance: pywbem.CIMInstance, namespace: NamespaceSchema) -> None:
        self._instance = instance
        self._namespace = namespace

    def is_a(self, class_name: str) -> bool:
        """See `Subject`."""
        name = str(self._instance.classname)
        return name.lower() == class_name.lower() or self._namespace.is_a(name, class_name)

    def value(self, name: str) -> object:
        """See `Subject`."""
        found = self._instance.properties.get(name)
        return None if found is None else comparable(found.value, found.type, self._namespace)

    def name(self) -> Named | None:
        """See `Subject`."""
        if self._instance.path is not None:
            return _named_path(self._instance.path, self._namespace.name)
        info = self._namespace.get(self._instance.classname)
        if info is None:
            return None
        path = pywbem.CIMInstanceName(
            info.name, {key: self._instance.get(key) for key in info.keys if key in self._instance}
        )
        return _named_path(path, self._namespace.name)


def comparable(value: object, cim_type: str, namespace: NamespaceSchema) -> object:
    """Return a value in the form in which a `Subject` gives it."""
    if isinstance(value, list | tuple):
        return tuple(comparable(item, cim_type, namespace) for item in value)
    if isinstance(value, Ref):
        return _named_ref(value, namespace.name)
    if isinstance(value, pywbem.CIMInstanceName):
        return _named_path(value, namespace.name)
    if isinstance(value, pywbem.CIMInstance):
        return InstanceSubject(value, namespace)
    if cim_type == "datetime" and value is not None:
        return moment(str(value))
    return value


def read_name(text: str) -> Named | None:
    """Return the name of an object that is written as a WBEM URI or as an old object path."""
    try:
        path = pywbem.CIMInstanceName.from_wbem_uri(text)
    except ValueError:
        return None
    return _named_path(path, None)


def _named_ref(ref: Ref, namespace: str) -> Named:
    where = _one_name(ref.namespace or namespace)
    keys = (
        (name, _named_ref(value, where) if isinstance(value, Ref) else value)
        for name, value in ref.keys
    )
    return named(where, ref.class_name, keys)


def _named_path(path: pywbem.CIMInstanceName, namespace: str | None) -> Named:
    where = path.namespace or namespace
    where = where and _one_name(where)
    keys = (
        (
            name or "",
            _named_path(value, where) if isinstance(value, pywbem.CIMInstanceName) else str(value),
        )
        for name, value in path.keybindings.items()
    )
    return named(where, path.classname, keys)


def _one_name(namespace: str) -> str:
    return INTEROP if namespace.lower() in _INTEROP else namespace
